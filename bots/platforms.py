"""The workers' access to the configured platforms. Platforms that are not used are not imported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from bots.wire.platform import Platform
from core.rates.budget import LedgerStores
from core.runtime.settings import Settings


@asynccontextmanager
async def platforms(
    settings: Settings, ledgers: LedgerStores
) -> AsyncIterator[Mapping[str, Platform]]:
    """Open the configured platforms and yield them by name."""
    found: dict[str, Platform] = {}
    async with AsyncExitStack() as stack:
        if settings.slack is not None:
            from bots.slack.wiring import slack_platform  # noqa: PLC0415 - only if used

            found["slack"] = await stack.enter_async_context(slack_platform(settings, ledgers))
        if settings.teams is not None:
            from bots.teams.wiring import teams_platform  # noqa: PLC0415 - only if used

            found["teams"] = await stack.enter_async_context(teams_platform(settings, ledgers))
        yield found
