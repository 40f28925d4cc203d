"""Handles a batch of queue records in a Lambda function, with heartbeats on their visibility.

A queue's visibility timeout must be six times the function's time limit, so a worker that dies
would block its conversation for that long. Here, as in `core.aws.sqs.consumer`, a message stays
invisible for half a minute at a time, so that another worker soon continues. Failed messages are
redelivered after a pause. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from core.aws.access.calls import Calls
from core.aws.sqs.consumer import HEARTBEAT, VISIBILITY, pause
from core.aws.sqs.visibility import show_again
from core.runtime import telemetry
from core.runtime.tasks import beside, together
from core.runtime.telemetry import Metric

RESERVE = 20.0
"""Seconds at the end of an invocation that are reserved for finishing an answer or releasing it."""

Handler = Callable[[Mapping[str, Any], float], Awaitable[dict[str, Any]]]
"""Handles an event until a deadline on the loop's clock.

Returns the ids of the failed records, and in `handedOn` those of them to be redelivered at once.
"""


class LambdaBatch:
    """The records of the queue at `url`, as a Lambda function receives them."""

    def __init__(self, sqs: Any, url: str, calls: Calls) -> None:
        self._sqs = sqs
        self._url = url
        self._calls = calls

    async def handled(
        self, event: Mapping[str, Any], context: Any, handler: Handler
    ) -> dict[str, Any]:
        """Handle an event's records, and return Lambda's partial batch response."""
        records = event["Records"]
        left = context.get_remaining_time_in_millis() / 1000
        until = asyncio.get_running_loop().time() + max(1.0, left - RESERVE)
        for record in records:
            telemetry.count(Metric.QUEUED, waited(record))
        async with beside(self._beat(records)):
            answer = await handler(event, until)
        failed = {each["itemIdentifier"] for each in answer.get("batchItemFailures", ())}
        handed_on = set(answer.pop("handedOn", ()))
        rest = [record for record in records if record["messageId"] in handed_on]
        late = [record for record in records if record["messageId"] in failed - handed_on]
        await together(
            *(self._show_again(each, 0) for each in rest),
            *(self._show_again(each, pause(each["attributes"])) for each in late),
        )
        telemetry.count(Metric.PUT_OFF, len(late))
        return answer

    async def _beat(self, records: list[Mapping[str, Any]]) -> None:
        while True:
            await together(*(self._show_again(each, VISIBILITY) for each in records))
            await asyncio.sleep(HEARTBEAT)

    async def _show_again(self, record: Mapping[str, Any], seconds: int) -> None:
        handle = record["receiptHandle"]
        await show_again(self._calls, self._sqs, self._url, handle, seconds)


def waited(record: Mapping[str, Any]) -> float:
    """Seconds since a record was sent, 0 if it does not say when."""
    sent = int(record.get("attributes", {}).get("SentTimestamp", 0)) / 1000
    return max(0.0, time.time() - sent) if sent else 0.0
