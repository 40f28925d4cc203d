"""Side by side: a failure ends the rest, nothing is left running, a cancellation stays one."""

import asyncio
import itertools

import pytest

from core.runtime.tasks import Background, beside, first_done, retrying, running, together
from tests.support import virtual


class Probe:
    """Work of which the test sees how it went."""

    def __init__(self):
        self.log = []

    async def lasts(self, seconds, *, name="work", result=None, ends=None):
        self.log.append(f"{name} begins")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.log.append(f"{name} is cancelled")
            await asyncio.sleep(1)  # it has things to put away
            self.log.append(f"{name} has ended")
            if ends is not None:
                raise ends from None
            raise
        self.log.append(f"{name} is done")
        return result

    async def fails(self, seconds, error):
        await asyncio.sleep(seconds)
        raise error


def only_this_task():
    return asyncio.all_tasks() == {asyncio.current_task()}


def cancelled_after(seconds, work):
    """How `work` ends if it is cancelled after so long, when that was, and what still runs then."""

    async def main():
        task = asyncio.create_task(work())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled() or task.exception(), virtual.now(), only_this_task()

    return virtual.run(main)


# together


def test_results_come_in_order_though_the_first_takes_longest():
    probe = Probe()

    async def main():
        return await together(*(probe.lasts(3 - n, result=n) for n in range(3)))

    assert virtual.run(main) == (0, 1, 2)


def test_of_no_work_there_are_no_results():
    async def main():
        return await together()

    assert virtual.run(main) == ()


def test_the_first_failure_ends_the_rest_and_is_raised_once_they_have_ended():
    probe, error = Probe(), ValueError("the first")

    async def main():
        with pytest.raises(ValueError, match="the first") as caught:
            await together(probe.lasts(9), probe.fails(1, error), probe.fails(5, KeyError()))
        return caught.value is error, only_this_task()

    assert virtual.run(main) == (True, True)
    assert probe.log == ["work begins", "work is cancelled", "work has ended"]


def test_what_fails_while_it_is_cancelled_does_not_hide_the_cancellation():
    probe = Probe()
    how, when, alone = cancelled_after(
        2, lambda: together(probe.lasts(9, ends=ValueError("a store is down")), probe.lasts(9))
    )
    assert (how, when, alone) == (True, 3, True)


def test_a_failure_at_the_moment_of_a_cancellation_does_not_hide_it():
    probe = Probe()

    async def main():
        task = asyncio.create_task(together(probe.fails(1, ValueError()), probe.lasts(9)))
        await asyncio.sleep(1.5)  # it failed, and waits for the other to end
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert virtual.run(main)


def test_after_a_failure_the_task_may_be_cancelled_and_timed_as_any_other():
    async def main():
        with pytest.raises(ValueError, match="x"):
            await together(Probe().fails(1, ValueError("x")))
        return asyncio.current_task().cancelling()

    assert virtual.run(main) == 0


# first_done, running


def test_the_first_that_is_done_ends_the_others():
    probe = Probe()

    async def main():
        done = await first_done(probe.lasts(9), probe.lasts(1, name="short"))
        return done, virtual.now(), only_this_task()

    assert virtual.run(main) == ((False, True), 2, True)
    assert probe.log[-2:] == ["work is cancelled", "work has ended"]


def test_the_failure_of_the_first_that_is_done_is_raised():
    async def main():
        with pytest.raises(ValueError, match="x"):
            await first_done(Probe().lasts(9), Probe().fails(1, ValueError("x")))
        return only_this_task()

    assert virtual.run(main)


def test_a_block_that_is_left_early_ends_what_ran_beside_it():
    probe = Probe()

    async def main():
        async with running(probe.lasts(9)) as (task,):
            await asyncio.sleep(1)
            early = task.done()
        return early, task.cancelled(), virtual.now()

    assert virtual.run(main) == (False, True, 2)


# beside


def test_work_beside_a_block_ends_with_it():
    probe = Probe()

    async def main():
        async with beside(probe.lasts(9)):
            await asyncio.sleep(1)
        return virtual.now(), only_this_task()

    assert virtual.run(main) == (2, True)


def test_work_that_fails_ends_the_block_with_its_own_failure():
    probe, error = Probe(), ValueError("a defect")

    async def main():
        with pytest.raises(ValueError, match="a defect") as caught:
            async with beside(probe.fails(1, error)):
                await probe.lasts(9)
        return caught.value is error, virtual.now(), asyncio.current_task().cancelling()

    assert virtual.run(main) == (True, 2, 0)


