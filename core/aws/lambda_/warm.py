"""Keeps a Lambda function's event loop and clients from one invocation to the next.

The work itself is done by the same functions that `parley serve` calls.

1. Clients are built while Lambda initialises the function, and are reused by every invocation.
2. Secrets are read again every few minutes, so that a rotated one is used without a deployment.
3. Clients are closed when Lambda shuts the process down.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from core.aws.access.clients import client
from core.aws.access.secrets import SECRETS, looked_up
from core.runtime.settings import SettingsError

log = logging.getLogger(__name__)

FRESH = 300.0
"""Seconds that secrets are used before they are read again."""

T = TypeVar("T")
R = TypeVar("R")

Build = Callable[[Mapping[str, str]], AbstractAsyncContextManager[T]]
"""Builds what a function keeps, from its environment with the secrets filled in."""


class Warm(Generic[T]):
    """What a function keeps, built by `build`. One instance per function, created at import."""

    def __init__(
        self,
        build: Build[T],
        environ: Mapping[str, str] = os.environ,
        *,
        clock: Callable[[], float] = time.monotonic,
        secrets: Callable[[Mapping[str, str]], Any] | None = None,
    ) -> None:
        self._build = build
        self._environ = environ
        self._clock = clock
        self._runner = asyncio.Runner()
        self._secrets = secrets or _secrets
        self._vault: Any = None
        self._known: dict[str, str] | None = None
        self._read_at = 0.0
        self._stack = AsyncExitStack()
        self._kept: list[T] = []

    def prepare(self) -> None:
        """Build everything ahead of the first invocation, which retries what fails here.

        Does nothing outside Lambda.
        """
        if "AWS_LAMBDA_FUNCTION_NAME" not in self._environ:
            return
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        atexit.register(self.close)
        try:
            self._runner.run(self._ready())
        except (SettingsError, BotoCoreError, ClientError, OSError) as exc:
            log.error("not ready yet: %s", exc if isinstance(exc, SettingsError) else type(exc))  # noqa: TRY400 - an invocation logs the traceback

    def run(self, use: Callable[[T], Awaitable[R]]) -> R:
        """Do one invocation's work with what is kept. Raises SettingsError."""

        async def work() -> R:
            return await use(await self._ready())

        # a runner's own context dates from its creation, so metrics would go nowhere
        return self._runner.run(work(), context=copy_context())

    def close(self) -> None:
        """Close everything that is kept, and the event loop."""
        atexit.unregister(self.close)
        self._runner.run(self._stack.aclose())
        self._kept.clear()
        self._runner.close()

    async def _ready(self) -> T:
        now = self._clock()
        if not self._kept or now - self._read_at >= FRESH:
            known = self._settled()
            self._read_at = now
            if known != self._known or not self._kept:
                # close the old ones first: they share names and connections with the new ones
                await self._stack.aclose()
                self._kept.clear()
                self._kept.append(await self._stack.enter_async_context(self._build(known)))
                self._known = known
        return self._kept[0]

    def _settled(self) -> dict[str, str]:
        """The environment with secrets filled in; if they cannot be read, the previous one."""
        if not any(self._environ.get(name, "").startswith("arn:") for name in SECRETS):
            return dict(self._environ)
        try:
            self._vault = self._vault or self._secrets(self._environ)
            return looked_up(self._environ, self._vault)
        except SettingsError:
            if self._known is None:
                raise
            log.warning("secrets could not be read again; those of before are used")
            return self._known


def _secrets(environ: Mapping[str, str]) -> Any:
    return client("secretsmanager", environ["AWS_REGION"])
