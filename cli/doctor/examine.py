"""Run all checks in order: settings, AWS, models, search, the platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from cli.doctor.account import account
from cli.doctor.finding import Finding
from cli.doctor.models import models
from cli.doctor.slack import slack
from cli.doctor.teams import teams
from core.runtime.settings import SettingsError
from core.wiring import settings_of


async def examine(environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Yield findings as they come; checks that need settings are skipped if the settings are
    wrong."""
    try:
        settings = settings_of(environ)
    except SettingsError as exc:
        for problem in exc.problems:
            yield Finding("settings", problem=problem.rstrip("."), fix="see .env.example")
        return
    yield Finding("settings", "complete")
    for each in account(settings):
        yield each
    async for each in models(settings):
        yield each
    async for each in slack(settings.slack):
        yield each
    async for each in teams(settings.teams):
        yield each


async def report(environ: Mapping[str, str]) -> int:
    """Print one line for each finding. Returns the number of failures."""
    failed = 0
    async for each in examine(environ):
        print(each.line, flush=True)
        failed += each.failed
    print(f"{failed} to mend" if failed else "all is well")
    return failed
