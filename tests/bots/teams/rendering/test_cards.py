"""Rendered messages as activities, within Teams' limits."""

import json

from hypothesis import given
from hypothesis import strategies as st

from bots.teams.inbound.parse import parse
from bots.teams.rendering.cards import CARD, MOST, MOST_CARD, activity, card, marked, size, text_in
from bots.teams.rendering.markup import LIMIT
from core.values.answer import Button, Citation, Option, Rendered, Stage
from core.values.conversation import Command
from tests.support.teams_activities import BOT, payload

STOP = (Button("stop", "Stop", "teams/T1/19:c@thread.tacv2/1"),)
GROWING = Stage.GROWING
RUN = "teams/T1/19:c@thread.tacv2/1"
SOURCE = Citation(2, "report.pdf", "https://acme.sharepoint.com/report.pdf", "p. 12", "It was so.")


def test_a_finished_answer_is_text_alone_with_small_print_label_sources_and_teams_own_thumbs():
    message = Rendered(
        "**Tea** at <at>five</at> [2]",
        (Button("regenerate", "Regenerate", RUN, "primary"), Button("up", "👍", f"up {RUN}")),
        "**Claude** Sonnet",
        stage=Stage.DONE,
        citations=(SOURCE,),
    )
    assert activity(message, RUN) == {
        "type": "message",
        "textFormat": "markdown",
        "text": "**Tea** at &lt;at&gt;five&lt;/at&gt; [2]\n\n*\u200bClaude Sonnet*",
        "channelData": {"feedbackLoop": {"type": "default"}},
        "entities": [
            {
                "type": "https://schema.org/Message",
                "@type": "Message",
                "@context": "https://schema.org",
                "@id": "",
                "additionalType": ["AIGeneratedContent"],
                "citation": [
                    {
                        "@type": "Claim",
                        "position": 2,
                        "appearance": {
                            "@type": "DigitalDocument",
                            "name": "report.pdf, p. 12",
                            "abstract": "It was so.",
                            "url": "https://acme.sharepoint.com/report.pdf",
                        },
                    }
                ],
            }
        ],
    }


def test_a_message_with_controls_is_one_card_that_carries_its_text():
    message = Rendered("**Tea** _at_ [five](https://a.example/x)", STOP, "small", stage=GROWING)
    assert activity(message, RUN) == {
        "type": "message",
        "summary": "Tea at five",
        "attachments": [
            {
                "contentType": CARD,
                "content": {
                    "type": "AdaptiveCard",
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "version": "1.5",
                    "msteams": {"width": "Full"},
                    "fallbackText": "**Tea** *at* [five](https://a.example/x)\n\nsmall",
                    "body": [
                        {
                            "type": "Container",
                            "id": f"parley:{RUN}",
                            "items": [
                                {
                                    "type": "RichTextBlock",
                                    "inlines": [
                                        {"type": "TextRun", "text": "Tea", "weight": "Bolder"},
                                        " ",
                                        {"type": "TextRun", "text": "at", "italic": True},
                                        " ",
                                        {
                                            "type": "TextRun",
                                            "text": "five",
                                            "selectAction": {
                                                "type": "Action.OpenUrl",
                                                "url": "https://a.example/x",
                                            },
                                        },
                                    ],
                                }
                            ],
                        },
                        {
                            "type": "RichTextBlock",
                            "inlines": [
                                {
                                    "type": "TextRun",
                                    "text": "small",
                                    "size": "Small",
                                    "isSubtle": True,
                                }
                            ],
                        },
                    ],
                    "actions": [
                        {
                            "type": "Action.Submit",
                            "title": "Stop",
                            "associatedInputs": "none",
                            "data": {"parley": "stop", "value": RUN, "mark": RUN},
                        }
                    ],
                },
            }
        ],
    }


def test_no_message_has_both_text_and_a_card():
    for buttons in ((), STOP, (Button("retry", "Retry", RUN),)):
        for footer in ("", "small"):
            for options in ((), OPTIONS):
                for stage in Stage:
                    said = activity(Rendered("x", buttons, footer, options, "model", stage), RUN)
                    assert ("text" in said) != ("attachments" in said)
                    assert ("attachments" in said) == bool(buttons or options)


def test_only_a_finished_answer_is_labelled():
    for stage in (Stage.NOTICE, Stage.STATUS, Stage.GROWING):
        assert "entities" not in activity(Rendered("x", stage=stage, citations=(SOURCE,)))
    assert "citation" not in activity(Rendered("x", stage=Stage.DONE))["entities"][0]


def test_a_plain_message_has_no_card():
    assert activity(Rendered("hi"), RUN) == {
        "type": "message",
        "textFormat": "markdown",
        "text": "hi",
    }
    assert activity(Rendered(""))["text"] == "…"


OPTIONS = (
    Option("sonnet", "Claude Sonnet", "Good for most things. $3 in, $15 out a million.", True),
    Option("opus", "Claude *Opus* [x](y)", "For the hardest **questions**."),
)


