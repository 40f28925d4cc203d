"""The calls a workspace may make, shared out."""

import asyncio
from itertools import pairwise
from random import Random

from core.ports.rates import Call, Priority
from core.rates.budget import EVICTION_STEPS, MAX_LIMITERS, Quota, Rate, WorkspaceBudget
from core.rates.ledger import InMemoryStore
from core.rates.limiter import Limiter
from tests.support.fakes import Clock
from tests.support.virtual import now, run

QUOTAS = (
    Quota(frozenset({Call.POST}), (Rate(1, 1.2),), by="channel"),
    Quota(frozenset({Call.POST}), (Rate(100, 60),)),
    Quota(frozenset({Call.EDIT}), (Rate(50, 60),)),
    Quota(frozenset({Call.DELETE}), (Rate(50, 60),)),
)


def budget():
    return WorkspaceBudget(QUOTAS, lambda: now())


async def spend_many(view, call, priority, times, number):
    for _ in range(number):
        await view.spend(call, priority)
        times.append(now())


def busiest(times, seconds):
    return max(sum(1 for t in times if start <= t < start + seconds) for start in times)


def test_no_window_of_a_minute_sees_more_calls_than_the_rate():
    async def main():
        workspace, times = budget(), []
        views = [workspace.of(f"C{i}") for i in range(7)]
        await asyncio.gather(
            *(spend_many(v, Call.EDIT, Priority(i % 3), times, 40) for i, v in enumerate(views))
        )
        return times

    times = run(main)
    assert len(times) == 280
    assert busiest(times, 60) == 50


def test_a_lone_answer_starts_lively_and_never_stalls_its_final():
    async def main():
        view, times = budget().of("C1"), []
        with view.answering():
            await spend_many(view, Call.EDIT, Priority.PROGRESS, times, 60)
            final = view.wait_for(Call.EDIT, Priority.FINAL)
        return times, final

    times, final = run(main)
    assert times[1] - times[0] < 0.5
    assert final == 0
    assert busiest(times, 60) <= 49


def test_while_fifty_answers_run_every_edit_is_kept_for_their_finals():
    async def main():
        workspace, finals = budget(), []
        views = [workspace.of(f"C{i}") for i in range(50)]
        held = [view.answering() for view in views]
        for each in held:
            each.__enter__()
        progress = [asyncio.ensure_future(v.spend(Call.EDIT, Priority.PROGRESS)) for v in views]
        await asyncio.sleep(10)
        spent_before = sum(task.done() for task in progress)
        started = now()
        await asyncio.gather(*(spend_many(v, Call.EDIT, Priority.FINAL, finals, 1) for v in views))
        for each in progress:
            each.cancel()
        return spent_before, [t - started for t in finals]

    spent_before, waits = run(main)
    assert spent_before == 0
    assert max(waits) == 0


def test_first_text_goes_before_progress_and_a_final_before_both():
    async def main():
        view, order = budget().of("C1"), []

        async def one(priority):
            await view.spend(Call.EDIT, priority)
            order.append(priority)

        view.pause(Call.EDIT, 5)
        tasks = [asyncio.ensure_future(one(Priority(p))) for p in (2, 2, 1, 0)]
        await asyncio.gather(*tasks)
        return order

    assert run(main) == [Priority.FINAL, Priority.FIRST, Priority.PROGRESS, Priority.PROGRESS]


def test_a_pause_holds_for_every_answer_of_the_workspace():
    async def main():
        workspace = budget()
        workspace.of("C1").pause(Call.EDIT, 30)
        await workspace.of("C2").spend(Call.EDIT, Priority.FINAL)
        return now()

    assert 30 <= run(main) < 30.1


def test_a_pause_holds_for_a_process_that_has_not_seen_it():
    async def main():
        store = InMemoryStore(62)
        one, two = (WorkspaceBudget(QUOTAS[2:3], now, lambda *_: store).of("C1") for _ in "12")
        await two.spend(Call.EDIT, Priority.FINAL)
        one.pause(Call.EDIT, 30)
        await one.published()
        await two.spend(Call.EDIT, Priority.FINAL)
        return now()

    assert 30 <= run(main) < 31


def test_a_grant_whose_caller_gave_up_is_given_back():
    async def main():
        view = budget().of("C1")
        view.pause(Call.EDIT, 1)
        task = asyncio.ensure_future(view.spend(Call.EDIT, Priority.PROGRESS))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(1)
        times = []
        await spend_many(view, Call.EDIT, Priority.FINAL, times, 50)
        return times

    assert max(run(main)) < 2


