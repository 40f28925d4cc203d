"""The live message: the platform messages of one answer, kept up to date while it streams.

Rules:

1. `shown` changes only after a call has succeeded, so the next edit makes up for a refused one.
2. An answer makes its calls one at a time, so edits keep their order.
3. Finished parts do not change; only the last part grows (`core.streaming.split`).
4. The final text always appears: by an edit, or if no edit is possible within `PATIENCE` seconds,
   in a new message, after which the message that it replaces is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from core.ports.chat import (
    Chat,
    Forbidden,
    RateLimited,
    Stopped,
    Surface,
    TooLong,
    Uneditable,
    Unreachable,
)
from core.ports.rates import Budget, Call, Priority
from core.runtime.tasks import Work, first_done
from core.runtime.telemetry import Metric, count
from core.streaming.citations import within
from core.streaming.delivery import Writer
from core.streaming.markdown.links import Policy
from core.streaming.progress import FirstText, waiting
from core.streaming.rendering import shown_parts
from core.streaming.split import Edit, plan
from core.streaming.surface import Tighter
from core.values.answer import Button, Citation, MessageId, Rendered, Stage
from core.wording.catalogue import phrase

PATIENCE = 2.0
"""Seconds that the final text may wait for an edit before it is posted as a new message."""
SILENCE = 10.0
"""Seconds without new text after which the placeholder shows how long the answer has taken."""
LEAST = 100
"""The message size below which a text is not split further."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ends: `notice` is shown as small print, or as the text if there is no text."""

    notice: str = ""
    buttons: tuple[Button, ...] = ()


