"""Who may import whom, and what a receiver may not load."""

import ast
import gc
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    p for top in ("core", "bots", "ingestion", "local") for p in sorted((ROOT / top).rglob("*.py"))
]
VENDORS = ("boto3", "botocore", "langchain_aws", "langchain_core", "slack_sdk", "slack_bolt")
HEAVY = ("boto3", "botocore", "langchain_core", "langchain_aws", "markdown_it", "aiohttp", "numpy")


def parsed(path):
    """Without collections meanwhile: a finalizer in between confuses Python 3.11's ast module."""
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def imports(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def allowed(path):
    top, *rest = path.relative_to(ROOT).parts
    if top == "core":
        vendors = VENDORS[:4] if rest[0] == "aws" else ("boto3",) if rest == ["wiring.py"] else ()
        return {"core"}, set(vendors)
    if top == "bots":
        if rest == ["serve.py"]:  # the one process that is all of them
            return {"core", "bots", "ingestion"}, set()
        return {"core", "bots"}, set(VENDORS[4:]) if rest[0] == "slack" else set()
    if top == "ingestion":
        return {"core", "ingestion"}, set()
    return {"core", "bots", "ingestion", "local"}, set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_inward_and_vendors_stay_at_the_edges(path):
    ours, vendors = allowed(path)
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in {"core", "bots", "ingestion", "local"} - ours, name
        assert top not in set(VENDORS) - vendors, name


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is_for_and_stays_readable(path):
    assert ast.get_docstring(parsed(path))
    assert len(path.read_text().splitlines()) <= 320


def test_a_receiver_loads_no_model_storage_or_markup_library():
    code = "import sys, bots.slack.app; print(*sorted(m.split('.')[0] for m in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert set(HEAVY) & set(loaded) == set()