def test_posts_keep_to_one_a_second_in_a_channel_and_do_not_hold_up_others():
    async def main():
        workspace, one, two = budget(), [], []
        await asyncio.gather(
            spend_many(workspace.of("C1"), Call.POST, Priority.FIRST, one, 5),
            spend_many(workspace.of("C2"), Call.POST, Priority.FIRST, two, 1),
        )
        return one, two

    one, two = run(main)
    assert two == [0]
    assert all(b - a >= 1.2 for a, b in pairwise(one))


def test_when_answers_end_what_was_kept_for_them_goes_to_those_who_wait():
    async def main():
        workspace = budget()
        views = [workspace.of(f"C{i}") for i in range(60)]
        held = [view.answering() for view in views]
        for each in held:
            each.__enter__()
        waiting = asyncio.ensure_future(views[0].spend(Call.EDIT, Priority.FIRST))
        await asyncio.sleep(1)
        for each in held[1:]:
            each.__exit__(None, None, None)
        await waiting
        return now()

    assert run(main) == 1


def several():
    """A channel's rates as Teams has them: some calls count together, in several windows."""
    rates = (Rate(7, 1), Rate(8, 2), Rate(60, 30))
    quota = Quota(frozenset({Call.POST, Call.EDIT}), rates, by="channel", gap=0.5)
    return WorkspaceBudget((quota,), lambda: now())


def test_calls_that_count_together_keep_to_every_window():
    async def main():
        workspace, times = several(), []
        view = workspace.of("C1")
        await asyncio.gather(
            spend_many(view, Call.POST, Priority.FINAL, times, 40),
            spend_many(view, Call.EDIT, Priority.FIRST, times, 60),
        )
        return times

    times = run(main)
    assert busiest(times, 1) == 7
    assert busiest(times, 2) == 8
    assert busiest(times, 30) == 60


def test_a_channel_has_its_own_count_and_progress_its_gap():
    async def main():
        workspace, one, two = several(), [], []
        await asyncio.gather(
            spend_many(workspace.of("C1"), Call.EDIT, Priority.PROGRESS, one, 4),
            spend_many(workspace.of("C2"), Call.POST, Priority.FINAL, two, 7),
        )
        return one, two

    one, two = run(main)
    assert two == [0] * 7
    assert all(b - a >= 0.5 for a, b in pairwise(one))


def test_short_windows_keep_no_more_than_half_for_finals():
    async def main():
        view = several().of("C1")
        held = [view.answering() for _ in range(20)]
        for each in held:
            each.__enter__()
        await view.spend(Call.POST, Priority.FIRST)
        return now()

    assert run(main) == 0


def test_what_a_channel_used_is_remembered_however_many_others_there_are():
    async def main():
        workspace, times = several(), []
        await spend_many(workspace.of("C1"), Call.POST, Priority.FINAL, times, 7)
        for number in range(3000):
            workspace.of(f"x{number}")
        await spend_many(workspace.of("C1"), Call.POST, Priority.FINAL, times, 1)
        return times, len(workspace._limiters)

    times, limiters = run(main)
    assert times[-1] >= 1
    assert limiters < 2500


def spared():
    """A tenant's count, and those of its conversations, of which a refusal does not say whose."""
    calls = frozenset({Call.POST, Call.EDIT})
    quotas = (
        Quota(calls, (Rate(45, 1),), needs_second_refusal=True),
        Quota(calls, (Rate(7, 1),), by="channel"),
    )
    return WorkspaceBudget(quotas, lambda: now())


def test_a_refusal_that_does_not_say_whose_it_is_holds_where_it_was_met():
    async def main():
        workspace, one, two = spared(), [], []
        workspace.of("C1").pause(Call.EDIT, 30)
        await asyncio.gather(
            spend_many(workspace.of("C1"), Call.POST, Priority.FINAL, one, 1),
            spend_many(workspace.of("C2"), Call.EDIT, Priority.FINAL, two, 7),
        )
        return one, two

    one, two = run(main)
    assert one[0] >= 30
    assert two == [0] * 7


def test_refusals_in_two_places_at_a_time_hold_everywhere():
    async def main():
        workspace, times = spared(), []
        workspace.of("C1").pause(Call.EDIT, 30)
        await asyncio.sleep(10)
        workspace.of("C2").pause(Call.POST, 5)
        await spend_many(workspace.of("C3"), Call.EDIT, Priority.FINAL, times, 1)
        return times

    assert 15 <= run(main)[0] < 15.1


def test_refusals_of_one_place_or_one_after_another_hold_there_only():
    """Calls of a place that were under way when it was refused are refused as well."""

    async def main():
        workspace, times = spared(), []
        for _ in range(3):
            workspace.of("C1").pause(Call.EDIT, 5)
        await asyncio.sleep(6)
        workspace.of("C2").pause(Call.EDIT, 5)
        await spend_many(workspace.of("C3"), Call.EDIT, Priority.FINAL, times, 1)
        return times

    assert run(main)[0] < 6.1


