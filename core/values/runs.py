"""The ids of runs: a message may be answered several times, by Retry and Regenerate.

The first run's id is the event id of the message, the second one's `{event id}~2`, and so on. A
button carries the id of its run, so pressing it twice leads to the same new run.
"""

from __future__ import annotations

LONGEST = 1_000
"""Bytes of a run's id: a key of the table holds 1,024."""
LONGEST_NUMBER = 9


def post_of(run: str) -> str:
    """The event id of the message that a run answers."""
    base, tilde, number = run.rpartition("~")
    counted = number.isdecimal() and len(number) <= LONGEST_NUMBER
    return base if tilde and counted else run


def next_run(run: str) -> str:
    """The id of the run after this one."""
    base = post_of(run)
    number = int(run[len(base) + 1 :]) if run != base else 1
    return f"{base}~{number + 1}"


def belongs_to(run: str, place: str) -> bool:
    """Whether a run answers a message in this place; clients could send us any id."""
    return len(run.encode()) <= LONGEST and post_of(run).startswith(f"{place}/")
