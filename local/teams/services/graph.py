"""The Microsoft Graph calls that we use, with the permissions that an administrator grants."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import web
from markdown_it import MarkdownIt

from local.teams.services.batch import Asked, answered, requests
from local.teams.services.drives import Drives
from local.teams.services.signing import Issued
from local.teams.tenant.errors import TeamsError, graph_refusal
from local.teams.tenant.people import BOT, GROUP, HUMANS, Human, Room
from local.teams.tenant.state import File, Message, Tenant

GRANTED = frozenset(
    {
        "ChannelMessage.Read.Group",
        "ChatMessage.Read.Chat",
        "Files.Read.All",
        "Team.ReadBasic.All",
        "Channel.ReadBasic.All",
        "ChannelMember.Read.All",
    }
)
CARD = "application/vnd.microsoft.card.adaptive"
MEMBERS = 999
FILES = "Files.Read.All"
ITEM = "/graph/v1.0/drives/{drive}/items/{item}"
CHANNEL = "/graph/v1.0/teams/{group}/channels/{room}"


@dataclass
class Graph:
    """Answers Graph's calls. `granted`, the app's permissions, may be changed.

    `faults` are statuses (`429:5`, `503`) that the next calls meet, alone or in a batch. `batches`
    lists the paths in each batch. `page` is the default page size of lists.
    """

    tenant: Tenant
    issued: Issued
    app_id: str
    granted: frozenset[str] = GRANTED
    faults: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    base: str = ""
    page: int = 100

    @property
    def scope(self) -> str:
        """The scope that a token for this Graph is requested with."""
        at = urlsplit(self.base)
        return f"{at.scheme}://{at.netloc}/.default"

    def __post_init__(self) -> None:
        self.drives = Drives(self.tenant, lambda: self.base)
        self._paths = [(_pattern(path), *each) for path, each in self._by_path().items()]

    def routes(self) -> list[web.RouteDef]:
        """Routes of all calls, and of `$batch`."""
        paths = self._by_path()
        batch = web.post("/graph/v1.0/$batch", self._batched)
        return [batch, *(web.get(path, self._handler(*each)) for path, each in paths.items())]

    def _by_path(self) -> dict[str, tuple[str, Callable[..., Any]]]:
        by_path: dict[str, tuple[str, Callable[..., Any]]] = {
            f"{CHANNEL}/messages": ("ChannelMessage.Read.Group", self._listed),
            f"{CHANNEL}/messages/{{root}}": ("ChannelMessage.Read.Group", self._one),
            f"{CHANNEL}/messages/{{root}}/replies": ("ChannelMessage.Read.Group", self._replies),
            f"{CHANNEL}/messages/{{root}}/replies/{{id}}": (
                "ChannelMessage.Read.Group",
                self._one,
            ),
            "/graph/v1.0/chats/{room}/messages": ("ChatMessage.Read.Chat", self._listed),
            "/graph/v1.0/chats/{room}/messages/{root}": ("ChatMessage.Read.Chat", self._one),
            "/graph/v1.0/shares/{share}/driveItem": (FILES, self.drives.shared),
            "/graph/v1.0/shares/{share}/driveItem/content": (FILES, self._content),
            f"{ITEM}": (FILES, self.drives.item),
            f"{ITEM}/content": (FILES, self._content),
            f"{ITEM}/permissions": (FILES, self.drives.permissions),
            f"{CHANNEL}/filesFolder": (FILES, self._folder),
            "/graph/v1.0/users/{user}/drive": (FILES, self.drives.drive),
            "/graph/v1.0/users/{user}/joinedTeams": ("Team.ReadBasic.All", self._teams),
            "/graph/v1.0/teams/{group}/channels": ("Channel.ReadBasic.All", self._channels),
            f"{CHANNEL}/members": ("ChannelMember.Read.All", self._members),
        }
        return by_path

    def _handler(self, needs: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        async def handle(request: web.Request) -> web.Response:
            asked = Asked(request.path[request.path.index("/graph/") :], request.match_info)
            status, headers, found = self._answered(
                replace(asked, query=request.query), needs, answer, self._token(request)
            )
            if status == 302:
                return web.Response(status=302, headers=headers)
            return web.json_response(found, status=status, headers=headers)

        return handle

    async def _batched(self, request: web.Request) -> web.Response:
        """Answer a batch. Its token is shared; each fault meets one of its requests, `""` none."""
        try:
            self._authorized(self._token(request))
            asked = await requests(request)
        except TeamsError as exc:
            return web.json_response(graph_refusal(exc)[2], status=exc.status)
        self.batches.append([str(each["url"]) for each in asked])
        return web.json_response(await answered(asked, self._within))

    def _within(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        for pattern, needs, answer in self._paths:
            if found := pattern.fullmatch(asked.path):
                return self._answered(replace(asked, match_info=found.groupdict()), needs, answer)
        return graph_refusal(TeamsError(400, "BadRequest", "Resource not found for the segment."))

    def _answered(
        self, asked: Asked, needs: str, answer: Callable[..., Any], token: str | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body. `token` is None if the batch's token was already
        checked."""
        self.calls.append(asked.path.partition("/graph/")[2])
        try:
            if token is not None:
                self._authorized(token)
            self._allowed(needs)
            found = answer(asked)
        except TeamsError as exc:
            return graph_refusal(exc)
        if isinstance(found, str):
            return 302, {"Location": found}, None
        return 200, {}, found

    @staticmethod
    def _token(request: web.Request) -> str:
        return request.headers.get("Authorization", "")

    def _authorized(self, token: str) -> None:
        if not self.issued.good(token, self.scope):
            raise TeamsError(401, "InvalidAuthenticationToken")

    def _allowed(self, needs: str) -> None:
        if self.faults and (fault := self.faults.pop(0)):
            status, _, after = fault.partition(":")
            raise TeamsError(int(status), "", "", int(after or 0))
        if needs not in self.granted:
            raise TeamsError(403, "Forbidden", "Missing role permissions on the request.")

    def _room(self, request: Asked) -> Room:
        name = request.match_info["room"]
        if request.match_info.get("group", GROUP) != GROUP:
            raise TeamsError(404, "NotFound")
        for human in HUMANS:
            if name == f"19:{human.aad}_{self.app_id}@unq.gbl.spaces":
                name = f"a:1{human.id.lower()}"
        return self.tenant.room(name)

    def _listed(self, request: Asked) -> dict[str, Any]:
        room = self._room(request)
        found = [m for m in self.tenant.messages[room.id].values() if not m["root"]]
        return self._page(request, found)

    def _replies(self, request: Asked) -> dict[str, Any]:
        thread = self.tenant.thread(self._room(request).id, request.match_info["root"])
        return self._page(request, [each for each in thread if each["root"]])

    def _page(self, request: Asked, found: list[Message]) -> dict[str, Any]:
        most = min(int(request.query.get("$top", "20")), 50)
        newest = [each for each in found[::-1] if not each["to"]][:most]
        return {"value": [self._told(each) for each in newest]}

    def _one(self, request: Asked) -> dict[str, Any]:
        wanted = request.match_info.get("id") or request.match_info["root"]
        message = self.tenant.get(self._room(request).id, wanted)
        if "id" in request.match_info and message["root"] != request.match_info["root"]:
            raise TeamsError(404, "NotFound")
        if "id" not in request.match_info and message["root"]:
            raise TeamsError(404, "NotFound")
        return self._told(message)

    def _told(self, message: Message) -> dict[str, Any]:
        """Return a message as Graph's chatMessage."""
        at = datetime.fromtimestamp(int(message["id"]) / 1000, UTC)
        created = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told: dict[str, Any] = {"id": message["id"], "messageType": "message"}
        told |= {"replyToId": message["root"] or None, "createdDateTime": created}
        told |= {"deletedDateTime": None, "attachments": self._attachments(message)}
        if message["user"] == BOT:
            app = {"id": self.app_id, "displayName": "Parley", "applicationIdentityType": "bot"}
            content = MarkdownIt().render(message["text"])
            return told | {"from": {"application": app, "user": None}, **_body(content)}
        human = self.tenant.human(message["user"])
        user = {"id": human.aad, "displayName": human.name, "userIdentityType": "aadUser"}
        content = self.tenant.written(message["text"])[1]
        content = re.sub(r'<span itemscope=""[^>]*itemid="(\d+)">([^<]*)</span>', _at, content)
        files = "".join(f'<attachment id="{each}"></attachment>' for each in message["files"])
        return told | {"from": {"user": user, "application": None}, **_body(content + files)}

    def _attachments(self, message: Message) -> list[dict[str, Any]]:
        files = [self.tenant.files[each] for each in message["files"] if each in self.tenant.files]
        cards = [e for e in message["attachments"] if e.get("contentType") == CARD]
        return [
            *(
                {
                    "id": each["id"],
                    "contentType": "reference",
                    "contentUrl": self.address(each),
                    "name": each["name"],
                }
                for each in files
            ),
            *(
                {
                    "id": f"card-{number}",
                    "contentType": CARD,
                    "content": json.dumps(each["content"]),
                }
                for number, each in enumerate(cards)
            ),
        ]

    def address(self, file: File) -> str:
        """Return the URL at which people open a file."""
        return self.drives.address(file)

    def _content(self, asked: Asked) -> str:
        return self.drives.content(asked)

    def _folder(self, asked: Asked) -> dict[str, Any]:
        return self.drives.folder(self._room(asked))

    def _teams(self, request: Asked) -> dict[str, Any]:
        # https://learn.microsoft.com/graph/api/user-list-joinedteams
        if {*request.query} - {"$skiptoken"}:
            raise TeamsError(400, "BadRequest", "Query options are not supported here.")
        user = self.tenant.human(request.match_info["user"]).id
        channels = [r for r in self.tenant.rooms.values() if r.kind == "channel"]
        joined = any(user in each.members for each in channels)
        return self._some(request, [{"id": GROUP, "displayName": "Acme"}] if joined else [])

    def _channels(self, request: Asked) -> dict[str, Any]:
        if request.match_info["group"] != GROUP:
            raise TeamsError(404, "NotFound")
        channels = [r for r in self.tenant.rooms.values() if r.kind == "channel"]
        everybody = {each.id for each in HUMANS}
        told = [
            {"id": each.id, "displayName": each.name, "membershipType": _type(each, everybody)}
            for each in channels
        ]
        return self._some(request, told)

    def _members(self, request: Asked) -> dict[str, Any]:
        people: list[Human] = [
            self.tenant.human(each) for each in self._room(request).members if each != BOT
        ]
        told = [
            {
                "userId": each.aad,
                "displayName": each.name,
                "roles": ["owner"] if each.owner else ["guest"] if each.guest else [],
                "tenantId": each.tenant,
            }
            for each in people
        ]
        return self._some(request, told, MEMBERS)

    def _some(self, request: Asked, whole: list[dict[str, Any]], most: int = 0) -> dict[str, Any]:
        """Return a page of a list and the link to the next; with `most` the caller may set the
        size.

        https://learn.microsoft.com/graph/paging
        """
        size, start = self.page, int(request.query.get("$skiptoken", "0"))
        if most and (wanted := request.query.get("$top", "")):
            if not 0 < int(wanted) <= most:
                raise TeamsError(400, "BadRequest", f"The limit of '{most}' for Top query")
            size = int(wanted)
        told: dict[str, Any] = {"value": whole[start : start + size]}
        if start + size < len(whole):
            path = request.path.partition("/graph/")[2]
            query = {**request.query, "$skiptoken": str(start + size)}
            told["@odata.nextLink"] = f"{self.base}/graph/{quote(path)}?{urlencode(query)}"
        return told


def _pattern(path: str) -> re.Pattern[str]:
    """Return a pattern that matches a route's path against the URLs in a batch."""
    parts = re.split(r"\{(\w+)\}", path)
    named = [f"(?P<{each}>[^/]+)" if n % 2 else re.escape(each) for n, each in enumerate(parts)]
    return re.compile("".join(named))


def _type(room: Room, everybody: set[str]) -> str:
    """Return a channel's membership type: standard only if everybody in the team is a member."""
    return "private" if room.private or not everybody <= {*room.members} else "standard"


def _body(content: str) -> Mapping[str, Any]:
    return {"body": {"contentType": "html", "content": content}}


def _at(match: re.Match[str]) -> str:
    return f'<at id="{match[1]}">{match[2]}</at>'
