"""The names of runs: one post may be answered several times, by Retry and Regenerate.

The first run of a post bears the post's event id, the second `{event id}~2`, and so on. A button
carries the run that it belongs to, so pressing it twice names one new run.
"""

from __future__ import annotations

LONGEST = 1_000
"""Bytes of a run: a key of the table holds 1,024."""
LONGEST_NUMBER = 9


def post_of(run: str) -> str:
    """The event id of the post that a run answers."""
    base, tilde, number = run.rpartition("~")
    counted = number.isdecimal() and len(number) <= LONGEST_NUMBER
    return base if tilde and counted else run


def next_run(run: str) -> str:
    """The run after this one."""
    base = post_of(run)
    number = int(run[len(base) + 1 :]) if run != base else 1
    return f"{base}~{number + 1}"


def belongs_to(run: str, place: str) -> bool:
    """Whether a run answers a post of this place. People's clients could send us anything."""
    return len(run.encode()) <= LONGEST and post_of(run).startswith(f"{place}/")
