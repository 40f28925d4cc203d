"""Workers killed at random in the deployed stack: `tests/deploy/chaos.py`, at any size."""

# mypy: allow-untyped-calls
# what it drives lives in tests, whose functions are not annotated

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from local.aws import LocalAws, free_port
from local.opensearch.node import LocalOpenSearch
from tests.deploy.chaos import VISIBILITY, chaos, table
from tests.deploy.conftest import REGION, Deployed, surroundings

ANSWERS = int(os.environ.get("ANSWERS", "200"))
FILES = int(os.environ.get("FILES", "200"))
SEED = int(os.environ.get("SEED", "7"))
LIMIT = float(os.environ.get("LIMIT", "600"))
"""Seconds until whatever is not over counts as lost."""


async def main() -> int:
    """Prints the table; 1 if anything was lost or doubled."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ports = {each: free_port() for each in ("slack", "teams", "bedrock")}
        with (
            LocalOpenSearch(folder / "opensearch", free_port()) as node,
            LocalAws(folder / "aws", free_port(), region=REGION, more=surroundings(ports)) as aws,
        ):
            deployed = Deployed(aws, folder, ports, node.url)
            deployed.build()
            deployed.deploy()
            outcome = await chaos(deployed, ANSWERS, FILES, SEED, LIMIT)
    print(f"\nKilled at random in the deployed stack: {ANSWERS} questions, {FILES} files")
    print(f"A file is hidden for {VISIBILITY} s (in the template 5,400)")
    print(table(outcome))
    print("\n".join(outcome.wrong))
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
