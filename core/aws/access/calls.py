"""Blocking AWS calls, off the event loop, with their passing faults as StoreError.

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
"""botocore's own errors that a later try, or an operator, can mend."""

PASSING = frozenset(
    {
        # too much at once
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
        # rights and resources that an operator puts right while the work waits
        "403",  # what S3 says to a HEAD request, whose answers have no text
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
"""Seconds, at most, before what a batch left undone is sent again: doubled each time."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreError for what may pass; every other error of botocore as it is."""
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
    """Seconds to wait after a try, the first one being 0; half of them are left to chance, so that
    those who were turned away together do not come back together.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.BatchOperations
    """
    longest = doubled(FIRST_PAUSE, attempt, LONGEST_PAUSE)
    return longest * (0.5 + SystemRandom().random() / 2)


def unmet(exc: ClientError) -> bool:
    """Whether DynamoDB did not write as a condition does not hold; one of several, if several."""
    return exc.response["Error"]["Code"] == f"{UNMET}Exception" or UNMET in _reasons(exc)


def _reasons(exc: ClientError) -> list[str]:
    """Why each action of a cancelled transaction failed; `None` for those that did not."""
    return [each.get("Code", "None") for each in exc.response.get("CancellationReasons", ())]


def _only_passing(exc: ClientError) -> bool:
    """Whether a transaction was cancelled by throttling or a conflict, and by nothing else."""
    codes = set(_reasons(exc)) - {"None"}
    return bool(codes) and codes <= {
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }


class Calls:
    """Runs blocking calls on threads of its own. One for a process; `close` lets them go."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="aws")

    async def __call__(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """`fn(*args, **kwargs)`. Raises StoreError when the service does not answer."""
        loop = asyncio.get_running_loop()
        with translated():
            return await loop.run_in_executor(self._threads, partial(fn, *args, **kwargs))

    def close(self) -> None:
        """Takes no more calls; those under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
