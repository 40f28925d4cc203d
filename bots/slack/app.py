"""Slack's requests in: verified, parsed, queued, acknowledged. The same listeners for HTTP and
Socket Mode. Imports no model, storage or markup library."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bots.slack import events
from bots.slack.verify import Rejected, payload_of, verify
from core.conversation import Command, Incoming
from core.ports import StoreError

if TYPE_CHECKING:
    from slack_bolt.adapter.socket_mode import SocketModeHandler

log = logging.getLogger(__name__)

LATER = "I can't take that just now. Please try again in a minute."

Headers = Sequence[tuple[str, str]]
Enqueue = Callable[[Incoming | Command], None]


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Headers = ()
    body: bytes = b""


class Receiver:
    """One Slack app. `enqueue` queues from any thread, or raises StoreError."""

    def __init__(
        self,
        *,
        signing_secret: str,
        bot_token: str,
        api_url: str,
        enqueue: Enqueue,
        allowed_tenants: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not signing_secret or not bot_token:
            raise ValueError("Slack needs a signing secret and a bot token")
        self._secret = signing_secret
        self._enqueue = enqueue
        self._allowed = allowed_tenants
        self._clock = clock
        self.bolt = self._build(bot_token, api_url)

    def handle(self, headers: Headers, body: bytes) -> Response:
        """Answers one HTTP request; `headers` as they came. Slack repeats what gets a 5xx."""
        try:
            verify(headers, body, self._secret, self._clock())
            content_type = next((v for k, v in headers if k.lower() == "content-type"), "")
            payload = payload_of(content_type, body)
        except Rejected as exc:
            log.info("request refused: %s", exc)
            return Response(exc.status)
        if "ssl_check" in payload:
            return Response(200)
        answer = self.bolt.dispatch(
            BoltRequest(body=body.decode(), headers={k: v for k, v in headers})  # noqa: C416
        )
        flat = tuple((k, v) for k, values in answer.headers.items() for v in values)
        return Response(answer.status, flat, (answer.body or "").encode())

    def _build(self, bot_token: str, api_url: str) -> App:
        def authorize(team_id: str | None = None, **_: object) -> AuthorizeResult:
            # the token is the operator's one; who we are comes with every event
            return AuthorizeResult(enterprise_id=None, team_id=team_id, bot_token=bot_token)

        app = App(
            client=WebClient(base_url=api_url),
            authorize=authorize,
            process_before_response=True,
            request_verification_enabled=False,  # `handle` has verified, over the raw bytes
            ignoring_self_events_enabled=False,  # `events.message` ignores every bot
            ssl_check_enabled=False,
            signing_secret=self._secret,
            logger=_quiet(),
        )
        anything = re.compile(".*", re.S)
        app.event("app_mention")(self._on_message)
        app.event("message")(self._on_message)
        app.event(anything)(lambda ack: ack())
        app.command(anything)(self._on_command)
        app.action(anything)(self._on_action)
        app.middleware(self._known)
        app.error(_failed)
        return app

    def _known(self, body: dict[str, Any], next: Callable[[], None]) -> BoltResponse | None:  # noqa: A002
        """Lets through what the listeners below are for; all else is acknowledged, without effect."""
        tenant = body.get("team_id") or (body.get("team") or {}).get("id")
        foreign = bool(self._allowed) and tenant not in self._allowed
        kind = body.get("type")
        if not foreign and (kind in ("event_callback", "block_actions") or body.get("command")):
            next()
            return None
        return BoltResponse(status=200, body="")

    def _on_message(self, body: dict[str, Any]) -> None:
        item = events.message(body)
        if item is not None:
            self._enqueue(item)

    def _on_command(self, body: dict[str, Any], ack: Callable[..., None]) -> None:
        self._acknowledged(events.command(body), ack)

    def _on_action(self, body: dict[str, Any], ack: Callable[..., None]) -> None:
        self._acknowledged(events.action(body), ack)

    def _acknowledged(self, item: Command | None, ack: Callable[..., None]) -> None:
        """Slack does not repeat commands and actions: when they can't be queued, say so at once."""
        if item is None:
            ack()
            return
        try:
            self._enqueue(item)
        except StoreError:
            log.warning("command not queued")
            if "response_url" in item.extra and "replace" not in item.extra:
                ack(LATER)
                return
            raise
        ack()


def socket_mode(receiver: Receiver, app_token: str) -> SocketModeHandler:
    """The same app over a WebSocket that we open: `connect()`, then `close()`."""
    from slack_bolt.adapter.socket_mode import SocketModeHandler  # noqa: PLC0415 - only if used

    return SocketModeHandler(receiver.bolt, app_token, web_client=receiver.bolt.client)


def _failed(error: Exception) -> BoltResponse:
    log.warning("event not queued: %s", type(error).__name__)
    return BoltResponse(status=503, body="")


def _quiet() -> logging.Logger:
    """A logger for Bolt, which writes payloads at its lower levels."""
    logger = logging.getLogger("parley.bolt")
    logger.setLevel(logging.CRITICAL)
    return logger
