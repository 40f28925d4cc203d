"""`parley reindex`: fill a new version of the index and switch to it."""

from __future__ import annotations

import time

from cli.commands.operator import opened, said, say
from core.aws.document_stores import editions_of
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.search.reindex import Outcome, Reindex
from core.runtime.settings import Settings, SettingsError

SHORT = (
    "Of {:,} documents not all passages could be read from the old index. The hourly comparison "
    "has them read again from the bucket: `parley status` shows when they are ready."
)


async def reindex(settings: Settings, *, keep: bool) -> int:
    """The exit code. Raises StoreError, Rejected, ModelError, SettingsError."""
    if not settings.opensearch_url:
        raise SettingsError(["OPENSEARCH_URL is not set: there is no index to make anew."])
    editions = editions_of(settings)
    try:
        async with opened(settings, "dynamodb") as (calls, (dynamodb,)):
            manifest = DynamoManifest(dynamodb, settings.table, calls, clock=time.time)
            outcome = await Reindex(editions, manifest, say=say).run(keep=keep)
    finally:
        said()
        await editions.close()
    print(_told(outcome, settings.embedding_model))
    return 0


def _told(outcome: Outcome, model: str) -> str:
    if not outcome.name:
        return f"Nothing was indexed yet: the first document makes an index of {model}."
    lines = [
        f"{outcome.name} is searched, with {model}: {outcome.copied:,} passages embedded."
        if outcome.swapped or outcome.copied
        else f"{outcome.name} is searched already, with {model}."
    ]
    lines += [f"{each} was removed." for each in outcome.removed]
    lines += [f"{each} is kept: the next run without --keep removes it." for each in outcome.kept]
    if outcome.short:
        lines.append(SHORT.format(outcome.short))
    if outcome.swapped:
        lines.append(f"Set PARLEY_EMBEDDING_MODEL={model} for the deployment as well.")
    return "\n".join(lines)
