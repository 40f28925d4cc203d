"""Files in S3: `core.ports.documents.Vault`. Files are streamed both ways, one part in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls
from core.ports.documents import Missing, StoredObject, TooLarge
from core.ports.store_error import StoreError

log = logging.getLogger(__name__)

PART = 8 * 1024**2
"""Bytes of an upload's part. S3 accepts 10,000 parts, each of at least 5 MiB except the last."""
PIECE = 1024**2
ABORT_WITHIN = 0.5
"""Seconds that an upload which has ended waits until its parts are discarded."""
GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "405"})
"""S3's error codes for an object that does not exist or was deleted (has a delete marker)."""


class S3Vault:
    """The objects of one bucket. Every method raises StoreError."""

    def __init__(self, s3: Any, bucket: str, calls: Calls) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._calls = calls

    async def store(
        self, key: str, pieces: AsyncIterator[bytes], media_type: str, limit: int
    ) -> int:
        """Store a stream of at most `limit` bytes and return its size. Raises TooLarge."""
        where = {"Bucket": self._bucket, "Key": key}
        upload, parts, size = "", list[dict[str, Any]](), 0
        try:
            part = bytearray()
            async for piece in _within(limit, pieces):
                size += len(piece)
                part += piece
                if len(part) >= PART:
                    upload = upload or await self._begin(where, media_type)
                    parts.append(await self._part(where, upload, len(parts) + 1, bytes(part)))
                    part.clear()
            if not upload:
                await self._calls(
                    self._s3.put_object, **where, Body=bytes(part), ContentType=media_type
                )
                return size
            if part:
                parts.append(await self._part(where, upload, len(parts) + 1, bytes(part)))
            await self._calls(
                self._s3.complete_multipart_upload,
                **where,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
            )
        except BaseException:
            if upload:
                await self._abort(where, upload)
            raise
        return size

    async def _abort(self, where: dict[str, str], upload: str) -> None:
        """Discard the parts of an upload that failed or was cancelled.

        This never hides why the upload ended, nor delays it for long: a lifecycle rule of the
        bucket discards what is left.
        """
        try:
            async with asyncio.timeout(ABORT_WITHIN):
                await self._calls(self._s3.abort_multipart_upload, **where, UploadId=upload)
        except (StoreError, ClientError, TimeoutError) as exc:
            log.warning("an upload's parts are not discarded: %s", type(exc).__name__)

    async def _begin(self, where: dict[str, str], media_type: str) -> str:
        answer = await self._calls(
            self._s3.create_multipart_upload, **where, ContentType=media_type
        )
        return str(answer["UploadId"])

    async def _part(
        self, where: dict[str, str], upload: str, number: int, body: bytes
    ) -> dict[str, Any]:
        answer = await self._calls(
            self._s3.upload_part, **where, UploadId=upload, PartNumber=number, Body=body
        )
        return {"ETag": answer["ETag"], "PartNumber": number}

    async def fetch(self, key: str, path: Path, limit: int) -> int:
        """Copy the current object to a file and return its size. Raises Missing or TooLarge."""

        def copy() -> int:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
            size = 0
            with body, path.open("wb") as file:
                for piece in body.iter_chunks(PIECE):
                    size += len(piece)
                    if size > limit:
                        raise TooLarge(str(limit))
                    file.write(piece)
            return size

        try:
            return int(await self._calls(copy))
        except ClientError as exc:
            raise _missing(exc, key) from exc

    async def has(self, key: str) -> bool:
        """Whether an object exists under this key."""
        try:
            await self._calls(self._s3.head_object, Bucket=self._bucket, Key=key)
        except ClientError as exc:
            _missing(exc, key)
            return False
        return True

    async def listed(self, after: str, limit: int) -> tuple[Sequence[StoredObject], str]:
        """A page of objects in key order, and the next page's cursor: empty at the end."""
        page = await self._calls(
            self._s3.list_objects_v2,
            Bucket=self._bucket,
            MaxKeys=limit,
            **({"StartAfter": after} if after else {}),
        )
        found = [
            StoredObject(e["Key"], e["Size"], e["ETag"].strip('"'), e["LastModified"].timestamp())
            for e in page.get("Contents", ())
        ]
        return found, found[-1].key if found and page.get("IsTruncated") else ""

    async def forget(self, prefix: str, *, keep: str = "") -> None:
        """Delete every version of all objects under `prefix`, except those of the key `keep`."""
        left: list[Mapping[str, Any]] = []
        async for found in object_versions(self._s3, self._bucket, self._calls, prefix):
            gone = [each for each in found if each["Key"] != keep]
            left += await delete_versions(self._s3, self._bucket, self._calls, gone)
        if left:
            raise StoreError(f"DeleteObjects: {left[0].get('Code', '')}, {len(left)} times")


async def object_versions(
    s3: Any, bucket: str, calls: Calls, prefix: str
) -> AsyncIterator[list[Mapping[str, str]]]:
    """The versions and delete markers under a prefix, in lists of up to 1,000.

    Each has `Key` and `VersionId`, as DeleteObjects expects them.
    """
    more: dict[str, Any] = {}
    while True:
        page = await calls(s3.list_object_versions, Bucket=bucket, Prefix=prefix, **more)
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        if not page.get("IsTruncated"):
            return
        more = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


async def delete_versions(
    s3: Any, bucket: str, calls: Calls, versions: Sequence[Mapping[str, str]]
) -> Sequence[Mapping[str, Any]]:
    """Delete up to 1,000 versions, and return S3's errors for those that it did not delete.

    The call itself succeeds even then.
    """
    if not versions:
        return ()
    answer = await calls(
        s3.delete_objects, Bucket=bucket, Delete={"Objects": [*versions], "Quiet": True}
    )
    left: Sequence[Mapping[str, Any]] = answer.get("Errors", ())
    return left


async def _within(limit: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLarge(str(limit))
        yield piece


def _missing(exc: ClientError, key: str) -> Missing:
    if exc.response["Error"]["Code"] not in GONE:
        raise exc
    return Missing(key)
