"""How much of each kind of work `parley serve` does at a time, and how it is shared out."""

from __future__ import annotations

from core.aws.sqs.s3_events import jobs
from core.runtime.fair_slots import FairSlots, Ticket
from core.values.conversation import Incoming, loads
from core.values.documents import document_of

QUESTIONS, SUMMARIES, FETCHES, COMMANDS = 200, 50, 30, 50
"""Answers, summaries and questions about files that were awaited, posts whose files are fetched,
and commands, side by side."""
FILES = 16
"""Files that are read, embedded and indexed side by side."""


def of_turns() -> FairSlots:
    """The slots of the queue of turns."""
    return FairSlots(
        {"question": QUESTIONS, "summary": SUMMARIES, "fetch": FETCHES, "command": COMMANDS}
    )


def of_files() -> FairSlots:
    """The slots of the queue of files."""
    return FairSlots({"file": FILES})


def turn(body: str) -> Ticket:
    """The ticket of a queued turn. What cannot be read is handled as a command, and fails there."""
    try:
        item = loads(body)
    except ValueError:
        return Ticket("command")
    if not isinstance(item, Incoming):
        return Ticket("command")
    where = item.conversation
    kind = "question"
    if item.attachments:
        kind = "summary" if item.waited else "fetch"
    return Ticket(kind, f"{where.platform}/{where.tenant}/{item.person.id}", where.place)


def file(body: str) -> Ticket:
    """The ticket of a queued notification of the bucket."""
    try:
        found = [document_of(job.key) for job in jobs(body)]
    except ValueError:
        return Ticket("file")
    return Ticket("file", place=next((each[0].place for each in found if each), ""))
