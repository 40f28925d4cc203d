"""Which turns are queued anew: lost ones only, and no conversation's out of its order."""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest

from core.turn.requeue_policy import (
    AGAIN,
    ORPHANED,
    OVERTAKEN,
    SHOWN_AGAIN,
    UNTAKEN,
    OpenTurn,
    lost,
)

NOW = 10_000.0


def noted(name, group, ago, **more):
    return OpenTurn(name, group, NOW - ago, noted=True, **more)


def at_work(name, group, ago):
    return noted(name, group, ago, lease=NOW + 10)


def gone(name, group, ago):
    return noted(name, group, ago, lease=NOW - ORPHANED - 1)


def names(turns):
    return [
        (first.event_id, [each.event_id for each in behind]) for first, behind in lost(turns, NOW)
    ]


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ([], []),
        ([at_work("a", "g", 500)], []),
        # behind a long answer
        ([at_work("a", "g", 500), noted("b", "g", 400)], []),
        # behind an answer whose worker is gone: that one's message shows again by itself
        ([gone("a", "g", 500), noted("b", "g", 400)], [("a", [])]),
        # handed over and never begun
        ([noted("a", "g", UNTAKEN - 1)], []),
        ([noted("a", "g", UNTAKEN)], [("a", [])]),
        ([noted("a", "g", 500), noted("b", "g", 400)], [("a", ["b"])]),
        ([noted("a", "g", SHOWN_AGAIN)], []),
        # a backlog: workers are busy with what is older
        ([at_work("w", "h", 600), noted("a", "g", 500), noted("b", "i", 400)], []),
        # overtaken, and by far
        ([noted("a", "g", 500), at_work("w", "h", 490)], []),
        ([noted("a", "g", 500), at_work("w", "h", 500 - OVERTAKEN)], [("a", [])]),
        # whose place in the queue nobody noted overtakes nobody
        ([noted("a", "g", 500), OpenTurn("w", "h", NOW - 1, lease=NOW + 9)], []),
        # queued anew, and nobody took it yet
        ([noted("a", "g", 500, requeued=NOW - AGAIN + 1)], []),
        ([noted("a", "g", 500, requeued=NOW - AGAIN)], [("a", [])]),
        ([noted("a", "g", 900, requeued=NOW - AGAIN), at_work("w", "h", 850)], []),
    ],
)
def test_only_what_is_lost_is_queued_anew(turns, found):
    assert names(turns) == found
    assert names(reversed(turns)) == found


@dataclass
class Message:
    turn: str
    group: str
    sent: float
    hidden: float = 0.0


@dataclass
class Open:
    conversation: str
    since: float
    lease: float | None = None
    requeued: float = 0.0


@dataclass
class World:
    """A FIFO queue, workers that die, and the sweep of every minute; a step is a second."""

    chance: random.Random
    workers: int
    deaths: float
    now: float = 0.0
    queue: list[Message] = field(default_factory=list)
    open: dict[str, Open] = field(default_factory=dict)
    running: dict[str, tuple[Message, float, bool]] = field(default_factory=dict)
    ended: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    copies: Counter = field(default_factory=Counter)

    def ask(self, conversation, turn):
        self.open[turn] = Open(conversation, self.now)
        self.queue.append(Message(turn, conversation, self.now))

    def step(self):
        self.now += 1
        for turn, (message, end, dies) in list(self.running.items()):
            if dies and self.now >= end:
                del self.running[turn]  # its lease and the message's half minute run out
            elif self.now >= end:
                del self.running[turn]
                self.queue.remove(message)
                self.ended[self.open.pop(turn).conversation].append(turn)
            else:
                message.hidden = self.now + 30
                self.open[turn].lease = self.now + 20
        blocked = set()
        for message in list(self.queue):
            if message.group in blocked:
                continue
            blocked.add(message.group)
            if message.hidden <= self.now and len(self.running) < self.workers:
                self._deliver(message)
        if self.now % 60 == 0:
            self._sweep()

    def _deliver(self, message):
        turn = message.turn
        if turn not in self.open:
            self.queue.remove(message)
        elif self.chance.random() < self.deaths / 2:
            message.hidden = self.now + SHOWN_AGAIN  # died before its code ran
        elif (self.open[turn].lease or 0) > self.now:
            message.hidden = self.now + 5  # busy
        else:
            dies = self.chance.random() < self.deaths
            self.open[turn].lease, self.open[turn].requeued = self.now + 20, 0.0
            message.hidden = self.now + 30
            self.running[turn] = (message, self.now + self.chance.randint(5, 200), dies)

    def _sweep(self):
        turns = [
            OpenTurn(name, each.conversation, each.since, True, each.lease, each.requeued)
            for name, each in self.open.items()
        ]
        for first, behind in lost(turns, self.now):
            for each in (first, *behind):
                line = f"{each.group} past {first.event_id} {self.now}"
                self.queue.append(Message(each.event_id, line, self.now))
                self.copies[each.event_id] += 1
            self.open[first.event_id].requeued = self.now


def played(seed, *, workers, deaths, conversations=6, questions=5):
    chance = random.Random(seed)
    world = World(chance, workers, deaths)
    for number in range(questions):
        for conversation in range(conversations):
            world.ask(f"c{conversation}", f"c{conversation}/{number}")
        for _ in range(chance.randint(1, 90)):
            world.step()
    while world.open and world.now < 40_000:
        world.step()
    return world


@pytest.mark.parametrize("seed", range(30))
def test_answers_come_in_the_order_of_their_questions_whoever_dies(seed):
    world = played(seed, workers=4, deaths=0.3)
    assert not world.open
    for turns in world.ended.values():
        assert turns == sorted(turns)


@pytest.mark.parametrize("seed", range(10))
def test_in_a_backlog_without_deaths_nothing_is_queued_twice(seed):
    world = played(seed, workers=2, deaths=0.0, conversations=12)
    assert not world.open
    assert world.copies == Counter()


@pytest.mark.parametrize("seed", range(10))
def test_who_waits_behind_lost_messages_is_answered_before_the_queue_shows_them_again(seed):
    world = played(seed, workers=50, deaths=0.15)
    assert world.now < SHOWN_AGAIN * 1.5
