"""Reads the rows of claims and open events that `core.aws.dynamodb.claims` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.aws.access.calls import Calls
from core.aws.access.fifo import group
from core.aws.access.items import decode
from core.aws.dynamodb.reads import by_keys, in_partition
from core.aws.dynamodb.waits import wait_of
from core.ports.turns import Claim, Orphan
from core.turn.requeue_policy import OpenTurn, lost
from core.values.answer import MessageId
from core.values.conversation import loads

OPEN = "open"
"""The partition of events that are not completed."""


def claim_key(event_id: str) -> dict[str, str]:
    """The key of an event's claim."""
    return {"pk": f"claim#{event_id}", "sk": "claim"}


def claim_of(item: Mapping[str, Any]) -> Claim:
    """The claim in a decoded row."""
    ids = tuple(MessageId(each) for each in item["messages"])
    attempt = int(item["attempt"])
    return Claim(item["event"], item["owner"], ids, attempt, item["incoming"], wait_of(item))


async def read_open(
    dynamodb: Any, table: str, calls: Calls
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The rows of open events, and the claims of those that a worker took, both by event id."""
    rows = [decode(each) for each in await in_partition(dynamodb, table, calls, OPEN)]
    found = await by_keys(dynamodb, table, calls, [claim_key(each["sk"]) for each in rows])
    claims = {str(item["event"]): item for item in map(decode, found)}
    return {str(each["sk"]): each for each in rows}, claims


def orphans_of(
    rows: Mapping[str, Mapping[str, Any]],
    claims: Mapping[str, Mapping[str, Any]],
    go_on_at: Mapping[str, float],
    now: float,
) -> Sequence[Orphan]:
    """The open events to be queued again, as `core.turn.requeue_policy` decides.

    `go_on_at` has those that wait for documents, and when they should continue.
    """
    incoming = {
        event: str(source["incoming"])
        for event, row in rows.items()
        if "incoming" in (source := claims.get(event, row))
    }
    turns = [
        _open(rows[each], claims.get(each), text, go_on_at.get(each))
        for each, text in incoming.items()
    ]
    return [
        Orphan(
            claim_of(claims[each.event_id])
            if each.event_id in claims
            else Claim(each.event_id, owner="", attempt=0),
            incoming[each.event_id],
            tuple(incoming[other.event_id] for other in behind),
            int(rows[each.event_id].get("times", 0)),
        )
        for each, behind in lost(turns, now)
    ]


def _open(
    row: Mapping[str, Any],
    claim: Mapping[str, Any] | None,
    incoming: str,
    goes_on_at: float | None,
) -> OpenTurn:
    return OpenTurn(
        row["sk"],
        _group(incoming) or row["sk"],
        float(row["since"]),
        noted="noted" in row,
        lease=float(claim["lease"]) if claim else None,
        requeued=float(row.get("requeued", 0)),
        goes_on_at=goes_on_at,
    )


def _group(incoming: str) -> str:
    """The message group of a queued turn, empty if the turn cannot be parsed."""
    try:
        return group(loads(incoming))
    except ValueError:
        return ""
