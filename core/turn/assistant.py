"""The use case of answering: every question gets one answer, whatever goes wrong.

1. Only the holder of an event's claim answers it, and nobody once it is completed.
2. The claim records the answer's messages as soon as they exist; the next worker continues them.
3. Every failure ends in the message, in one plain sentence. Only errors that a retry can fix (a
   store that is down, a platform that does not answer) are raised, so that the queue retries.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from core.knowledge.files import waiting
from core.knowledge.files.intake import completed
from core.ports.chat import Chat, ChatError, Forbidden, Gone, Stopped
from core.ports.history import History
from core.ports.model import Model, ModelError
from core.ports.rates import Budget
from core.ports.store_error import StoreError
from core.ports.turns import Claim, Claims, DeadlineReached, LeaseLost, Withdrawn
from core.runtime.patience import patiently
from core.runtime.tasks import running
from core.streaming.live import Ending, LiveMessage
from core.streaming.markdown.presentable import Policy
from core.streaming.progress import first_text
from core.turn.answering import streamed
from core.turn.briefing import Brief, Briefing
from core.turn.continuation import Continuations, continuation
from core.turn.exchange import MadeFrom, keep
from core.turn.fallbacks import announce_delay, give_up
from core.turn.lease import Lease, held, resumed
from core.turn.outcome import Outcome, counted, ending, whole_words
from core.turn.prompt.prompt import THREAD_LIMIT
from core.values.answer import Button, Message, MessageId, Stage
from core.values.conversation import Incoming, Kind, dumps
from core.values.documents import DocumentId
from core.wording.catalogue import phrase

log = logging.getLogger(__name__)

TRIES = 4
"""Workers that may fail at one question before people are asked to press Retry."""


class Assistant:
    """Answers questions. One instance per process.

    `policy` decides which URLs of an answer may be links. `answered_by` is named below answers in
    place of the model.
    """

    def __init__(
        self,
        model: Model,
        claims: Claims,
        history: History,
        briefing: Briefing,
        *,
        policy: Policy,
        continuations: Continuations | None = None,
        answered_by: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._ending = functools.partial(ending, answered_by=answered_by)
        self._model = model
        self._claims = claims
        self._history = history
        self._briefing = briefing
        self._policy = policy
        self._continuations = continuations

    async def answer(
        self,
        question: Incoming,
        chat: Chat,
        budget: Budget,
        *,
        redelivered: bool = False,
        until: float | None = None,
    ) -> Sequence[MessageId]:
        """Answer a question, unless it is completed, and return messages to be deleted later.

        `redelivered`: this may not be the first delivery. `until` is this worker's deadline on the
        loop's clock. Raises Busy, StoreError, Unreachable, and DeadlineReached.
        """
        try:
            wanted = await self._briefing.wanted(question, chat)
            if wanted is None:
                await self._claims.ignore(question.event_id)
                return ()
            question = wanted
            claim = await self._claims.take(question.event_id, dumps(question))
            question = resumed(question, claim)
        except StoreError:
            if not question.addressed:
                raise
            await announce_delay(question, chat, budget, redelivered=redelivered)
            raise
        if claim is None:
            return ()
        live: LiveMessage | None = None
        try:
            live = await self._live(question, claim, chat, budget, redelivered=redelivered)
            if claim.attempt > TRIES:
                await give_up(question, chat, live.ids, self._policy)
                await patiently(lambda: self._claims.complete(claim))
                return ()
            return await self._turn(question, claim, chat, budget, live, until=until)
        except (Gone, Forbidden, Stopped) as exc:
            # the answer cannot be shown: the channel, the message or the app's access to it is gone
            log.warning("answer has nowhere to go: %s", type(exc).__name__)
            await patiently(lambda: self._claims.complete(claim))
        except Withdrawn:
            log.info("the question was deleted: its answer goes")
            return (*live.ids, *live.retired) if live is not None else claim.message_ids
        except LeaseLost:
            log.warning("another worker answers this event now")
        return ()

    async def _live(
        self, question: Incoming, claim: Claim, chat: Chat, budget: Budget, *, redelivered: bool
    ) -> LiveMessage:
        ids = claim.message_ids
        if not ids and (redelivered or claim.attempt > 1):
            # messages of a worker that died before it could record them
            ids = tuple(await chat.find(question.event_id))
        if not ids:
            ids = tuple(MessageId(each) for each in question.replaces)
        run = question.event_id

        async def posted(message_ids: Sequence[MessageId]) -> None:
            await patiently(lambda: self._claims.posted(claim, message_ids))

        return LiveMessage(
            chat,
            budget,
            self._policy,
            mark=run,
            running=(Button("stop", phrase("button.stop"), run),),
            posted=posted,
            ids=ids,
            first=first_text(question, self._clock()),
            idle=Stage.WAITING if question.attachments else Stage.STATUS,
        )

    async def _turn(
        self,
        question: Incoming,
        claim: Claim,
        chat: Chat,
        budget: Budget,
        live: LiveMessage,
        *,
        until: float | None,
    ) -> Sequence[MessageId]:
        fresh = claim.attempt == 1
        with budget.answering():
            async with held(self._claims, claim, until) as lease:
                if question.files_unresolved or not _empty(question):
                    await live.start(anew=fresh and bool(question.replaces))
                question, unseen = await completed(question, chat)
                refused = await self._briefing.refused(question, chat)
                if refused or _empty(question):
                    await live.finish(Ending(refused or unseen or phrase("reply.empty")))
                    await patiently(lambda: self._claims.complete(claim))
                    return tuple(live.retired)
                made_from = MadeFrom(question.quoted)
                if claim.wait is not None and await self._claims.stopping(claim.event_id):
                    outcome = Outcome(stopped=True)
                else:
                    outcome = await self._stream(
                        question, claim, chat, live, lease, made_from=made_from
                    )
                if outcome.awaits:
                    await self._let_go(question, claim, live, outcome.awaits)
                    return tuple(live.retired)
                if unseen:
                    outcome = replace(outcome, notes=(*outcome.notes, unseen))
                lease.check()
                said = live.text
                if lease.late and outcome.stopped:
                    rest = replace(
                        question, answer_so_far=whole_words(said), quoted=made_from.quoted
                    )
                    new = len(rest.answer_so_far) > len(question.answer_so_far)
                    left = dumps(rest)
                    await patiently(lambda: self._claims.release(claim, left, anew=new))
                    raise DeadlineReached(tuple(live.retired))
                if outcome.sources:
                    live.feed(f"\n\n{outcome.sources}")
                some = bool(said.strip())
                await live.finish(self._ending(question.event_id, outcome, partial=some))
                counted(outcome, partial=some)
        if said.strip():
            await keep(self._history, question, said, outcome.usage, made_from.quoted)
        await patiently(lambda: self._claims.complete(claim))
        return tuple(live.retired)

    async def _let_go(
        self,
        question: Incoming,
        claim: Claim,
        live: LiveMessage,
        documents: Sequence[DocumentId],
    ) -> None:
        """Leave a question until its files are read (`core.turn.continuation`)."""
        await live.rest()
        left = continuation(question)
        await patiently(lambda: self._claims.await_documents(claim, left, live.ids, documents))
        if self._continuations is None:
            return
        log.info("waits for %d files", len(documents))
        if await self._claims.stopping(claim.event_id):
            await self._continuations.resume(claim.event_id)
        else:
            await self._continuations.look(claim.event_id)

    async def _stream(
        self,
        question: Incoming,
        claim: Claim,
        chat: Chat,
        live: LiveMessage,
        lease: Lease,
        *,
        made_from: MadeFrom,
    ) -> Outcome:
        """Stream an answer into `live` until it ends, is stopped, or the claim is lost."""
        asking = self._ask(question, claim, chat, live, made_from)
        async with running(asking, live.run(), lease.ended.wait()) as tasks:
            model, writer, _ = tasks
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                try:
                    writer.result()  # Gone or Forbidden: nobody reads on
                except Stopped:
                    return Outcome(stopped=True)
            if model.done():
                live.close()
                await writer
                outcome: Outcome = model.result()
                return outcome
            lease.check()
            live.close()
            await writer
            return Outcome(stopped=True)

    async def _ask(
        self,
        question: Incoming,
        claim: Claim,
        chat: Chat,
        live: LiveMessage,
        made_from: MadeFrom,
    ) -> Outcome:
        thread = await self._thread(question, claim, chat, live)
        brief: Brief | None = None
        try:
            given_up = waiting.given_up(claim.wait, self._clock())
            brief = await patiently(
                lambda: self._briefing.of(question, chat, live, thread, given_up=given_up), live
            )
            if brief.prompt is None:
                return Outcome(notes=brief.notes, awaits=brief.awaits)
            made_from.quoted |= brief.quoted
            return await streamed(self._model, brief, brief.prompt, question.answer_so_far, live)
        except ModelError as exc:
            log.warning("model did not finish: %s", type(exc).__name__)
            return Outcome(notes=brief.notes if brief else (), error=exc)

    async def _thread(
        self, question: Incoming, claim: Claim, chat: Chat, live: LiveMessage
    ) -> Sequence[Message]:
        """The thread before the question; a continued answer also learns what it has shown."""
        resumed = claim.attempt > 1 and bool(live.ids)
        if not ((question.in_thread and question.conversation.kind is not Kind.DIRECT) or resumed):
            return ()
        try:
            thread = await chat.thread(THREAD_LIMIT)
        except ChatError as exc:
            log.warning("thread not read: %s", type(exc).__name__)
            return ()
        if resumed:
            ours = set(live.ids)
            live.keep_until(sum(len(turn.text) for turn in thread if turn.message_id in ours))
        return thread if question.conversation.kind is not Kind.DIRECT else ()


def _empty(question: Incoming) -> bool:
    return not question.text.strip() and not question.attachments
