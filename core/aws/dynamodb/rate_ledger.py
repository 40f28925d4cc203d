"""The rate ledgers in DynamoDB, which all processes share (`core.rates.ledger`).

| pk                           | sk                   | what                              |
|------------------------------|----------------------|-----------------------------------|
| `budget#{platform}/{tenant}` | `{quota}#{channel}#` | `granted`, `total`, `progress`, … |

One update publishes a process's grants and returns those of the others. Its condition is on the
total: grants from before the window no longer change, so processes that ask at the same time do not
block each other while there is room for all. Times are whole milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import encode
from core.ports.store_error import StoreError
from core.rates.ledger import NEVER, Changes, Ledger, Refusal, Reservation

RESERVATION = "runs_"
"""The prefix of the attributes that hold the reservations, one for each process."""
EXPIRED_GRANTS = 32
"""Expired grants that may accumulate before they are removed."""
SCANNED_GRANTS = 100
"""Grants looked at for that: an expression holds 4 KB."""
LAPSED_AFTER = 510
"""Seconds after which a reservation that lapsed is removed."""
MAX_REMOVED = 50
"""Attributes removed by one update, for the same reason."""
TTL = 86_400
"""Seconds that a ledger is kept after its last grant left the window."""


class DynamoLedger:
    """`core.rates.ledger.LedgerStore` of one ledger, whose grants count for `seconds`."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, pk: str, sk: str, seconds: float
    ) -> None:
        self._db = dynamodb
        self._calls = calls
        self._where = {"TableName": table, "Key": encode({"pk": pk, "sk": sk})}
        self._seconds = seconds

    async def publish(
        self, process: str, changes: Changes, seen: Ledger, headroom: int | None, now: float
    ) -> tuple[bool, Ledger]:
        """As the port says: one write, and now and then one more to tidy up. Raises StoreError."""
        update = _update(process, changes, seen, now, ttl=int(now + self._seconds + TTL))
        update |= _condition(update, changes, seen, headroom, now)
        try:
            answer = await self._calls(
                self._db.update_item,
                **self._where,
                **update,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if not unmet(exc):
                raise
            return False, ledger_of(exc.response.get("Item", {}))
        item = answer["Attributes"]
        with suppress(StoreError):  # a grant that is not removed continues to count
            for at in changes.returned:
                item = await self._remove_returned(item, at)
            item = await self._remove_expired(item, now)
        return True, ledger_of(item)

    async def read(self) -> Ledger:
        """The ledger as it is kept now. Raises StoreError."""
        found = await self._calls(self._db.get_item, **self._where, ConsistentRead=True)
        return ledger_of(found.get("Item", {}))

    async def _remove_returned(self, item: Mapping[str, Any], at: float) -> Mapping[str, Any]:
        """Removes an unused grant; it continues to count if its position changed meanwhile."""
        times = _times(item)
        if str(_ms(at)) not in times:
            return item
        return await self._remove(item, [times.index(str(_ms(at)))])

    async def _remove_expired(self, item: Mapping[str, Any], now: float) -> Mapping[str, Any]:
        """Removes expired grants, once there are enough of them."""
        times = _times(item)[:SCANNED_GRANTS]
        expired = [n for n, each in enumerate(times) if int(each) < _ms(now - self._seconds)]
        return await self._remove(item, expired) if len(expired) > EXPIRED_GRANTS else item

    async def _remove(self, item: Mapping[str, Any], positions: Sequence[int]) -> Mapping[str, Any]:
        """Removes grants by position, unless these have changed. Returns the item as it is then."""
        times, first, last = _times(item), positions[0], positions[-1]
        # positions are those before the update; removing from the end gives the same result in a
        # table that removes them one after another
        removed = ", ".join(f"granted[{each}]" for each in reversed(positions))
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
            return item
        attributes: Mapping[str, Any] = answer["Attributes"]
        return attributes


def _update(
    process: str, changes: Changes, seen: Ledger, now: float, *, ttl: int
) -> dict[str, Any]:
    """The update expression that writes changes to an item."""
    sets, removes = ["#ttl = :ttl"], []
    values: dict[str, Any] = {
        ":ttl": {"N": str(ttl)},
        ":count": {"N": str(len(changes.granted))},
    }
    if changes.granted:
        sets.append("granted = list_append(if_not_exists(granted, :none), :times)")
        values[":none"] = {"L": []}
        values[":times"] = {"L": [{"N": str(_ms(at))} for at in changes.granted]}
    if changes.last_progress > seen.last_progress:
        sets.append("progress = :progress")
        values[":progress"] = {"N": str(_ms(changes.last_progress))}
    if changes.paused_until > seen.paused_until:
        sets.append("paused_until = :paused_until")
        values[":paused_until"] = {"N": str(_ms(changes.paused_until))}
    if changes.refusal > seen.refusal:
        sets.append("suspected = :suspected")
        until, channel = changes.refusal
        values[":suspected"] = {"S": f"{_ms(until)} {channel}"}
    if changes.reservation.answers:
        sets.append(f"{RESERVATION}{process} = :runs")
        answers, until = changes.reservation
        values[":runs"] = {"S": f"{answers} {_ms(until)}"}
    else:
        removes.append(process)
    for other, reservation in seen.reservations.items():
        if other != process and reservation.until < now - LAPSED_AFTER:
            removes.append(other)
    removed = ", ".join(f"{RESERVATION}{each}" for each in removes[:MAX_REMOVED])
    return {
        "UpdateExpression": f"SET {', '.join(sets)}{removed and f' REMOVE {removed}'}"
        " ADD #total :count",
        "ExpressionAttributeNames": {"#ttl": "ttl", "#total": "total"},
        "ExpressionAttributeValues": values,
    }


def _condition(
    update: Mapping[str, Any], changes: Changes, seen: Ledger, headroom: int | None, now: float
) -> dict[str, Any]:
    """The condition that others' grants left room for these, and that no pause is shortened."""
    values = dict(update["ExpressionAttributeValues"])
    terms = []
    if ":paused_until" in values:
        terms.append("(attribute_not_exists(paused_until) OR paused_until < :paused_until)")
    if headroom is not None:
        none = "" if seen.total else "attribute_not_exists(#total) OR "
        terms.append(f"({none}#total <= :most)")
        values[":most"] = {"N": str(seen.total + headroom)}
        terms.append("(attribute_not_exists(paused_until) OR paused_until <= :now)")
        values[":now"] = {"N": str(_ms(now))}
    if headroom is not None and changes.last_progress > NEVER:
        if seen.last_progress == NEVER:
            terms.append("attribute_not_exists(progress)")
        else:
            terms.append("progress = :shown")
            values[":shown"] = {"N": str(_ms(seen.last_progress))}
    if not terms:
        return {}
    return {"ConditionExpression": " AND ".join(terms), "ExpressionAttributeValues": values}


def ledger_of(item: Mapping[str, Any]) -> Ledger:
    """The ledger in an encoded item."""
    reservations = {
        name.removeprefix(RESERVATION): _reservation(value)
        for name, value in item.items()
        if name.startswith(RESERVATION)
    }
    return Ledger(
        tuple(sorted(int(each) / 1000 for each in _times(item))),
        int(item.get("total", {}).get("N", 0)),
        _time(item, "progress"),
        _time(item, "paused_until"),
        MappingProxyType(reservations),
        _refusal(item),
    )


def _times(item: Mapping[str, Any]) -> list[str]:
    """When calls were granted, in stored order."""
    return [each["N"] for each in item.get("granted", {}).get("L", ())]


def _reservation(value: Mapping[str, Any]) -> Reservation:
    try:
        answers, until = value["S"].split()
        return Reservation(int(answers), int(until) / 1000)
    except (KeyError, ValueError):
        return Reservation()  # written by another release


def _refusal(item: Mapping[str, Any]) -> Refusal:
    until, _, channel = item.get("suspected", {}).get("S", "").partition(" ")
    return Refusal(int(until) / 1000, channel) if until else Refusal()


def _time(item: Mapping[str, Any], name: str) -> float:
    return int(item[name]["N"]) / 1000 if name in item else NEVER


def _ms(at: float) -> int:
    return round(at * 1000)