class LiveMessage:
    """The messages of one answer. Call `start`, then `feed` while `run` writes, then `finish`.

    `posted` gets the message ids whenever they change. `ids` are those of an earlier attempt.
    `first` measures the wait for the first text, `idle` is the stage of a message without text.
    `run` and `finish` raise Gone or Forbidden if the answer can no longer be shown; `run` raises
    Stopped if the person stopped the answer on the platform.
    """

    def __init__(
        self,
        chat: Chat,
        budget: Budget,
        policy: Policy,
        *,
        mark: str,
        running: tuple[Button, ...],
        posted: Callable[[Sequence[MessageId]], Awaitable[None]],
        ids: Sequence[MessageId] = (),
        first: FirstText | None = None,
        idle: Stage = Stage.STATUS,
    ) -> None:
        self._chat = chat
        self._budget = budget
        self._policy = policy
        self._writer = Writer(chat, budget, mark)
        self._running = running
        self._posted = posted
        self._surface: Surface = chat.surface
        self._ids: list[MessageId] = list(ids)
        self._shown: list[Rendered] = [Rendered("") for _ in ids]
        self._text: list[str] = []
        self._first = first or FirstText()
        self._idle = idle
        self._thinks = False
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._since = 0.0
        self._floor = 0
        self._status = phrase("progress.thinking")
        self._citations: tuple[Citation, ...] = ()
        self.retired: list[MessageId] = []

    @property
    def text(self) -> str:
        """The answer so far, as it was fed."""
        return "".join(self._text)

    @property
    def ids(self) -> tuple[MessageId, ...]:
        """The ids of the answer's messages, in order."""
        return tuple(self._ids)

    async def start(self, *, anew: bool = False) -> None:
        """Post the placeholder, unless there are messages already.

        Existing messages are continued. With `anew`, the first becomes the placeholder and the
        others are retired.
        """
        self._since = asyncio.get_running_loop().time()
        if not self._ids:
            status = Rendered(self._status, self._running, stage=self._idle)
            await self._post(status, Priority.FIRST)
        elif anew:
            self.retired += self._ids[1:]
            del self._ids[1:], self._shown[1:]
            self._wake.set()

    def status(self, markdown: str) -> None:
        """Set the status that is shown while there is no text."""
        if markdown != self._status:
            self._status = markdown
            self._wake.set()

    def thinks(self) -> None:
        """Record that the model is thinking, which the status then says."""
        self._thinks = True

    def allow(self, urls: Iterable[str]) -> None:
        """Allow these URLs as links: those of the sources."""
        more = self._policy.urls | {url for url in urls if url}
        self._policy = replace(self._policy, urls=more)

    def cite(self, citations: Iterable[Citation]) -> None:
        """Set the sources that numbers in the text refer to."""
        self._citations = tuple(citations)

    def keep_until(self, size: int) -> None:
        """Leave what an earlier attempt has shown until there are `size` characters of new text."""
        self._floor = size
        self._first.seen = self._first.seen or size > 0

    def feed(self, text: str) -> None:
        """Add a piece of the answer."""
        if text:
            self._text.append(text)
            self._wake.set()

    def close(self) -> None:
        """End the progress updates: `run` returns, and `finish` may be called."""
        self._closing.set()

    async def run(self) -> None:
        """Show the answer's progress until `close`."""
        while not self._closing.is_set():
            silent = not await self._woken()
            if self._closing.is_set():
                return
            self._wake.clear()
            wanted = self._progress(silent=silent)
            if not plan(self._shown, wanted):
                continue
            priority = Priority.PROGRESS if silent or self._first.seen else Priority.FIRST
            if not await self._unless_closing(self._budget.spend(Call.EDIT, priority)):
                return
            self._wake.clear()
            wanted = self._progress(silent=silent)
            try:
                await self._apply(wanted, priority)
                self._first.shown(self._shown, self._passed())
            except RateLimited:
                self._wake.set()
            except TooLong:
                self._tighten()
                self._wake.set()
            except Uneditable:
                await self._closing.wait()  # `finish` posts a new message
            except Unreachable:
                self._wake.set()
                await self._unless_closing(asyncio.sleep(1))

    async def finish(self, ending: Ending) -> None:
        """Show the whole text and how it ended; returns once the platform has accepted it."""
        self._closing.set()
        stopped = False
        while True:
            try:
                await self._final(self._complete(ending))
                self._first.shown(self._shown, self._passed())
                return
            except TooLong:
                self._tighten()
            except Stopped:
                if stopped:
                    return  # the text that was visible when it was stopped stays
                stopped = True

    async def rest(self) -> None:
        """Show the status once more, if an edit is free: nobody works on the answer for now."""
        wanted = [Rendered(self._status, self._running, stage=Stage.WAITING)]
        if plan(self._shown, wanted) and not self._budget.wait_for(Call.EDIT, Priority.PROGRESS):
            with suppress(RateLimited, TooLong, Uneditable, Unreachable, Stopped):
                await self._budget.spend(Call.EDIT, Priority.PROGRESS)
                await self._apply(wanted, Priority.PROGRESS)

    def _passed(self) -> float:
        return asyncio.get_running_loop().time() - self._since

    # what should show

    def _progress(self, *, silent: bool) -> list[Rendered]:
        split = shown_parts(self.text, self._policy, self._surface, final=False)
        if sum(map(len, split)) < self._floor:
            return list(self._shown)
        if not split:
            still = waiting(self._status, self._passed(), thinks=self._thinks)
            status = still if silent else self._status
            return [Rendered(status, self._running, stage=self._idle)]
        return self._rendered(split, self._running, "", Stage.GROWING)

    def _complete(self, ending: Ending) -> list[Rendered]:
        split = shown_parts(self.text, self._policy, self._surface, final=True)
        if not split:
            return [Rendered(ending.notice or phrase("ending.no_answer"), ending.buttons)]
        return self._rendered(split, ending.buttons, ending.notice, Stage.DONE)

    def _rendered(
        self, split: Sequence[str], buttons: tuple[Button, ...], footer: str, stage: Stage
    ) -> list[Rendered]:
        cited = [within(part, self._citations) for part in split]
        whole = zip(split[:-1], cited[:-1], strict=True)
        return [
            *(Rendered(part, stage=Stage.DONE, citations=each) for part, each in whole),
            Rendered(split[-1], buttons, footer, stage=stage, citations=cited[-1]),
        ]

    # how to get there

    async def _apply(self, wanted: Sequence[Rendered], priority: Priority) -> None:
        """Show progress; the budget has granted the first edit."""
        granted = True
        for step in plan(self._shown, wanted):
            message = wanted[step.index]
            if not isinstance(step, Edit):
                await self._post(message, priority)
                continue
            if not granted:
                await self._budget.spend(Call.EDIT, priority)
            granted = False
            try:
                await self._chat.edit(self._ids[step.index], message)
            except RateLimited as exc:
                count(Metric.RATE_LIMITED)
                self._budget.pause(Call.EDIT, exc.retry_after)
                raise
            count(Metric.EDITS)
            self._shown[step.index] = message

    async def _final(self, wanted: Sequence[Rendered]) -> None:
        for step in plan(self._shown, wanted):
            index, message = step.index, wanted[step.index]
            if not isinstance(step, Edit):
                await self._post(message, Priority.FINAL)
                continue
            # only the last message may be replaced: others would move to the end
            patience = PATIENCE if index == len(self._ids) - 1 else float("inf")
            if not await self._writer.edit(self._ids[index], message, patience):
                await self._replace(index, message)
            self._shown[index] = message
        surplus = self._ids[len(wanted) :]
        if surplus:
            self.retired += surplus
            del self._ids[len(wanted) :], self._shown[len(wanted) :]
            await self._posted(self._ids)

    async def _replace(self, index: int, message: Rendered) -> None:
        old = self._ids[index]
        self._ids[index] = await self._posted_one(message, Priority.FINAL)
        self.retired.append(old)
        await self._posted(self._ids)

    async def _post(self, message: Rendered, priority: Priority) -> None:
        message_id = await self._posted_one(message, priority)
        self._ids.append(message_id)
        self._shown.append(message)
        await self._posted(self._ids)

    async def _posted_one(self, message: Rendered, priority: Priority) -> MessageId:
        return await self._writer.post(message, priority, {*self._ids, *self.retired})

    def _tighten(self) -> None:
        """Lower the size limit after a text was too long, so that it is split differently."""
        split = shown_parts(self.text, self._policy, self._surface, final=self._closing.is_set())
        largest = max(map(self._surface.size, split), default=self._surface.limit)
        limit = min(self._surface.limit, largest) * 4 // 5
        if limit < LEAST:
            raise Forbidden("the platform finds every text too long")
        self._surface = Tighter(self._chat.surface, limit)

    # waiting

    async def _woken(self) -> bool:
        """True once there is new text, False after `SILENCE` seconds without any."""
        try:
            async with asyncio.timeout(SILENCE):
                await self._unless_closing(self._wake.wait())
        except TimeoutError:
            return False
        return True

    async def _unless_closing(self, work: Work[object]) -> bool:
        """Wait for `work` or `close`; True if the work was done."""
        return (await first_done(work, self._closing.wait()))[0]
