"""A Teams conversation over the connector and Graph: implements `core.ports.chat.Chat`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import aiohttp

from bots.teams.api.connector import Connector
from bots.teams.api.hosts import Hosts
from bots.teams.api.tokens import Tokens
from bots.teams.graph import messages
from bots.teams.graph.client import Graph
from bots.teams.graph.drives import nowhere
from bots.teams.graph.file_access import Files
from bots.teams.graph.shares import SHARE
from bots.teams.graph.standing import Standings
from bots.teams.outbound.posted import Marks, is_before
from bots.teams.outbound.sending import Sender, unnamed
from bots.teams.outbound.streaming import Streams
from bots.teams.rendering.markup import render
from bots.teams.rendering.surface import TeamsSurface
from core.ports.chat import ChatError, Forbidden, Gone, Surface, Unreachable
from core.ports.file_sources import Freshness
from core.values.answer import Message, MessageId, Rendered, Stage
from core.values.conversation import (
    LIBRARY,
    Attachment,
    Conversation,
    Incoming,
    Kind,
    Person,
    Rights,
    Scope,
)
from core.values.documents import Document, DocumentId

log = logging.getLogger(__name__)

SOON = 2.0
"""Seconds after which a post whose response was lost has taken effect and is visible in Graph."""


@dataclass(frozen=True, slots=True)
class Microsoft:
    """Everything through which this process reaches Teams; `app_id` is the bot's."""

    app_id: str
    connector: Connector
    graph: Graph
    streams: Streams
    marks: Marks
    tokens: Tokens
    hosts: Hosts
    http: aiohttp.ClientSession
    standings: Standings