def test_calls_that_waited_for_all_are_not_made_together_in_one_place():
    """A channel takes one post a second; the workspace was held for half a minute."""

    async def main():
        workspace, times = budget(), []
        view = workspace.of("C1")
        workspace.of("C2").pause(Call.POST, 30)
        view.pause(Call.POST, 0)
        await asyncio.gather(
            *(spend_many(workspace.of("C1"), Call.POST, Priority.FIRST, times, 1) for _ in range(5))
        )
        return times

    times = run(main)
    assert times[0] >= 30
    assert all(b - a >= 1.2 for a, b in pairwise(times))


def test_who_gives_up_waiting_for_all_leaves_nothing_behind():
    async def main():
        workspace, times = budget(), []
        workspace.of("C2").pause(Call.POST, 5)
        waiting = asyncio.ensure_future(workspace.of("C1").spend(Call.POST, Priority.FIRST))
        await asyncio.sleep(4.9)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0.2)
        await spend_many(workspace.of("C1"), Call.POST, Priority.FINAL, times, 1)
        return times

    assert run(main)[0] < 5.2


def test_conversations_with_limits_of_their_own_share_what_holds_for_all():
    """What one kind of them spends, the other does not have."""
    calls = frozenset({Call.POST, Call.EDIT})
    everybody = Quota(calls, (Rate(10, 1),))
    public = (Quota(calls, (Rate(8, 1),), by="channel"), everybody)
    private = (Quota(calls, (Rate(1, 1),), by="channel"), everybody)

    async def main():
        workspace, times = WorkspaceBudget(public, lambda: now()), []
        personal = [workspace.of(f"D{number}", private) for number in range(8)]
        await asyncio.gather(
            spend_many(workspace.of("C"), Call.EDIT, Priority.FINAL, times, 16),
            *(spend_many(view, Call.EDIT, Priority.FINAL, times, 3) for view in personal),
        )
        return times

    times = run(main)
    assert len(times) == 40
    assert busiest(times, 1) == 10


def test_a_final_waits_for_no_first_text_of_its_channel():
    async def main():
        view, order = budget().of("C1"), []

        async def one(priority):
            await view.spend(Call.POST, priority)
            order.append(priority)

        tasks = [asyncio.ensure_future(one(Priority.FIRST)) for _ in range(5)]
        await asyncio.sleep(0.5)
        await asyncio.gather(*tasks, asyncio.ensure_future(one(Priority.FINAL)))
        return order

    assert run(main)[1] == Priority.FINAL


def test_processes_that_share_a_rate_keep_to_it_however_slow_their_store():
    """Three processes, two channels, a store that is slow."""
    chance = Random(7)
    stores = {}

    class Slow(InMemoryStore):
        async def publish(self, *changes):
            await asyncio.sleep(chance.uniform(0, 0.08))
            answer = await super().publish(*changes)
            await asyncio.sleep(chance.uniform(0, 0.08))
            return answer

    def store(name, seconds):
        return stores.setdefault(name, Slow(seconds))

    async def main():
        times = {"C1": [], "C2": []}
        workspaces = [WorkspaceBudget(QUOTAS, lambda: now(), store) for _ in range(3)]
        await asyncio.gather(
            *(
                spend_many(each.of(channel), Call.POST, Priority(n % 3), times[channel], 12)
                for n, each in enumerate(workspaces)
                for channel in times
            )
        )
        return times

    times = run(main)
    assert [len(each) for each in times.values()] == [36, 36]
    # a call may be made a little later than it was granted: the window has a margin for that
    assert min(b - a for each in times.values() for a, b in pairwise(sorted(each))) > 1


async def test_what_is_looked_at_in_a_turn_does_not_grow_with_the_number_of_chats(monkeypatch):
    clock = Clock()
    quota = Quota(frozenset({Call.POST}), (Rate(1, 1.0),), by="channel")
    workspace = WorkspaceBudget((quota,), clock)
    looked = []
    idle = Limiter.idle
    monkeypatch.setattr(Limiter, "idle", property(lambda self: looked.append(1) or idle.fget(self)))
    held = [workspace.of(f"busy{n}") for n in range(2 * MAX_LIMITERS)]
    for each in held:
        each.pause(Call.POST, 60)  # in use: nothing of it may go
        await each.published()
    for number in range(100):
        looked.clear()
        workspace.of(f"new{number}")
        assert len(looked) <= EVICTION_STEPS
    clock.now += 3600
    for number in range(MAX_LIMITERS):
        workspace.of(f"later{number}")
    assert len(workspace._limiters) <= MAX_LIMITERS + 1
