"""Finds the answer that a typed command (`stop`) or a platform's thumb refers to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from core.ports.chat import Chat, ChatError
from core.ports.history import History
from core.ports.turns import Claims, Record
from core.values import runs
from core.values.conversation import Command

LOOKED_AT = 12
"""Questions of a conversation that are searched, newest first."""
THREAD, TOKENS = 50, 4000


async def answer_of(
    command: Command,
    chat: Chat,
    claims: Claims,
    history: History,
    *,
    message: str = "",
    running: bool = False,
) -> Record | None:
    """The newest run of the command's conversation, or the one that posted `message`.

    `running` prefers a run that has not ended. None if it is unknown. Raises StoreError.
    """
    newest: Record | None = None
    for question in (await _questions(command, chat, history))[:LOOKED_AT]:
        found = await _last(claims, f"{command.conversation.place}/{question}", message)
        if found is not None and not (running and found.completed):
            return found
        newest = newest or found
    return newest


async def _questions(command: Command, chat: Chat, history: History) -> Sequence[str]:
    """The message ids of the conversation's questions, newest first."""
    ids = {command.conversation.thread or ""}
    for exchange in await history.recent(command.conversation.key, TOKENS):
        ids.add(exchange.question.message_id)
    with suppress(ChatError):
        ids |= {e.message_id for e in await chat.thread(THREAD) if e.role == "user"}
    return sorted(ids - {""}, key=lambda each: (len(each.partition(".")[0]), each), reverse=True)


async def _last(claims: Claims, run: str, message: str) -> Record | None:
    """The last run that answered a message, or the one that posted `message`; None if none did."""
    found: Record | None = None
    while (record := await claims.read(run)) is not None:
        if not message or message in record.message_ids:
            found = record
        run = runs.next_run(run)
    return found
