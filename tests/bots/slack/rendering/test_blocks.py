"""Rendered messages as Slack's blocks, within Slack's limits."""

from hypothesis import given
from hypothesis import strategies as st

from bots.slack.inbound.parse import action
from bots.slack.rendering.blocks import shown_text, text_and_blocks
from core.values.answer import Button, Option, Rendered


def test_a_finished_answer_has_its_text_small_print_and_buttons():
    run = "slack/T1/C1/1.000001"
    message = Rendered(
        "**Tea** at <!channel> five",
        (Button("regenerate", "Regenerate", run, "primary"), Button("up", "👍", f"up {run}")),
        "Claude Sonnet",
    )
    assert text_and_blocks(message) == {
        "text": "*Tea* at &lt;!channel&gt; five",
        "parse": "none",
        "blocks": [
            {
                "type": "section",
                "expand": True,
                "text": {
                    "type": "mrkdwn",
                    "text": "*Tea* at &lt;!channel&gt; five",
                    "verbatim": True,
                },
            },
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": "Claude Sonnet", "verbatim": True}],
            },
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "action_id": "parley:regenerate",
                        "text": {"type": "plain_text", "text": "Regenerate", "emoji": True},
                        "value": run,
                        "style": "primary",
                    },
                    {
                        "type": "button",
                        "action_id": "parley:up",
                        "text": {"type": "plain_text", "text": "👍", "emoji": True},
                        "value": f"up {run}",
                    },
                ],
            },
        ],
    }


OPTIONS = (
    Option("sonnet", "Claude Sonnet", "Good for most things. $3 in, $15 out a million.", True),
    Option("opus", "Claude Opus", "For the hardest questions, " + "and then some more " * 9),
)


def test_a_picker_tells_each_choice_in_full_and_marks_the_current_one():
    blocks = text_and_blocks(Rendered("Which?", options=OPTIONS, picker="model"))["blocks"]
    lines = blocks[1]["text"]["text"].split("\n")
    assert lines[0].startswith("• *Claude Sonnet* (current): Good for most things.")
    assert "and then some more and then some more" in lines[1]
    picker = blocks[2]["elements"][0]
    assert picker["type"] == "static_select"
    assert picker["initial_option"] == picker["options"][0]
    assert [o["value"] for o in picker["options"]] == ["sonnet", "opus"]
    assert all(len(o["description"]["text"]) <= 75 for o in picker["options"])


def test_what_a_button_sends_is_the_command_it_was_made_for():
    element = text_and_blocks(Rendered("x", (Button("stop", "Stop", "run"),)))["blocks"][1][
        "elements"
    ][0]
    found = action(
        {
            "type": "block_actions",
            "team": {"id": "T1"},
            "user": {"id": "U1"},
            "channel": {"id": "C1"},
            "container": {"message_ts": "1.0"},
            "trigger_id": "t",
            "actions": [element],
        }
    )
    assert found is not None
    assert (found.name, found.argument) == ("stop", "run")


def test_our_text_is_read_back_without_its_small_print_and_buttons():
    message = Rendered("one\n\ntwo", (Button("stop", "Stop", "run"),), "Claude")
    assert shown_text(text_and_blocks(message)) == "one\n\ntwo"
    assert shown_text({"text": "plain"}) == "plain"
    assert shown_text({"blocks": None, "text": None}) == ""


@given(
    st.text(alphabet="ab &<>*_`|\n#-[]()!", max_size=9000),
    st.text(max_size=100),
    st.lists(st.sampled_from(OPTIONS), max_size=3),
)
def test_slack_accepts_whatever_is_to_be_shown(markdown, footer, options):
    sent = text_and_blocks(Rendered(markdown, (), footer, tuple(options), "model"))
    assert 0 < len(sent["text"]) <= 4000
    assert len(sent["blocks"]) <= 50
    for block in sent["blocks"]:
        if block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3000
        else:
            assert block["elements"]
            assert all(e.get("text") != "" for e in block["elements"])


@given(st.text(), st.text())
def test_slack_accepts_whatever_people_name_things(name, described):
    options = (Option("F1", name, described),)
    buttons = (Button("retry", name, "run"),)
    sent = text_and_blocks(Rendered("Which?", buttons, options=options, picker="remove"))
    (picker,), (button,) = [b["elements"] for b in sent["blocks"] if b["type"] == "actions"]
    for shown in (button["text"], *(picker["options"][0][k] for k in ("text", "description"))):
        assert shown["text"].strip()
        assert len(shown["text"].encode("utf-16-le", "surrogatepass")) // 2 <= 75


def test_a_text_too_long_for_a_section_goes_on_in_the_next():
    lines = [f"line {n} of text" for n in range(400)]
    blocks = text_and_blocks(Rendered("\n".join(lines)))["blocks"]
    assert "\n".join(b["text"]["text"] for b in blocks) == "\n".join(lines)
