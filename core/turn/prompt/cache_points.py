"""Which parts of a prompt Claude keeps for the next question: cache points, only where they pay.

Writing a token to the cache costs a quarter more than sending it, reading it a tenth or less. So a
prompt is marked only while its conversation is going on, and only where the next question's prompt
will begin alike: after the system prompt, documents that stay, and what was said before. What
changes with each question (the date, passages, the question) comes after all of them.
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from core.values.answer import CachePoints, Message
from core.values.post_time import posted_at
from core.values.tokens import estimate

KEPT = 300.0
"""Seconds after its last use for which what is cached is kept."""
ANCHORS = 4
"""One in so many exchanges is a place where a conversation that is too long may begin."""


def going_on(turns: Sequence[Message], question_id: str) -> bool:
    """Whether the question follows the one before it within the time that caches are kept.

    False where message ids do not tell: then nothing is written that might not be read.
    """
    now = posted_at(question_id)
    times = [at for turn in turns if (at := posted_at(turn.message_id)) is not None]
    return now is not None and bool(times) and 0 <= now - max(times) <= KEPT


def points(
    system: str, documents: str, turns: Sequence[Message], question: int, minimum: int
) -> CachePoints:
    """The cache points of a prompt whose question is `turns[question]`: four at most.

    The answer before the last has one too: there the last request wrote, and this one reads. Fewer
    than `minimum` tokens are not cached.
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
    """The newest turns that fit `tokens`.

    What is cut away is cut in steps: a window that moved with every question would begin anew each
    time, and nothing of it could be read from the cache. So it begins at one of a few exchanges
    that are chosen by their ids, and stays there until that one no longer fits.
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
