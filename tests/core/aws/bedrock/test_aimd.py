"""How many calls a region may have in flight."""

from core.aws.bedrock.aimd import Window


def recovered(window, began):
    """Successes until all places are free again."""
    for count in range(10_000):
        if window.room == window.most:
            return count
        window.succeeded(began)
    raise AssertionError("never")


def test_a_fault_halves_the_window_and_successes_widen_it_again():
    window = Window(32)
    assert window.room == 32
    window.failed(began=1, now=1, chance=1)
    window.succeeded(began=2)
    assert window.room == 16
    assert 300 < recovered(window, 2) < 500


def test_after_a_fault_one_call_tries_first():
    window = Window(32)
    window.failed(began=1, now=1, chance=1)
    assert window.room == 1
    window.succeeded(began=0)
    assert window.room == 1


def test_many_calls_that_were_throttled_together_count_once():
    window = Window(32)
    pauses = [window.failed(began=n / 100, now=1, chance=1) for n in range(20)]
    assert pauses == [0.25] + [0] * 19
    window.succeeded(began=2)
    assert window.room == 16


def test_pauses_double_up_to_a_limit_and_chance_spreads_them():
    window = Window(8)
    pauses = [window.failed(began=n, now=n, chance=1) for n in range(10)]
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert Window(8).failed(began=0, now=0, chance=0) == 0.125
