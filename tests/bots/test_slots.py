"""What a queued item is counted as."""

import json
from dataclasses import replace

import pytest

from bots import slots
from core.runtime.fair_slots import Ticket
from core.values.conversation import (
    Attachment,
    Command,
    Conversation,
    Incoming,
    Kind,
    Person,
    dumps,
)

WHERE = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
PLAIN = Incoming(f"{WHERE.place}/1.0", WHERE, Person("U1"), "hello?", "1.0")
FILE = replace(PLAIN, attachments=(Attachment("F1", "a.txt", "text/plain", 3, "https://x"),))


@pytest.mark.parametrize(
    ("item", "kind"),
    [(PLAIN, "question"), (FILE, "fetch"), (replace(FILE, waited=True), "summary")],
)
def test_questions_fetches_and_summaries_have_slots_of_their_own(item, kind):
    assert slots.turn(dumps(item)) == Ticket(kind, "slack/T1/U1", "slack/T1/C1")
    assert slots.of_turns().total > 0


@pytest.mark.parametrize("body", ["", "{}", dumps(Command("e", WHERE, Person("U1"), "stop"))])
def test_commands_and_what_cannot_be_read_wait_for_no_question(body):
    assert slots.turn(body) == Ticket("command")


def test_a_file_is_counted_for_its_channel():
    key = "slack/T1/C1/F1/a.txt"
    record = {"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key, "sequencer": "0A"}}}
    assert slots.file(json.dumps({"Records": [record]})) == Ticket("file", place="slack/T1/C1")
    assert slots.file('{"Event": "s3:TestEvent"}') == Ticket("file")
    assert slots.file("odd") == Ticket("file")
