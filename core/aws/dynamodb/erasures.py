"""Documents that are hidden and will be erased, in DynamoDB: `core.ports.erasures.Erasures`.

A hidden document's row keeps its earlier state for `restore`. The partition `erasing` has a row
for each hidden document, which says when it is to be erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.aws.access.calls import Calls
from core.aws.access.items import decode, encode
from core.aws.dynamodb.manifest import DELETED_KEPT, HIDDEN, DynamoManifest, key_of
from core.aws.dynamodb.reads import by_keys, in_partition
from core.values.documents import Document, DocumentId, State

ERASING = "erasing"


class DynamoErasures:
    """The hidden documents. One instance per process; every method raises StoreError."""

    def __init__(self, dynamodb: Any, table: str, calls: Calls, manifest: DynamoManifest) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._manifest = manifest

    async def hide(self, row: Document, at: float, by: str) -> bool:
        """Hide a document until it is erased; False if it has changed since `row` was read."""
        place, file = row.id
        due = {"pk": ERASING, "sk": f"{place}/{file}", "at": at}
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(due))
        kept = {"kept_state": row.state, "kept_version": row.version, "kept_chunks": row.chunks}
        return await self._manifest.change(
            row.id,
            {"forgotten": True, **self._manifest.gone(), "ttl": int(at + DELETED_KEPT)}
            | {"erase_at": at, "erased_by": by, **kept},
            condition="#updated = :known",
            values={":known": row.updated},
        )

    async def restore(self, row: Document, now: float) -> bool:
        """Restore a hidden document; False if its time to be erased has come."""
        items = await by_keys(self._db, self._table, self._calls, [key_of(row.id)])
        kept = decode(items[0]) if items else {}
        state = kept.get("kept_state", "")
        whole = state in (State.READY, State.FAILED)
        back = {
            "state": State(state) if whole else State.RECEIVED,
            "version": kept.get("kept_version", "") if whole else "",
            "chunks": int(kept.get("kept_chunks", 0)) if whole else 0,
        }
        restored = await self._manifest.change(
            row.id,
            back,
            remove=("ttl", "forgotten", *HIDDEN),
            condition="#erase_at > :now",
            values={":now": now},
        )
        if restored:
            await self.erased(row.id)
        return restored

    async def hidden(self, place: str) -> Sequence[Document]:
        """A place's hidden documents."""
        items = map(decode, await in_partition(self._db, self._table, self._calls, ERASING))
        known = map(_hidden, (str(each["sk"]) for each in items))
        found = await self._manifest.get(each for each in known if each.place == place)
        return [each for each in found.values() if each.erase_at]

    async def due(self, at: float) -> Sequence[DocumentId]:
        """The documents to be erased at or before `at`."""
        items = map(decode, await in_partition(self._db, self._table, self._calls, ERASING))
        return [_hidden(str(each["sk"])) for each in items if each["at"] <= at]

    async def erased(self, document: DocumentId) -> None:
        """Delete the row that schedules a document's erasure."""
        key = encode({"pk": ERASING, "sk": f"{document.place}/{document.file}"})
        await self._calls(self._db.delete_item, TableName=self._table, Key=key)


def _hidden(name: str) -> DocumentId:
    """The document of a sort key, which is always `{platform}/{tenant}/{channel}/{file}`: people
    cannot erase files of the library."""
    platform, tenant, channel, file = name.split("/", 3)
    return DocumentId(f"{platform}/{tenant}/{channel}", file)
