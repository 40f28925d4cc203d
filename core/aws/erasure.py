"""Erases a workspace, a channel or a person from the table, index, bucket and dead letters.

1. Documents are marked as deleted first, so that they are no longer searched and readers in
   progress give up. Then their passages are deleted, then their objects with all versions, then the
   rows. Rows come last because the rest is found by them, so an interrupted run can be repeated. If
   an object or passage could not be deleted, the rows of files stay too: without them only the
   hourly comparison would find it, and read it again.
2. The table has no index by person or by place, so it is scanned, page by page.
3. Answers in progress are waited for, since they are stored when they end. A question that waits in
   the queue is dropped if its receiver recorded it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from core.aws.access.calls import Calls, Unfinished, backoff
from core.aws.access.items import decode, encode
from core.aws.dynamodb.claim_rows import OPEN
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.dynamodb.withdrawn import drop
from core.aws.s3 import delete_versions, object_versions
from core.aws.search.purge import Passages
from core.aws.sqs.dead_letters import DeadLetterQueue
from core.knowledge.erasure import NEEDED, Row, Wanted, held, kind_of
from core.runtime.tasks import retrying, together
from core.values.documents import DocumentId, State, document_of

BATCH = 25
"""Rows that one BatchWriteItem accepts."""
FILES = ("files#", "file#", "post#")
"""The key prefixes of the rows of files, and of the rows that point to them."""
RETRIES = 19
"""Further attempts to write one batch, within a quarter of a minute."""
AT_ONCE = 16
ROUNDS = 30
PAUSE = 2.0
"""Seconds between two rounds while answers are in progress."""

UNSEEN = (
    "{} dead letters could not be looked at, since others of the same conversation are before "
    "them: `parley redrive turns`, then run this again."
)

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What was found or deleted, counted by kind, and sentences about what could not be deleted.

    `untold` counts exchanges that do not say who asked.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """The stores to erase from. `dead` are the dead-letter queues of turns and of file events."""

    dynamodb: Any
    s3: Any
    sqs: Any
    table: str
    bucket: str
    dead: tuple[str, str]
    passages: Passages | None
    manifest: DynamoManifest
    calls: Calls


class Eraser:
    """Erases one target. `say` receives progress messages."""

    def __init__(
        self,
        kept: Kept,
        wanted: Wanted,
        say: Say,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kept = kept
        self._wanted = wanted
        self._say = say
        self._clock = clock
        self._sleep = sleep

    async def count(self) -> Report:
        """Count what would be erased. Raises StoreError."""
        await self._learn()
        report = Report()
        async for page in self._pages("counting"):
            report.counts.update(kind_of(row) for row in page if self._wanted.takes(row))
            report.untold += sum(map(self._wanted.leaves_open, page))
        if self._kept.passages is not None:
            report.counts["passages"] = await self._kept.passages.count(
                self._wanted.places(), self._wanted.documents
            )
        for prefix in self._prefixes():
            async for versions in self._versions(prefix):
                report.counts["objects' versions"] += len(versions)
        return report

    async def erase(self) -> Report:
        """Erase everything, in rounds until one finds nothing more. Raises StoreError."""
        report, waiting = Report(), 0
        for number in range(ROUNDS):
            before = report.counts.total()
            report.failures.clear()
            await self._learn()
            await self._hide()
            await self._searched(report)
            await self._objects(report)
            waiting = await self._rows(report)
            if number == 0:
                await self._letters(report)
            if not waiting and (report.counts.total() == before or report.failures):
                break
            if waiting:
                self._say(f"waiting for {waiting} answers that are being given")
                await self._sleep(PAUSE)
        if waiting:
            report.failures.append(
                f"{waiting} answers are still being given: run this again when they have ended."
            )
        return report

    async def _learn(self) -> None:
        if not self._wanted.target.person:
            return
        async for page in self._pages("looking for what the person asked and shared"):
            for row in page:
                self._wanted.learn(row)
        for place in self._wanted.direct:
            found = await self._kept.manifest.of_place(place, 1_000_000)
            self._wanted.documents |= {each.id for each in found}

    async def _hide(self) -> None:
        async for page in self._pages("taking files out of answers"):
            ids = [
                DocumentId(row["pk"].partition("#")[2], row["sk"])
                for row in page
                if row["pk"].startswith("files#")
                and row.get("state") != State.DELETED
                and self._wanted.takes(row)
            ]
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                await together(*map(self._kept.manifest.forget, some))

    async def _searched(self, report: Report) -> None:
        if self._kept.passages is None:
            return
        self._say("deleting passages")
        deleted, left = await self._kept.passages.delete(
            self._wanted.places(), self._wanted.documents
        )
        report.counts["passages"] += deleted
        if left:
            report.failures.append(f"{left} passages are still in the index: run this again.")

    async def _objects(self, report: Report) -> None:
        for prefix in self._prefixes():
            async for versions in self._versions(prefix):
                so_far = report.counts["objects' versions"]
                self._say(f"deleting objects: {so_far:,} so far")
                failed = await delete_versions(
                    self._kept.s3, self._kept.bucket, self._kept.calls, versions
                )
                report.counts["objects' versions"] += len(versions) - len(failed)
                report.failures += [
                    f"An object's version was not deleted ({each.get('Code', 'unknown')}): "
                    f"{each.get('Key', '')} {each.get('VersionId', '')}"
                    for each in failed
                ]
            await self._uploads(prefix, report)

    async def _uploads(self, prefix: str, report: Report) -> None:
        """Abort unfinished uploads, as S3 keeps their parts, too."""
        answer = await self._kept.calls(
            self._kept.s3.list_multipart_uploads, Bucket=self._kept.bucket, Prefix=prefix
        )
        for each in answer.get("Uploads", ()):
            await self._kept.calls(
                self._kept.s3.abort_multipart_upload,
                Bucket=self._kept.bucket,
                Key=each["Key"],
                UploadId=each["UploadId"],
            )
            report.counts["unfinished uploads"] += 1

    async def _rows(self, report: Report) -> int:
        """Delete the rows, and return the number of answers in progress, whose rows stay."""
        now, waiting = self._clock(), set[str]()
        report.untold = 0
        async for page in self._pages("deleting rows"):
            gone, noted = list[Row](), list[Row]()
            for row in page:
                report.untold += self._wanted.leaves_open(row)
                if not self._wanted.takes(row):
                    continue
                if report.failures and row["pk"].startswith(FILES):
                    continue
                if held(row, now):
                    waiting.add(row["event"])
                else:
                    (noted if row["pk"] == OPEN else gone).append(row)
            await self._deleted(gone, report)
            # afterwards, since the record that a question is completed replaces its claim
            over = {each["sk"]: await self._dropped(each["sk"]) for each in noted}
            waiting |= {event for event, is_over in over.items() if not is_over}
            await self._deleted([each for each in noted if over[each["sk"]]], report)
        return len(waiting)

    async def _dropped(self, event: str) -> bool:
        now = self._clock()
        return await drop(self._kept.dynamodb, self._kept.table, self._kept.calls, event, now)

    async def _deleted(self, rows: Sequence[Row], report: Report) -> None:
        for start in range(0, len(rows), BATCH):
            await self._delete(rows[start : start + BATCH])
        report.counts.update(map(kind_of, rows))

    async def _delete(self, rows: Iterable[Row]) -> None:
        keys = [{name: row[name] for name in ("pk", "sk")} for row in rows]
        left = {self._kept.table: [{"DeleteRequest": {"Key": encode(key)}} for key in keys]}

        async def once() -> None:
            nonlocal left
            answer = await self._kept.calls(self._kept.dynamodb.batch_write_item, RequestItems=left)
            left = answer.get("UnprocessedItems") or {}
            if left:
                raise Unfinished("the table is too busy")

        await retrying(once, map(backoff, range(RETRIES)), Unfinished, self._sleep)

    async def _letters(self, report: Report) -> None:
        turns, files = self._kept.dead
        for url, about in ((turns, self._wanted.message), (files, self._notified)):
            if not url:
                continue
            self._say("looking through dead letters")
            letters = DeadLetterQueue(self._kept.sqs, url, self._kept.calls)
            looked = await letters.delete(about)
            report.counts["dead letters"] += looked.deleted
            if looked.left:
                report.failures.append(
                    f"{looked.left} dead letters were not deleted: run this again."
                )
            if looked.unseen:
                report.failures.append(UNSEEN.format(looked.unseen))

    def _notified(self, body: str) -> bool:
        """Whether an S3 notification is about the target."""
        try:
            keys = [each["s3"]["object"]["key"] for each in json.loads(body)["Records"]]
        except (ValueError, KeyError, TypeError):
            return False
        found = [document_of(unquote_plus(key)) for key in keys]
        return any(each is not None and self._wanted.document(each[0]) for each in found)

    def _prefixes(self) -> list[str]:
        """The prefixes of the target's object keys."""
        places = sorted(f"{place}/" for place in self._wanted.places())
        return places + sorted(f"{each.place}/{each.file}/" for each in self._wanted.documents)

    def _versions(self, prefix: str) -> AsyncIterator[list[Mapping[str, str]]]:
        return object_versions(self._kept.s3, self._kept.bucket, self._kept.calls, prefix)

    async def _pages(self, doing: str) -> AsyncIterator[list[Row]]:
        """The table's rows, a megabyte at a time."""
        names = {f"#n{number}": name for number, name in enumerate(NEEDED)}
        more: dict[str, Any] = {}
        seen = 0
        while True:
            answer = await self._kept.calls(
                self._kept.dynamodb.scan,
                TableName=self._kept.table,
                ConsistentRead=True,
                ProjectionExpression=", ".join(names),
                ExpressionAttributeNames=names,
                **more,
            )
            seen += len(answer["Items"])
            self._say(f"{doing}: {seen:,} rows read")
            yield [decode(each) for each in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
