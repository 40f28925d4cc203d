"""Teams' receiver: verify, parse, queue and acknowledge activities.

Imports no model, storage or index library.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from botbuilder.core import CloudAdapterBase, InvokeResponse, TurnContext
from botbuilder.schema import Activity
from botframework.connector.auth import AuthenticateRequestResult, ClaimsIdentity
from msrest.exceptions import ClientException

from bots.teams.inbound.auth import Authenticator, RequestRejected
from bots.teams.inbound.parse import FEEDBACK, parse
from bots.wire.fields import ODD
from bots.wire.nesting import DEEPEST, depth
from core.ports.store_error import StoreError
from core.runtime.http import Enqueue, Headers, Response
from core.wording.catalogue import phrase

log = logging.getLogger(__name__)

LARGEST = 1024**2
"""The most bytes of a request; Teams' stay below 100 KB."""
CARD_ACTION = "adaptiveCard/action"
ERRORS = {400: "BadRequest", 503: "ServiceUnavailable"}
MESSAGE = "application/vnd.microsoft.activity.message"


class _Nowhere:
    """Replaces botbuilder's outgoing client: answers go through `bots.teams.chat`."""

    async def create(self, *_: object) -> object:
        """Return an object that is never called."""
        return object()

    async def create_user_token_client(self, *_: object) -> object:
        """Return an object that is never called."""
        return object()


class Receiver:
    """Receives the activities of one bot. `enqueue` works in any thread, or raises StoreError."""

    def __init__(self, app_id: str, authenticator: Authenticator, enqueue: Enqueue) -> None:
        if not app_id.strip():
            raise ValueError("the app's id is empty")
        self._app_id = app_id
        self._authenticator = authenticator
        self._enqueue = enqueue
        self._adapter = CloudAdapterBase(_Nowhere())
        self._adapter.on_turn_error = _raised

    async def handle(self, headers: Headers, body: bytes) -> Response:
        """Answer one HTTP request; `headers` as received. Teams repeats a request answered with
        5xx."""
        try:
            activity = _activity(headers, body)
            claims = await self._authenticator.check(headers, activity)
        except RequestRejected as exc:
            log.info("request refused: %s", exc)
            return Response(exc.status)
        verified = AuthenticateRequestResult()
        verified.claims_identity = ClaimsIdentity(dict(claims), True)
        verified.audience = str(claims["aud"])
        verified.connector_factory = _Nowhere()
        try:
            schema = Activity().deserialize(activity)
            answer = await self._adapter.process_activity(verified, schema, self._turn(activity))
        except StoreError as exc:
            log.warning("activity not queued: %s", type(exc).__name__)
            return _later(activity)
        except (ClientException, *ODD) as exc:
            # botbuilder does not validate what it reads
            log.info("request refused: %s", type(exc).__name__)
            return Response(400)
        return Response(200) if answer is None else _json(answer.status, answer.body)

    def _turn(self, activity: Mapping[str, Any]) -> Callable[[TurnContext], Awaitable[None]]:
        """Return the handler of an activity, based on its JSON: botbuilder's objects lose parts of
        it."""

        async def turn(context: TurnContext) -> None:
            item = parse(activity, self._app_id)
            if item is not None:
                await asyncio.to_thread(self._enqueue, item)
            if activity.get("type") == "invoke":
                await context.send_activity(_invoked(activity, known=item is not None))

        return turn


def _activity(headers: Headers, body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST:
        raise RequestRejected("too large", 413)
    if not any(name.lower() == "authorization" for name, _ in headers):
        raise RequestRejected("no token")  # nothing in it is read
    try:
        text = body.decode()
        if depth(text) > DEEPEST:
            raise RequestRejected("nested too deep", 400)
        activity = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise RequestRejected("unreadable", 400) from exc
    if not isinstance(activity, dict):
        raise RequestRejected("not an object", 400)
    return activity


def _invoked(activity: Mapping[str, Any], *, known: bool) -> Activity:
    """Return the response to an invoke: a card's action is accepted, anything else is not ours.

    https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model
    """
    status = 200 if known else 404
    body: dict[str, Any] | None = None
    if known and activity.get("name") == FEEDBACK:
        body = {}
    if activity.get("name") == CARD_ACTION:
        status = 200
        body = {"statusCode": 200, "type": MESSAGE, "value": "OK"} if known else _error(400)
    return Activity(type="invokeResponse", value=InvokeResponse(status=status, body=body))


def _later(activity: Mapping[str, Any]) -> Response:
    """Ask for a retry: a card shows its error; anything else is sent again after a 503."""
    if activity.get("type") == "invoke" and activity.get("name") == CARD_ACTION:
        return _json(200, _error(503))
    return Response(503)


def _error(status: int) -> dict[str, Any]:
    """Return the response to a card's action that was not accepted."""
    message = phrase("reply.later" if status == 503 else "reply.unknown_button")
    value = {"code": ERRORS[status], "message": message}
    return {"statusCode": status, "type": "application/vnd.microsoft.error", "value": value}


def _json(status: int, body: object) -> Response:
    if body is None:
        return Response(int(status))
    headers = (("Content-Type", "application/json"),)
    return Response(int(status), headers, json.dumps(body).encode())


async def _raised(_: TurnContext, error: Exception) -> None:
    raise error
