"""Places cache points in prompts, where they save money.

Writing a token to the cache costs a quarter more than sending it, reading it a tenth or less. So a
prompt gets cache points only while its conversation is active, and only where the next question's
prompt will begin the same way: after the system prompt, after documents that stay, and after
earlier exchanges. Everything that changes with each question (the date, passages, the question)
comes after them.
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from core.values.answer import CachePoints, Message
from core.values.post_time import posted_at
from core.values.tokens import estimate

KEPT = 300.0
"""Seconds that a cache entry is kept after its last use."""
ANCHORS = 4
"""One in this many exchanges is a possible start of the window over a long conversation."""


def going_on(turns: Sequence[Message], question_id: str) -> bool:
    """Whether the question follows the previous turn within the lifetime of a cache entry.

    False if the message ids do not say, since a cache entry might then never be read.
    """
    now = posted_at(question_id)
    times = [at for turn in turns if (at := posted_at(turn.message_id)) is not None]
    return now is not None and bool(times) and 0 <= now - max(times) <= KEPT


def points(
    system: str, documents: str, turns: Sequence[Message], question: int, minimum: int
) -> CachePoints:
    """The cache points of a prompt whose question is `turns[question]`; four at most.

    One is after the second-last answer, where the last request wrote and this one reads. Prefixes
    of fewer than `minimum` tokens are not cached.
    """
    held = estimate(system)
    in_system = held >= minimum
    held += estimate(documents)
    in_documents = bool(documents) and held >= minimum
    marked = []
    for number, turn in enumerate(turns[:question]):
        held += estimate(turn.text)
        if held >= minimum and number in (question - 3, question - 1):
            marked.append(number)
    return CachePoints(in_system, in_documents, tuple(marked))


def newest(turns: Sequence[Message], tokens: int) -> list[Message]:
    """The newest turns that fit in `tokens`.

    The window moves in steps: if its start moved with every question, nothing could be read from
    the cache. So it starts at one of a few exchanges, chosen by their ids, and stays there until
    they no longer fit.
    """
    left = tokens
    kept: list[Message] = []
    for turn in reversed(turns):
        left -= estimate(turn.text)
        if left < 0:
            break
        kept.append(turn)
    kept.reverse()
    if left > tokens // 4:
        return kept
    half = tokens // 2
    after = sum(estimate(turn.text) for turn in kept)
    for number, turn in enumerate(kept):
        if after < half:
            break
        if turn.role == "user" and crc32(turn.message_id.encode()) % ANCHORS == 0:
            return kept[number:]
        after -= estimate(turn.text)
    return kept