class TeamsChat:
    """A Teams conversation. `extra` is the turn's: how to reach the conversation, and who asked."""

    def __init__(
        self, microsoft: Microsoft, conversation: Conversation, extra: Mapping[str, str]
    ) -> None:
        self._microsoft = microsoft
        self._where = conversation
        self._extra = extra
        self._service = extra.get("service_url", "")
        in_public = conversation.thread and not self._private
        # a targeted message, which only its author and the bot see, is in no thread
        thread = f";messageid={conversation.thread}" if in_public else ""
        self._id = f"{conversation.channel}{thread}"
        self._files = Files(
            microsoft.graph.drives, microsoft.tokens, microsoft.hosts, microsoft.http, extra
        )
        self._marks: dict[str, str] = {}
        self._sender = Sender(microsoft.connector, self._service, self._id, self._private)
        self._lost: float | None = None

    @property
    def _private(self) -> str:
        """The only person to answer; empty if everybody may see the answer."""
        targeted = self._extra.get("to") == "person" and self._where.kind is not Kind.DIRECT
        return self._extra.get("user", "") if targeted else ""

    @property
    def surface(self) -> Surface:
        """Renders text and cards; a message must fit in both."""
        return TeamsSurface()

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        """Post a message, or start a native stream in a personal chat. If Teams returns no id, look
        for the message in Graph."""
        marks = self._microsoft.marks
        since = marks.clock()
        try:
            posted = await self._posted(message, mark)
        except Unreachable:
            self._may_be_there(message, mark, since)
            raise
        posted = posted or await self._without_an_id(message, mark, since)
        self._marks[posted] = mark
        marks.posted(self._id, mark, posted)
        return posted

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        """Continue or end the message's stream, or edit it in place."""
        mark = self._marks.get(message_id, "")
        streams = self._microsoft.streams
        if not await streams.edit(self._id, message_id, message, self._sender.send):
            await self._sender.edit(message_id, message, mark)

    async def delete(self, message_id: MessageId) -> None:
        """Delete a message and forget its stream and mark."""
        self._microsoft.streams.forget(self._id, message_id)
        self._microsoft.marks.forget(self._id, message_id)
        await self._sender.delete(message_id)

    async def find(self, mark: str) -> Sequence[MessageId]:
        """Look in Graph, as the connector cannot list messages; without Graph's permission, use
        what this process remembers."""
        marks = self._microsoft.marks
        known = {*marks.ids(self._id, mark)}
        try:
            found = await self._found(mark)
            if self._lost is not None and not self._is_there(found, known):
                await marks.sleep(SOON)
                found = await self._found(mark)
        except (Forbidden, Gone):
            return [MessageId(each) for each in marks.ids(self._id, mark)]
        self._lost = None
        return found

    def _is_there(self, found: Sequence[MessageId], known: Collection[str]) -> bool:
        """Whether the lost post was found: messages posted by another process are older."""
        since = self._lost or 0.0
        return any(each not in known and not is_before(each, since) for each in found)

    async def _found(self, mark: str) -> list[MessageId]:
        marks, app = self._microsoft.marks, self._microsoft.app_id
        found = await self._messages(self._where.thread or "", 50)
        ours = [e for e in found if messages.is_ours(e, app) and messages.is_said(e)]
        told = {str(each["id"]): messages.mark(each) for each in ours}
        unmarked = (messages.turn(each, app) for each in ours if not told[str(each["id"])])
        marks.recover(self._id, mark, ((each.message_id, each.text) for each in unmarked))
        known = marks.ids(self._id, mark)
        of_it = [each for each, of in told.items() if of == mark or each in known]
        for each in of_it:
            marks.posted(self._id, mark, each)  # an edit may remove the card that holds the mark
        return [MessageId(each) for each in of_it]

    async def post_ephemeral(self, person: Person, message: Rendered) -> None:
        """Show a message to one person if Teams can do that here; else post it as a reply."""
        user = self._extra.get("user", "")
        if self._where.kind is not Kind.DIRECT and user:
            try:
                await self._sender.post(message, to=user)
                return
            except Forbidden as exc:
                log.info("not shown to one person only: %s", exc)
        await self._sender.post(message)

    async def thread(self, limit: int) -> Sequence[Message]:
        """Return the newest messages of the thread or chat, by Graph."""
        return self._turns(await self._messages(self._where.thread or "", limit))

    async def nearby(self, limit: int) -> Sequence[Message]:
        """Return the newest messages of the channel or chat, by Graph."""
        return self._turns(await self._messages("", limit))

    async def audience(self, person: Person) -> frozenset[Scope]:
        """In a channel or group, its own scope; in a personal chat, also the channels that the
        person is in now. If Graph does not tell which these are, they are left out."""
        here = frozenset({self._where.scope, LIBRARY})
        aad = self._extra.get("aad", "")
        if self._where.kind is not Kind.DIRECT or not aad:
            return here
        try:
            channels = await self._microsoft.graph.channels_of(aad)
        except ChatError as exc:
            log.warning("memberships not read: %s", type(exc).__name__)
            return here
        within = {
            team: frozenset(replace(self._where, channel=each).place for each in team)
            for team in set(channels.values())
        }
        return here | {
            Scope(replace(self._where, channel=each).place, within[team])
            for each, team in channels.items()
        }

    async def outsider(self, person: Person) -> bool:
        """By the connector's record of the member; the result is cached for a few minutes."""
        user, standings = self._extra.get("user", ""), self._microsoft.standings
        return await standings.outsider(self._service, self._where, user)

    async def rights(self, person: Person) -> Rights:
        """In a channel, those of a team owner, by Graph; elsewhere none."""
        if self._where.kind is not Kind.CHANNEL:
            return Rights.NONE
        return await self._microsoft.graph.rights(await self._place(), self._extra.get("aad", ""))

    async def name(self, person: Person) -> str:
        """The name in the activity, or else the connector's; empty if it cannot be read."""
        if person.name:
            return person.name
        user = self._extra.get("user", "")
        try:
            found = await self._microsoft.connector.member(self._service, self._where.channel, user)
        except ChatError as exc:
            log.info("a name is not known: %s", type(exc).__name__)
            return ""
        return str(found.get("name") or "")

    async def completed(self, question: Incoming) -> Incoming:
        """Add the files of a post in a channel or group, which only Graph knows."""
        root = self._where.thread or ""
        reply_to = root if root != question.message_id else ""
        place = await self._place()
        found = await self._microsoft.graph.message(place, question.message_id, reply_to)
        known = {each.id for each in question.attachments}
        more = [each for each in messages.files(found) if each.id not in known]
        return replace(question, attachments=(*question.attachments, *more), files_unresolved=False)

    async def described(self, attachment: Attachment) -> Attachment:
        """Look up the file in its drive, by Graph."""
        return await self._files.described(attachment, self._folder)

    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        """Ask SharePoint and OneDrive, as Teams sends no events about files."""
        return await self._files.freshness(documents)

    async def current(self, document: Document) -> Attachment:
        """Look up the file as it is now, by Graph."""
        here = document.id.place == self._where.place
        return await self._files.current(document, self._folder if here else nowhere)

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Download the file in pieces."""
        if attachment.url.startswith(SHARE):
            attachment = await self.described(attachment)
        async for piece in self._files.open(attachment):
            yield piece

    async def _posted(self, message: Rendered, mark: str) -> MessageId:
        """Post or stream a message. Returns its id, empty if Teams returns none."""
        if self._where.kind is Kind.DIRECT and message.stage in (Stage.STATUS, Stage.GROWING):
            streamed = await self._microsoft.streams.start(self._id, message, self._sender.send)
            if streamed is not None:
                return streamed
        return MessageId(await self._sender.post(message, mark))

    def _may_be_there(self, message: Rendered, mark: str, since: float) -> None:
        self._lost = since
        if message.stage in (Stage.GROWING, Stage.DONE):
            self._microsoft.marks.lost(self._id, mark, render(message.markdown), since)

    async def _without_an_id(self, message: Rendered, mark: str, since: float) -> MessageId:
        """Find the id of a message that Teams accepted without returning one, by Graph."""
        log.warning("no id for what was posted")
        if not mark or message.stage is Stage.NOTICE:
            return unnamed()
        known = {*self._microsoft.marks.ids(self._id, mark)}
        self._may_be_there(message, mark, since)
        try:
            found = await self.find(mark)
        except ChatError as exc:
            log.info("an id is not known: %s", type(exc).__name__)
            found = ()
        new = [each for each in found if each not in known and not is_before(each, since)]
        return new[-1] if new else unnamed()

    async def _messages(self, thread: str, limit: int) -> list[Mapping[str, Any]]:
        return await self._microsoft.graph.messages(await self._place(), thread, limit)

    def _turns(self, found: Sequence[Mapping[str, Any]]) -> list[Message]:
        app = self._microsoft.app_id
        return [messages.turn(each, app) for each in found if messages.is_said(each)]

    async def _place(self) -> str:
        """Return the path of this conversation in Graph."""
        channel = quote(self._where.channel, safe="")
        match self._where.kind:
            case Kind.CHANNEL:
                return f"teams/{quote(await self._group(), safe='')}/channels/{channel}"
            case Kind.DIRECT:
                # the Bot Framework has its own id for the chat between a person and a bot
                aad, bot = self._extra.get("aad", ""), self._microsoft.app_id
                return f"chats/{quote(f'19:{aad}_{bot}@unq.gbl.spaces', safe='')}"
            case _:
                return f"chats/{channel}"

    async def _folder(self) -> str:
        """Return the channel whose files all its members can see; empty in a chat."""
        return await self._place() if self._where.kind is Kind.CHANNEL else ""

    async def _group(self) -> str:
        """Return the team's id in Graph, which not every activity carries."""
        if known := self._extra.get("group", ""):
            return known
        found = await self._microsoft.connector.team(self._service, self._extra.get("team", ""))
        return str(found.get("aadGroupId") or "")
