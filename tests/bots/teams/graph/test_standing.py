"""Who is from outside a tenant."""

from dataclasses import replace

import pytest

from bots.teams.graph.standing import MOST, Standings, is_outsider
from core.ports.chat import RateLimited
from core.values.conversation import Conversation, Kind
from local.teams.tenant.people import HUMANS, TENANT

ANA = HUMANS[0]
WHERE = Conversation("teams", TENANT, "19:x@thread.tacv2", "1", Kind.CHANNEL)


def test_a_member_is_from_inside():
    assert not is_outsider(ANA.account, TENANT)
    assert not is_outsider({**ANA.account, "userRole": "owner"}, TENANT)


@pytest.mark.parametrize(
    "member",
    [
        {},
        replace(ANA, guest=True).account,
        replace(ANA, tenant="another").account,
        {**ANA.account, "userPrincipalName": "ana_b.example#EXT#@acme.example"},
        {**ANA.account, "userPrincipalName": ""},
        {**ANA.account, "userRole": ["user"]},
        {key: value for key, value in ANA.account.items() if key != "userRole"},
        {key: value for key, value in ANA.account.items() if key != "tenantId"},
    ],
)
def test_whoever_is_not_said_to_be_a_member_is_from_outside(member):
    assert is_outsider(member, TENANT)


class Connector:
    def __init__(self):
        self.asked, self.refuses = 0, False

    async def member(self, service_url, conversation, user):
        self.asked += 1
        if self.refuses:
            raise RateLimited(1)
        return ANA.account


async def test_what_is_known_of_people_holds_for_a_while_and_in_a_pinch_for_longer():
    now, connector = [0.0], Connector()
    standings = Standings(connector, lambda: now[0])
    for _ in range(2):
        assert not await standings.outsider("https://s", WHERE, "ana")
    assert connector.asked == 1
    now[0], connector.refuses = 1_000.0, True
    assert not await standings.outsider("https://s", WHERE, "ana")
    with pytest.raises(RateLimited):
        await standings.outsider("https://s", WHERE, "ben")


async def test_no_more_people_are_remembered_than_fit():
    standings = Standings(Connector(), lambda: 0.0)
    for number in range(MOST + 5):
        await standings.outsider("https://s", WHERE, f"u{number}")
    assert len(standings._known) == MOST
