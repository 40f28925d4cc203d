"""Who is from outside a Slack workspace, and who runs it."""

import pytest

from bots.slack.api.standing import Standing, standing_of

MEMBER = {"team_id": "T1", "is_restricted": False, "is_ultra_restricted": False}
INSIDE, OUTSIDE = Standing(outsider=False, admin=False), Standing(outsider=True, admin=False)


def test_a_member_is_from_inside_and_an_administrator_runs_the_workspace():
    assert standing_of(MEMBER, "T1", "") == INSIDE
    for right in ("is_admin", "is_owner"):
        told = standing_of({**MEMBER, right: True}, "T1", "")
        assert told == Standing(outsider=False, admin=True)


def test_a_member_of_another_workspace_of_our_organisation_is_from_inside():
    other = {**MEMBER, "team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}}
    assert standing_of(other, "T1", "E1") == INSIDE
    assert standing_of(other, "T1", "E2") == OUTSIDE
    assert standing_of(other, "T1", "") == OUTSIDE


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"team_id": "T1"},
        {**MEMBER, "is_restricted": True},
        {**MEMBER, "is_ultra_restricted": True, "is_admin": True},
        {**MEMBER, "team_id": "T2"},
        {**MEMBER, "is_stranger": True},
        {**MEMBER, "deleted": True},
        {**MEMBER, "is_restricted": "false"},
    ],
)
def test_whoever_is_not_said_to_be_a_member_is_from_outside_and_runs_nothing(user):
    assert standing_of(user, "T1", "") == OUTSIDE
