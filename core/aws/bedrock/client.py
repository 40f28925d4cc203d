"""Claude on Amazon Bedrock over a pool of regions: `core.ports.model.Model`.

1. Calls rotate over the regions; a conversation with a cached prompt stays in one. A region that
   throttles or fails cools down, longer each time.
2. Before the first text, a failure moves on to the next region without anybody noticing. After it,
   the stream raises Broken (or Overloaded), and the text so far stays.
3. Text is passed on in batches: the first at once, then whatever arrived within `join` seconds,
   since no edit could show it sooner. With many concurrent answers, which share the edits, batches
   take up to four times as long.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from zlib import crc32

import aiohttp
import boto3
import orjson
from botocore.exceptions import BotoCoreError
from yarl import URL

from core.aws.bedrock.converse import Converse, parameters, parse
from core.aws.bedrock.eventstream import Decoder, Frame
from core.ports.model import Broken, ModelError, Overloaded, Refused
from core.runtime.backoff import doubled
from core.values.answer import CachePoints, Delta, Prompt
from core.values.models import MODELS, ClaudeModel

log = logging.getLogger(__name__)

ROUNDS = (0.0, 1.0, 3.0)
"""Seconds to wait before each pass over the regions."""
COOLEST = 60.0
PONDERING = 3
"""The factor on `silence` before the first text of a model that thinks, as it may send nothing
meanwhile."""
MANY, LONGER = 100, 4
"""With `MANY` concurrent answers, batches of text take `LONGER` times as long."""
THROTTLED = frozenset(
    {"ThrottlingException", "ModelNotReadyException", "ServiceUnavailableException"}
)
ELSEWHERE = frozenset({"AccessDeniedException", "ResourceNotFoundException"})


@dataclass(slots=True)
class _Region:
    name: str
    converse: Converse
    cool_until: float = 0.0
    failures: int = 0


class _Elsewhere(Exception):
    def __init__(self, error: ModelError, *, cool: bool = True) -> None:
        super().__init__(str(error))
        self.error = error
        self.cool = cool


class BedrockModel:
    """Claude over several `regions`, in order of preference.

    `silence`: seconds without a byte after which a stream is given up.
    """

    def __init__(
        self,
        regions: Sequence[str],
        session: boto3.Session | None = None,
        *,
        join: float = 0.25,
        silence: float = 60.0,
        rounds: Sequence[float] = ROUNDS,
    ) -> None:
        session = session or boto3.Session()
        self._regions = [_Region(name, Converse(session, name)) for name in regions]
        self._turn = 0
        self._join = join
        self._silence = silence
        self._rounds = rounds
        self._active = 0
        self._refuses: dict[str, frozenset[str]] = {}
        self._http: aiohttp.ClientSession | None = None
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="bedrock-sign")

    async def close(self) -> None:
        """Close connections and threads."""
        if self._http is not None:
            await self._http.close()
        self._threads.shutdown(wait=False)

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta]:
        """The answer, piece by piece. Raises Overloaded, Refused or Broken."""
        model = MODELS.get(prompt.model)
        if model is None:
            raise Refused(f"no such model: {prompt.model}")
        error: ModelError = Overloaded("no region")
        for delay in self._rounds:
            await asyncio.sleep(delay)
            for region in self._in_turn(prompt):
                begun = False
                try:
                    async for delta in self._from(region, prompt, model):
                        begun = begun or bool(delta.text)
                        yield delta
                except _Elsewhere as moved:
                    error = moved.error
                    if moved.cool:
                        self._cool(region)
                    if begun:
                        raise error from moved
                    log.warning("%s: %s, trying on", region.name, type(error).__name__)
                else:
                    region.failures = 0
                    return
            if isinstance(error, Refused):
                break
        raise error

    def _in_turn(self, prompt: Prompt) -> list[_Region]:
        """The regions to try, in order; each call starts with the next one.

        Regions that cool down are left out, unless all do. Each region has its own cache, so a
        conversation with a cached prompt always starts with the same region.
        """
        now = asyncio.get_running_loop().time()
        self._turn += 1
        sticky = prompt.affinity if prompt.cached != CachePoints() else ""
        shift = (crc32(sticky.encode()) if sticky else self._turn) % len(self._regions)
        rotated = self._regions[shift:] + self._regions[:shift]
        cool = [r for r in rotated if r.cool_until > now]
        return [r for r in rotated if r.cool_until <= now] or sorted(
            cool, key=lambda r: r.cool_until
        )[:1]

    def _cool(self, region: _Region) -> None:
        region.failures += 1
        seconds = doubled(1.0, region.failures, COOLEST)
        region.cool_until = asyncio.get_running_loop().time() + seconds

    async def _from(
        self, region: _Region, prompt: Prompt, model: ClaudeModel
    ) -> AsyncIterator[Delta]:
        response = await self._send(region, prompt, model)
        self._active += 1
        try:
            async for delta in self._read(response, self._patience(prompt, model)):
                yield delta
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as exc:
            raise _Elsewhere(Broken(type(exc).__name__)) from exc
        finally:
            self._active -= 1
            response.close()

    async def _send(
        self, region: _Region, prompt: Prompt, model: ClaudeModel
    ) -> aiohttp.ClientResponse:
        """The streaming response. Parameters that the model refuses are left out from then on."""
        known = parameters(model, prompt.task)
        for _ in range(len(known) + 1):
            allowed = known - self._refuses.get(model.name, frozenset())
            response = await self._post(region, prompt, model, allowed)
            if response.status == 200:
                return response
            name, message = await _problem(response)
            refused = {each for each in allowed if each in message.lower()}
            if name == "ValidationException" and refused:
                before = self._refuses.get(model.name, frozenset())
                self._refuses[model.name] = before | refused
                log.warning("%s refuses %s", model.name, ", ".join(sorted(refused)))
                continue
            raise _Elsewhere(_error(name, response.status), cool=name not in ELSEWHERE)
        raise _Elsewhere(Refused("parameters"), cool=False)

    async def _post(
        self, region: _Region, prompt: Prompt, model: ClaudeModel, allowed: frozenset[str]
    ) -> aiohttp.ClientResponse:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
                auto_decompress=False,
            )
        loop = asyncio.get_running_loop()
        try:
            signed = await loop.run_in_executor(
                self._threads, region.converse.request, prompt, model, allowed
            )
            async with asyncio.timeout(self._patience(prompt, model)):
                return await self._http.post(
                    URL(signed.url, encoded=True), data=signed.body, headers=signed.headers
                )
        except BotoCoreError as exc:
            raise _Elsewhere(Refused(type(exc).__name__), cool=False) from exc
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise _Elsewhere(Broken(type(exc).__name__)) from exc

    def _patience(self, prompt: Prompt, model: ClaudeModel) -> float:
        """Seconds without a byte to wait for the first text."""
        return self._silence * (PONDERING if model.effort(prompt.task).thinks else 1)

    async def _read(
        self, response: aiohttp.ClientResponse, patience: float
    ) -> AsyncIterator[Delta]:
        """The deltas of a response. Raises TimeoutError after `patience` seconds without a byte
        before the first text, after `silence` later."""
        decoder = Decoder()
        gather = self._join * (1 + (LONGER - 1) * min(1.0, self._active / MANY))
        ended = asyncio.Event()
        response.content.on_eof(ended.set)
        stopped = False
        while True:
            async with asyncio.timeout(patience):
                data = await response.content.readany()
            if not data:
                break
            thought, text, ends = _joined(decoder.feed(data))
            if thought:
                yield Delta(thinking=True)
            if text:
                patience = self._silence
                yield text
            for end in ends:
                if isinstance(end, _Elsewhere):
                    raise end
                stopped = stopped or end.stop is not None
                yield end
            if text and not response.content.is_eof():
                try:
                    async with asyncio.timeout(gather):
                        await ended.wait()
                except TimeoutError:
                    pass
        if not stopped or decoder.pending:
            raise _Elsewhere(Broken("the stream ended without a stop reason"))


def _joined(frames: Iterator[Frame]) -> tuple[bool, Delta | None, list[Delta | _Elsewhere]]:
    """Whether frames contain thinking, their text as one delta, and other deltas or errors.

    Texts are joined before parsing, since the stock parser costs more than the network.
    """
    texts: list[str] = []
    ends: list[Delta | _Elsewhere] = []
    thought = False
    for frame in frames:
        if frame.kind != "event":
            ends.append(_Elsewhere(_error(_upper(frame.name), 0)))
            break
        event = orjson.loads(frame.payload)
        delta = event.get("delta", {}) if frame.name == "contentBlockDelta" else {}
        if "reasoningContent" in delta:
            thought = True
        elif (text := delta.get("text")) is not None:
            texts.append(text)
        elif (parsed := parse(frame.name, event)) is not None:
            ends.append(parsed)
    if not texts:
        return thought, None, ends
    joined = {"delta": {"text": "".join(texts)}, "contentBlockIndex": 0}
    return thought, parse("contentBlockDelta", joined), ends


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


async def _problem(response: aiohttp.ClientResponse) -> tuple[str, str]:
    """The error's type and message. The message may quote the prompt, so it is never logged."""
    name = response.headers.get("x-amzn-errortype", "").split(":")[0]
    try:
        body = json.loads(await response.read())
        message = str(body.get("message") or body.get("Message") or "")
    except (ValueError, AttributeError, aiohttp.ClientError, TimeoutError):
        message = ""
    finally:
        response.close()
    return name, message


def _error(name: str, status: int) -> ModelError:
    if name in THROTTLED or status in (429, 503):
        return Overloaded(name or str(status))
    if status in (400, 401, 403, 404) or name == "ValidationException":
        return Refused(name or str(status))
    return Broken(name or str(status))


def tune_gc() -> None:
    """Make garbage collection rarer and cheaper for many small streams; call it after startup."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
