"""One answer, growing: the messages of a turn, and the writer that keeps them up to date.

Rules:

1. `shown` changes only after a call succeeded, so a refused edit is made good by the next one.
2. Calls of one answer are made one after another: edits keep their order.
3. Finished parts do not change; only the last part grows (`core.draft`).
4. The final text always lands: edited in, or posted anew when no edit is to be had within
   `PATIENCE` seconds, the message it replaces being deleted afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from core.answer import Button, MessageId, Rendered
from core.draft import Edit, parts, plan
from core.markdown import Policy, present
from core.ports import (
    Budget,
    Call,
    Chat,
    Forbidden,
    Priority,
    RateLimited,
    Surface,
    TooLong,
    Unreachable,
)

PATIENCE = 2.0
"""Seconds a final may wait for an edit before it is posted as a new message."""
SILENCE = 10.0
"""Seconds without text after which the placeholder says that work goes on."""
RETRIES = (0.5, 1, 2, 4, 8, 16, 32)
"""Seconds between tries of a call that got no answer, when it must be made."""

THINKING = "_Thinking…_"


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ends: `notice` is shown as small print, or as the text where there is none."""

    notice: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tighter:
    """A surface that turned out to hold less than it said."""

    inner: Surface
    limit: int

    def size(self, markdown: str) -> int:
        return self.inner.size(markdown)


