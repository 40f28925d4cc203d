"""Structured concurrency: work side by side of which nothing is left running, and retries.

The one place that begins tasks by itself: all else uses this or `asyncio.TaskGroup`. Three rules:

1. Who begins a task ends it: it is cancelled, and awaited.
2. The first failure ends what runs beside it, and is raised as it is, not in a group.
3. A cancellation stays one, whatever fails while things end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar, overload

log = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
T = TypeVar("T")

Work = Coroutine[Any, Any, T]
Sleep = Callable[[float], Awaitable[None]]


@overload
async def together(first: Work[A], second: Work[B], /) -> tuple[A, B]: ...


@overload
async def together(first: Work[A], second: Work[B], third: Work[C], /) -> tuple[A, B, C]: ...


@overload
async def together(*works: Work[T]) -> tuple[T, ...]: ...


async def together(*works: Work[Any]) -> tuple[Any, ...]:
    """The results of all, in order. The first failure ends the rest, and is raised."""
    async with running(*works) as tasks:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        _raise_first(tasks)
        return tuple(task.result() for task in tasks)


async def first_done(*works: Work[object]) -> tuple[bool, ...]:
    """Runs all until one of them is done, and ends the rest. Says of each whether it was done;
    raises the failure of one that was."""
    async with running(*works) as tasks:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        _raise_first(tasks)
        return tuple(task.done() for task in tasks)


@asynccontextmanager
async def running(*works: Work[Any]) -> AsyncIterator[tuple[asyncio.Task[Any], ...]]:
    """Tasks beside a block that looks at how they go; those that still run are ended with it."""
    tasks = tuple(asyncio.create_task(each) for each in works)
    try:
        yield tasks
    finally:
        await ended(tasks)


@asynccontextmanager
async def beside(work: Work[object]) -> AsyncIterator[None]:
    """Work beside a block that does not look at it, ended with the block. Should it fail, the block
    is cancelled, and the failure raised from it."""
    block = asyncio.current_task()
    if block is None:
        raise RuntimeError("beside() belongs in a task")
    before, failures, over = block.cancelling(), list[BaseException](), False

    def heard(task: asyncio.Task[object]) -> None:
        if not over and not task.cancelled() and (failure := task.exception()) is not None:
            failures.append(failure)
            block.cancel()

    try:
        async with running(work) as (task,):
            task.add_done_callback(heard)
            try:
                yield
            finally:
                over = True
    except asyncio.CancelledError:
        if not failures or block.uncancel() > before:
            raise
    except BaseException:
        if failures:
            block.uncancel()
        raise
    else:
        if failures:
            block.uncancel()
    if failures:
        raise failures[0]


class Background:
    """Tasks that go on while their owner does other things, until it waits for them or ends them.

    Nobody need await one: a failure is logged. `heard`: whoever awaits them hears of it.
    """

    def __init__(self, *, heard: bool = False) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._heard = heard

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        """Those that are not done."""
        return iter([*self._tasks])

    def begin(self, work: Work[T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def finish(self) -> None:
        """Returns once all have ended by themselves."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def end(self) -> None:
        await ended(self._tasks)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (failure := task.exception()) is None or self._heard:
            return
        log.error("a task in the background failed", exc_info=failure)


async def ended(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancels them, and returns when they have ended."""
    tasks = [*tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _as_listed(_: Exception, delay: float) -> float:
    return delay


async def retrying(
    call: Callable[[], Awaitable[T]],
    delays: Iterable[float],
    on: type[Exception] | tuple[type[Exception], ...],
    sleep: Sleep,
    *,
    but: tuple[type[Exception], ...] = (),
    pause: Callable[[Exception, float], float] = _as_listed,
) -> T:
    """What `call` returns; called again after each of `delays` (seconds) while it raises `on`.

    `but` are errors among those that no further try mends. `pause` is told of each failure that is
    followed by a try, with the delay, and gives the seconds to wait: more where a service says so.
    The last try's failure is raised as it is.
    """
    for delay in delays:
        try:
            return await call()
        except on as exc:
            if isinstance(exc, but):
                raise
            seconds = pause(exc, delay)
        if seconds > 0:
            await sleep(seconds)
    return await call()


def _raise_first(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Raises the failure of the first that failed, if one did."""
    for task in tasks:
        if task.done() and not task.cancelled() and (failure := task.exception()) is not None:
            raise failure
