"""Processes of the deployed stack are killed at random: nothing is lost, nothing done twice."""

import os

import pytest

from tests.deploy.chaos import chaos

ANSWERS = int(os.environ.get("CHAOS", "30"))
"""Questions, and as many files."""


@pytest.mark.timeout(600)
async def test_what_is_asked_and_shared_while_workers_are_killed_ends_once(deployed):
    outcome = await chaos(deployed, ANSWERS, ANSWERS, seed=7, limit=420)
    assert outcome.wrong == []
    assert outcome.kills.total() == 2 * ANSWERS // 8
    assert outcome.questions.total() == outcome.files.total() == ANSWERS
    assert outcome.refused.get("chat.update", 0) == 0
