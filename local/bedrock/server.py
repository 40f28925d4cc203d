"""A stand-in for Amazon Bedrock's runtime that speaks its real wire protocol.

`POST /model/{id}/converse-stream` responds in event-stream frames as recorded from the service; the
text comes from `local.bedrock.claude`, or from a `Script` that a test has set. Thinking is a
reasoning block before the text. `POST /model/{id}/invoke` embeds by `local.bedrock.embedding`.
Faults are the service's own: status codes, exception frames, silence, a dropped connection. `POST
/_script` sets a `Script`, whose `embedding` is an `EmbeddingScript`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from core.aws.bedrock.eventstream import encode
from core.values.models import MODELS
from local.bedrock import claude, rules
from local.bedrock.embedding import EmbeddingScript, EmbeddingStandIn, Fault
from local.bedrock.prompt_cache import Cache

REGION = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/bedrock/")
_IDS = {model.bedrock_id: model for model in MODELS.values()}


@dataclass(frozen=True, slots=True)
class Script:
    """How the stand-in responds.

    `text`: what it says, None for `local.bedrock.claude`. `size`: characters in a delta; `pace`:
    seconds between deltas. `throttle`: how many calls get a 429 first. `silent`: seconds before the
    first delta. `fail_after`: deltas before it fails as `failure` says: an exception's name, `drop`
    (the connection), or `cut` (an end without a stop reason). `regions`: those affected by faults,
    all if empty. `thinks`: seconds that a model that may think spends on it before the first delta;
    `thoughts`: the tokens that this takes.
    """

    text: str | None = None
    size: int = 8
    pace: float = 0.04
    throttle: int = 0
    silent: float = 0.0
    fail_after: int | None = None
    failure: str = "modelStreamErrorException"
    stop: str = "end_turn"
    regions: tuple[str, ...] = ()
    thinks: float = 0.0
    thoughts: int = 0


@dataclass(slots=True)
class BedrockStandIn:
    """Serve `app`; `calls` are the requests, `closed` counts those that the caller aborted.

    `clock` is the prompt cache's time, in seconds.
    """

    script: Script = field(default_factory=Script)
    calls: list[dict[str, Any]] = field(default_factory=list)
    closed: int = 0
    keep: int = 200
    embedding: EmbeddingStandIn = field(default_factory=EmbeddingStandIn)
    clock: Callable[[], float] = time.monotonic
    cache: Cache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = Cache(self.clock)

    @property
    def app(self) -> web.Application:
        """The aiohttp application with all routes."""
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_post("/model/{model}/converse-stream", self._stream)
        app.router.add_post("/model/{model}/invoke", self._invoke)
        app.router.add_post("/_script", self._set)
        return app

    async def _set(self, request: web.Request) -> web.Response:
        changes = await request.json()
        embedding = changes.pop("embedding", {})
        for each in (changes, embedding):
            if "regions" in each:
                each["regions"] = tuple(each["regions"])
        self.script = replace(Script(), **changes)
        self.embedding.set(EmbeddingScript(**embedding))
        return web.json_response({"ok": True})

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        found = REGION.search(request.headers.get("Authorization", ""))
        if found is None:
            return _refusal(403, "MissingAuthenticationTokenException", "Missing token")
        try:
            body = await self.embedding.answer(
                found[1], request.match_info["model"], await request.json()
            )
        except Fault as fault:
            if not fault.status and request.transport is not None:
                request.transport.abort()
            return _refusal(fault.status or 500, fault.name, fault.message)
        return web.Response(body=body, content_type="application/json")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        found = REGION.search(request.headers.get("Authorization", ""))
        if found is None:
            return _refusal(403, "MissingAuthenticationTokenException", "Missing token")
        region, model = found[1], request.match_info["model"]
        body = await request.json()
        self.calls.append({"region": region, "model": model, "body": body})
        del self.calls[: -self.keep]
        base = model.split(".", 1)[1] if not model.startswith("anthropic.") else model
        if base not in _IDS:
            return _refusal(400, "ValidationException", "The provided model identifier is invalid.")
        problem = rules.complaint(body, base, _IDS[base].sampling)
        if problem:
            return _refusal(400, "ValidationException", problem)
        script = self.script
        taking_part = not script.regions or region in script.regions
        if script.throttle > 0 and taking_part:
            self.script = replace(script, throttle=script.throttle - 1)
            return _refusal(429, "ThrottlingException", "Too many requests, please wait.")
        thinks = rules.thinks(body, base)
        if not thinks:
            script = replace(script, thinks=0.0, thoughts=0)
        return await self._answer(request, body, script, faulty=taking_part)

    def _usage(self, request: web.Request, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the usage that the input is billed as."""
        region = REGION.search(request.headers["Authorization"])
        name = request.match_info["model"]
        counted = self.cache.count(region[1] if region else "", name, body)
        usage: dict[str, Any] = {"inputTokens": counted.fresh}
        if counted.read or counted.written:
            usage["cacheReadInputTokens"] = counted.read
            usage["cacheWriteInputTokens"] = counted.written
        if counted.written:
            usage["cacheDetails"] = [{"ttl": "5m", "inputTokens": counted.written}]
        return usage

    async def _answer(
        self, request: web.Request, body: Mapping[str, Any], script: Script, *, faulty: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "application/vnd.amazon.eventstream"}
        )
        text = claude.answer(body) if script.text is None else script.text
        # count four characters as a token; thinking counts towards `maxTokens`
        left = body.get("inferenceConfig", {}).get("maxTokens", 4096) - script.thoughts
        stop = script.stop if len(text) <= 4 * left else "max_tokens"
        text = text[: max(0, 4 * left)]
        deltas = [text[i : i + script.size] for i in range(0, len(text), script.size)]
        block, usage = 0, self._usage(request, body)
        try:
            await response.prepare(request)
            await response.write(_event("messageStart", {"role": "assistant"}))
            await asyncio.sleep(script.silent)
            if script.thinks or script.thoughts:
                await asyncio.sleep(script.thinks)
                await response.write(_thought(body))
                block = 1
            for number, delta in enumerate(deltas):
                if faulty and number == script.fail_after:
                    return await self._fail(request, response, script.failure)
                await asyncio.sleep(script.pace)
                await response.write(
                    _event(
                        "contentBlockDelta", {"delta": {"text": delta}, "contentBlockIndex": block}
                    )
                )
            usage["outputTokens"] = script.thoughts + len(text) // 4 + 1
            usage["totalTokens"] = sum(each for each in usage.values() if isinstance(each, int))
            await response.write(
                _event("contentBlockStop", {"contentBlockIndex": block})
                + _event("messageStop", {"stopReason": stop})
                + _event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})
            )
            await response.write_eof()
        except ConnectionError:
            self.closed += 1  # the caller closed the stream: Stop was pressed, or a worker ended
        except asyncio.CancelledError:
            self.closed += 1
            raise
        return response

    async def _fail(
        self, request: web.Request, response: web.StreamResponse, failure: str
    ) -> web.StreamResponse:
        if failure == "drop":
            if request.transport is not None:
                request.transport.abort()
        elif failure == "cut":
            await response.write_eof()  # end without a stop reason
        else:
            payload = json.dumps({"message": "scripted"}).encode()
            await response.write(encode("exception", failure, payload))
            await response.write_eof()
        return response


def _event(name: str, payload: Mapping[str, Any]) -> bytes:
    return encode("event", name, json.dumps(payload, ensure_ascii=False).encode())


def _thought(body: Mapping[str, Any]) -> bytes:
    """Build a reasoning block: always with a signature, with its text only if requested."""
    asked = (body.get("additionalModelRequestFields") or {}).get("thinking", {})
    shown = [{"text": "What was asked?"}] if asked.get("display") == "summarized" else []
    frames = [
        _event("contentBlockDelta", {"delta": {"reasoningContent": each}, "contentBlockIndex": 0})
        for each in (*shown, {"signature": "c3RhbmQtaW4="})
    ]
    return b"".join(frames) + _event("contentBlockStop", {"contentBlockIndex": 0})


def _refusal(status: int, name: str, message: str) -> web.Response:
    return web.json_response(
        {"message": message}, status=status, headers={"x-amzn-errortype": f"{name}:"}
    )
