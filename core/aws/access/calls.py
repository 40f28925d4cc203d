"""Runs blocking AWS calls off the event loop, and raises transient failures as StoreError.

The threads are our own: the loop's default executor also resolves host names, which must not queue
behind a slow table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from secrets import SystemRandom
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name, and not the built-in one
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from core.aws.access.clients import THREADS
from core.ports.store_error import StoreError
from core.runtime.backoff import doubled

UNAVAILABLE = (
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ResponseParserError,
    TokenRetrievalError,
)
"""botocore's own errors that a later retry or an operator can fix."""

PASSING = frozenset(
    {
        # throttling and conflicts
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
        # permissions and resources that an operator fixes while the work waits
        "403",  # S3's answer to a HEAD request, which has no body and so no error code
        "AccessDenied",
        "AccessDeniedException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "KMSAccessDeniedException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    }
)
SERVER_FAULT = 500
UNMET = "ConditionalCheckFailed"
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds before the unprocessed part of a batch is sent again: the first, doubled up to the
longest."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise botocore's transient errors as StoreError, and all others unchanged."""
    try:
        yield
    except UNAVAILABLE as exc:
        raise StoreError(type(exc).__name__) from exc
    except ClientError as exc:
        code = exc.response.get("Error", {}).get("Code", "")
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in PASSING or status >= SERVER_FAULT or _only_passing(exc):
            raise StoreError(f"{exc.operation_name}: {code}") from exc
        raise


def backoff(attempt: int) -> float:
    """Seconds to wait after attempt number `attempt`, counted from 0.

    Half of the wait is random, so that clients throttled together do not retry together.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.BatchOperations
    """
    longest = doubled(FIRST_PAUSE, attempt, LONGEST_PAUSE)
    return longest * (0.5 + SystemRandom().random() / 2)


def unmet(exc: ClientError) -> bool:
    """Whether DynamoDB refused a write, or a transaction, because a condition did not hold."""
    return exc.response["Error"]["Code"] == f"{UNMET}Exception" or UNMET in _reasons(exc)


def _reasons(exc: ClientError) -> list[str]:
    """The error code of each action of a cancelled transaction, `None` where it did not fail."""
    return [each.get("Code", "None") for each in exc.response.get("CancellationReasons", ())]


def _only_passing(exc: ClientError) -> bool:
    """Whether throttling or conflicts alone cancelled a transaction."""
    codes = set(_reasons(exc)) - {"None"}
    return bool(codes) and codes <= {
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }


class Unfinished(StoreError):
    """A batch request was carried out in part; what is left is to be sent again."""


class Calls:
    """Runs blocking calls on its own thread pool; one per process. `close` stops the threads."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="aws")

    async def __call__(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return `fn(*args, **kwargs)`, run on a thread. Raises StoreError as `translated` does."""
        loop = asyncio.get_running_loop()
        with translated():
            return await loop.run_in_executor(self._threads, partial(fn, *args, **kwargs))

    def close(self) -> None:
        """Accept no more calls; those in progress finish."""
        self._threads.shutdown(wait=False, cancel_futures=True)
