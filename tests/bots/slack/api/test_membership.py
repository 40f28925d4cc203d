"""Which channels somebody is in, workspace by workspace."""

from types import SimpleNamespace

from bots.slack.api.membership import Membership


class Slack:
    """Two workspaces of one organisation, in which one person is in other channels."""

    def __init__(self):
        self.asked = []

    async def api_call(self, method, data):
        self.asked.append(data)
        channels = {"T1": ["C1", "C2"], "T2": ["C9"]}.get(data.get("team_id"), ["C0"])
        return SimpleNamespace(data={"ok": True, "channels": [{"id": each} for each in channels]})


async def test_the_workspace_is_named_and_none_answers_for_another():
    slack = Slack()
    membership = Membership(slack, lambda: 0.0)
    assert await membership.of("U1", "T1") == {"C1", "C2"}
    assert await membership.of("U1", "T2") == {"C9"}
    assert [each["team_id"] for each in slack.asked] == ["T1", "T1", "T2", "T2"]


async def test_an_organisation_is_no_workspace():
    slack = Slack()
    await Membership(slack, lambda: 0.0).of("U1", "E1")
    assert all("team_id" not in each for each in slack.asked)
