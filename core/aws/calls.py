"""Runs boto3 calls off the event loop, on threads of their own: DNS needs the loop's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from core.aws.clients import THREADS
from core.ports import StoreError

OURS = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException"})
"""Errors that are answers: they reach the caller as they are."""


class Calls:
    """`await calls(client.get_item, Key=...)`. Raises StoreError, conditions that failed apart."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="aws")

    async def __call__(self, call: Callable[..., Any], /, **parameters: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(guarded, call, **parameters))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def guarded(call: Callable[..., Any], /, **parameters: Any) -> Any:
    """One call, with botocore's errors as ours."""
    try:
        return call(**parameters)
    except ClientError as exc:
        code = exc.response.get("Error", {}).get("Code", "")
        if code in OURS:
            raise
        raise StoreError(code) from exc
    except BotoCoreError as exc:
        raise StoreError(type(exc).__name__) from exc
