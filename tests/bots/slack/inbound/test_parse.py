"""Slack's recorded payloads to our values."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack.inbound.file_events import notice
from bots.slack.inbound.parse import LONGEST, action, command, message
from bots.slack.inbound.tenancy import tenant_of
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
from tests.support.slack_requests import PAYLOADS, payload

T, C, D = "T061EG9R6", "C0LAN2Q65", "D024BE91L"
BEN = Person("U061F7TUR")


def test_a_mention_in_a_channel_begins_a_thread():
    assert message(payload("app_mention")) == Incoming(
        event_id=f"slack/{T}/{C}/1515449522.000016",
        conversation=Conversation("slack", T, C, "1515449522.000016", Kind.CHANNEL),
        person=BEN,
        text="how do I take tea with @ana & #kitchen?",
        message_id="1515449522.000016",
    )


def test_the_message_event_of_the_same_post_is_the_same_question():
    assert message(payload("message_with_mention")) == message(payload("app_mention"))


def test_a_mention_in_a_thread_belongs_to_that_thread():
    asked = message(payload("app_mention_in_thread"))
    assert asked is not None
    assert asked.conversation.thread == "1515449522.000016"
    assert asked.in_thread
    assert asked.event_id == f"slack/{T}/{C}/1515449600.000200"
    assert asked.text == "and with milk?"


def test_a_reply_that_is_also_sent_to_the_channel_is_answered_in_its_thread():
    body = payload("app_mention_in_thread")
    body["event"]["subtype"] = "thread_broadcast"
    assert message(body) == message(payload("app_mention_in_thread"))


def test_a_direct_message_needs_no_mention_and_has_no_thread():
    assert message(payload("message_im")) == Incoming(
        event_id=f"slack/{T}/{D}/1515449700.000100",
        conversation=Conversation("slack", T, D, None, Kind.DIRECT),
        person=BEN,
        text="hello hello",
        message_id="1515449700.000100",
    )


def test_a_direct_message_in_a_thread_is_answered_there():
    asked = message(payload("message_im_in_thread"))
    assert asked is not None
    assert asked.conversation == Conversation("slack", T, D, "1515449700.000100", Kind.DIRECT)
    assert asked.in_thread


def test_a_group_chat_needs_a_mention():
    body = payload("message_mpim_with_mention")
    asked = message(body)
    assert asked is not None
    assert asked.conversation.kind is Kind.GROUP
    assert asked.text == "what now?"
    body["event"]["text"] = "what now?"
    assert message(body) is None


def test_files_are_recognised_and_deleted_ones_left_out():
    asked = message(payload("message_im_file_share"))
    assert asked is not None
    url = f"https://files.slack.com/files-pri/{T}-F0S43P1CZ/download/billair.pdf"
    assert asked.attachments == (
        Attachment("F0S43P1CZ", "billair.pdf", "application/pdf", 288549, url),
    )


def test_of_a_file_from_another_workspace_the_id_is_known():
    body = payload("message_im_file_share")
    body["event"]["files"] = [{"id": "F9", "file_access": "check_file_info", "size": None}]
    asked = message(body)
    assert asked is not None
    assert asked.attachments == (Attachment("F9", "", "", 0, ""),)


def test_a_forwarded_message_is_quoted_and_a_links_preview_is_not():
    asked = message(payload("message_im_forwarded"))
    assert asked is not None
    assert asked.text == "shorten this\n\n> ana: Tea at five.\n> Bring <cups>."


def test_in_a_shared_channel_the_tenant_is_the_workspace_we_are_installed_in():
    asked = message(payload("app_mention_shared_channel"))
    assert asked is not None
    assert asked.conversation.tenant == T
    assert tenant_of(payload("app_mention_shared_channel")) == T


@pytest.mark.parametrize(
    "name",
    [
        "message_without_mention",
        "message_changed",
        "message_deleted",
        "message_by_us",
        "message_by_a_bot",
        "channel_join",
        "url_verification",
        "slash_model",
        "action_up",
    ],
)
def test_edits_deletions_bots_notices_and_talk_among_others_are_not_for_us(name):
    assert message(payload(name)) is None


def test_a_bot_that_posts_as_a_person_would_is_not_answered():
    body = payload("message_im")
    body["event"]["bot_id"] = "B7"
    assert message(body) is None


def test_slackbot_and_our_own_user_are_not_answered():
    body = payload("message_im")
    for user in ("USLACKBOT", "U0LAN0Z89"):
        body["event"]["user"] = user
        assert message(body) is None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("<@U0LAN0Z89>", ""),
        ("<@U0LAN0Z89> ", ""),
        ("  <@U0LAN0Z89>, <@U0LAN0Z89> hi", "hi"),
        ("hi <@U0LAN0Z89>", "hi"),
        ("<@U0LAN0Z89|parley> hi", "hi"),
        ("is <@U0LAN0Z89> better than <@U2|bo>?", "is @Parley better than @bo?"),
        ("<@U0LAN0Z89>why", "why"),
        ("<@U0LAN0Z89> `a &lt; b`", "`a < b`"),
    ],
)
def test_the_mention_that_calls_us_is_no_part_of_the_question(text, asked):
    body = payload("app_mention")
    body["event"]["text"] = text
    found = message(body)
    assert found is not None
    assert found.text == asked


def test_a_long_message_is_kept_whole():
    body = payload("message_im")
    body["event"]["text"] = "가" * LONGEST
    asked = message(body)
    assert asked is not None
    assert asked.text == "가" * 40_000
    assert len(dumps(asked).encode()) < 256 * 1024


def test_half_characters_and_noncharacters_do_not_reach_the_queue():
    body = json.loads(json.dumps(payload("message_im")))
    body["event"]["text"] = json.loads('"a\\ud800b\\uffffc"')
    asked = message(body)
    assert asked is not None
    assert asked.text == "a\ufffdb\ufffdc"
    assert dumps(asked).encode()


def test_a_slash_command_is_a_command():
    assert command(payload("slash_model")) == Command(
        event_id=f"slack/{T}/{C}/command/13345224609.738474920.8088930838d88f008e0",
        conversation=Conversation("slack", T, C, None, Kind.CHANNEL),
        person=Person("U061F7TUR", "ben"),
        name="model",
        argument="sonnet",
        extra={"response_url": f"https://hooks.slack.com/commands/{T}/1/abc"},
    )


@pytest.mark.parametrize(
    ("channel", "name", "kind"),
    [
        ("D1", "directmessage", Kind.DIRECT),
        ("G1", "mpdm-a--b--c-1", Kind.GROUP),
        ("G1", "privategroup", Kind.CHANNEL),
    ],
)
def test_a_slash_command_knows_where_it_was_given(channel, name, kind):
    found = command({**payload("slash_model"), "channel_id": channel, "channel_name": name})
    assert found is not None
    assert found.conversation.kind is kind


def test_a_pressed_thumb_is_feedback_on_its_run():
    body = payload("action_up")
    assert action(body) == Command(
        event_id=f"slack/{T}/{C}/action/{body['trigger_id']}",
        conversation=Conversation("slack", T, C, "1515449522.000016", Kind.CHANNEL),
        person=Person("U061F7TUR", "ben"),
        name="feedback",
        argument=f"up slack/{T}/{C}/1515449522.000016",
        target="1515449523.000100",
    )


def test_a_chosen_model_replaces_the_picker_it_came_from():
    found = action(payload("action_model"))
    assert found is not None
    assert (found.name, found.argument) == ("model", "opus")
    assert found.conversation == Conversation("slack", T, D, None, Kind.DIRECT)
    assert found.extra == {
        "response_url": f"https://hooks.slack.com/actions/{T}/1/def",
        "replace": "yes",
    }


def test_a_button_on_anybodys_message_has_no_address_that_could_replace_it():
    found = action(payload("action_up"))
    assert found is not None
    assert found.extra == {}


US = "U0LAN0Z89"
TOLD = {"team_id": T, "event_id": "Ev1", "type": "event_callback"} | {
    "authorizations": [{"team_id": T, "user_id": US, "is_bot": True}]
}


@pytest.mark.parametrize(
    ("event", "name", "channel", "argument", "target"),
    [
        ({"type": "channel_left", "channel": C}, "left", C, "", ""),
        ({"type": "group_left", "channel": C}, "left", C, "", ""),
        ({"type": "member_left_channel", "channel": C, "user": US}, "left", C, "", ""),
        ({"type": "member_joined_channel", "channel": C, "user": US}, "joined", C, "", ""),
        ({"type": "app_uninstalled"}, "uninstalled", "-", "", ""),
        ({"type": "file_deleted", "file_id": "F1"}, "gone", "-", "F1", ""),
        ({"type": "file_deleted", "file_id": "F1", "channel_id": C}, "gone", "-", "F1", ""),
        ({"type": "file_unshared", "file_id": "F1", "channel_id": C}, "gone", C, "F1", ""),
        ({"type": "file_change", "file_id": "F1", "file": {"id": "F1"}}, "changed", "-", "F1", ""),
        ({"type": "file_change", "file": {"id": "F1"}}, "changed", "-", "F1", ""),
        ({"type": "channel_deleted", "channel": C}, "closed", C, "", ""),
        ({"type": "group_deleted", "channel": C}, "closed", C, "", ""),
        (
            {"type": "channel_id_changed", "old_channel_id": C, "new_channel_id": "C9"},
            "rehomed",
            C,
            "C9",
            "",
        ),
        (
            {
                "type": "message",
                "subtype": "message_deleted",
                "channel": C,
                "deleted_ts": "1.2",
                "previous_message": {"user": "U1", "thread_ts": "1.1"},
            },
            "gone",
            C,
            "",
            "1.2",
        ),
        (
            {
                "type": "message",
                "subtype": "message_changed",
                "channel": C,
                "message": {"subtype": "tombstone", "ts": "1.1", "thread_ts": "1.1"},
                "previous_message": {"user": "U1", "ts": "1.1", "thread_ts": "1.1"},
            },
            "gone",
            C,
            "",
            "1.1",
        ),
    ],
)
def test_what_else_we_are_told_of(event, name, channel, argument, target):
    found = notice({**TOLD, "event": event})
    assert found is not None
    assert (found.name, found.conversation.channel) == (name, channel)
    assert (found.argument, found.target or "") == (argument, target)
    assert found.event_id == f"slack/{T}/{channel}/notice/Ev1"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "member_left_channel", "channel": C, "user": "U1"},
        {"type": "member_joined_channel", "channel": C, "user": "U1"},
        {"type": "channel_left"},
        {"type": "file_deleted"},
        {"type": "file_change", "file_id": ["F1"]},
        {"type": "file_unshared", "file_id": "F1"},
        {"type": "channel_id_changed", "old_channel_id": C},
        {"type": "channel_id_changed", "new_channel_id": C},
        {"type": "channel_archive", "channel": C},
        {"type": "channel_unarchive", "channel": C},
        {"type": "channel_rename", "channel": {"id": C, "name": "new"}},
        {"type": "message", "subtype": "message_deleted", "channel": C},
        {"type": "message", "subtype": "message_changed", "channel": C, "message": {"ts": "1.1"}},
        {"type": "message", "subtype": "message_changed", "channel": C, "message": "tombstone"},
    ],
)
def test_what_others_do_and_what_says_too_little_is_no_notice(event):
    assert notice({**TOLD, "event": event}) is None


@pytest.mark.parametrize(
    ("text", "partial"),
    [
        ("see <https://acme.slack.com/files/U1AB/F1AB/q3_report.pdf>", True),
        ("see <https://acme.slack.com/files/U1AB/F1AB|the report>", True),
        ("see <https://acme.slack.com/archives/C1/p1>", False),
        ("see <https://example.com/files/readme.md>", False),
    ],
)
def test_a_question_that_links_to_files_is_not_complete(text, partial):
    body = payload("app_mention")
    body["event"]["text"] += f" {text}"
    found = message(body)
    assert found is not None
    assert found.files_unresolved is partial


def test_other_apps_actions_are_not_ours():
    body = payload("action_up")
    body["actions"][0]["action_id"] = "other:up"
    assert action(body) is None


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
    for parse in (message, command, action, notice):
        item = parse(body)
        assert item is None or loads(dumps(item)) == item
    assert isinstance(tenant_of(body), str)
