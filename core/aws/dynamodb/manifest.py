"""The manifest of documents, in DynamoDB: `core.ports.Manifest`.

| pk                       | sk      | what                                            |
|--------------------------|---------|-------------------------------------------------|
| `files#{place}`          | file id | a document: state, version, who shared it, …    |
| `post#{place}/{message}` | file id | that it came with this post                     |
|                          | `-`     | that the post was deleted                       |
| `file#{tenant}/{file}`   | place   | that this file was shared there                 |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import clean, cut, decode, encode
from core.aws.dynamodb.reads import BATCH, by_keys, in_partition
from core.values.documents import Document, DocumentId, State

DELETED_KEPT = 30 * 86_400
"""Seconds that a deleted document is remembered: longer than any queue keeps an event of it."""
BARRED = "-"
HIDDEN = ("erase_at", "erased_by", "kept_state", "kept_version", "kept_chunks")
"""Of a document that is hidden until it is erased. To versions that do not know of that it is one
that was forgotten."""
WIDTH = 32
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
"""What a share says of a document; the rest is ingestion's."""


def comparable(sequencer: str) -> str:
    """An S3 sequencer that compares as text: to be padded on the right, says its documentation.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    return sequencer.upper().ljust(WIDTH, "0")


def after(seen: str) -> str:
    """The next version that is ours: after `seen`, and before all that S3 tells later of its key.

    A listing has no sequencers, so what is queued anew cannot have its own. Those of S3 are padded
    to 32 digits; ours are the newest noticed one and four digits more.
    """
    number = int(seen[WIDTH:] or "0", 16)
    return f"{seen[:WIDTH] or '0' * WIDTH}{number + 1:04X}"


class DynamoManifest:
    """Every change is one conditional update, so that late and repeated events change nothing."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def get(self, ids: Iterable[DocumentId]) -> Mapping[DocumentId, Document]:
        keys = [key_of(each) for each in sorted(set(ids))]
        items = await by_keys(self._db, self._table, self._calls, keys)
        return {each.id: each for each in map(_document, items)}

    async def of_place(self, place: str, limit: int) -> Sequence[Document]:
        """Those that are not deleted, newest first."""
        items = await self._partition(f"files#{place}", limit)
        known = [_document(each) for each in items]
        kept = [each for each in known if each.state is not State.DELETED]
        return sorted(kept, key=lambda each: each.shared_at or each.updated, reverse=True)[:limit]

    async def of_message(self, place: str, message: str) -> Sequence[Document]:
        items = await self._partition(f"post#{place}/{message}", BATCH)
        files = [str(decode(each)["sk"]) for each in items]
        found = await self.get(DocumentId(place, each) for each in files if each != BARRED)
        return [each for each in found.values() if _there(each)]

    async def of_file(self, tenant: str, file: str) -> Sequence[Document]:
        items = await self._partition(f"file#{tenant}/{file}", BATCH)
        found = await self.get(DocumentId(decode(each)["sk"], file) for each in items)
        return [each for each in found.values() if _there(each)]

    async def bar(self, place: str, message: str) -> None:
        ttl = int(self._clock() + DELETED_KEPT)
        item = encode({"pk": f"post#{place}/{message}", "sk": BARRED, "ttl": ttl})
        await self._calls(self._db.put_item, TableName=self._table, Item=item)

    async def barred(self, place: str, message: str) -> bool:
        keys = [{"pk": f"post#{place}/{message}", "sk": BARRED}]
        return bool(await by_keys(self._db, self._table, self._calls, keys))

    async def register(self, document: Document) -> None:
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
        await self.change(document, {"digest": digest}, condition="attribute_exists(pk)")

    async def sourced(self, document: Document, *, state: State | None = None) -> None:
        names = ("source", "source_version", "size", "shared_at", "digest")
        fields = {name: getattr(document, name) for name in names}
        fields |= {"state": state} if state is not None else {}
        await self.change(document.id, fields, condition="attribute_exists(pk)")

    async def see(
        self, document: DocumentId, key: str, name: str, seen: str, size: int, *, etag: str = ""
    ) -> bool:
        # what was queued anew does not forgive earlier tries
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
        return await self._current(document, seen, {"state": state, "done": done, "total": total})

    async def ready(self, document: DocumentId, seen: str, *, pages: int, chunks: int) -> bool:
        counts = {"pages": pages, "chunks": chunks, "done": 0, "total": 0}
        fields = {"state": State.READY, "version": seen, "reason": "", **counts}
        return await self._current(document, seen, fields)

    async def fail(self, document: DocumentId, seen: str, reason: str) -> bool:
        fields = {"state": State.FAILED, "version": "", "reason": reason, "chunks": 0}
        return await self._current(document, seen, fields)

    async def removed(self, document: DocumentId, key: str, seen: str) -> bool:
        return await self.change(
            document,
            {"seen": seen, "key": key, "etag": "", **self.gone()},
            remove=HIDDEN,
            condition="attribute_exists(pk) AND (attribute_not_exists(#seen) OR #seen <= :seen) "
            "AND (attribute_not_exists(#key) OR #key = :key)",
        )

    async def refuse(self, document: DocumentId, reason: str) -> None:
        await self.change(document, {"state": State.FAILED, "version": "", "reason": reason})

    async def forget(self, document: DocumentId) -> None:
        await self.change(document, {"forgotten": True, **self.gone()}, remove=HIDDEN)

    async def rows(
        self, after: str, limit: int, *, fresh: bool = False
    ) -> tuple[Sequence[Document], str]:
        """`fresh`: with all that was written before, for twice the price.

        All rows of the table are read, exchanges and claims as well: it has no index by kind, and
        one would cost a write for each step of a document. A page is at most `limit` rows or a
        megabyte, 128 read units; the 40 of an hourly comparison are 5,120, half a dollar a month.
        Segments side by side would be as dear, and sooner done than anybody needs.
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
        """Sets fields, those in `missing` only where there are none. False: condition not met."""
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


def _sent(value: Any) -> Any:
    return cut(clean(value), NAME_LIMIT) if isinstance(value, str) else value


def _there(document: Document) -> bool:
    """Whether there is anything of it, if only until it is erased."""
    return document.state is not State.DELETED or bool(document.erase_at)


def key_of(document: DocumentId) -> dict[str, str]:
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
