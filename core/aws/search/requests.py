"""Sends requests to OpenSearch: translates their errors, and retries bulk requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import (
    ConnectionError,  # noqa: A004 - opensearch-py's name
    NotFoundError,
    OpenSearchException,
    TransportError,
)

from core.ports.index import IndexRejected
from core.ports.store_error import StoreError
from core.runtime.backoff import doubled
from core.runtime.tasks import retrying

BULK_DELAYS = tuple(doubled(0.125, number, 10.0) for number in range(1, 8))
"""Seconds before each further attempt to send the items of a bulk request that were throttled."""


class _Throttled(StoreError):
    """Some items of a bulk request are to be sent again."""


async def asked(call: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
    """Make one call. Raises StoreError for transient errors, IndexRejected for permanent ones.

    NotFoundError is raised unchanged.
    """
    try:
        return await call(**arguments)
    except NotFoundError:
        raise
    except (ConnectionError, OSError, TimeoutError) as exc:
        raise StoreError(type(exc).__name__) from exc
    except TransportError as exc:
        if exc.status_code in (401, 403, 408, 429) or int(exc.status_code or 500) >= 500:
            raise StoreError(f"OpenSearch: {exc.status_code}") from exc
        raise IndexRejected(str(exc.error)) from exc
    except OpenSearchException as exc:
        raise StoreError(type(exc).__name__) from exc


async def sent(
    client: AsyncOpenSearch, items: list[bytes], sleep: Callable[[float], Awaitable[None]]
) -> int:
    """Send the items of a bulk request, retrying throttled ones, and return how many took effect.

    An item is an action with its document, as bytes. Deleting a missing document is no error.
    Raises StoreError, IndexRejected.
    """
    done = 0

    async def once() -> None:
        nonlocal done, items
        answer = await asked(client.bulk, body=b"".join(items), request_timeout=60)
        again: list[bytes] = []
        for item, told in zip(items, answer["items"], strict=True):
            ((action, result),) = told.items()
            status = result["status"]
            if status == 429 or status >= 500:
                again.append(item)
            elif status >= 400 and (action, status) != ("delete", 404):
                raise IndexRejected(str(result.get("error", {}).get("type", status)))
            done += status < 400
        items = again
        if items:
            raise _Throttled("the index is too busy")

    if items:
        await retrying(once, BULK_DELAYS, _Throttled, sleep)
    return done
