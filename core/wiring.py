"""Builds a worker process's clients and use cases from its settings."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import boto3

from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.access.secrets import SECRETS, looked_up
from core.aws.bedrock.client import BedrockModel
from core.aws.document_stores import DocumentStores, erasing_of, notices_of, shelf_of
from core.aws.dynamodb.conversations import (
    DynamoClaims,
    DynamoFeedback,
    DynamoHistory,
    DynamoPlaceSettings,
)
from core.aws.dynamodb.rate_ledger import DynamoLedger
from core.aws.sqs.dead_turns import SqsDeadTurns
from core.aws.sqs.turns import SqsTurns
from core.knowledge.files.channel_moves import Rehoming
from core.knowledge.files.file_commands import Files
from core.knowledge.files.intake import Sharing
from core.knowledge.files.platform_changes import Shelved
from core.knowledge.files.reread import Renewal
from core.knowledge.files.transfer import Fetcher
from core.knowledge.files.undoable_erasure import Erasing
from core.knowledge.files.waiting_status import WaitingStatus
from core.knowledge.library import IndexedLibrary
from core.knowledge.lookup import Knowledge
from core.knowledge.presence import Presence
from core.people.audience import Audience
from core.rates.budget import LedgerStores
from core.runtime.settings import Settings, load
from core.streaming.markdown.presentable import Policy
from core.turn.assistant import Assistant
from core.turn.briefing import Briefing
from core.turn.commands import Commands
from core.turn.continuation import Continuations
from core.turn.prompt.metering import MeteredModel


@dataclass(frozen=True, slots=True)
class Core:
    """Everything that a worker needs."""

    assistant: Assistant
    commands: Commands
    claims: DynamoClaims
    turns: SqsTurns
    calls: Calls
    model: BedrockModel
    shelf: DocumentStores | None
    presence: Presence | None
    status: WaitingStatus | None
    continuations: Continuations | None
    ledgers: LedgerStores


def settings_of(environ: Mapping[str, str]) -> Settings:
    """The settings, with secrets given as ARNs looked up. Raises SettingsError."""
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if region and any(environ.get(name, "").startswith("arn:") for name in SECRETS):
        environ = looked_up(environ, client("secretsmanager", region))
    return load(environ)


@asynccontextmanager
async def core(settings: Settings, clock: Callable[[], float] = time.time) -> AsyncIterator[Core]:
    """Build the core on AWS; closing the context closes its connections and threads."""
    session = boto3.Session(region_name=settings.aws_region)
    calls = Calls()
    owner = f"{os.uname().nodename}-{os.getpid()}-{time.time_ns()}"
    dynamodb = client("dynamodb", settings.aws_region, session)
    model = BedrockModel(settings.model_regions, session)
    metered = MeteredModel(model)
    claims = DynamoClaims(dynamodb, settings.table, calls, owner=owner, clock=clock)
    history = DynamoHistory(dynamodb, settings.table, calls, clock=clock)
    places = DynamoPlaceSettings(dynamodb, settings.table, calls)
    feedback = DynamoFeedback(dynamodb, settings.table, calls, clock=clock)
    sqs = client("sqs", settings.aws_region, session)
    turns = SqsTurns(sqs, settings.turns_queue_url, calls)
    shelf = shelf_of(settings, session, dynamodb, calls, clock)
    knowledge = None
    if shelf is not None:
        limit = settings.max_file_mb * 1024**2
        file_events = notices_of(settings, sqs, calls)
        sharing = Sharing(
            shelf.vault, shelf.manifest, file_events, limit=limit, clock=time.monotonic, now=clock
        )
        library = IndexedLibrary(shelf.index, shelf.manifest, shelf.embeddings)
        knowledge = Knowledge(library, shelf.manifest, sharing)
    audience = Audience(shelf.removals if shelf is not None else None, settings.outsiders)
    briefing = Briefing(
        metered,
        history,
        places,
        knowledge,
        audience,
        default_model=settings.default_model,
        today=lambda: datetime.now(UTC).date(),
    )

    def ledgers(workspace: str, name: str, seconds: float) -> DynamoLedger:
        key = {"pk": f"budget#{workspace}", "sk": name}
        return DynamoLedger(dynamodb, settings.table, calls, **key, seconds=seconds)

    policy = Policy(hosts=frozenset(settings.allowed_link_hosts))
    files: Files | None = None
    erasing: Erasing | None = None
    shelved: Shelved | None = None
    continuations: Continuations | None = None
    if shelf is not None:
        files = Files(
            shelf.manifest,
            shelf.vault,
            places,
            history,
            shelf.removals,
            erasures=shelf.erasures,
        )
        continuations = Continuations(shelf.waits, shelf.manifest, turns, clock)
        erasing = erasing_of(settings, shelf, notices_of(settings, sqs, calls), clock)
        limit = settings.max_file_mb * 1024**2
        fetcher = Fetcher(
            shelf.vault, shelf.manifest, limit=limit, clock=time.monotonic, sleep=asyncio.sleep
        )
        shelved = Shelved(
            Renewal(shelf.manifest, fetcher, turns, files.forget),
            Rehoming(shelf.manifest, shelf.vault, places, limit=limit),
        )
    try:
        yield Core(
            Assistant(
                metered,
                claims,
                history,
                briefing,
                policy=policy,
                continuations=continuations,
                answered_by=settings.answered_by,
                clock=clock,
            ),
            Commands(
                claims,
                places,
                feedback,
                turns,
                history,
                dead=SqsDeadTurns(sqs, settings.turns_queue_url, calls),
                files=files,
                shelved=shelved,
                continuations=continuations,
                erasing=erasing,
                audience=audience,
                default_model=settings.default_model,
            ),
            claims,
            turns,
            calls,
            model,
            shelf,
            Presence(shelf.removals, time.monotonic) if shelf is not None else None,
            WaitingStatus(shelf.waits, shelf.manifest) if shelf is not None else None,
            continuations,
            ledgers,
        )
    finally:
        await model.close()
        if shelf is not None:
            await shelf.close()
        calls.close()
