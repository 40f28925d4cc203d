"""What is attached to a message of Teams is read: quotes, forwards and cards of apps."""

import json

import pytest

from bots.teams.graph.messages import turn
from bots.teams.inbound.attached import Attached, attached
from bots.teams.inbound.parse import message

KIM = {"user": {"displayName": "Kim"}}
CARD = {
    "type": "AdaptiveCard",
    "body": [
        {"type": "TextBlock", "text": "certificate expired"},
        {"type": "ColumnSet", "columns": [{"items": [{"type": "TextBlock", "text": "left"}]}]},
        {"type": "RichTextBlock", "inlines": ["so ", {"text": "it is"}]},
        {"type": "TextBlock", "text": "unseen", "isVisible": False},
        {"type": "FactSet", "facts": [{"title": "Owner", "value": "Kim"}]},
    ],
    "actions": [{"type": "Action.Submit", "title": "Close"}],
}
READ = "certificate expired\nleft\nso it is\nOwner: Kim"


def given(kind, content):
    return {"attachments": [{"id": "5", "contentType": kind, "content": content}]}


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (
            "messageReference",
            {"messagePreview": "40 GB", "messageSender": KIM},
            Attached(quotes=("Kim: 40 GB",)),
        ),
        (
            "forwardedMessageReference",
            {"originalMessageContent": "<p>It <b>leaks</b></p>", "originalMessageSender": KIM},
            Attached(quotes=("Kim: It **leaks**",)),
        ),
        ("application/vnd.microsoft.card.adaptive", CARD, Attached(cards=(READ,))),
        (
            "application/vnd.microsoft.card.hero",
            {"title": "A", "subtitle": "B", "text": "C"},
            Attached(cards=("A\nB\nC",)),
        ),
        (
            "application/vnd.microsoft.card.announcement",
            {"title": "All hands"},
            Attached(cards=("All hands",)),
        ),
        ("application/vnd.microsoft.card.adaptive", {"body": [1, {"facts": "x"}]}, Attached()),
        ("messageReference", [], Attached()),
    ],
)
def test_attachments_are_read(kind, content, expected, encoded):
    assert attached(given(kind, json.dumps(content) if encoded else content)) == expected


def test_graphs_message_has_its_subject_quote_words_and_card():
    body = {"contentType": "html", "content": '<attachment id="5"></attachment><p>is it?</p>'}
    quoted = given("messageReference", json.dumps({"messagePreview": "Y", "messageSender": KIM}))
    cards = given("application/vnd.microsoft.card.adaptive", json.dumps(CARD))
    both = {"attachments": quoted["attachments"] + cards["attachments"]}
    text = turn({"id": "1", "subject": "Outage", "body": body, **both}, "app").text
    assert text == f"Outage\n\n> Kim: Y\n\nis it?\n\n{READ}"


def test_a_card_beside_the_words_is_in_the_question():
    activity = {
        "type": "message",
        "id": "1",
        "from": {"id": "29:u", "name": "Ana"},
        "recipient": {"id": "28:bot"},
        "conversation": {"id": "a:1", "conversationType": "personal", "tenantId": "t1"},
        "text": "what now?",
        **given("application/vnd.microsoft.card.adaptive", CARD),
    }
    assert message(activity, "bot").text == f"what now?\n\n{READ}"
