"""Whose an index is: it names the table of its deployment.

What that table does not know is deleted from the index, so two deployments on one search domain
would empty each other's. An index of an earlier release has no name: whoever writes to it, or looks
for what to delete, puts his own there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opensearchpy import AsyncOpenSearch

from core.aws.search.requests import asked
from core.ports.index import Foreign


def named(index: str, meta: Mapping[str, Any], table: str) -> bool:
    """Whether an index has its deployment's name. Raises Foreign where that is not `table`."""
    owner = str(meta.get("table", ""))
    if owner and table and owner != table:
        raise Foreign(index, owner)
    return bool(owner)


async def take(client: AsyncOpenSearch, index: str, meta: Mapping[str, Any], table: str) -> None:
    """Puts the name there. By POST, which every role here may that reads an index."""
    await asked(
        client.transport.perform_request,
        method="POST",
        url=f"/{index}/_mapping",
        body={"_meta": {**meta, "table": table}},
    )
