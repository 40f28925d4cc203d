"""Structured concurrency and retries: no task outlives the code that started it.

The only module that creates tasks: all other code uses it or `asyncio.TaskGroup`. Three rules:

1. Whoever starts a task also cancels and awaits it.
2. The first failure cancels the sibling tasks, and is raised unchanged, not in a group.
3. A cancellation stays a cancellation, whatever fails during cleanup.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import asynccontextmanager
from typing import Any, TypeVar, overload

log = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
T = TypeVar("T")

Work = Coroutine[Any, Any, T]
Sleep = Callable[[float], Work[None]]


@overload
async def together(first: Work[A], second: Work[B], /) -> tuple[A, B]: ...


@overload
async def together(first: Work[A], second: Work[B], third: Work[C], /) -> tuple[A, B, C]: ...


@overload
async def together(*works: Work[T]) -> tuple[T, ...]: ...


async def together(*works: Work[Any]) -> tuple[Any, ...]:
    """Run all concurrently and return their results in order; the first failure cancels the rest
    and is raised."""
    async with running(*works) as tasks:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        _raise_first(tasks)
        return tuple(task.result() for task in tasks)


async def of_each(call: Callable[[A], Awaitable[T]], items: Sequence[A], at_once: int) -> list[T]:
    """What `call` returns for each item, in order; `at_once` are under way at a time, and none is
    begun after a failure."""
    found: dict[int, T] = {}
    rest = iter(enumerate(items))

    async def work() -> None:
        for number, item in rest:
            found[number] = await call(item)

    await together(*(work() for _ in range(min(at_once, len(items)))))
    return [found[number] for number in range(len(items))]


async def first_done(*works: Work[object]) -> tuple[bool, ...]:
    """Run all until one is done, and cancel the rest; returns whether each was done.

    Raises the failure of one that was.
    """
    async with running(*works) as tasks:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        _raise_first(tasks)
        return tuple(task.done() for task in tasks)


@asynccontextmanager
async def running(*works: Work[Any]) -> AsyncIterator[tuple[asyncio.Task[Any], ...]]:
    """Run tasks during the block, which gets them; they are cancelled and awaited at its end."""
    tasks = tuple(asyncio.create_task(each) for each in works)
    try:
        yield tasks
    finally:
        await ended(tasks)


@asynccontextmanager
async def beside(work: Work[object]) -> AsyncIterator[None]:
    """Run a task while the block runs; it is cancelled at the block's end.

    If the task fails, the block is cancelled, and the failure is raised from the context.
    """
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
    """Tasks that run while their owner does other things, until it waits for them or cancels them.

    Failures are logged, so nobody needs to await the tasks. `heard`: the owner awaits them, and
    failures are not logged.
    """

    def __init__(self, *, heard: bool = False) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._heard = heard

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        """The tasks that are not done."""
        return iter([*self._tasks])

    def begin(self, work: Work[T]) -> asyncio.Task[T]:
        """Start a task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def finish(self) -> None:
        """Wait until all tasks are done."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def end(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        await ended(self._tasks)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (failure := task.exception()) is None or self._heard:
            return
        log.error("a task in the background failed", exc_info=failure)


async def ended(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks, and return when they have ended."""
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
    sleep: Callable[[float], Awaitable[None]],
    *,
    but: tuple[type[Exception], ...] = (),
    pause: Callable[[Exception, float], float] = _as_listed,
) -> T:
    """The result of `call`, retried after each of `delays` (seconds) while it raises `on`.

    Errors in `but` are not retried. `pause` gets each failure before a retry, with the delay, and
    returns the seconds to wait: more if the service says so. The last failure is raised unchanged.
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
    """Raise the failure of the first task that failed, if any did."""
    for task in tasks:
        if task.done() and not task.cancelled() and (failure := task.exception()) is not None:
            raise failure