def test_work_that_fails_within_a_time_limit_is_no_timeout():
    async def main():
        with pytest.raises(ValueError, match="x"):
            async with asyncio.timeout(5), beside(Probe().fails(1, ValueError("x"))):
                await asyncio.sleep(9)
        return virtual.now()

    assert virtual.run(main) == 1


def test_a_time_limit_within_such_a_block_is_a_timeout():
    async def main():
        with pytest.raises(TimeoutError):
            async with beside(Probe().lasts(9)), asyncio.timeout(5):
                await asyncio.sleep(9)
        return asyncio.current_task().cancelling()

    assert virtual.run(main) == 0


def test_what_the_block_raises_is_raised_though_its_companion_fails_while_it_ends():
    async def main():
        with pytest.raises(KeyError):
            async with beside(Probe().lasts(9, ends=ValueError())):
                raise KeyError
        return asyncio.current_task().cancelling()

    assert virtual.run(main) == 0


def test_a_block_that_is_cancelled_stays_cancelled_though_its_companion_fails_at_that():
    async def block():
        async with beside(Probe().lasts(9, ends=ValueError())):
            await asyncio.sleep(9)

    assert cancelled_after(2, block) == (True, 3, True)


def test_a_block_that_is_cancelled_when_its_companion_has_failed_stays_cancelled():
    async def block():
        async with beside(Probe().fails(1, ValueError())):
            await Probe().lasts(9)

    assert cancelled_after(1.5, block)[0] is True


# background


def test_a_failure_in_the_background_is_logged(caplog):
    async def main():
        background = Background()
        background.begin(Probe().fails(1, ValueError("a defect")))
        await background.finish()
        return [*background]

    assert virtual.run(main) == []
    assert [str(each.exc_info[1]) for each in caplog.records] == ["a defect"]


def test_what_is_in_the_background_ends_with_its_owner(caplog):
    probe = Probe()

    async def main():
        background = Background()
        background.begin(probe.lasts(9))
        await asyncio.sleep(1)
        await background.end()
        return virtual.now(), only_this_task()

    assert virtual.run(main) == (2, True)
    assert caplog.records == []


# retrying


class Store:
    """Fails as it is told, then answers."""

    def __init__(self, *errors):
        self.errors = [*errors]
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "there"


class Sleep:
    def __init__(self):
        self.slept = []

    async def __call__(self, seconds):
        self.slept.append(seconds)


async def test_a_call_is_made_again_after_each_delay():
    store, sleep = Store(OSError(), OSError()), Sleep()
    assert await retrying(store, (1, 2, 4), OSError, sleep) == "there"
    assert sleep.slept == [1, 2]


async def test_the_last_failure_is_raised_and_not_waited_after():
    last = OSError("still")
    store, sleep = Store(OSError(), OSError(), last), Sleep()
    with pytest.raises(OSError, match="still") as caught:
        await retrying(store, (1, 2), OSError, sleep)
    assert (caught.value is last, caught.value.__context__, sleep.slept) == (True, None, [1, 2])


async def test_other_errors_and_those_that_no_try_mends_are_raised_at_once():
    for error in (KeyError(), FileNotFoundError()):
        store, sleep = Store(error), Sleep()
        with pytest.raises(type(error)):
            await retrying(store, (1, 2), OSError, sleep, but=(FileNotFoundError,))
        assert (store.calls, sleep.slept) == (1, [])


async def test_whoever_is_told_of_a_failure_may_say_how_long_to_wait():
    store, sleep, told = Store(OSError("a"), OSError("b")), Sleep(), []

    def pause(error, delay):
        told.append((str(error), delay))
        return 0.0 if str(error) == "a" else 7.0

    await retrying(store, itertools.repeat(1.0), OSError, sleep, pause=pause)
    assert (told, sleep.slept) == ([("a", 1.0), ("b", 1.0)], [7.0])


def test_a_cancelled_call_is_not_made_again():
    store = Store(*[OSError()] * 9)

    async def work():
        await retrying(store, (1, 5, 5), OSError, asyncio.sleep)

    how, when, _ = cancelled_after(3, work)
    assert (how, when, store.calls) == (True, 3, 2)
