"""The calls granted to each platform, in DynamoDB, so that all processes share one rate limit.

| pk                           | sk                   | what                              |
|------------------------------|----------------------|-----------------------------------|
| `budget#{platform}/{tenant}` | `{quota}#{channel}#` | `granted`, `total`, `progress`, … |

One update grants calls, and returns those granted to others. Its condition is on the total only:
grants from before the window no longer change, so concurrent callers do not block each other while
there is room for all. Times are whole milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import encode
from core.ports.store_error import StoreError
from core.rates.ledger import NEVER, News, Tally

RUNS = "runs_"
"""The prefix of the attributes that say which answers run in each process."""
OLD = 32
"""Expired grants that may accumulate before they are removed."""
GONE = 600
"""Seconds after which a process is forgotten that did not report the end of its answers."""
MOST = 50
"""Attributes removed by one update: an expression holds 4 KB."""
KEPT = 86_400
"""Seconds that a tally is kept after it stops counting."""


class DynamoTally:
    """One tally, whose grants count for `seconds`: `core.rates.ledger.Store`."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, pk: str, sk: str, seconds: float
    ) -> None:
        self._db = dynamodb
        self._calls = calls
        self._where = {"TableName": table, "Key": encode({"pk": pk, "sk": sk})}
        self._seconds = seconds
        self._kept: Mapping[str, Any] = {}

    async def tell(
        self, me: str, news: News, seen: Tally | None, spare: int | None, until: float
    ) -> tuple[bool, Tally]:
        """Report news to the tally and ask for grants, as the port says. Raises StoreError.

        Takes one write, and now and then another one.
        """
        told = _update(self._kept, me, news, until)
        told |= _condition(told, news, seen, spare)
        try:
            answer = await self._calls(
                self._db.update_item,
                **self._where,
                **told,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if not unmet(exc):
                raise
            return False, self._known(exc.response.get("Item", {}))
        self._kept = answer["Attributes"]
        with suppress(StoreError):  # a grant that is not removed continues to count
            for at in news.returned:
                await self._return(at)
            await self._tidy(max(news.granted, default=0.0))
        return True, tally_of(self._kept)

    async def read(self) -> Tally:
        """The stored tally. Raises StoreError."""
        found = await self._calls(self._db.get_item, **self._where, ConsistentRead=True)
        return self._known(found.get("Item", {}))

    def _known(self, item: Mapping[str, Any]) -> Tally:
        self._kept = item
        return tally_of(item)

    async def _return(self, at: float) -> None:
        """Return an unused grant; it continues to count if its position changed meanwhile."""
        times = _times(self._kept)
        if str(_ms(at)) in times:
            await self._remove(times, [times.index(str(_ms(at)))])

    async def _tidy(self, now: float) -> None:
        """Remove expired grants, once there are enough of them."""
        times = _times(self._kept)
        old = [n for n, each in enumerate(times[:100]) if int(each) < _ms(now - self._seconds)]
        if len(old) > OLD:
            await self._remove(times, old)

    async def _remove(self, times: list[str], places: list[int]) -> None:
        """Remove grants by their positions, unless these have changed."""
        first, last = places[0], places[-1]
        # positions are those before the update; removing from the end gives the same result in a
        # table that removes them one after another
        removed = ", ".join(f"granted[{each}]" for each in reversed(places))
        try:
            answer = await self._calls(
                self._db.update_item,
                **self._where,
                UpdateExpression=f"REMOVE {removed}",
                ConditionExpression=f"granted[{first}] = :first AND granted[{last}] = :last",
                ExpressionAttributeValues={
                    ":first": {"N": times[first]},
                    ":last": {"N": times[last]},
                },
                ReturnValues="ALL_NEW",
            )
        except ClientError as exc:
            if not unmet(exc) and exc.response["Error"]["Code"] != "ValidationException":
                raise
        else:
            self._kept = answer["Attributes"]


def _update(kept: Mapping[str, Any], me: str, news: News, until: float) -> dict[str, Any]:
    """The update expression that writes news to an item."""
    sets, removes, names = ["#ttl = :ttl"], [], {"#ttl": "ttl", "#total": "total"}
    values: dict[str, Any] = {
        ":ttl": {"N": str(int(until + KEPT))},
        ":count": {"N": str(len(news.granted))},
    }
    if news.granted:
        sets.append("granted = list_append(if_not_exists(granted, :none), :times)")
        values[":none"] = {"L": []}
        values[":times"] = {"L": [{"N": str(_ms(at))} for at in news.granted]}
    for name in ("progress", "paused_until"):
        if (at := getattr(news, name)) > _time(kept, name):
            sets.append(f"{name} = :{name}")
            values[f":{name}"] = {"N": str(_ms(at))}
    if news.suspected > _suspected(kept):
        until, whose = news.suspected
        sets.append("suspected = :suspected")
        values[":suspected"] = {"S": f"{_ms(until)} {whose}"}
    count, lasts = news.running
    if count:
        sets.append(f"{RUNS}{me} = :runs")
        values[":runs"] = {"S": f"{count} {_ms(lasts)}"}
    else:
        removes.append(f"{RUNS}{me}")
    for name, value in kept.items():
        if name.startswith(RUNS) and name != f"{RUNS}{me}" and _running(value)[1] < lasts - GONE:
            removes.append(name)
    removes = removes[:MOST]
    remove = f" REMOVE {', '.join(removes)}" if removes else ""
    return {
        "UpdateExpression": f"SET {', '.join(sets)}{remove} ADD #total :count",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _condition(
    told: Mapping[str, Any], news: News, seen: Tally | None, spare: int | None
) -> dict[str, Any]:
    """The condition that others' grants left room for ours, and that no pause is shortened."""
    known = seen or Tally()
    values = dict(told["ExpressionAttributeValues"])
    terms = []
    if ":paused_until" in values:
        terms.append("(attribute_not_exists(paused_until) OR paused_until < :paused_until)")
    if spare is not None:
        none = "" if known.total else "attribute_not_exists(#total) OR "
        terms.append(f"({none}#total <= :most)")
        values[":most"] = {"N": str(known.total + spare)}
    if spare is not None and news.progress > NEVER:
        if known.progress == NEVER:
            terms.append("attribute_not_exists(progress)")
        else:
            terms.append("progress = :shown")
            values[":shown"] = {"N": str(_ms(known.progress))}
    if not terms:
        return {}
    return {"ConditionExpression": " AND ".join(terms), "ExpressionAttributeValues": values}


def tally_of(item: Mapping[str, Any]) -> Tally:
    """The tally in an encoded item."""
    runs = {
        name.removeprefix(RUNS): _running(value)
        for name, value in item.items()
        if name.startswith(RUNS)
    }
    return Tally(
        tuple(sorted(int(each) / 1000 for each in _times(item))),
        int(item.get("total", {}).get("N", 0)),
        _time(item, "progress"),
        _time(item, "paused_until"),
        MappingProxyType(runs),
        _suspected(item),
    )


def _times(item: Mapping[str, Any]) -> list[str]:
    """When calls were granted, in stored order."""
    return [each["N"] for each in item.get("granted", {}).get("L", ())]


def _running(value: Mapping[str, Any]) -> tuple[int, float]:
    try:
        count, until = value["S"].split()
        return int(count), int(until) / 1000
    except (KeyError, ValueError):
        return 0, NEVER  # written by another release


def _suspected(item: Mapping[str, Any]) -> tuple[float, str]:
    until, _, whose = item.get("suspected", {}).get("S", "").partition(" ")
    return (int(until) / 1000, whose) if until else (NEVER, "")


def _time(item: Mapping[str, Any], name: str) -> float:
    return int(item[name]["N"]) / 1000 if name in item else NEVER


def _ms(at: float) -> int:
    return round(at * 1000)
