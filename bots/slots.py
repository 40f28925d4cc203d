"""How much work of each kind `parley serve` does concurrently, and how it is shared fairly."""

from __future__ import annotations

from core.aws.sqs.s3_events import jobs
from core.runtime.fair_slots import FairSlots, Ticket
from core.values.conversation import Incoming, loads
from core.values.documents import document_of

QUESTIONS, SUMMARIES, FETCHES, COMMANDS = 200, 50, 30, 50
"""The concurrent answers; summaries and questions that waited for files; posts whose files are
fetched; and commands."""
FILES = 16
"""Files read, embedded and indexed concurrently."""


def of_turns() -> FairSlots:
    """Return the slots for the queue of turns."""
    return FairSlots(
        {"question": QUESTIONS, "summary": SUMMARIES, "fetch": FETCHES, "command": COMMANDS}
    )


def of_files() -> FairSlots:
    """Return the slots for the queue of files."""
    return FairSlots({"file": FILES})


def turn(body: str) -> Ticket:
    """Return the ticket of a queued turn. One that cannot be read counts as a command, and fails
    there."""
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
    """Return the ticket of a queued notification from the bucket."""
    try:
        found = [document_of(job.key) for job in jobs(body)]
    except ValueError:
        return Ticket("file")
    return Ticket("file", place=next((each[0].place for each in found if each), ""))
