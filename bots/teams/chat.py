"""One Teams conversation over the connector and Graph: `core.ports.chat.Chat`."""

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
"""Seconds within which Teams has taken a post whose answer was lost, and Graph tells of it."""


@dataclass(frozen=True, slots=True)
class Microsoft:
    """What a process reaches Teams by; `app_id` is the bot's."""

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
    """`extra` is the turn's: how to reach the conversation, and who asked."""

    def __init__(
        self, microsoft: Microsoft, conversation: Conversation, extra: Mapping[str, str]
    ) -> None:
        self._microsoft = microsoft
        self._where = conversation
        self._extra = extra
        self._service = extra.get("service_url", "")
        in_public = conversation.thread and not self._private
        # what only its writer and we see is in no thread
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
        """Whom alone to answer; empty where all may see."""
        targeted = self._extra.get("to") == "person" and self._where.kind is not Kind.DIRECT
        return self._extra.get("user", "") if targeted else ""

    @property
    def surface(self) -> Surface:
        return TeamsSurface()

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
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
        mark = self._marks.get(message_id, "")
        streams = self._microsoft.streams
        if not await streams.edit(self._id, message_id, message, self._sender.send):
            await self._sender.edit(message_id, message, mark)

    async def delete(self, message_id: MessageId) -> None:
        self._microsoft.streams.forget(self._id, message_id)
        self._microsoft.marks.forget(self._id, message_id)
        await self._sender.delete(message_id)

    async def find(self, mark: str) -> Sequence[MessageId]:
        """By Graph, as the connector tells nothing of earlier messages; where Graph may not be
        asked, what this process remembers."""
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
        """Whether the lost post is found: a message that another process posted is older."""
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
            marks.posted(self._id, mark, each)  # its card may be gone when it has changed
        return [MessageId(each) for each in of_it]

    async def post_ephemeral(self, person: Person, message: Rendered) -> None:
        """Shown to one person, where Teams can do that; else as a reply."""
        user = self._extra.get("user", "")
        if self._where.kind is not Kind.DIRECT and user:
            try:
                await self._sender.post(message, to=user)
                return
            except Forbidden as exc:
                log.info("not shown to one person only: %s", exc)
        await self._sender.post(message)

    async def thread(self, limit: int) -> Sequence[Message]:
        return self._turns(await self._messages(self._where.thread or "", limit))

    async def nearby(self, limit: int) -> Sequence[Message]:
        return self._turns(await self._messages("", limit))

    async def audience(self, person: Person) -> frozenset[Scope]:
        """In a channel or group its own files; in a personal chat also those of channels that the
        person is in now. Where Graph does not say which these are, they are not among them."""
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
        user, standings = self._extra.get("user", ""), self._microsoft.standings
        return await standings.outsider(self._service, self._where, user)

    async def rights(self, person: Person) -> Rights:
        if self._where.kind is not Kind.CHANNEL:
            return Rights.NONE
        return await self._microsoft.graph.rights(await self._place(), self._extra.get("aad", ""))

    async def name(self, person: Person) -> str:
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
        """A channel's or group's post with its files, which Teams tells to Graph only."""
        root = self._where.thread or ""
        reply_to = root if root != question.message_id else ""
        place = await self._place()
        found = await self._microsoft.graph.message(place, question.message_id, reply_to)
        known = {each.id for each in question.attachments}
        more = [each for each in messages.files(found) if each.id not in known]
        return replace(question, attachments=(*question.attachments, *more), files_unresolved=False)

    async def described(self, attachment: Attachment) -> Attachment:
        return await self._files.described(attachment, self._folder)

    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        """Teams tells nothing of its files: SharePoint and OneDrive are asked."""
        return await self._files.freshness(documents)

    async def current(self, document: Document) -> Attachment:
        here = document.id.place == self._where.place
        return await self._files.current(document, self._folder if here else nowhere)

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        if attachment.url.startswith(SHARE):
            attachment = await self.described(attachment)
        async for piece in self._files.open(attachment):
            yield piece

    async def _posted(self, message: Rendered, mark: str) -> MessageId:
        """Empty where Teams tells no id."""
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
        """The id of a message that Teams took without telling one: Graph's, if it knows it."""
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
        """Where Graph has this conversation."""
        channel = quote(self._where.channel, safe="")
        match self._where.kind:
            case Kind.CHANNEL:
                return f"teams/{quote(await self._group(), safe='')}/channels/{channel}"
            case Kind.DIRECT:
                # the Bot Framework has an id of its own for the chat of a person and a bot
                aad, bot = self._extra.get("aad", ""), self._microsoft.app_id
                return f"chats/{quote(f'19:{aad}_{bot}@unq.gbl.spaces', safe='')}"
            case _:
                return f"chats/{channel}"

    async def _folder(self) -> str:
        """The channel whose files all its members see; empty in a chat."""
        return await self._place() if self._where.kind is Kind.CHANNEL else ""

    async def _group(self) -> str:
        """The team's id as Graph knows it, which not every activity tells."""
        if known := self._extra.get("group", ""):
            return known
        found = await self._microsoft.connector.team(self._service, self._extra.get("team", ""))
        return str(found.get("aadGroupId") or "")
