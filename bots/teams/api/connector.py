"""The Bot Framework's connector: post, update and delete activities; read members and teams.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bots.teams.api.hosts import Hosts
from bots.teams.api.web import Answer, Web
from core.ports.chat import Forbidden

TARGETED = {"isTargetedActivity": "true"}


class Connector:
    """Calls the connector. Tokens are sent only to the `hosts` that the settings name."""

    def __init__(self, web: Web, hosts: Hosts) -> None:
        self._web = web
        self._hosts = hosts

    async def post(
        self, service_url: str, conversation: str, activity: Mapping[str, Any], *, to: str = ""
    ) -> str:
        """Post an activity; `to` makes it visible to that person only.

        Returns the activity's id, empty if Teams returns none. Raises ChatError.
        """
        path = f"v3/conversations/{_quoted(conversation)}/activities"
        said, params = _targeted(activity, to)
        answer = await self._call("POST", service_url, path, said, params)
        return str(answer.data.get("id") or "")

    async def update(
        self,
        service_url: str,
        conversation: str,
        activity_id: str,
        activity: Mapping[str, Any],
        *,
        to: str = "",
    ) -> None:
        """Replace an activity; `to` as in `post`. Raises ChatError."""
        path = f"v3/conversations/{_quoted(conversation)}/activities/{_quoted(activity_id)}"
        said, params = _targeted({**activity, "id": activity_id}, to)
        await self._call("PUT", service_url, path, said, params)

    async def delete(self, service_url: str, conversation: str, activity_id: str) -> None:
        """Delete an activity. Raises ChatError."""
        path = f"v3/conversations/{_quoted(conversation)}/activities/{_quoted(activity_id)}"
        await self._call("DELETE", service_url, path)

    async def member(self, service_url: str, conversation: str, user: str) -> Mapping[str, Any]:
        """Return a member of a conversation. Raises ChatError."""
        path = f"v3/conversations/{_quoted(conversation)}/members/{_quoted(user)}"
        return (await self._call("GET", service_url, path)).data

    async def team(self, service_url: str, team: str) -> Mapping[str, Any]:
        """Return a team's details. Raises ChatError.

        https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context
        """
        return (await self._call("GET", service_url, f"v3/teams/{_quoted(team)}")).data

    async def _call(
        self,
        method: str,
        service_url: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        if not self._hosts.allow(service_url):
            raise Forbidden("a service URL that is not Teams'")
        url = f"{service_url.rstrip('/')}/{path}"
        return await self._web.call(method, url, body, params=params or None)


def _targeted(
    activity: Mapping[str, Any], to: str
) -> tuple[Mapping[str, Any], Mapping[str, str] | None]:
    if not to:
        return activity, None
    return {**activity, "recipient": {"id": to, "isTargeted": True}}, TARGETED


def _quoted(text: str) -> str:
    return quote(text, safe="")