def test_a_picker_tells_each_choice_in_full_and_marks_the_current_one():
    shown = card(Rendered("Which?", options=OPTIONS, picker="model"))
    assert shown["body"][1:] == [
        {
            "type": "RichTextBlock",
            "inlines": [
                {"type": "TextRun", "text": "Claude Sonnet", "weight": "Bolder"},
                " (current): Good for most things. $3 in, $15 out a million.",
            ],
        },
        {
            "type": "RichTextBlock",
            "inlines": [
                {"type": "TextRun", "text": "Claude *Opus* [x](y)", "weight": "Bolder"},
                ": For the hardest questions.",
            ],
        },
        {
            "type": "Input.ChoiceSet",
            "id": "choice",
            "style": "compact",
            "placeholder": "Choose…",
            "choices": [
                {"title": "Claude Sonnet", "value": "sonnet"},
                {"title": "Claude *Opus* [x](y)", "value": "opus"},
            ],
            "value": "sonnet",
        },
    ]
    assert [a["title"] for a in shown["actions"]] == ["Choose"]


def pressed(data):
    body = payload("action_up")
    body["value"] = data
    found = parse(body, BOT)
    assert isinstance(found, Command)
    return found.name, found.argument


def test_what_a_button_sends_is_the_command_it_was_made_for():
    shown = card(Rendered("x", (Button("stop", "Stop", RUN),)), RUN)
    assert pressed(shown["actions"][0]["data"]) == ("stop", RUN)


def test_what_a_picker_sends_is_its_command_with_the_choice():
    shown = card(Rendered("x", options=OPTIONS, picker="model"), RUN)
    chosen = {**shown["actions"][0]["data"], shown["body"][-1]["id"]: "opus"}  # as clients merge
    assert pressed(chosen) == ("model", "opus")


def test_a_card_tells_by_what_it_is_found_again():
    for message in (
        Rendered("x", (Button("stop", "Stop", RUN),)),
        Rendered("x", options=OPTIONS, picker="model"),
        Rendered("x", footer="small"),
    ):
        shown = card(message, RUN)
        assert marked(json.dumps(shown)) == RUN
        assert marked(shown) == RUN
        assert marked(card(message)) == ""


def test_what_is_no_card_of_ours_has_no_mark():
    deep = "[" * 100_000
    for content in (None, 7, "", "{", deep, "[]", {"actions": {}}, {"body": [{"id": "other"}]}):
        assert marked(content) == ""
    assert marked({"actions": [{"data": {"mark": "x"}}, {"data": "y"}]}) == ""


citations = st.builds(
    Citation,
    st.integers(1, 99),
    st.text(max_size=300),
    st.sampled_from(["", "https://a.example/" + "x" * 3000, "https://a.example", "javascript:x"]),
    st.text(max_size=120),
    st.text(max_size=400),
)


@given(
    st.text(alphabet="ab &<>*_`|\n#-[]()!한🙂", max_size=8000),
    st.text(max_size=3000),
    st.lists(st.sampled_from(OPTIONS), max_size=20),
    st.lists(citations, max_size=40),
)
def test_teams_accepts_whatever_is_to_be_shown(markdown, footer, options, cited):
    message = Rendered(
        markdown, (), footer, tuple(options), "model", stage=Stage.DONE, citations=tuple(cited)
    )
    sent = activity(message, RUN)
    assert sent.get("text", "").strip() or text_in(sent["attachments"][0]["content"])
    assert [e["type"] for e in sent["entities"]] == ["https://schema.org/Message"]
    claims = sent["entities"][0].get("citation", [])
    assert len(claims) == min(len(cited), 20)
    for claim in claims:
        shown = claim["appearance"]
        assert 0 < len(shown["name"].encode("utf-16-le")) // 2 <= 80
        assert 0 < len(shown["abstract"].encode("utf-16-le")) // 2 <= 160
        assert shown.get("url", "https://").startswith("https://")


def test_an_answer_of_the_greatest_length_stays_within_what_teams_takes():
    options = tuple(Option(f"f{n}" * 20, "한" * 70, "글" * 250) for n in range(20))
    cited = tuple(
        Citation(n, "한" * 99, "https://a.example/" + "x" * 400, "", "글" * 200) for n in range(20)
    )
    text = "한" * (LIMIT - 200)
    for buttons in ((), (Button("retry", "Retry", RUN),)):
        for picked in ((), options):
            message = Rendered(text, buttons, "글" * 2000, picked, "remove", Stage.DONE, cited)
            sent = activity(message, RUN)
            assert size(sent) <= MOST
            for each in sent.get("attachments", ()):
                assert size(each["content"]) <= MOST_CARD


@given(st.text(), st.text())
def test_no_label_of_a_card_is_blank_or_too_long(name, described):
    options = (Option("F1", name, described),)
    message = Rendered("Which?", (Button("retry", name, "run"),), options=options, picker="remove")
    shown = card(message, RUN)
    (picker,) = [each for each in shown["body"] if each["type"] == "Input.ChoiceSet"]
    titles = [action["title"] for action in shown["actions"]]
    for title in (*titles, picker["choices"][0]["title"]):
        assert title.strip()
        assert len(title.encode("utf-16-le", "surrogatepass")) // 2 <= 100
