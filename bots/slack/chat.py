"""A Slack conversation over the Web API: implements `core.ports.chat.Chat`."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.api import messages
from bots.slack.api.downloads import FILES_READ, answer_refused, download
from bots.slack.api.membership import Membership
from bots.slack.api.standing import Standings
from bots.slack.api.threads import replies
from bots.slack.api.web import People, call, is_slacks, read
from bots.slack.inbound import parse
from bots.slack.inbound.parse import FILE_LINK
from bots.slack.rendering.blocks import text_and_blocks
from bots.slack.rendering.mrkdwn import MrkdwnSurface
from bots.wire.fields import MOST_FILES, map_of, text_of
from bots.wire.refusals import Malformed
from core.ports.chat import ChatError, Forbidden, Gone, Surface, TooLong, Unreachable
from core.ports.file_sources import Freshness
from core.values.answer import Message, MessageId, Rendered
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
from core.values.runs import post_of

log = logging.getLogger(__name__)

EVENT_TYPE = "parley_answer"
HISTORY = 30
"""Messages of a direct chat that are searched, where there is no thread."""
"""The most messages of a thread that are read."""

ORIGINS = 50
"""The most channels kept for a linked file: members of any of them may see it."""

_TS = re.compile(r"\d{1,12}\.\d{6}")
_MENTION = re.compile(r"<@([A-Z0-9]{2,20})")


class SlackChat:
    """A Slack conversation.

    `extra` comes from a command: where to reply ephemerally, and whether that replaces the message.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        conversation: Conversation,
        people: People,
        membership: Membership,
        standings: Standings,
        *,
        extra: Mapping[str, str],
        http: aiohttp.ClientSession,
    ) -> None:
        self._client = client
        self._where = conversation
        self._people = people
        self._membership = membership
        self._standings = standings
        self._extra = extra
        self._http = http
        self._thread = {"thread_ts": conversation.thread} if conversation.thread else {}

    @property
    def surface(self) -> Surface:
        """Renders mrkdwn, in messages of one section."""
        return MrkdwnSurface()

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        """`chat.postMessage`, in the conversation's thread; `mark` goes into the metadata."""
        posted = await self._said(
            "chat.postMessage",
            message,
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": EVENT_TYPE, "event_payload": {"mark": mark}},
            **self._thread,
        )
        return MessageId(posted["ts"])

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        """`chat.update`."""
        await self._said("chat.update", message, ts=message_id)

    async def delete(self, message_id: MessageId) -> None:
        """`chat.delete`."""
        await call(self._client, "chat.delete", channel=self._where.channel, ts=message_id)

    async def find(self, mark: str) -> Sequence[MessageId]:
        """Look for `mark` in the metadata of our messages in this thread or direct chat."""
        us = await self._people.us()
        asked = post_of(mark).rpartition("/")[2]
        # an answer is newer than the post it answers
        since = {"oldest": asked} if _TS.fullmatch(asked) else {}
        return [
            MessageId(each["ts"])
            for each in await self._messages(100, since)
            if each.get("user") == us and messages.mark(each) == mark
        ]

    async def post_ephemeral(self, person: Person, message: Rendered) -> None:
        """Show a message to one person, by the command's response URL if there is one."""
        if url := self._extra.get("response_url"):
            try:
                await self._respond(url, message)
                return
            except Gone:
                pass  # the response URL has expired: it is valid for 30 minutes
        await self._said("chat.postEphemeral", message, user=person.id, **self._thread)

    async def thread(self, limit: int) -> Sequence[Message]:
        """Return the newest messages of the thread or direct chat, with mentions as names."""
        us = await self._people.us()
        said = [each for each in await self._messages(limit, {}) if messages.is_said(each)]
        mentioned = {user for each in said for user in _MENTION.findall(text_of(each.get("text")))}
        wrote = {str(each["user"]) for each in said if each.get("user")}
        names = await self._people.names((mentioned | wrote) - {us})
        return [messages.turn(each, us, names) for each in said]

    async def audience(self, person: Person) -> frozenset[Scope]:
        """In a channel, its own scope; in a direct chat, also the channels that both are in.

        If Slack does not tell which these are, they are left out.
        """
        here = frozenset({self._where.scope, LIBRARY})
        if self._where.kind is not Kind.DIRECT:
            return here
        try:
            channels = await self._membership.of(person.id, self._where.tenant)
        except ChatError as exc:
            log.warning("memberships not read: %s", type(exc).__name__)
            return here
        return here | {replace(self._where, channel=each).scope for each in channels}

    async def outsider(self, person: Person) -> bool:
        """By `users.info`; the result is cached for a few minutes."""
        return (await self._standings.of(person.id)).outsider

    async def rights(self, person: Person) -> Rights:
        """Those of an administrator or owner of the workspace, or of the channel's creator."""
        if (await self._standings.of(person.id)).admin:
            return Rights.WORKSPACE
        if self._where.kind is Kind.DIRECT:
            return Rights.NONE
        told = await read(self._client, "conversations.info", channel=self._where.channel)
        made = map_of(told.get("channel")).get("creator")
        return Rights.PLACE if made == person.id else Rights.NONE

    async def name(self, person: Person) -> str:
        """By `users.info`; names are cached for a day."""
        return (await self._people.names([person.id])).get(person.id, "")

    async def completed(self, question: Incoming) -> Incoming:
        """Add the files that a question links to, if they may be seen here."""
        known = {each.id for each in question.attachments}
        linked: dict[str, Attachment] = {}
        for link in FILE_LINK.finditer(question.text):
            if link[1] in known or not is_slacks(link[0], self._client.base_url):
                continue
            try:
                found = (await read(self._client, "files.info", file=link[1])).get("file")
            except (Gone, Forbidden):
                continue
            if not isinstance(found, Mapping):
                continue
            origins = await self._origins(found, question.person)
            if origins is not None:
                linked[link[1]] = replace(parse.attachment(found), origins=origins)
        more = [*linked.values()][:MOST_FILES]
        return replace(question, attachments=(*question.attachments, *more), files_unresolved=False)

    async def _origins(self, file: Mapping[str, Any], person: Person) -> tuple[str, ...] | None:
        """Return the channels a linked file comes from; empty if from here, or if it is the
        person's own.

        None if it may not be shown: in a channel, when it was shared elsewhere; in a direct chat,
        when this person cannot see it.
        """
        places = {
            str(channel)
            for kind in ("channels", "groups", "ims")
            for channel in file.get(kind) or ()
        }
        if self._where.channel in places:
            return ()
        if self._where.kind is not Kind.DIRECT:
            return None
        if file.get("user") == person.id:
            return ()
        if not places & await self._membership.of(person.id, self._where.tenant):
            return None
        return tuple(replace(self._where, channel=each).place for each in sorted(places))[:ORIGINS]

    async def described(self, attachment: Attachment) -> Attachment:
        """Fetch a file that the event names only by id, as for other workspaces' files
        (`check_file_info`)."""
        if attachment.url and attachment.name:
            return attachment
        found = (await read(self._client, "files.info", file=attachment.id)).get("file")
        told = parse.attachment(found if isinstance(found, Mapping) else {})
        if not told.url:
            raise Forbidden("Slack tells no address of this file", FILES_READ)
        return replace(told, id=attachment.id)

    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        """Nothing to check: Slack sends an event when a file changes or is deleted."""
        return {}

    async def current(self, document: Document) -> Attachment:
        """`files.info`, by the file's id."""
        return await self.described(Attachment(document.id.file, "", "", 0, ""))

    def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Download the file in pieces, with the bot's token."""
        token = str(self._client.token or "")
        return download(self._http, attachment, token, self._client.base_url)

    async def nearby(self, limit: int) -> Sequence[Message]:
        """Return the newest messages of the channel, oldest first; mentions stay ids."""
        found = await read(
            self._client, "conversations.history", channel=self._where.channel, limit=limit
        )
        us = await self._people.us()
        said = [each for each in reversed(found["messages"]) if messages.is_said(each)]
        return [messages.turn(each, us, {}) for each in said]

    async def _messages(self, limit: int, since: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the thread's root and newest messages, or a direct chat's newest; oldest first."""
        if not self._where.thread:
            found = await read(
                self._client,
                "conversations.history",
                channel=self._where.channel,
                limit=min(limit, HISTORY),
                include_all_metadata=1,
                **since,
            )
            return list(reversed(found["messages"]))
        thread, channel = self._where.thread, self._where.channel
        return await replies(self._client, channel, thread, limit, since)

    async def _said(self, method: str, message: Rendered, **arguments: Any) -> Any:
        """Send a message; if Slack refuses its blocks, send it once more as text alone."""
        told = {"channel": self._where.channel, **arguments, **text_and_blocks(message)}
        try:
            return await call(self._client, method, **told)
        except Malformed as exc:
            if MrkdwnSurface().size(message.markdown) > MrkdwnSurface.limit:
                raise TooLong(str(exc)) from exc
        return await call(self._client, method, **{**told, "blocks": []})

    async def _respond(self, url: str, message: Rendered) -> None:
        """Reply to a command at its response URL.

        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        if not is_slacks(url, self._client.base_url):
            raise Forbidden("response_url is not Slack's")
        body = {
            "response_type": "ephemeral",
            "replace_original": bool(self._extra.get("replace")),
            **text_and_blocks(message),
        }
        try:
            async with self._http.post(url, json=body, allow_redirects=False) as response:
                if response.status != 200:
                    raise await answer_refused(response)
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise Unreachable(type(exc).__name__) from exc
