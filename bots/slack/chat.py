"""One Slack conversation over the Web API: `core.ports.Chat`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.blocks import shown_text, text_and_blocks
from bots.slack.inbound import from_mrkdwn
from bots.slack.mrkdwn import MrkdwnSurface
from core.answer import MessageId, Rendered, Turn
from core.budget import Limits, Rate
from core.conversation import LIBRARY, Attachment, Conversation, Person, Scope
from core.ports import Call, ChatError, Forbidden, Gone, RateLimited, Surface, TooLong, Unreachable

LIMITS = Limits(
    workspace={Call.EDIT: Rate(50, 62), Call.POST: Rate(300, 62), Call.DELETE: Rate(50, 62)},
    channel={Call.POST: Rate(1, 1.2)},
)
"""Slack's tiers, windows padded for the journey: `chat.update` and `chat.delete` tier 3 (50 a
minute), `chat.postMessage` one a second and channel, "several hundred" a minute and workspace.
https://docs.slack.dev/apis/web-api/rate-limits"""

EVENT_TYPE = "parley_answer"
HISTORY = 30
"""Messages of a direct chat or channel that are looked through, where there is no thread."""

GONE = frozenset({"message_not_found", "channel_not_found", "thread_not_found", "no_channel"})
TOO_LONG = frozenset({"msg_too_long", "msg_blocks_too_long"})
PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class Names:
    """Who is who in a workspace, asked once: our own user id, and people's names."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._names: dict[str, str] = {}
        self._us = ""

    async def us(self) -> str:
        if not self._us:
            self._us = str((await called(self._client, "auth.test"))["user_id"])
        return self._us

    async def of(self, users: Sequence[str]) -> Mapping[str, str]:
        for user in {*users} - {*self._names}:
            try:
                found = (await called(self._client, "users.info", user=user))["user"]
            except ChatError:
                continue
            profile = found.get("profile") or {}
            self._names[user] = str(
                profile.get("display_name") or profile.get("real_name") or found.get("name", user)
            )
        return self._names


class SlackChat:
    """`extra` is a command's: where to whisper, and whether that replaces what was whispered."""

    def __init__(
        self,
        client: AsyncWebClient,
        conversation: Conversation,
        names: Names,
        extra: Mapping[str, str],
        http: aiohttp.ClientSession,
    ) -> None:
        self._client = client
        self._where = conversation
        self._names = names
        self._extra = extra
        self._http = http
        self._thread = {"thread_ts": conversation.thread} if conversation.thread else {}

    @property
    def surface(self) -> Surface:
        return MrkdwnSurface()

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        posted = await called(
            self._client,
            "chat.postMessage",
            channel=self._where.channel,
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": EVENT_TYPE, "event_payload": {"mark": mark}},
            **self._thread,
            **text_and_blocks(message),
        )
        return MessageId(posted["ts"])

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        await called(
            self._client,
            "chat.update",
            channel=self._where.channel,
            ts=message_id,
            **text_and_blocks(message),
        )

    async def delete(self, message_id: MessageId) -> None:
        await called(self._client, "chat.delete", channel=self._where.channel, ts=message_id)

    async def find(self, mark: str) -> Sequence[MessageId]:
        return [
            MessageId(each["ts"])
            for each in await self._messages(100)
            if (each.get("metadata") or {}).get("event_payload", {}).get("mark") == mark
        ]

    async def whisper(self, person: Person, message: Rendered) -> None:
        url = self._extra.get("response_url", "")
        if url:
            await self._respond(url, message)
            return
        await called(
            self._client,
            "chat.postEphemeral",
            channel=self._where.channel,
            user=person.id,
            **self._thread,
            **text_and_blocks(message),
        )

    async def thread(self, limit: int) -> Sequence[Turn]:
        us = await self._names.us()
        said = [m for m in await self._messages(limit) if m.get("subtype") in (None, "file_share")]
        names = await self._names.of([m["user"] for m in said if m.get("user") not in (None, us)])
        turns: list[Turn] = []
        for each in said:
            if each.get("user") == us:
                turns.append(Turn("assistant", shown_text(each), "", each["ts"]))
            elif not each.get("bot_id"):
                text = from_mrkdwn(str(each.get("text") or "").replace(f"<@{us}>", ""), names)
                name = names.get(each.get("user", ""), "")
                turns.append(Turn("user", text.strip(), name, each["ts"]))
        return turns

    async def audience(self, person: Person) -> frozenset[Scope]:
        return frozenset({self._where.scope, LIBRARY})

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The file's bytes. The token goes to Slack's own hosts only."""
        host = urlsplit(attachment.url).hostname or ""
        if host != "files.slack.com" and host != _host(self._client):
            raise Forbidden("the file is not at Slack")
        headers = {"Authorization": f"Bearer {self._client.token}"}
        try:
            async with self._http.get(
                attachment.url, headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise Forbidden(f"file: {response.status}")
                async for piece in response.content.iter_chunked(64 * 1024):
                    yield piece
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise Unreachable(type(exc).__name__) from exc

    async def _messages(self, limit: int) -> list[dict[str, Any]]:
        """The newest messages of the thread, or of a chat without one, oldest first."""
        if self._where.thread:
            found = await called(
                self._client,
                "conversations.replies",
                channel=self._where.channel,
                ts=self._where.thread,
                limit=max(limit, 200),
                include_all_metadata=True,
            )
            messages: list[dict[str, Any]] = found["messages"]
            return messages[-limit:]
        found = await called(
            self._client,
            "conversations.history",
            channel=self._where.channel,
            limit=min(limit, HISTORY),
            include_all_metadata=True,
        )
        return list(reversed(found["messages"]))

    async def _respond(self, url: str, message: Rendered) -> None:
        """Answers where a command was given. https://docs.slack.dev/interactivity"""
        if urlsplit(url).hostname not in ("hooks.slack.com", _host(self._client)):
            raise Forbidden("response_url is not Slack's")
        body = {
            "response_type": "ephemeral",
            "replace_original": bool(self._extra.get("replace")),
            **text_and_blocks(message),
        }
        try:
            async with self._http.post(url, json=body, allow_redirects=False) as response:
                if response.status == 429:
                    raise RateLimited(float(response.headers.get("Retry-After", "1")))
                if response.status >= 500:
                    raise Unreachable(str(response.status))
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise Unreachable(type(exc).__name__) from exc


async def called(client: AsyncWebClient, method: str, **arguments: Any) -> Any:
    """One Web API call; Slack's errors as ours."""
    try:
        return await client.api_call(method, json=arguments)
    except SlackApiError as exc:
        raise _error(exc) from exc
    except (SlackClientError, aiohttp.ClientError, TimeoutError, asyncio.TimeoutError) as exc:
        raise Unreachable(type(exc).__name__) from exc


def _error(exc: SlackApiError) -> ChatError:
    response = exc.response
    status = getattr(response, "status_code", 200)
    if status == 429:
        return RateLimited(float(response.headers.get("Retry-After", "1")))
    try:
        error = str(response.get("error", ""))
    except (AttributeError, ValueError):
        error = ""
    if error == "ratelimited":
        return RateLimited(1.0)
    if error in GONE:
        return Gone(error)
    if error in TOO_LONG:
        return TooLong(error)
    if status >= 500 or error in PASSING or not error:
        return Unreachable(error or str(status))
    return Forbidden(error)


def _host(client: AsyncWebClient) -> str:
    return urlsplit(client.base_url).hostname or ""
