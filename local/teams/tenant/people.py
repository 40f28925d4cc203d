"""The people and conversations of a new tenant: those of the Slack half, a team, a group, chats."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from local.slack.workspace.people import PEOPLE as ACME

TENANT = str(uuid5(NAMESPACE_URL, "tenant/acme"))
GROUP = str(uuid5(NAMESPACE_URL, "group/acme"))
"""The team's id in Graph."""
TEAM = "19:acme0general@thread.tacv2"
"""The team's id in the Bot Framework, which is that of its General channel."""
BOT = "U0PARLEY"


@dataclass(frozen=True, slots=True)
class Human:
    """A person. `id` is the page's, `aad` Entra's, `teams` the Bot Framework's."""

    id: str
    name: str
    color: str
    title: str
    guest: bool = False
    owner: bool = False
    tenant: str = TENANT

    @property
    def account(self) -> dict[str, str]:
        """The person as the connector describes a member of a conversation.

        https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context
        """
        handle = self.name.split(maxsplit=1)[0].lower()
        guest = f"{handle}_contoso.example#EXT#@acme.example"
        return {
            "id": self.teams,
            "name": self.name,
            "aadObjectId": self.aad,
            "userPrincipalName": guest if self.guest else f"{handle}@acme.example",
            "tenantId": self.tenant,
            "userRole": "guest" if self.guest else "user",
        }

    @property
    def aad(self) -> str:
        """The person's Entra object id."""
        return str(uuid5(NAMESPACE_URL, f"person/{self.id}"))

    @property
    def teams(self) -> str:
        """The person's Bot Framework id."""
        return f"29:1{self.aad.replace('-', '')}"


@dataclass(slots=True)
class Room:
    """A channel, group chat or personal chat. `kind` is channel, group or dm."""

    id: str
    name: str
    kind: str
    members: list[str]
    topic: str = ""
    private: bool = False
    installed: bool = True


HUMANS = tuple(Human(*each) for each in ACME)
_ALL = [each.id for each in HUMANS]


def rooms() -> list[Room]:
    """Return the conversations of a new tenant."""
    some = _ALL[:3]
    return [
        Room(TEAM, "General", "channel", [*_ALL, BOT], "Company-wide talk"),
        Room("19:acme0launch@thread.tacv2", "Launch", "channel", [*_ALL, BOT], "The spring launch"),
        Room(
            "19:acme0finance@thread.tacv2",
            "Finance",
            "channel",
            [*_ALL[:2], BOT],
            "Budgets and invoices",
            private=True,
        ),
        Room("19:acme0crew@thread.v2", "Launch crew", "group", [*some, BOT]),
        *(Room(f"a:1{each.id.lower()}", "Parley", "dm", [each.id, BOT]) for each in HUMANS),
    ]
