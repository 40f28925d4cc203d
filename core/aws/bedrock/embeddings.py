"""Embeds texts on Amazon Bedrock over a pool of regions: `core.ports.index.Embeddings`.

1. Each region has a window of calls in flight. Throttling or a fault halves it and pauses the
   region, longer each time; then a single call probes it. Every success widens the window.
2. Documents wait in one queue for a free slot in any region, until no call has succeeded for
   `PATIENCE` seconds.
3. A question does not queue: it tries one region after another, for `HURRY` seconds.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from secrets import SystemRandom

import aiohttp
import boto3
from botocore.exceptions import BotoCoreError
from yarl import URL

from core.aws.bedrock.aimd import Window
from core.aws.bedrock.embedding_wire import Caller, Wire, wire_of
from core.ports.model import Broken, ModelError, Overloaded, Refused
from core.runtime.backoff import doubled
from core.runtime.tasks import Background, together

PATIENCE = 300.0
HURRY = 5.0
LEAST = 0.25
"""Seconds that must be left for a call to be worth making."""
TRIES = 6
"""Faults (not throttling) after which a call is given up."""
DENIED_FOR = 300.0
"""Seconds until a region is tried again that denied access or does not have the model."""
FRESH = 60.0
"""Seconds that credentials are used before newer ones are looked for."""
THROTTLED = frozenset(
    {"ThrottlingException", "ModelNotReadyException", "ServiceUnavailableException"}
)


@dataclass(slots=True)
class _Region:
    caller: Caller
    window: Window
    denied_until: float = 0.0
    fresh_until: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class _Elsewhere(Exception):
    """A region failed; another one may succeed."""

    def __init__(self, error: ModelError) -> None:
        super().__init__(str(error))
        self.error = error


class EmbeddingPool:
    """Embeds texts with one model through Bedrock's InvokeModel, in all regions concurrently."""

    def __init__(
        self,
        regions: Sequence[str],
        model: str = "amazon.titan-embed-text-v2:0",
        session: boto3.Session | None = None,
        *,
        concurrency: int = 32,
        dims: int = 512,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] | None = None,
        chance: Callable[[], float] | None = None,
    ) -> None:
        session = session or boto3.Session()
        self.model = model
        self.dims = dims
        self._wire: Wire = wire_of(model, dims)
        self._regions = [
            _Region(Caller(session, name, model), Window(concurrency)) for name in regions
        ]
        self._sleep = sleep
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._chance = chance or SystemRandom().random
        self._line: deque[asyncio.Future[_Region]] = deque()
        self._pauses = Background()
        self._success = float("-inf")
        self._denial: ModelError = Refused("no region")
        self._http: aiohttp.ClientSession | None = None
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="embed-credentials")

    async def close(self) -> None:
        """Close connections, tasks and threads."""
        await self._pauses.end()
        if self._http is not None:
            await self._http.close()
        self._threads.shutdown(wait=False)

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """A unit vector for each text, in order. Raises Overloaded, Refused or Broken.

        Texts longer than the model accepts are cut; an empty text raises Refused.
        """
        if not all(text.strip() for text in texts):
            raise Refused("an empty text")
        size = self._wire.batch
        batches = [texts[n : n + size] for n in range(0, len(texts), size)]
        found: list[list[list[float]]] = [[] for _ in batches]
        rest = iter(enumerate(batches))
        call = self._ask if query else self._index

        async def work() -> None:
            for number, batch in rest:
                body = self._wire.body(batch, query=query)
                found[number] = await call(body, len(batch))

        workers = min(len(batches), sum(region.window.most for region in self._regions))
        await together(*(work() for _ in range(workers)))
        return [vector for vectors in found for vector in vectors]

    async def _ask(self, body: bytes, size: int) -> list[list[float]]:
        end = self._clock() + HURRY
        error: ModelError = self._denial
        for turn in itertools.count():
            usable = self._best_first()
            if not usable:
                error = self._denial
            for region in usable:
                left = end - self._clock()
                if left <= LEAST:
                    break  # too little time for an answer
                region.window.running += 1
                try:
                    return await self._call(region, body, size, min(left, HURRY / 2))
                except _Elsewhere as exc:
                    error = exc.error
                finally:
                    self._leave(region)
            pause = doubled(0.1, turn, 1.0) * (0.5 + self._chance() / 2)
            if isinstance(error, Refused) or self._clock() + pause >= end:
                raise error
            await self._sleep(pause)
        raise AssertionError("unreachable")

    def _best_first(self) -> list[_Region]:
        """The usable regions: healthy ones first, then those with the most free slots."""
        now = self._clock()
        usable = [region for region in self._regions if region.denied_until <= now]
        return sorted(
            usable,
            key=lambda r: (max(r.window.paused_until, now), r.window.failures, -r.window.room),
        )

    async def _index(self, body: bytes, size: int) -> list[list[float]]:
        began, faults, again = self._clock(), 0, False
        while True:
            region = await self._enter(first=again)
            try:
                return await self._call(region, body, size, 4 * HURRY)
            except _Elsewhere as exc:
                again = True
                faults += isinstance(exc.error, Broken)
                waited = self._clock() - max(began, self._success)
                if waited > PATIENCE or (faults >= TRIES and self._success > began):
                    raise exc.error from exc
            finally:
                self._leave(region)

    async def _enter(self, *, first: bool) -> _Region:
        """Wait for a slot in a region and take it; `first` skips the queue. Raises Refused."""
        place: asyncio.Future[_Region] = asyncio.get_running_loop().create_future()
        if first:
            self._line.appendleft(place)
        else:
            self._line.append(place)
        self._serve()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._leave(place.result())
            raise

    def _leave(self, region: _Region) -> None:
        region.window.running -= 1
        self._serve()

    def _serve(self) -> None:
        """Assign free slots to the waiters in order, from the region with the most free slots."""
        while self._line:
            now = self._clock()
            usable = [region for region in self._regions if region.denied_until <= now]
            open_ = [r for r in usable if r.window.paused_until <= now and r.window.room > 0]
            if usable and not open_:
                return
            place = self._line.popleft()
            if place.done():
                continue
            if not usable:
                place.set_exception(self._denial)
                continue
            region = max(open_, key=lambda r: r.window.room)
            region.window.running += 1
            place.set_result(region)

    async def _call(
        self, region: _Region, body: bytes, size: int, within: float
    ) -> list[list[float]]:
        """Make one call and adjust the region's window to its outcome.

        Raises _Elsewhere if another region may succeed, Refused if none would.
        """
        began = self._clock()
        try:
            vectors = self._wire.vectors(await self._post(region, body, within), size)
        except (Overloaded, Broken) as exc:
            self._pause(region, region.window.failed(began, self._clock(), self._chance()))
            raise _Elsewhere(exc) from exc
        self._success = self._clock()
        region.window.succeeded(began)
        return vectors

    def _pause(self, region: _Region, seconds: float) -> None:
        async def over() -> None:
            await self._sleep(seconds)
            region.window.paused_until = min(region.window.paused_until, self._clock())
            self._serve()

        if seconds:
            self._pauses.begin(over())

    async def _post(self, region: _Region, body: bytes, within: float) -> bytes:
        """The response body of one call. Raises Overloaded, Refused, Broken, or _Elsewhere if the
        region denies access."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        await self._renew(region)
        limit = aiohttp.ClientTimeout(total=within, sock_connect=min(within, 3))
        headers = region.caller.headers(body)
        try:
            async with self._http.post(
                URL(region.caller.url, encoded=True), data=body, headers=headers, timeout=limit
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise Broken(type(exc).__name__) from exc
        if response.status == 200:
            return answer
        name = response.headers.get("x-amzn-errortype", "").split(":")[0]
        if name in THROTTLED or response.status in (429, 503):
            raise Overloaded(name or str(response.status))
        if response.status in (401, 403, 404) or (
            response.status == 400 and b"model identifier" in answer
        ):
            region.fresh_until = float("-inf")
            raise self._denied(region, Refused(name or str(response.status)))
        if response.status == 400 or name == "ValidationException":
            raise Refused(name or str(response.status))
        raise Broken(name or str(response.status))

    async def _renew(self, region: _Region) -> None:
        """Look for newer credentials now and then, off the event loop since it may take a while."""
        if self._clock() < region.fresh_until:
            return
        async with region.lock:
            if self._clock() < region.fresh_until:
                return
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._threads, region.caller.renew)
            except BotoCoreError as exc:
                raise self._denied(region, Refused(type(exc).__name__)) from exc
            region.fresh_until = self._clock() + FRESH

    def _denied(self, region: _Region, error: ModelError) -> _Elsewhere:
        region.denied_until = self._clock() + DENIED_FOR
        self._denial = error
        return _Elsewhere(error)
