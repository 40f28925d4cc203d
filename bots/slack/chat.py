"""One Slack conversation over the Web API: `core.ports.chat.Chat`."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.api.downloads import FILES_READ, answer_refused, download
from bots.slack.api.membership import Membership
from bots.slack.api.standing import Standings
from bots.slack.api.threads import replies
from bots.slack.api.web import People, call, is_slacks, read
from bots.slack.inbound import parse
from bots.slack.inbound.parse import FILE_LINK, SUBTYPES
from bots.slack.inbound.plain_text import from_mrkdwn
from bots.slack.rendering.blocks import shown_text, text_and_blocks
from bots.slack.rendering.mrkdwn import MrkdwnSurface
from bots.wire.fields import MOST_FILES, map_of
from bots.wire.refusals import Malformed
from core.ports.chat import ChatError, Forbidden, Gone, Surface, TooLong, Unreachable
from core.ports.file_sources import Freshness
from core.ports.rates import Call
from core.rates.budget import Quota, Rate
from core.values.answer import MessageId, Rendered, Turn
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

QUOTAS = (
    Quota(frozenset({Call.POST}), (Rate(1, 1.2),), by="channel"),
    Quota(frozenset({Call.POST}), (Rate(300, 62),)),
    Quota(frozenset({Call.EDIT}), (Rate(50, 62),)),
    Quota(frozenset({Call.DELETE}), (Rate(50, 62),)),
)
"""Slack's tiers, windows padded for the journey: `chat.update` and `chat.delete` tier 3 (50 a
minute), `chat.postMessage` one a second and channel, "several hundred" a minute and workspace.
A 429 is about the method in the whole workspace.
https://docs.slack.dev/apis/web-api/rate-limits"""

EVENT_TYPE = "parley_answer"
HISTORY = 30
"""Messages of a direct chat that are looked through, where there is no thread."""
"""A thread that is longer is read up to here."""

ORIGINS = 50
"""Channels of a linked file that are kept: who is in one of them may see it."""

_TS = re.compile(r"\d{1,12}\.\d{6}")
_MENTION = re.compile(r"<@([A-Z0-9]{2,20})")


