"""The doctor's checks of Slack: the token, its scopes, and Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import aiohttp

from bots.slack.scopes import SCOPES
from cli.doctor.finding import Finding
from core.runtime.settings import SlackSettings

TIMEOUT = aiohttp.ClientTimeout(total=10)
UNREACHED = "unreached"
"""The error name that stands for no response from Slack."""
MANIFEST = "bots/slack/manifest.yaml"


async def slack(settings: SlackSettings | None) -> AsyncIterator[Finding]:
    """Check the bot's token and scopes, and the app's token for Socket Mode."""
    if settings is None:
        yield Finding("Slack")
        return
    async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
        answer, scopes = await _asked(http, settings.api_url + "auth.test", settings.bot_token)
        if not answer.get("ok"):
            yield _refused(
                "Slack's bot token",
                answer,
                "copy SLACK_BOT_TOKEN anew from the app's OAuth & Permissions",
            )
            return
        yield Finding("Slack's bot token", f"{answer.get('user')} in {answer.get('team')}")
        missing = sorted(SCOPES - scopes)
        if missing:
            yield Finding(
                "Slack's scopes",
                problem=f"missing: {', '.join(missing)}",
                fix=f"take over {MANIFEST} in the app's settings and install it again",
            )
        else:
            yield Finding("Slack's scopes", "all there")
        if not settings.app_token:
            yield Finding("Slack's Socket Mode")
            return
        url = settings.api_url + "apps.connections.open"
        answer, _ = await _asked(http, url, settings.app_token)
        if answer.get("ok"):
            yield Finding("Slack's Socket Mode", "can be opened")
        else:
            yield _refused(
                "Slack's Socket Mode",
                answer,
                "make a new app-level token with connections:write; turn Socket Mode on",
            )


def _refused(name: str, answer: Mapping[str, object], fix: str) -> Finding:
    """Return Slack's error, or that Slack is unreachable, which no new token would fix."""
    if UNREACHED in answer:
        return Finding(
            name,
            problem=f"Slack could not be asked ({answer[UNREACHED]})",
            fix="check the network, HTTPS_PROXY and SLACK_API_URL",
        )
    return Finding(name, problem=f"Slack says {answer.get('error', 'nothing')}", fix=fix)


async def _asked(
    http: aiohttp.ClientSession, url: str, token: str
) -> tuple[dict[str, object], frozenset[str]]:
    """Return the response, and the scopes of the token."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with http.post(url, headers=headers, allow_redirects=False) as response:
            scopes = response.headers.get("x-oauth-scopes", "")
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
        return {UNREACHED: type(exc).__name__}, frozenset()
    found = {each.strip() for each in scopes.split(",") if each.strip()}
    return (answer if isinstance(answer, dict) else {}), frozenset(found)
