"""Questions that wait for documents, in DynamoDB: `core.ports.waits.Waits`.

| pk                       | sk       | what                                             |
|--------------------------|----------|--------------------------------------------------|
| `waiting#{place}/{file}` | event id | that this question has waited for the document   |
| `claim#{event id}`       | `claim`  | `wait_documents`, while it waits; `wait_since`   |
|                          |          | and `wait_number` from its first wait on         |

A row of the first kind is written before the claim says that it waits, and counts only as long as
it does; what was asked is in the claim alone. Versions before these rows leave them alone, and take
a claim that waits for one whose worker is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.aws.access.calls import Calls
from core.aws.access.items import clean, decode, encode
from core.aws.dynamodb.manifest import documents_of
from core.aws.dynamodb.reads import by_keys, in_partition
from core.knowledge.files.waiting import goes_on_at
from core.ports.waits import Wait, Waiting
from core.runtime.tasks import together
from core.values.answer import MessageId
from core.values.documents import DocumentId

KEPT = 2 * 86_400
"""Seconds that a row stays: longer than a question waits (`core.knowledge.files.waiting`)."""


class DynamoWaits:
    """Reads alone: a claim's holder writes (`core.aws.dynamodb.claims`)."""

    def __init__(self, dynamodb: Any, table: str, calls: Calls) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls

    async def waiting_for(self, document: DocumentId) -> Sequence[Waiting]:
        """The questions that wait for a document, whatever its state."""
        rows = await in_partition(self._db, self._table, self._calls, partition(document))
        found = await self.read({str(decode(each)["sk"]) for each in rows})
        return [each for each in found.values() if document in each.wait.documents]

    async def read(self, event_ids: Collection[str]) -> Mapping[str, Waiting]:
        """Those of these events that wait now."""
        keys = [{"pk": f"claim#{each}", "sk": "claim"} for each in sorted(event_ids)]
        items = map(decode, await by_keys(self._db, self._table, self._calls, keys))
        return {each.event_id: each for item in items if (each := waiting_of(item)) is not None}


async def note(
    dynamodb: Any,
    table: str,
    calls: Calls,
    event_id: str,
    *,
    documents: Sequence[DocumentId],
    now: float,
) -> None:
    """Writes for each document that an event waits for it."""

    async def one(document: DocumentId) -> None:
        row = {"pk": partition(document), "sk": event_id, "ttl": int(now + KEPT)}
        await calls(dynamodb.put_item, TableName=table, Item=encode(row))

    await together(*map(one, documents))


async def go_on_at(
    dynamodb: Any, table: str, calls: Calls, waiting: Collection[Waiting], *, now: float
) -> Mapping[str, float]:
    """When each of these questions should continue (`core.knowledge.files.waiting`), by event."""
    wanted = {document for each in waiting for document in each.wait.documents}
    rows = await documents_of(dynamodb, table, calls, wanted)
    return {each.event_id: goes_on_at(each.wait, rows, now) for each in waiting}


def partition(document: DocumentId) -> str:
    """Where the questions are that wait for a document."""
    return f"waiting#{document.place}/{document.file}"


def kept(wait: Wait) -> dict[str, Any]:
    """What a claim's row has of a wait."""
    documents = tuple("\n".join(each) for each in wait.documents)
    told = {"wait_since": wait.since, "wait_number": wait.number}
    return told | ({"wait_documents": documents} if documents else {})


def carried(wait: Wait | None) -> dict[str, Any]:
    """What a claim's row has of its last wait once a worker continues."""
    return kept(replace(wait, documents=())) if wait is not None else {}


def next_wait(before: Wait | None, documents: Sequence[DocumentId], now: float) -> Wait:
    """The wait after `before`."""
    since, number = (before.since, before.number) if before else (now, 0)
    return Wait(tuple(documents), since, number + 1)


def waiting_claim(
    wait: Wait, incoming: str, message_ids: Sequence[MessageId]
) -> tuple[str, dict[str, Any]]:
    """How a claim's row is updated when it begins to wait: expression and values.

    Nobody owns it then, so that no late renewal brings the lease back.
    """
    values = {"lease": 0, "attempt": 0, "incoming": clean(incoming), **kept(wait)}
    values["messages"] = tuple(message_ids)
    changes = ", ".join(f"{name} = :{name}" for name in values)
    return f"SET #owner = :nobody, {changes}", {
        ":nobody": "",
        **{f":{name}": value for name, value in values.items()},
    }


def wait_of(item: Mapping[str, Any]) -> Wait | None:
    """The wait that a claim's row tells of, None where it never waited."""
    if "wait_since" not in item:
        return None  # or no row at all
    documents = tuple(DocumentId(*each.split("\n", 1)) for each in item.get("wait_documents", ()))
    return Wait(documents, float(item["wait_since"]), int(item["wait_number"]))


def waiting_of(item: Mapping[str, Any]) -> Waiting | None:
    """The question of a claim's row, None unless it waits and nobody holds it."""
    wait = wait_of(item)
    if wait is None or not wait.documents or item["settled"]:
        return None
    ids = tuple(MessageId(each) for each in item["messages"])
    return Waiting(item["event"], item["incoming"], ids, wait)
