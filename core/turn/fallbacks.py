"""What people are shown when a question cannot be answered: later, or after several failures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

from core.ports.chat import Chat, ChatError
from core.ports.rates import Budget, Call, Priority
from core.runtime.telemetry import Metric, count
from core.streaming.markdown.presentable import Policy, present
from core.turn.prompt.prompt import THREAD_LIMIT
from core.values.answer import Button, MessageId, Rendered
from core.values.conversation import Incoming
from core.wording.catalogue import phrase

log = logging.getLogger(__name__)


async def give_up(question: Incoming, chat: Chat, ids: Sequence[MessageId], policy: Policy) -> None:
    """Show that several workers failed at this question, keeping the text that they posted."""
    count(Metric.FAILURES, reason="GivenUp")
    retry = Button("retry", phrase("button.retry"), question.event_id, "primary")
    texts: dict[str, str] | None = None
    if ids:
        with suppress(ChatError):  # messages that cannot be read are not overwritten
            texts = {t.message_id: t.text for t in await chat.thread(THREAD_LIMIT)}
    if texts is None:
        await chat.post(Rendered(phrase("failure.given_up"), (retry,)), mark=question.event_id)
        return
    text = present(texts.get(ids[-1], ""), policy, final=True)
    footer = phrase("failure.given_up") if text else ""
    ending = Rendered(text or phrase("failure.given_up"), (retry,), footer)
    await chat.edit(ids[-1], ending)


async def announce_delay(
    question: Incoming, chat: Chat, budget: Budget, *, redelivered: bool
) -> None:
    """Tell people once that the answer will be late, in a message that the answer replaces."""
    try:
        if question.replaces or question.waited:
            return  # there is a message already
        if redelivered and await chat.find(question.event_id):
            return
        await budget.spend(Call.POST, Priority.FIRST)
        await chat.post(Rendered(phrase("progress.no_storage")), mark=question.event_id)
    except ChatError as exc:
        log.warning("people not told of the outage: %s", type(exc).__name__)
