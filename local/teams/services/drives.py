"""Drives in SharePoint and OneDrive: items, their versions, and who may open them.

https://learn.microsoft.com/graph/api/resources/driveitem
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.teams.services.batch import Asked
from local.teams.tenant.errors import TeamsError
from local.teams.tenant.people import HUMANS, Room
from local.teams.tenant.state import File, Tenant, drive_of, own_drive


class Drives:
    """Answers Graph's calls about files. `base` returns the address at which people open them."""

    def __init__(self, tenant: Tenant, base: Callable[[], str]) -> None:
        self.tenant = tenant
        self._base = base

    def address(self, file: File) -> str:
        """Return the URL at which people open a file; it needs a signed-in person."""
        return f"{self._base()}/ui/file/{file['id']}"

    def shared(self, asked: Asked) -> dict[str, Any]:
        """`/shares/{address}/driveItem`."""
        return self._told(asked, self._by_address(asked))

    def item(self, asked: Asked) -> dict[str, Any]:
        """`/drives/{drive}/items/{item}`."""
        return self._told(asked, self._by_id(asked))

    def content(self, asked: Asked) -> str:
        """Return the pre-authorised URL to which both `content` calls redirect."""
        file = self._by_id(asked) if "item" in asked.match_info else self._by_address(asked)
        return f"{self._base()}/download/{file['id']}?tempauth=1"

    def permissions(self, asked: Asked) -> dict[str, Any]:
        """`/drives/{drive}/items/{item}/permissions`: of its owner, its channel, and those with
        whom it was shared. https://learn.microsoft.com/graph/api/driveitem-list-permissions"""
        file = self._by_id(asked)
        found: list[dict[str, Any]] = []
        if file["drive"] == own_drive(self.tenant.human(file["user"])):
            found.append(self._granted("owner", file["user"]))
        else:
            group = {"siteGroup": {"id": "5", "displayName": "Acme Members"}}
            found.append({"id": "5", "roles": ["write"], "grantedToV2": group})
        return {"value": [*found, *(self._given(each) for each in file["grants"])]}

    def folder(self, room: Room) -> dict[str, Any]:
        """`/teams/{team}/channels/{channel}/filesFolder`."""
        return {
            "id": f"folder-{room.id}",
            "name": room.name,
            "folder": {"childCount": 0},
            "parentReference": {"driveId": drive_of(room), "driveType": "documentLibrary"},
        }

    def drive(self, asked: Asked) -> dict[str, Any]:
        """`/users/{user}/drive`."""
        human = self.tenant.human(asked.match_info["user"])
        owner = {"user": {"id": human.aad, "displayName": human.name}}
        return {"id": own_drive(human), "driveType": "business", "owner": owner}

    def _given(self, grant: dict[str, Any]) -> dict[str, Any]:
        """Return a permission by invitation (`user`) or by link (`scope`; `users` limits it to
        some)."""
        if "user" in grant:
            return self._granted("read", grant["user"])
        people = [{"user": self._person(each)} for each in grant.get("users", ())]
        link = {"scope": grant["scope"], "type": "view", "webUrl": grant.get("url", "")}
        told = {"id": f"link-{grant['scope']}", "roles": ["read"], "link": link}
        return {**told, "grantedToIdentitiesV2": people}

    def _granted(self, role: str, user: str) -> dict[str, Any]:
        return {"id": user, "roles": [role], "grantedToV2": {"user": self._person(user)}}

    def _person(self, user: str) -> dict[str, str]:
        human = self.tenant.human(user)
        return {"id": human.aad, "displayName": human.name}

    def _by_address(self, asked: Asked) -> File:
        share = asked.match_info["share"].removeprefix("u!")
        try:
            url = urlsafe_b64decode(share + "=" * (-len(share) % 4)).decode(errors="replace")
        except ValueError as exc:
            raise TeamsError(400, "invalidRequest", "The sharing link is not valid.") from exc
        file = self.tenant.files.get(url.rpartition("/")[2])
        if file is None or url != self.address(file):
            raise TeamsError(404, "itemNotFound", "The resource could not be found.")
        return file

    def _by_id(self, asked: Asked) -> File:
        file = self.tenant.files.get(asked.match_info["item"])
        if file is None or file["drive"] != asked.match_info["drive"]:
            raise TeamsError(404, "itemNotFound", "The resource could not be found.")
        return file

    def _told(self, asked: Asked, file: File) -> dict[str, Any]:
        version, owner = file["version"], self.tenant.human(file["user"])
        at = datetime.fromtimestamp(file["modified"], UTC)
        own = file["drive"] in {own_drive(each) for each in HUMANS}
        parent = {"driveId": file["drive"], "driveType": "business" if own else "documentLibrary"}
        whole: dict[str, Any] = {
            "id": file["id"],
            "name": file["name"],
            "size": file["size"],
            "file": {"mimeType": file["mimetype"]},
            "webUrl": self.address(file),
            "eTag": f'"{{{file["id"]}}},{version + file["renamed"]}"',
            "cTag": f'"c:{{{file["id"]}}},{version}"',
            "lastModifiedDateTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "createdBy": {"user": {"id": owner.aad, "displayName": owner.name}},
            "parentReference": parent,
        }
        wanted = [each for each in asked.query.get("$select", "").split(",") if each]
        return {k: v for k, v in whole.items() if k in wanted} if wanted else whole