class LiveMessage:
    """The messages of one answer. `start`, then `feed` while `run` writes, then `finish`.

    `posted` is told the message ids whenever they change. `ids` are those of an earlier try.
    Raises Gone or Forbidden from `run` and `finish` when there is nobody to show it to any more.
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
    ) -> None:
        self._chat = chat
        self._budget = budget
        self._policy = policy
        self._mark = mark
        self._running = running
        self._posted = posted
        self._surface: Surface = chat.surface
        self._ids: list[MessageId] = list(ids)
        self._shown: list[Rendered] = [Rendered("") for _ in ids]
        self._text: list[str] = []
        self._visible = False
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._since = 0.0
        self._floor = 0
        self._status = THINKING
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
            await self._budget.spend(Call.POST, Priority.FIRST)
            await self._insist(lambda: self._post(Rendered(THINKING, self._running)), Call.POST)
        elif anew:
            self.retired += self._ids[1:]
            del self._ids[1:], self._shown[1:]
            self._wake.set()

    def status(self, markdown: str) -> None:
        """What is shown while there is no text."""
        self._status = markdown
        self._wake.set()

    def keep_until(self, size: int) -> None:
        """Lets stand what an earlier try has shown until there are `size` new characters."""
        self._floor = size

    def feed(self, text: str) -> None:
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
            priority = Priority.PROGRESS if silent or self._visible else Priority.FIRST
            if not await self._granted(priority):
                return
            self._wake.clear()
            wanted = self._progress(silent=silent and not self._text)
            try:
                await self._apply(wanted, priority, paid=True)
                self._visible = self._visible or bool(self._text)
            except RateLimited:
                self._wake.set()
            except TooLong:
                self._tighten()
                self._wake.set()
            except Unreachable:
                self._wake.set()
                await self._unless_closing(asyncio.sleep(1))

    async def finish(self, ending: Ending) -> None:
        """Shows the whole text and how it ended. Returns when it stands."""
        self._closing.set()
        while True:
            try:
                await self._final(self._complete(ending))
                return
            except TooLong:
                self._tighten()

    # what should show

    def _progress(self, *, silent: bool) -> list[Rendered]:
        text = present(self.text, self._policy, final=False)
        if len(text) < self._floor:
            return list(self._shown)
        split = parts(text, self._surface)
        if not split:
            waited = int(asyncio.get_running_loop().time() - self._since)
            still = silent and self._status is THINKING
            split = (f"_Still thinking… {waited} s_" if still else self._status,)
        return self._rendered(split, self._running, "")

    def _complete(self, ending: Ending) -> list[Rendered]:
        split = parts(present(self.text, self._policy, final=True), self._surface)
        if not split:
            return self._rendered((ending.notice or "_No answer came._",), ending.buttons, "")
        return self._rendered(split, ending.buttons, ending.notice)

    @staticmethod
    def _rendered(split: Sequence[str], buttons: tuple[Button, ...], footer: str) -> list[Rendered]:
        return [*(Rendered(p) for p in split[:-1]), Rendered(split[-1], buttons, footer)]

    # how to get there

    async def _apply(
        self, wanted: Sequence[Rendered], priority: Priority, *, paid: bool = False
    ) -> None:
        for step in plan(self._shown, wanted):
            call = Call.EDIT if isinstance(step, Edit) else Call.POST
            if not (paid and call is Call.EDIT):
                await self._budget.spend(call, priority)
            paid = paid and call is Call.POST
            try:
                if isinstance(step, Edit):
                    await self._chat.edit(self._ids[step.index], wanted[step.index])
                    self._shown[step.index] = wanted[step.index]
                else:
                    await self._post(wanted[step.index])
            except RateLimited as exc:
                self._budget.pause(call, exc.retry_after)
                raise

    async def _final(self, wanted: Sequence[Rendered]) -> None:
        for index, message in enumerate(wanted):
            if index < len(self._shown) and self._shown[index] == message:
                continue
            if index < len(self._ids):
                await self._edit_or_replace(index, message)
            else:
                await self._budget.spend(Call.POST, Priority.FINAL)
                await self._insist(lambda m=message: self._post(m), Call.POST)  # type: ignore[misc]
        surplus = self._ids[len(wanted) :]
        if surplus:
            self.retired += surplus
            del self._ids[len(wanted) :], self._shown[len(wanted) :]
            await self._posted(self._ids)

    async def _edit_or_replace(self, index: int, message: Rendered) -> None:
        for delay in (*RETRIES, None):
            edit_in = self._budget.wait_for(Call.EDIT, Priority.FINAL)
            post_in = self._budget.wait_for(Call.POST, Priority.FINAL)
            if edit_in > PATIENCE and post_in < edit_in and index == len(self._ids) - 1:
                await self._replace(index, message)
                return
            try:
                await self._budget.spend(Call.EDIT, Priority.FINAL)
                await self._chat.edit(self._ids[index], message)
                self._shown[index] = message
                return
            except RateLimited as exc:
                self._budget.pause(Call.EDIT, exc.retry_after)
            except Unreachable:
                if delay is None:
                    raise
                await asyncio.sleep(delay)

    async def _replace(self, index: int, message: Rendered) -> None:
        old = self._ids[index]
        await self._budget.spend(Call.POST, Priority.FINAL)
        await self._insist(lambda: self._chat_post(message, index), Call.POST)
        self.retired.append(old)

    async def _chat_post(self, message: Rendered, index: int) -> None:
        self._ids[index] = await self._chat.post(message, mark=self._mark)
        self._shown[index] = message
        await self._posted(self._ids)

    async def _post(self, message: Rendered) -> None:
        message_id = await self._chat.post(message, mark=self._mark)
        self._ids.append(message_id)
        self._shown.append(message)
        await self._posted(self._ids)

    async def _insist(self, call: Callable[[], Awaitable[None]], kind: Call) -> None:
        """Makes a call until the platform took or refused it."""
        for delay in (*RETRIES, None):
            try:
                await call()
                return
            except RateLimited as exc:
                self._budget.pause(kind, exc.retry_after)
                await self._budget.spend(kind, Priority.FINAL)
            except Unreachable:
                if delay is None:
                    raise
                await asyncio.sleep(delay)
        raise Unreachable("the platform kept refusing for its rate limit")

    def _tighten(self) -> None:
        limit = self._surface.limit * 4 // 5
        if limit < 200:
            raise Forbidden("the platform finds every text too long")
        self._surface = _Tighter(self._chat.surface, limit)

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

    async def _unless_closing(self, work: Awaitable[object]) -> bool:
        """Waits for `work` or for `close`; True when the work was done."""
        task = asyncio.ensure_future(work)
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({task, closing}, return_when=asyncio.FIRST_COMPLETED)
            return task.done()
        finally:
            for each in (task, closing):
                each.cancel()
            await asyncio.gather(task, closing, return_exceptions=True)
