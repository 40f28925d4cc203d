"""`parley forget`: erase a workspace, a channel or a person from everything that Parley stores."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from cli.commands.operator import agreed, failed, opened, said, say
from core.aws.document_stores import editions_of
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.erasure import Eraser, Kept, Report
from core.aws.search.purge import passages_of
from core.aws.sqs import admin
from core.knowledge.erasure import Target, Wanted
from core.runtime.settings import Settings, SettingsError

PLATFORMS = ("slack", "teams")
NAMED = (
    "Name slack/WORKSPACE, teams/TENANT, or one of its channels, slack/WORKSPACE/CHANNEL. "
    "For a person add --person ID."
)
QUEUED = (
    "Up to {turns} turns and {files} files wait in queues or are being worked on. The waiting "
    "questions that are counted above will not be answered. What else is about this (a button, a "
    "command, a question to `parley serve`, which notes none) will be, and leaves rows anew: run "
    "this again when `parley status` counts none."
)


def target_of(place: str, person: str, name: str) -> Target:
    """Return what is to be erased. Raises SettingsError if it names no workspace or channel."""
    parts = place.split("/")
    if len(parts) not in (2, 3) or not all(parts) or parts[0] not in PLATFORMS:
        raise SettingsError([f"{place!r} is no workspace and no channel. {NAMED}"])
    if name and not person:
        raise SettingsError(["--name goes with --person: it is what older exchanges call them."])
    return Target(place, person, name)


async def forget(settings: Settings, target: Target, *, yes: bool) -> int:
    """The exit code. Raises StoreError, Rejected, SettingsError."""
    async with _kept(settings) as kept:
        eraser = Eraser(kept, Wanted(target), say, clock=time.time)
        there = await eraser.count()
        said()
        if kept.passages is None and there.counts["files"]:
            raise SettingsError(["OPENSEARCH_URL is not set, but files were read: name it."])
        print(f"{_named(target)}: {_listed(there)}")
        word = target.person or target.prefix
        if not yes and not agreed(word, "delete all of it for good", "Nothing was deleted"):
            return 0
        report = await eraser.erase()
        said()
        print(f"deleted: {_listed(report)}")
        return await _ended(report, kept, settings)


async def _ended(report: Report, kept: Kept, settings: Settings) -> int:
    depths = [await kept.calls(admin.depth, kept.sqs, url) for url in _urls(settings)]
    turns, files = (each.waiting + each.in_flight + each.delayed for each in depths)
    if turns or files:
        print(QUEUED.format(turns=turns, files=files))
    if report.untold:
        report.failures.append(
            f"{report.untold} exchanges were kept by an earlier version and do not say who asked. "
            "They go by themselves within 90 days; with --name NAME those go that were asked "
            "under that name, whoever bears it."
        )
    for each in report.failures:
        failed(each)
    return 1 if report.failures else 0


def _named(target: Target) -> str:
    return f"{target.person} in {target.prefix}" if target.person else target.prefix


def _listed(report: Report) -> str:
    counts: Mapping[str, int] = report.counts
    told = [f"{count:,} {kind}" for kind, count in sorted(counts.items()) if count]
    return ", ".join(told) or "nothing"


def _urls(settings: Settings) -> tuple[str, str]:
    return settings.turns_queue_url, settings.files_queue_url


async def _looked(settings: Settings) -> None:
    """Raises Foreign where the index is another deployment's."""
    editions = editions_of(settings)
    try:
        await editions.all()
    finally:
        await editions.close()


@asynccontextmanager
async def _kept(settings: Settings) -> AsyncIterator[Kept]:
    async with AsyncExitStack() as stack:
        calls, (dynamodb, s3, sqs) = await stack.enter_async_context(
            opened(settings, "dynamodb", "s3", "sqs")
        )
        passages = None
        if settings.opensearch_url:
            await _looked(settings)
            passages = passages_of(settings.opensearch_url, settings.aws_region)
            stack.push_async_callback(passages.close)
        turns, files = [await calls(admin.dead_letters, sqs, url) for url in _urls(settings)]
        manifest = DynamoManifest(dynamodb, settings.table, calls, clock=time.time)
        dead = (turns, files)
        yield Kept(
            dynamodb, s3, sqs, settings.table, settings.bucket, dead, passages, manifest, calls
        )
