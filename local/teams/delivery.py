"""Deliver activities to the bot: signed, with a deadline, and retried after a failure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from core.runtime.tasks import Background, retrying
from local.teams.services.signing import Signer

PATIENCE = 15.0


class _NotTaken(Exception):
    """The app failed, or did not answer."""


@dataclass
class Delivery:
    """Sends activities to the bot. `answers` are the statuses of its responses, None for none."""

    signer: Signer
    messages_url: str
    retry_delays: Sequence[float] = (0.5, 2.0, 5.0)
    answers: list[int | None] = field(default_factory=list)
    _background: Background = field(default_factory=Background)
    _http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the HTTP session. Call this before anything is sent."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))

    async def stop(self) -> None:
        """Cancel pending deliveries and close the HTTP session."""
        await self._background.end()
        if self._http is not None:
            await self._http.close()

    def tell(self, activity: dict[str, Any]) -> None:
        """Send an activity in the background, with retries."""
        self._background.begin(self.send(activity))

    async def send(self, activity: dict[str, Any]) -> int | None:
        """Send an activity; retry on 5xx and on no response. Returns the last status, None for
        none."""
        status: int | None = None

        async def once() -> None:
            nonlocal status
            status = await self.once(activity)
            if status is None or status >= 500:
                raise _NotTaken

        with suppress(_NotTaken):
            await retrying(once, self.retry_delays, _NotTaken, asyncio.sleep)
        return status

    async def once(self, activity: dict[str, Any], token: str = "") -> int | None:
        """Send one request, with `token` in place of a valid one if given. Returns the status."""
        assert self._http is not None, "start() comes first"  # noqa: S101
        signed = token or self.signer.token(activity["serviceUrl"])
        headers = {"Authorization": f"Bearer {signed}", "Content-Type": "application/json"}
        body = json.dumps(activity, ensure_ascii=False).encode()
        try:
            async with self._http.post(self.messages_url, data=body, headers=headers) as answer:
                await answer.read()
                status: int | None = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = None
        self.answers.append(status)
        return status
