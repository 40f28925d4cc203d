"""The doctor's checks of Teams: the bot's password, its signing keys, and Graph's permissions."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator

import aiohttp

from bots.teams.api.tokens import CONNECTOR, graph_scope, tokens_for
from cli.doctor.finding import Finding
from core.ports.chat import ChatError, Unreachable
from core.runtime.settings import TeamsSettings

TIMEOUT = aiohttp.ClientTimeout(total=10)
PERMISSIONS = frozenset(
    {"Files.Read.All", "Team.ReadBasic.All", "Channel.ReadBasic.All", "ChannelMember.Read.All"}
)
"""Of the whole tenant. Those of one team or chat are given where the app is installed."""


async def teams(settings: TeamsSettings | None) -> AsyncIterator[Finding]:
    """Check the sign-in, the signing keys and the permissions in Graph."""
    if settings is None:
        yield Finding("Teams")
        return
    async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
        tokens = tokens_for(settings, http)
        try:
            await tokens.of(CONNECTOR)
            graph = await tokens.of(graph_scope(settings.graph_url))
        except Unreachable as exc:
            yield Finding(
                "Teams' sign-in",
                problem=f"Entra could not be asked ({exc})",
                fix="check the network, HTTPS_PROXY and TEAMS_LOGIN_URL",
            )
            return
        except ChatError as exc:
            yield Finding(
                "Teams' sign-in",
                problem=f"Entra gives no token ({type(exc).__name__})",
                fix="check MICROSOFT_APP_ID, MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID",
            )
            return
        yield Finding("Teams' sign-in", "the bot and Graph give tokens")
        yield _permissions(graph)
        yield await _keys(http, settings.openid_url)


def _permissions(token: str) -> Finding:
    """Read the roles in a token; only Graph itself has to verify it."""
    name = "Graph's permissions"
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        roles = {str(each) for each in claims.get("roles", ())}
    except (IndexError, ValueError, AttributeError):
        return Finding(name, "not told by this token")
    missing = sorted(PERMISSIONS - roles)
    if missing:
        return Finding(
            name,
            problem=f"missing: {', '.join(missing)}",
            fix="add them as application permissions and grant admin consent (docs/teams.md)",
        )
    return Finding(name, "all there")


async def _keys(http: aiohttp.ClientSession, url: str) -> Finding:
    name = "Teams' signing keys"
    try:
        async with http.get(url) as response:
            found = await response.json(content_type=None)
            async with http.get(str(found["jwks_uri"])) as listed:
                count = len((await listed.json(content_type=None))["keys"])
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as exc:
        return Finding(
            name,
            problem=f"they cannot be read ({type(exc).__name__})",
            fix="let this network reach TEAMS_OPENID_URL",
        )
    return Finding(name, f"{count} published")
