"""The records of documents, in DynamoDB: `core.ports.documents.Manifest`.

| pk                       | sk      | what                                            |
|--------------------------|---------|-------------------------------------------------|
| `files#{place}`          | file id | a document: state, version, who shared it, …    |
| `post#{place}/{message}` | file id | that it was attached to this message            |
|                          | `-`     | that the message was deleted                    |
| `file#{tenant}/{file}`   | place   | that this file was shared there                 |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import clean, cut, decode, encode
from core.aws.access.sequencers import WIDTH
from core.aws.dynamodb.reads import BATCH, by_keys, in_partition
from core.values.documents import Document, DocumentId, State

DELETED_KEPT = 30 * 86_400
"""Seconds that a deleted document is remembered: longer than any queue keeps an event about it."""
BARRED = "-"
HIDDEN = ("erase_at", "erased_by", "kept_state", "kept_version", "kept_chunks")
"""Attributes of a hidden document. Releases that do not know them see it as forgotten."""
NAME_LIMIT = 2_000
TEXTS = (
    "name", "key", "version", "seen", "reason", "sharer", "sharer_id", "link", "message",
    "media_type", "etag", "thread", "digest", "source", "source_version",
)  # fmt: skip
NUMBERS = ("size", "pages", "chunks", "done", "total", "tries")
REGISTERED = (
    "name", "key", "size", "sharer", "sharer_id", "shared_at", "link", "message", "media_type",
    "origins", "thread", "source", "source_version",
)  # fmt: skip
"""The fields that sharing a file sets; ingestion sets the others."""


class DynamoManifest:
    """All documents. Methods raise StoreError; a change is one conditional update, so that late or
    repeated events do nothing."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def get(self, ids: Iterable[DocumentId]) -> Mapping[DocumentId, Document]:
        """The documents with these ids; unknown ids are left out."""
        return await documents_of(self._db, self._table, self._calls, ids)

    async def of_place(self, place: str, limit: int) -> Sequence[Document]:
        """A place's documents that are not deleted, newest first."""
        items = await self._partition(f"files#{place}", limit)
        known = [_document(each) for each in items]
        kept = [each for each in known if each.state is not State.DELETED]
        return sorted(kept, key=lambda each: each.shared_at or each.updated, reverse=True)[:limit]

    async def of_message(self, place: str, message: str) -> Sequence[Document]:
        """The documents that were attached to one message."""
        items = await self._partition(f"post#{place}/{message}", BATCH)
        files = [str(decode(each)["sk"]) for each in items]
        found = await self.get(DocumentId(place, each) for each in files if each != BARRED)
        return [each for each in found.values() if _there(each)]

    async def of_file(self, tenant: str, file: str) -> Sequence[Document]:
        """One document for each place where a file was shared."""
        items = await self._partition(f"file#{tenant}/{file}", BATCH)
        found = await self.get(DocumentId(decode(each)["sk"], file) for each in items)
        return [each for each in found.values() if _there(each)]

    async def set_tombstone(self, place: str, message: str) -> None:
        """Record that a message was deleted, for 30 days."""
        ttl = int(self._clock() + DELETED_KEPT)
        item = encode({"pk": f"post#{place}/{message}", "sk": BARRED, "ttl": ttl})
        await self._calls(self._db.put_item, TableName=self._table, Item=item)

    async def has_tombstone(self, place: str, message: str) -> bool:
        """Whether this message is recorded as deleted."""
        keys = [{"pk": f"post#{place}/{message}", "sk": BARRED}]
        return bool(await by_keys(self._db, self._table, self._calls, keys))

    async def register(self, document: Document) -> None:
        """Record a shared file, with pointers to it from its message and its file id."""
        fields = {name: getattr(document, name) for name in REGISTERED}
        await self.change(
            document.id,
            {**fields, "state": State.RECEIVED, "reason": "", "done": 0, "total": 0},
            remove=("ttl", "forgotten", *HIDDEN),
        )
        place, file = document.id
        pointers = [{"pk": f"file#{place.rpartition('/')[0]}/{file}", "sk": place}]
        if document.message:
            pointers.append({"pk": f"post#{place}/{document.message}", "sk": file})
        for each in pointers:
            await self._calls(self._db.put_item, TableName=self._table, Item=encode(each))

    async def fetched(self, document: DocumentId, digest: str) -> None:
        """Record the SHA-256 of the stored bytes, in hexadecimal digits."""
        await self.change(document, {"digest": digest}, condition="attribute_exists(pk)")

    async def sourced(self, document: Document, *, state: State | None = None) -> None:
        """Record which version of a file is stored, and `state` if it is given."""
        names = ("source", "source_version", "size", "shared_at", "digest")
        fields = {name: getattr(document, name) for name in names}
        fields |= {"state": state} if state is not None else {}
        await self.change(document.id, fields, condition="attribute_exists(pk)")

    async def begin_version(
        self, document: DocumentId, key: str, name: str, seen: str, size: int, *, etag: str = ""
    ) -> bool:
        """Begin reading a newly written object; False if there is nothing to read."""
        # an event of our own, from queueing a document again, does not reset its attempts
        tries = {"tries": 0} if len(seen) <= WIDTH else {}
        return await self.change(
            document,
            {"key": key, "seen": seen, "size": size, "etag": etag, "state": State.EXTRACTING}
            | {"reason": "", "done": 0, "total": 0, **tries},
            missing={"name": name},
            remove=("ttl", "forgotten", *HIDDEN),
            condition="(attribute_not_exists(#seen) OR #seen < :seen "
            "OR (#seen = :seen AND NOT #state IN (:ready, :deleted))) "
            "AND (attribute_not_exists(#forgotten) OR attribute_not_exists(#message))",
            values={":ready": State.READY, ":deleted": State.DELETED},
            names=("message",),
        )

    async def progress(
        self,
        document: DocumentId,
        seen: str,
        state: State,
        *,
        done: int = 0,
        total: int = 0,
    ) -> bool:
        """Record how far the reading of this version has come; False if it no longer matters."""
        return await self._current(document, seen, {"state": state, "done": done, "total": total})

    async def ready(self, document: DocumentId, seen: str, *, pages: int, chunks: int) -> bool:
        """Make this version's chunks searchable. False as in `progress`."""
        counts = {"pages": pages, "chunks": chunks, "done": 0, "total": 0}
        fields = {"state": State.READY, "version": seen, "reason": "", **counts}
        return await self._current(document, seen, fields)

    async def fail(self, document: DocumentId, seen: str, reason: str) -> bool:
        """Record why this version cannot be read. False as in `progress`."""
        fields = {"state": State.FAILED, "version": "", "reason": reason, "chunks": 0}
        return await self._current(document, seen, fields)

    async def removed(self, document: DocumentId, key: str, seen: str) -> bool:
        """Mark a document as deleted with its object; False if that is not its current object."""
        return await self.change(
            document,
            {"seen": seen, "key": key, "etag": "", **self.gone()},
            remove=HIDDEN,
            condition="attribute_exists(pk) AND (attribute_not_exists(#seen) OR #seen <= :seen) "
            "AND (attribute_not_exists(#key) OR #key = :key)",
        )

    async def refuse(self, document: DocumentId, reason: str) -> None:
        """Record why a shared file could not be fetched."""
        await self.change(document, {"state": State.FAILED, "version": "", "reason": reason})

    async def forget(self, document: DocumentId) -> None:
        """Mark a document as deleted by a person, whatever its version."""
        await self.change(document, {"forgotten": True, **self.gone()}, remove=HIDDEN)

    async def rows(
        self, after: str, limit: int, *, fresh: bool = False
    ) -> tuple[Sequence[Document], str]:
        """A page of the documents that are not deleted, and the next page's cursor.

        `fresh` reads consistently, at twice the price. The scan covers all rows of the table: an
        index by kind would cost a write for each step of a document. A page is at most `limit` rows
        or one megabyte, which is 128 read units; the 40 pages of an hourly comparison cost 5,120
        units, or half a dollar a month. Scanning segments in parallel would cost the same.
        """
        answer = await self._calls(
            self._db.scan,
            TableName=self._table,
            ConsistentRead=fresh,
            FilterExpression="begins_with(pk, :files) AND #state <> :deleted",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=encode({":files": "files#", ":deleted": State.DELETED}),
            Limit=limit,
            **({"ExclusiveStartKey": json.loads(after)} if after else {}),
        )
        last = answer.get("LastEvaluatedKey")
        return [_document(each) for each in answer["Items"]], json.dumps(last) if last else ""

    async def take_up(self, row: Document, tries: int) -> bool:
        """Count another attempt at reading a document; False if it changed since `row` was read."""
        if row.updated:
            return await self.change(
                row.id,
                {"tries": tries},
                condition="#updated = :known",
                values={":known": row.updated},
            )
        return await self.change(
            row.id,
            {"key": row.key, "name": row.name, "size": row.size, "state": State.RECEIVED}
            | {"tries": tries},
            condition="attribute_not_exists(pk)",
        )

    def gone(self) -> dict[str, Any]:
        """The fields of a deleted document."""
        ttl = int(self._clock() + DELETED_KEPT)
        return {"state": State.DELETED, "version": "", "chunks": 0, "ttl": ttl}

    async def _current(self, document: DocumentId, seen: str, fields: dict[str, Any]) -> bool:
        return await self.change(
            document,
            fields,
            condition="#seen = :current AND #state <> :deleted "
            "AND (attribute_not_exists(#version) OR #version <> :current)",
            values={":current": seen, ":deleted": State.DELETED},
            names=("seen", "version"),
        )

    async def change(
        self,
        document: DocumentId,
        fields: Mapping[str, Any],
        *,
        missing: Mapping[str, Any] | None = None,
        remove: Sequence[str] = (),
        condition: str = "",
        values: Mapping[str, Any] | None = None,
        names: Sequence[str] = (),
    ) -> bool:
        """Set `fields`, and those of `missing` that are not set yet; False if `condition` fails."""
        missing = missing or {}
        fields = {**fields, "updated": self._clock()}
        steps = [f"#{name} = :{name}" for name in fields]
        steps += [f"#{name} = if_not_exists(#{name}, :{name})" for name in missing]
        expression = "SET " + ", ".join(steps)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        named = {*fields, *missing, *remove, *names}
        all_values = {f":{name}": _sent(value) for name, value in {**fields, **missing}.items()}
        try:
            await self._calls(
                self._db.update_item,
                TableName=self._table,
                Key=encode(key_of(document)),
                UpdateExpression=expression,
                ExpressionAttributeNames={f"#{name}": name for name in named},
                ExpressionAttributeValues=encode({**all_values, **(values or {})}),
                **({"ConditionExpression": condition} if condition else {}),
            )
        except ClientError as exc:
            if not unmet(exc):
                raise
            return False
        return True

    async def _partition(self, pk: str, limit: int) -> list[Mapping[str, Any]]:
        return await in_partition(self._db, self._table, self._calls, pk, limit=limit)


