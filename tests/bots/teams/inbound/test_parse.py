"""Teams' recorded activities to our values."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.teams.inbound.parse import action, command, message, notice, parse
from bots.teams.inbound.said import LONGEST
from core.values.conversation import (
    Attachment,
    Command,
    Conversation,
    Incoming,
    Kind,
    Person,
    dumps,
    loads,
)
from tests.support.teams_activities import BOT, PAYLOADS, payload

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
GENERAL = "19:cbe3683f25094106b826c9cada3afbe0@thread.skype"
LAUNCH = "19:253b1f341670408fb6fe51050b6e5ceb@thread.tacv2"
GROUP = "19:7d31cd2a6f8f4cbb8d7f1a2b3c4d5e6f@thread.v2"
CHAT = "a:1pL6i0oY3C0K8oAj8qMRAnKRwvdvWRYpjgJWcWBqPx4K5vVfQ3z1-ab_cd"
BEN = Person("7faf8512-3b4c-4a5d-9e6f-0a1b2c3d4e5f", "Ben Okafor")
ROOT = "1763630127407"
SERVICE = f"https://smba.trafficmanager.net/emea/{TENANT}/"
REACH = {
    "service_url": SERVICE,
    "bot": f"28:{BOT}",
    "user": payload("personal")["from"]["id"],
    "aad": BEN.id,
}
IN_TEAM = {**REACH, "team": GENERAL}


def in_channel(thread=ROOT):
    return Conversation("teams", TENANT, LAUNCH, thread, Kind.CHANNEL)


def in_group():
    return Conversation("teams", TENANT, GROUP, None, Kind.GROUP)


def in_chat():
    return Conversation("teams", TENANT, CHAT, None, Kind.DIRECT)


def asked(body):
    found = parse(body, BOT)
    assert isinstance(found, Incoming), found
    return found


def test_a_mention_in_a_channel_begins_a_thread():
    assert parse(payload("channel_post"), BOT) == Incoming(
        event_id=f"teams/{TENANT}/{LAUNCH}/{ROOT}",
        conversation=in_channel(),
        person=BEN,
        text="is **Bot** better than RoBot?",
        message_id=ROOT,
        files_unresolved=True,
        extra=IN_TEAM,
    )


def test_a_mention_in_a_reply_belongs_to_its_thread():
    assert parse(payload("channel_reply"), BOT) == Incoming(
        event_id=f"teams/{TENANT}/{LAUNCH}/1763630190114",
        conversation=in_channel(),
        person=BEN,
        text="and with @Ana Lee, in `milk`?",
        message_id="1763630190114",
        in_thread=True,
        files_unresolved=True,
        extra=IN_TEAM,
    )


def test_a_channels_post_without_its_thread_in_the_conversation_is_its_own_thread():
    body = payload("channel_post")
    body["conversation"]["id"] = LAUNCH
    assert parse(body, BOT) == parse(payload("channel_post"), BOT)


def test_a_post_that_does_not_call_us_may_have_files_that_only_graph_tells_of():
    found = asked(payload("channel_unmentioned"))
    assert (found.addressed, found.files_unresolved, found.attachments) == (False, True, ())
    assert parse(payload("channel_unmentioned_plain"), BOT) is None


def test_a_group_chat_has_no_threads_and_needs_a_mention():
    body = payload("group_mention")
    assert parse(body, BOT) == Incoming(
        event_id=f"teams/{TENANT}/{GROUP}/1763630300555",
        conversation=in_group(),
        person=BEN,
        text="what now?",
        message_id="1763630300555",
        files_unresolved=True,
        extra=REACH,
    )
    body["entities"] = []
    assert not asked(body).addressed
    body["attachments"] = []
    assert parse(body, BOT) is None


def test_a_personal_chat_needs_no_mention():
    assert parse(payload("personal"), BOT) == Incoming(
        event_id=f"teams/{TENANT}/{CHAT}/1763630400123",
        conversation=in_chat(),
        person=BEN,
        text="hello hello",
        message_id="1763630400123",
        extra=REACH,
    )


def test_code_lists_and_emoji_of_a_message_are_kept():
    assert asked(payload("personal_code")).text == (
        "why?\n\n```python\nif a < b:\n    pass\n```\n\n- one\n- two 🙂"
    )


def test_a_file_in_a_personal_chat_comes_with_its_address():
    found = asked(payload("personal_file"))
    assert found.text == "what does it say?"
    assert found.attachments == (
        Attachment(
            "1150D938-8870-4044-9F2C-5BBDEBBA70C9",
            "billair.pdf",
            "",
            0,
            "https://contoso-my.sharepoint.com/personal/ben_contoso_com/_layouts/15/download.aspx"
            "?UniqueId=1150d938-8870-4044-9f2c-5bbdebba70c9&tempauth=scrubbed",
            "https://contoso-my.sharepoint.com/personal/ben_contoso_com/Documents/"
            "Microsoft%20Teams%20Chat%20Files/billair.pdf",
        ),
    )


def test_a_picture_in_the_text_is_a_file_that_the_connector_has():
    found = asked(payload("personal_image"))
    url = f"{SERVICE}v3/attachments/0-weu-d3-9b2a1c/views/original"
    assert found.attachments == (Attachment("1763630600222-0", "image", "", 0, url),)
    assert found.text == "what is this?"


def test_a_file_whose_id_cannot_be_part_of_a_key_gets_one_of_ours():
    body = payload("personal_file")
    body["attachments"][0]["content"]["uniqueId"] = "../../x"
    assert [each.id for each in asked(body).attachments] == ["1763630500321-0"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("group_reply_quote", "shorten this\n\n> Ana Lee: Tea at five. Bring <cups>."),
        ("group_reply_entity", "shorten this\n\n> Ana Lee: Tea at five."),
    ],
)
def test_the_message_that_is_replied_to_is_quoted_below(name, text):
    assert asked(payload(name)).text == text


def test_a_slash_command_is_seen_by_its_giver_only():
    assert parse(payload("slash_model"), BOT) == Command(
        event_id=f"teams/{TENANT}/{LAUNCH}/command/1763630800444",
        conversation=in_channel("1763630800444"),
        person=BEN,
        name="model",
        argument="sonnet",
        extra={**IN_TEAM, "to": "person"},
    )


def test_a_question_that_only_we_see_says_so():
    body = payload("slash_model")
    body["attachments"], body["text"] = [], "which model is best?"
    found = asked(body)
    assert (found.text, found.addressed) == ("which model is best?", True)
    assert found.extra["to"] == "person"


def test_a_command_may_be_typed_after_a_mention():
    assert parse(payload("typed_files"), BOT) == Command(
        event_id=f"teams/{TENANT}/{GROUP}/command/1763630810444",
        conversation=in_group(),
        person=BEN,
        name="files",
        argument="auto off",
        extra=REACH,
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/model", ("model", "")),
        ("model", ("model", "")),
        ("Model  Sonnet", ("model", "Sonnet")),
        ("/model nonsense", ("model", "nonsense")),
        ("model nonsense", None),
        ("model trains?", None),
        ("models", None),
        ("/models", None),
        ("/etc/passwd is what?", None),
        ("files", ("files", "")),
        ("files 2", ("files", "2")),
        ("files auto", ("files", "auto")),
        ("/files\nauto on", ("files", "auto on")),
        ("files please", None),
        ("Stop", ("stop", "")),
        ("regenerate", ("regenerate", "")),
        ("retry", ("retry", "")),
        ("stop it", None),
        ("what does /model do?", None),
    ],
)
def test_a_question_that_begins_like_a_command_stays_a_question(text, found):
    body = {**payload("personal"), "attachments": [], "text": text}
    given_command = command(body, BOT)
    assert (given_command and (given_command.name, given_command.argument)) == found
    asked_question = message(body, BOT)
    assert (asked_question and asked_question.text) == (None if found else text)


def test_what_others_say_to_each_other_is_no_command():
    body = payload("channel_unmentioned")
    body["text"], body["attachments"][0]["content"] = "/model", "<p>/model</p>"
    assert command(body, BOT) is None
    assert not asked(body).addressed


def test_a_pressed_thumb_is_feedback_on_its_run():
    assert parse(payload("action_up"), BOT) == Command(
        event_id=f"teams/{TENANT}/{LAUNCH}/action/f:3c1b4a9e-5a1d-7cfe-91d2-0e2bb5a3a1a0",
        conversation=in_channel(),
        person=BEN,
        name="feedback",
        argument=f"up teams/{TENANT}/{LAUNCH}/{ROOT}",
        target="1763630133999",
        extra=IN_TEAM,
    )


def test_a_chosen_option_is_its_pickers_command():
    assert parse(payload("action_model"), BOT) == Command(
        event_id=f"teams/{TENANT}/{CHAT}/action/f:6f0e1d2c-0000-7cfe-91d2-aaaaaaaaaaaa",
        conversation=in_chat(),
        person=BEN,
        name="model",
        argument="opus",
        target="1763630900001",
        extra=REACH,
    )


def test_a_button_may_also_come_as_an_invoke():
    assert parse(payload("invoke_action"), BOT) == Command(
        event_id=f"teams/{TENANT}/{GROUP}/action/f:9d8c7b6a-1111-7cfe-91d2-bbbbbbbbbbbb",
        conversation=in_group(),
        person=BEN,
        name="stop",
        argument=f"teams/{TENANT}/{GROUP}/1763630300555",
        target="1763630310000",
        extra=REACH,
    )


@pytest.mark.parametrize("name", ["gone", "joined", "left", "files", "", None, 7])
def test_a_forged_card_cannot_give_other_commands(name):
    body = payload("action_up")
    body["value"]["parley"] = name
    assert parse(body, BOT) is None


def test_what_a_card_of_another_app_sends_is_not_a_question():
    body = {**payload("personal"), "value": {"answer": 42}}
    assert parse(body, BOT) is None


def test_we_greet_where_we_are_added():
    everywhere = Conversation("teams", TENANT, GENERAL, None, Kind.CHANNEL)
    group = {"group": "0f0f0f0f-2222-4333-8444-555566667777"}
    assert parse(payload("members_added"), BOT) == Command(
        event_id=f"teams/{TENANT}/{GENERAL}/notice/f:0ec1f6c5-f0a1-7cfe-91d2-111111111111",
        conversation=everywhere,
        person=BEN,
        name="joined",
        argument=GENERAL,
        extra={**IN_TEAM, **group},
        at=1795166127.407926,
    )
    installed = notice(payload("installed_personally"), BOT)
    assert installed is not None
    assert (installed.name, installed.conversation) == ("joined", in_chat())


@pytest.mark.parametrize(
    ("name", "channel"),
    [("members_removed", GENERAL), ("channel_deleted", LAUNCH), ("installation_remove", CHAT)],
)
def test_we_notice_that_a_place_is_no_longer_ours(name, channel):
    found = parse(payload(name), BOT)
    assert isinstance(found, Command)
    assert (found.name, found.conversation.channel) == ("left", channel)


def test_a_team_is_left_as_a_whole_wherever_in_it_we_are_told():
    body = payload("members_removed")
    body["conversation"]["id"] = LAUNCH
    assert parse(body, BOT).conversation.channel == GENERAL
    body = {**payload("installation_remove"), "channelData": body["channelData"]}
    body["conversation"] = {**body["conversation"], "id": LAUNCH, "conversationType": "channel"}
    assert parse(body, BOT).conversation.channel == GENERAL


def test_a_private_channel_is_left_and_joined_alone():
    alone = {"id": LAUNCH, "type": "private"}
    for name, told in (("members_removed", "left"), ("members_added", "joined")):
        body = payload(name)
        body["conversation"]["id"], body["channelData"]["channel"] = LAUNCH, alone
        found = parse(body, BOT)
        assert (found.name, found.argument, found.conversation.channel) == (told, "", LAUNCH)


def test_a_deleted_channel_that_was_restored_is_ours_again():
    body = payload("channel_deleted")
    body["channelData"]["eventType"] = "channelRestored"
    found = parse(body, BOT)
    assert (found.name, found.conversation.channel) == ("restored", LAUNCH)


def test_a_deleted_post_is_gone():
    assert parse(payload("message_deleted"), BOT) == Command(
        event_id=f"teams/{TENANT}/{LAUNCH}/notice/1763630190114",
        conversation=in_channel(),
        person=BEN,
        name="gone",
        target="1763630190114",
        extra=IN_TEAM,
    )


@pytest.mark.parametrize(
    "name",
    [
        "message_edited",
        "message_undeleted",
        "message_by_a_bot",
        "message_by_us",
        "members_added_others",
        "installation_add",
        "reaction",
        "typing",
    ],
)
def test_edits_bots_reactions_and_others_comings_are_not_for_us(name):
    assert parse(payload(name), BOT) is None


@pytest.mark.parametrize("sender", [{"id": "28:other"}, {"id": "29:x", "role": "bot"}, {}, None])
def test_bots_and_nobody_are_not_answered(sender):
    assert parse({**payload("personal"), "from": sender}, BOT) is None
    assert parse({**payload("action_up"), "from": sender}, BOT) is None


def with_mentions(text, *mentions, html=None):
    body = payload("group_mention")
    body["text"] = text
    body["attachments"] = [{"contentType": "text/html", "content": html}] if html else []
    body["entities"] = [
        {"type": "mention", "mentioned": {"id": f"28:{BOT}" if ours else "29:x"}, "text": of}
        for ours, of in mentions
    ]
    return body


AT, BO = "<at>Parley</at>", "<at>Bo</at>"


@pytest.mark.parametrize(
    ("text", "mentions", "read"),
    [
        (AT, [(True, AT)], ""),
        (f" {AT},&nbsp;{AT} hi", [(True, AT), (True, AT)], "hi"),
        (f"hi {AT}\n", [(True, AT)], "hi"),
        (f"{AT}why", [(True, AT)], "why"),
        (f"is {AT} better than {BO}?", [(True, AT), (False, BO)], "is @Parley better than @Bo?"),
        (f"{BO} {AT} is Bo better?", [(False, BO), (True, AT)], "@Bo @Parley is Bo better?"),
        # somebody who is called what we are called
        (f"{AT} knows {AT}", [(True, AT), (False, AT)], "knows @Parley"),
        (f"{AT} asks {AT}", [(False, AT), (True, AT)], "@Parley asks"),
        (f"{AT} hi", [(True, None)], "@Parley hi"),
        ("hi &amp;lt; &lt;b&gt;", [(True, AT)], "hi &lt; <b>"),
    ],
)
def test_the_mention_that_calls_us_is_no_part_of_the_question(text, mentions, read):
    assert asked(with_mentions(text, *mentions)).text == read


def test_mentions_in_html_are_told_apart_by_their_place():
    html = (
        '<p><span itemtype="http://schema.skype.com/Mention" itemid="0">Parley</span> and '
        '<span itemtype="http://schema.skype.com/Mention" itemid="1">Parley</span> <b>hi</b></p>'
    )
    body = with_mentions(f"{AT} and {AT} hi", (False, AT), (True, AT), html=html)
    assert asked(body).text == "@Parley and @Parley **hi**"
    body = with_mentions(f"{AT} and {AT} hi", (True, AT), (False, AT), html=html)
    assert asked(body).text == "and @Parley **hi**"


def test_a_message_of_nothing_but_mentions_does_not_take_long():
    mentions = [(True, AT)] * 6000
    for text in (AT * 6000, f"x {AT * 6000} x", f"x {f'{AT} ' * 6000}"):
        assert asked(with_mentions(text, *mentions)).text.replace("@Parley", "").split() in (
            [],
            ["x"],
            ["x", "x"],
        )


def test_html_that_does_not_agree_with_its_text_is_not_believed():
    body = with_mentions(f"{AT} hi", (True, AT), html="<p>hi <b>there</b></p>")
    assert asked(body).text == "hi"


@pytest.mark.parametrize("bad", ["", "a/b", "a\\b", "a\x00b", "a b", "..", "x" * 301, 7, None, []])
@pytest.mark.parametrize("where", ["id", "conversation", "tenant"])
def test_ids_that_could_not_be_part_of_a_key_are_not_for_us(bad, where):
    body = payload("personal")
    match where:
        case "id":
            body["id"] = bad
        case "conversation":
            body["conversation"]["id"] = bad
        case _:
            body["conversation"]["tenantId"] = bad
            body["channelData"] = {}
    assert parse(body, BOT) is None


def test_a_thread_that_could_not_be_part_of_a_key_is_not_for_us():
    body = payload("channel_post")
    body["conversation"]["id"] = f"{LAUNCH};messageid=../x"
    assert parse(body, BOT) is None


def test_a_message_without_text_asks_nothing_but_is_heard():
    body = payload("personal")
    del body["text"]
    body["attachments"] = []
    assert asked(body).text == ""


def test_a_long_message_is_kept_as_far_as_a_queue_takes_it():
    body = {**payload("personal"), "attachments": [], "text": "가" * 100_000}
    found = asked(body)
    assert found.text == "가" * LONGEST
    assert len(dumps(found).encode()) < 256 * 1024


def test_half_characters_and_noncharacters_do_not_reach_the_queue():
    text = json.loads('"a\\ud800b\\uffffc\\ufdd0d"')
    found = asked({**payload("personal"), "attachments": [], "text": text})
    assert found.text == "a\ufffdb\ufffdcd"
    assert dumps(found).encode()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
RECORDED = [json.loads(path.read_text()) for path in sorted(PAYLOADS.glob("*.json"))]


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items if isinstance(value, (dict, list)) else ():
        yield from (
            places(inner, (*path, key)) if isinstance(inner, (dict, list)) else [(*path, key)]
        )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_payload_raises_and_what_comes_out_can_be_queued(data):
    body = json.loads(json.dumps(data.draw(st.sampled_from(RECORDED))))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([p for p in places(body) if p]))
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = data.draw(JUNK)
    for each in (parse, message, command, action, notice):
        item = each(body, BOT)
        assert item is None or loads(dumps(item)) == item
        if item is not None:
            assert item.conversation.place.count("/") == 2
