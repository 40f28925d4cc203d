"""One answer, growing: the messages of a turn, and the writer that keeps them up to date.

Rules:

1. `shown` changes only after a call succeeded, so a refused edit is made good by the next one.
2. Calls of one answer are made one after another: edits keep their order.
3. Finished parts do not change; only the last part grows (`core.streaming.split`).
4. The final text always lands: edited in, or posted anew when no edit is to be had within
   `PATIENCE` seconds, the message it replaces being deleted afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
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
from core.streaming.progress import THINKING, FirstText, waiting
from core.streaming.rendering import shown_parts
from core.streaming.split import Edit, plan
from core.streaming.surface import Tighter
from core.values.answer import Button, Citation, MessageId, Rendered, Stage
from core.wording import user_messages

PATIENCE = 2.0
"""Seconds a final may wait for an edit before it is posted as a new message."""
SILENCE = 10.0
"""Seconds without text after which the placeholder says that work goes on, and for how long."""
LEAST = 100
"""Size of a message below which no text is split further."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ends: `notice` is shown as small print, or as the text where there is none."""

    notice: str = ""
    buttons: tuple[Button, ...] = ()


class LiveMessage:
    """The messages of one answer. `start`, then `feed` while `run` writes, then `finish`.

    `posted` is told the message ids whenever they change. `ids` are those of an earlier try.
    `first` counts the wait for its first text.
    Raises Gone or Forbidden from `run` and `finish` when there is nobody to show it to any more,
    and Stopped from `run` when the person ended it at the platform.
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
        self._thinks = False
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._since = 0.0
        self._floor = 0
        self._status = THINKING
        self._citations: tuple[Citation, ...] = ()
        self.retired: list[MessageId] = []

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def ids(self) -> tuple[MessageId, ...]:
        return tuple(self._ids)

    async def start(self, *, anew: bool = False) -> None:
        """Posts the placeholder, unless there are messages already.

        Those go on as they are, or, `anew`, begin again: the first becomes the placeholder.
        """
        self._since = asyncio.get_running_loop().time()
        if not self._ids:
            status = Rendered(THINKING, self._running, stage=Stage.STATUS)
            await self._post(status, Priority.FIRST)
        elif anew:
            self.retired += self._ids[1:]
            del self._ids[1:], self._shown[1:]
            self._wake.set()

    def status(self, markdown: str) -> None:
        """What is shown while there is no text."""
        if markdown != self._status:
            self._status = markdown
            self._wake.set()

    def thinks(self) -> None:
        """The model was asked, and thinks before it writes."""
        self._thinks = True

    def allow(self, urls: Iterable[str]) -> None:
        """Lets these addresses be links: those of sources."""
        more = self._policy.urls | {url for url in urls if url}
        self._policy = replace(self._policy, urls=more)

    def cite(self, citations: Iterable[Citation]) -> None:
        """The sources that numbers in the text refer to."""
        self._citations = tuple(citations)

    def keep_until(self, size: int) -> None:
        """Lets stand what an earlier try has shown until there are `size` new characters."""
        self._floor = size
        self._first.seen = self._first.seen or size > 0

    def feed(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._wake.set()

    def close(self) -> None:
        """No more text comes: `run` returns, `finish` may be called."""
        self._closing.set()

    async def run(self) -> None:
        """Writes progress until `close`."""
        while not self._closing.is_set():
            silent = not await self._woken()
            if self._closing.is_set():
                return
            self._wake.clear()
            wanted = self._progress(silent=silent)
            if not plan(self._shown, wanted):
                continue
            priority = Priority.PROGRESS if silent or self._first.seen else Priority.FIRST
            if not await self._granted(priority):
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
                await self._closing.wait()  # the end is posted anew
            except Unreachable:
                self._wake.set()
                await self._unless_closing(asyncio.sleep(1))

    async def finish(self, ending: Ending) -> None:
        """Shows the whole text and how it ended. Returns when it stands."""
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
                    return  # what they saw when they stopped it stays
                stopped = True

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
            return [Rendered(status, self._running, stage=Stage.STATUS)]
        return self._rendered(split, self._running, "", Stage.GROWING)

    def _complete(self, ending: Ending) -> list[Rendered]:
        split = shown_parts(self.text, self._policy, self._surface, final=True)
        if not split:
            return [Rendered(ending.notice or user_messages.NO_ANSWER, ending.buttons)]
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
        """Shows progress; the first edit has been granted."""
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
            # only the last message may be replaced: others would lose their place
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
        """Splits what was too long: the same text is not sent again as it was."""
        split = shown_parts(self.text, self._policy, self._surface, final=self._closing.is_set())
        largest = max(map(self._surface.size, split), default=self._surface.limit)
        limit = min(self._surface.limit, largest) * 4 // 5
        if limit < LEAST:
            raise Forbidden("the platform finds every text too long")
        self._surface = Tighter(self._chat.surface, limit)

    # waiting

    async def _woken(self) -> bool:
        """True when there is new text, False after `SILENCE` without any."""
        try:
            async with asyncio.timeout(SILENCE):
                await self._unless_closing(self._wake.wait())
        except TimeoutError:
            return False
        return True

    async def _granted(self, priority: Priority) -> bool:
        return await self._unless_closing(self._budget.spend(Call.EDIT, priority))

    async def _unless_closing(self, work: Work[object]) -> bool:
        """Waits for `work` or for `close`; True when the work was done."""
        done, _ = await first_done(work, self._closing.wait())
        return done