async def documents_of(
    dynamodb: Any, table: str, calls: Calls, ids: Iterable[DocumentId]
) -> Mapping[DocumentId, Document]:
    """What the manifest has of these documents. Raises StoreError."""
    keys = [key_of(each) for each in sorted(set(ids))]
    items = await by_keys(dynamodb, table, calls, keys)
    return {each.id: each for each in map(_document, items)}


def _sent(value: Any) -> Any:
    return cut(clean(value), NAME_LIMIT) if isinstance(value, str) else value


def _there(document: Document) -> bool:
    """Whether the document exists, or is hidden and can still be restored."""
    return document.state is not State.DELETED or bool(document.erase_at)


def key_of(document: DocumentId) -> dict[str, str]:
    """The key of a document's row."""
    return {"pk": f"files#{document.place}", "sk": document.file}


def _document(item: Mapping[str, Any]) -> Document:
    values = decode(item)
    texts: dict[str, Any] = {name: str(values.get(name, "")) for name in TEXTS}
    numbers: dict[str, Any] = {name: int(values.get(name, 0)) for name in NUMBERS}
    return Document(
        id=DocumentId(values["pk"].removeprefix("files#"), values["sk"]),
        state=State(values["state"]),
        shared_at=values.get("shared_at", 0.0),
        updated=values.get("updated", 0.0),
        forgotten=bool(values.get("forgotten")),
        origins=tuple(values.get("origins", ())),
        erase_at=values.get("erase_at", 0.0),
        erased_by=str(values.get("erased_by", "")),
        **texts,
        **numbers,
    )
