"""The doctor's checks of models and search: one real call in each region, and the index."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import boto3

from cli.doctor.finding import Finding
from core.aws.bedrock.client import BedrockModel
from core.aws.bedrock.embeddings import EmbeddingPool
from core.aws.document_stores import editions_of
from core.ports.index import ForeignIndex, IndexRejected
from core.ports.model import ModelError, Overloaded, Refused
from core.ports.store_error import StoreError
from core.runtime.settings import Settings
from core.values.answer import Message, Prompt
from core.values.effort import Task
from core.values.models import MODELS

PATIENCE = 20.0
ENDPOINTS = ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")
"""Settings of botocore's that lead its calls of Bedrock elsewhere, the stronger first."""
ASKED = Message("user", "Answer with the one word: yes")
ACCESS = "enable the model for this account in the Bedrock console, and allow bedrock:InvokeModel*"


async def models(settings: Settings) -> AsyncIterator[Finding]:
    """Check Claude in each of its regions, then the embedding model in each of its own."""
    session = boto3.Session(region_name=settings.aws_region)
    for region in settings.model_regions:
        yield await _claude(region, settings.default_model, session)
    if not settings.opensearch_url:
        yield Finding("files (OPENSEARCH_URL)")
        return
    for region in settings.embedding_regions:
        yield await _embedding(region, settings.embedding_model, session)
    yield await _search(settings, session)


async def _claude(region: str, model: str, session: boto3.Session) -> Finding:
    name = f"{MODELS[model].label} in {region}"
    bedrock = BedrockModel([region], session, rounds=(0.0,))
    prompt = Prompt(model, "", (ASKED,), max_tokens=16, task=Task.REWRITE)
    try:
        async with asyncio.timeout(PATIENCE):
            pieces = [delta.text async for delta in bedrock.stream(prompt)]
    except (ModelError, TimeoutError) as exc:
        return _not_answering(name, exc)
    finally:
        await bedrock.close()
    said = "answers" if any(pieces) else "answers with nothing"
    # an endpoint of somebody's own may not be Claude at all
    elsewhere = next((os.environ[each] for each in ENDPOINTS if os.environ.get(each)), "")
    return Finding(name, f"{said}, at {elsewhere} and not at AWS" if elsewhere else said)


async def _embedding(region: str, model: str, session: boto3.Session) -> Finding:
    name = f"{model} in {region}"
    pool = EmbeddingPool([region], model, session)
    try:
        async with asyncio.timeout(PATIENCE):
            (vector,) = await pool.embed(["Is anybody there?"], query=True)
    except (ModelError, TimeoutError) as exc:
        return _not_answering(name, exc)
    finally:
        await pool.close()
    return Finding(name, f"answers, {len(vector)} dimensions")


def _not_answering(name: str, exc: Exception) -> Finding:
    match exc:
        case Refused():
            return Finding(name, problem="it refuses to answer", fix=ACCESS)
        case Overloaded():
            return Finding(
                name,
                problem="it is throttled",
                fix="ask for a higher quota in Service Quotas, or name more regions",
            )
        case _:
            return Finding(
                name,
                problem=f"no answer ({type(exc).__name__})",
                fix=f"check the region's name and the network; {ACCESS}",
            )


async def _search(settings: Settings, session: boto3.Session) -> Finding:
    name = "OpenSearch"
    editions = editions_of(settings, session)
    try:
        async with asyncio.timeout(PATIENCE):
            count = await editions.known()
            live = await editions.live()
    except ForeignIndex as exc:
        return Finding(name, problem=exc.what, fix=exc.FIX)
    except (StoreError, TimeoutError) as exc:
        return Finding(
            name,
            problem=f"no answer ({type(exc).__name__})",
            fix="check OPENSEARCH_URL, the network, and that the domain's policy lets this role in "
            "(of a collection: those for network and data access)",
        )
    except IndexRejected:
        return Finding(
            name,
            problem="it answers with an error",
            fix="use OpenSearch 2.17 or newer with k-NN, or a vector search collection, and let "
            "this role use its indices",
        )
    finally:
        await editions.close()
    if count is None:
        return Finding(name, "answers; nothing has been read yet")
    if live.name != editions.wanted:
        return Finding(
            name,
            problem=f"{live.name} is of {live.model} or of an earlier release, not as configured",
            fix="run `parley reindex`, or set PARLEY_EMBEDDING_MODEL back; all works meanwhile",
        )
    return Finding(name, f"{live.name}, {count} passages")