class SlackChat:
    """`extra` is a command's: where to whisper, and whether that replaces what was whispered."""

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
        return MrkdwnSurface()

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
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
        await self._said("chat.update", message, ts=message_id)

    async def delete(self, message_id: MessageId) -> None:
        await call(self._client, "chat.delete", channel=self._where.channel, ts=message_id)

    async def find(self, mark: str) -> Sequence[MessageId]:
        us = await self._people.us()
        asked = post_of(mark).rpartition("/")[2]
        # what answers a post came after it
        since = {"oldest": asked} if _TS.fullmatch(asked) else {}
        return [
            MessageId(each["ts"])
            for each in await self._messages(100, since)
            if each.get("user") == us and _mark(each) == mark
        ]

    async def whisper(self, person: Person, message: Rendered) -> None:
        if url := self._extra.get("response_url"):
            try:
                await self._respond(url, message)
                return
            except Gone:
                pass  # the address lives for 30 minutes; the command waited longer
        await self._said("chat.postEphemeral", message, user=person.id, **self._thread)

    async def thread(self, limit: int) -> Sequence[Turn]:
        us = await self._people.us()
        said = [each for each in await self._messages(limit, {}) if _is_said(each)]
        mentioned = {user for each in said for user in _MENTION.findall(_text(each))}
        wrote = {str(each["user"]) for each in said if each.get("user")}
        names = await self._people.names((mentioned | wrote) - {us})
        return [_turn(each, us, names) for each in said]

    async def audience(self, person: Person) -> frozenset[Scope]:
        """In a channel its own files; in a direct chat also those of channels that both are in.

        Where Slack does not say which these are, they are not among them.
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
        return (await self._standings.of(person.id)).outsider

    async def rights(self, person: Person) -> Rights:
        """An administrator's or owner's of the workspace, or those of who made the channel."""
        if (await self._standings.of(person.id)).admin:
            return Rights.WORKSPACE
        if self._where.kind is Kind.DIRECT:
            return Rights.NONE
        told = await read(self._client, "conversations.info", channel=self._where.channel)
        made = map_of(told.get("channel")).get("creator")
        return Rights.PLACE if made == person.id else Rights.NONE

    async def name(self, person: Person) -> str:
        return (await self._people.names([person.id])).get(person.id, "")

    async def completed(self, question: Incoming) -> Incoming:
        """A question with the files that it links to, as far as they may be seen here."""
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
        return replace(question, attachments=(*question.attachments, *more), partial=False)

    async def _origins(self, file: Mapping[str, Any], person: Person) -> tuple[str, ...] | None:
        """Where a linked file is from, none where it is from here or the person's own; None if it
        may not be shown: in a channel it was shared elsewhere, in a direct chat where its person
        does not see it."""
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
        """Of a file from another workspace the event tells the id only (`check_file_info`)."""
        if attachment.url and attachment.name:
            return attachment
        found = (await read(self._client, "files.info", file=attachment.id)).get("file")
        told = parse.attachment(found if isinstance(found, Mapping) else {})
        if not told.url:
            raise Forbidden("Slack tells no address of this file", FILES_READ)
        return replace(told, id=attachment.id)

    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        """Nothing is to be asked: Slack tells of files that change or go."""
        return {}

    async def current(self, document: Document) -> Attachment:
        return await self.described(Attachment(document.id.file, "", "", 0, ""))

    def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        token = str(self._client.token or "")
        return download(self._http, attachment, token, self._client.base_url)

    async def nearby(self, limit: int) -> Sequence[Turn]:
        found = await read(
            self._client, "conversations.history", channel=self._where.channel, limit=limit
        )
        us = await self._people.us()
        said = [each for each in reversed(found["messages"]) if _is_said(each)]
        return [_turn(each, us, {}) for each in said]

    async def _messages(self, limit: int, since: Mapping[str, str]) -> list[dict[str, Any]]:
        """The newest messages of the thread, and its root, or of a chat; oldest first."""
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
        """Says a message; what Slack does not take as blocks is said once more as text alone."""
        told = {"channel": self._where.channel, **arguments, **text_and_blocks(message)}
        try:
            return await call(self._client, method, **told)
        except Malformed as exc:
            if MrkdwnSurface().size(message.markdown) > MrkdwnSurface.limit:
                raise TooLong(str(exc)) from exc
        return await call(self._client, method, **{**told, "blocks": []})

    async def _respond(self, url: str, message: Rendered) -> None:
        """Answers where a command was given.

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


def _is_said(message: Mapping[str, Any]) -> bool:
    """People's words and other apps' posts, no notices."""
    return (message.get("subtype") or "") in (*SUBTYPES, "bot_message") and bool(message.get("ts"))


def _mark(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("mark") or "")


def _turn(message: Mapping[str, Any], us: str, names: Mapping[str, str]) -> Turn:
    if message.get("user") == us:
        return Turn("assistant", from_mrkdwn(shown_text(message), names), "", message["ts"])
    app = (message.get("bot_profile") or {}).get("name") or message.get("username") or ""
    name = names.get(str(message.get("user") or ""), "") or str(app)
    text = re.sub(rf"<@{us}(\|[^<>]*)?>", "", _text(message)) if us else _text(message)
    return Turn("user", from_mrkdwn(text, names).strip(), name, message["ts"])


def _text(message: Mapping[str, Any]) -> str:
    """What was written; for apps that post attachments only, what these say."""
    text = str(message.get("text") or "")
    attachments = [each for each in message.get("attachments") or () if isinstance(each, dict)]
    if text or not attachments:
        return text
    return "\n".join(str(each.get("text") or each.get("fallback") or "") for each in attachments)
