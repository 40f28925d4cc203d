"""Records in an index which deployment owns it, by the name of that deployment's table.

Chunks that the table does not know are deleted from the index, so two deployments on one search
domain would delete each other's chunks. An index of an earlier release has no owner: the first
deployment that writes to it, or looks for chunks to delete, becomes its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opensearchpy import AsyncOpenSearch

from core.aws.search.requests import asked
from core.ports.index import ForeignIndex


def named(index: str, meta: Mapping[str, Any], table: str) -> bool:
    """Whether an index has an owner. Raises ForeignIndex if the owner is not `table`."""
    owner = str(meta.get("table", ""))
    if owner and table and owner != table:
        raise ForeignIndex(index, owner)
    return bool(owner)


async def take(client: AsyncOpenSearch, index: str, meta: Mapping[str, Any], table: str) -> None:
    """Record `table` as an index's owner.

    By POST, which every role here that reads an index is allowed to use.
    """
    await asked(
        client.transport.perform_request,
        method="POST",
        url=f"/{index}/_mapping",
        body={"_meta": {**meta, "table": table}},
    )
