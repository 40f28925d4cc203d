"""Slack's receiver: verify, parse, queue and acknowledge requests.

HTTP and Socket Mode share the listeners. Imports no model, storage or markup library.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bots.slack.inbound import parse
from bots.slack.inbound.file_events import NOTICES, notice
from bots.slack.inbound.tenancy import tenant_of
from bots.slack.inbound.verify import RequestRejected, payload_of, verify
from bots.wire.fields import ODD
from core.ports.store_error import StoreError
from core.runtime.http import Enqueue, Headers, Response
from core.wording.catalogue import phrase

if TYPE_CHECKING:
    from slack_bolt.adapter.socket_mode import SocketModeHandler

log = logging.getLogger(__name__)


class Receiver:
    """Receives the requests of one Slack app. `enqueue` works in any thread, or raises
    StoreError."""

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
        for name, value in (("signing secret", signing_secret), ("bot token", bot_token)):
            if not value.strip():
                raise ValueError(f"Slack's {name} is empty")
        self._secret = signing_secret
        self._enqueue = enqueue
        self._allowed = allowed_tenants
        self._clock = clock
        self.bolt = self._build(bot_token, api_url)

    def handle(self, headers: Headers, body: bytes) -> Response:
        """Answer one HTTP request; `headers` as received. Slack repeats a request answered with
        5xx."""
        try:
            verify(headers, body, self._secret, self._clock())
            payload = payload_of(headers, body)
        except RequestRejected as exc:
            log.info("request refused: %s", exc)
            return Response(exc.status)
        # pass it already parsed, as from a socket: Bolt's own parser takes a form for empty if any
        # of its values contains the word "payload", and anything that begins with a brace as JSON
        try:
            answer = self.bolt.dispatch(BoltRequest(body=payload, mode="socket_mode"))
        except ODD as exc:
            return Response(_failed(exc).status)
        flat = tuple((k, v) for k, values in answer.headers.items() for v in values)
        return Response(answer.status, flat, (answer.body or "").encode())

    def _build(self, bot_token: str, api_url: str) -> App:
        def authorize(team_id: str | None) -> AuthorizeResult:
            # Bolt would call `auth.test` before it acknowledges; every event says who we are
            return AuthorizeResult(enterprise_id=None, team_id=team_id, bot_token=bot_token)

        app = App(
            name="parley",  # otherwise Bolt inspects the call stack for one
            client=WebClient(base_url=api_url, logger=_quiet(), retry_handlers=[]),
            authorize=authorize,
            process_before_response=True,  # otherwise acknowledged before it is queued
            attaching_conversation_kwargs_enabled=False,
            request_verification_enabled=False,  # `handle` has verified the raw bytes
            ignoring_self_events_enabled=False,  # `events.message` ignores every bot
            ssl_check_enabled=False,  # `_known` acknowledges it
            signing_secret=self._secret,
            logger=_quiet(),
        )
        anything = re.compile(".*", re.S)
        app.event("app_mention")(self._on_message)
        app.event("message")(self._on_message)
        for told in NOTICES:
            app.event(told)(self._on_notice)
        app.event(anything)(lambda ack: ack())
        app.command(anything)(self._on_command)
        app.action(anything)(self._on_action)
        app.middleware(self._known)
        app.error(_failed)
        return app

    def _known(self, body: dict[str, Any], next: Callable[[], None]) -> BoltResponse | None:  # noqa: A002
        """Pass on what we have listeners for; acknowledge everything else without effect."""
        ours = not self._allowed or tenant_of(body) in self._allowed
        slash = isinstance(body.get("command"), str)
        if ours and (slash or parse.is_listened_to(body)):
            next()
            return None
        return BoltResponse(status=200, body=phrase("reply.not_this_workspace") if slash else "")

    def _on_message(self, body: dict[str, Any]) -> None:
        item = parse.message(body) or notice(body)
        if item is not None:
            self._enqueue(item)

    def _on_notice(self, body: dict[str, Any]) -> None:
        item = notice(body)
        if item is not None:
            self._enqueue(item)

    def _on_command(self, body: dict[str, Any], ack: Callable[..., None]) -> None:
        """Queue a command. Slack never repeats one: if it cannot be queued, say so at once."""
        item = parse.command(body)
        try:
            if item is not None:
                self._enqueue(item)
        except StoreError as exc:
            _failed(exc)
            ack(phrase("reply.later"))
        else:
            ack()

    def _on_action(self, body: dict[str, Any], ack: Callable[..., None]) -> None:
        """Queue an action. Slack never repeats one either, but marks its button if it fails
        (`_failed`)."""
        item = parse.action(body)
        if item is not None:
            self._enqueue(item)
        ack()


def socket_mode(receiver: Receiver, app_token: str) -> SocketModeHandler:
    """Connect the same app over Socket Mode, a WebSocket that we open: `connect()`, then
    `close()`."""
    from slack_bolt.adapter.socket_mode import SocketModeHandler  # noqa: PLC0415 - only if used

    return SocketModeHandler(receiver.bolt, app_token, web_client=receiver.bolt.client)


def _failed(error: Exception) -> BoltResponse:
    """Answer 503 to what cannot be queued now, so that Slack sends an event again."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    line = f"{where.tb_frame.f_code.co_qualname}:{where.tb_lineno}" if where else "?"
    # do not log the error's text, which may quote the payload
    log.log(
        logging.WARNING if isinstance(error, StoreError) else logging.ERROR,
        "request not queued: %s in %s",
        type(error).__name__,
        line,
    )
    return BoltResponse(status=200 if isinstance(error, ODD) else 503, body="")


def _quiet() -> logging.Logger:
    """Return a logger for Bolt, which logs payloads at its lower levels."""
    logger = logging.getLogger("parley.bolt")
    logger.setLevel(logging.CRITICAL)
    return logger
