"""Waiting after failures in a row."""

import pytest

from core.aws.access.calls import backoff
from core.aws.bedrock.aimd import LONGEST_PAUSE, Window
from core.runtime.backoff import doubled


@pytest.mark.parametrize(
    "failures, seconds", [(0, 0.5), (1, 1), (3, 4), (6, 30), (1_024, 30), (10**9, 30)]
)
def test_a_pause_doubles_up_to_its_limit_however_long_it_goes_on(failures, seconds):
    assert doubled(0.5, failures, 30) == seconds


def test_a_window_and_a_call_that_fail_for_days_pause_for_their_longest():
    window = Window(8)
    window.failures = 5_000
    assert window.failed(began=0.0, now=1.0, chance=1.0) == LONGEST_PAUSE
    assert backoff(5_000) > 0
