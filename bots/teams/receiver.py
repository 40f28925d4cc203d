"""Build Teams' receiver from the settings. Workers need neither it nor botbuilder."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bots.teams.api.hosts import Hosts
from bots.teams.app import Receiver
from bots.teams.inbound.auth import Authenticator, SigningKeys
from bots.wire.addresses import connector
from core.runtime.http import Enqueue
from core.runtime.settings import Settings

KEYS_TIMEOUT = aiohttp.ClientTimeout(total=5)


@asynccontextmanager
async def teams_receiver(settings: Settings, enqueue: Enqueue) -> AsyncIterator[Receiver]:
    """Open the receiver of the configured bot."""
    teams = settings.teams
    if teams is None:
        raise ValueError("Teams is not configured")
    async with aiohttp.ClientSession(connector=connector([teams.openid_url])) as http:

        async def fetch(url: str) -> Mapping[str, Any]:
            try:
                async with http.get(url, timeout=KEYS_TIMEOUT, allow_redirects=False) as response:
                    response.raise_for_status()
                    found = await response.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError) as exc:
                raise OSError(type(exc).__name__) from exc
            if not isinstance(found, dict):
                raise TypeError("no object")
            return found

        authenticator = Authenticator(
            teams.app_id,
            SigningKeys(teams.openid_url, fetch, time.monotonic),
            tenants=frozenset({teams.tenant_id, *settings.allowed_tenants}),
            hosts=Hosts(teams.service_hosts),
        )
        yield Receiver(teams.app_id, authenticator, enqueue)
