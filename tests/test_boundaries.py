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
AWS = {"boto3", "botocore", "langchain_aws", "langchain_core"}
SLACK = {"slack_sdk", "slack_bolt"}
TEAMS = {"botbuilder", "botframework", "msrest", "jwt"}
VENDORS = AWS | SLACK | TEAMS
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
    platform = {"slack": SLACK, "teams": TEAMS}.get(rest[0], set())
    if top == "core":
        at_edge = {"aws": AWS, "wiring.py": {"boto3"}}
        return {"core"}, at_edge.get(rest[0], set())
    if top == "bots":
        if rest == ["serve.py"]:  # the one process that is all of them
            return {"core", "bots", "ingestion"}, set()
        return {"core", "bots"}, platform
    if top == "ingestion":
        return {"core", "ingestion"}, set()
    # stand-ins sign what they send; the doctor looks into the account
    own = {"teams": {"jwt"}, "doctor": {"boto3", "botocore"}}
    return {"core", "bots", "ingestion", "local"}, own.get(rest[0], set())


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_inward_and_vendors_stay_at_the_edges(path):
    ours, vendors = allowed(path)
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in {"core", "bots", "ingestion", "local"} - ours, name
        assert top not in VENDORS - vendors, name


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is_for_and_stays_readable(path):
    assert ast.get_docstring(parsed(path))
    assert len(path.read_text().splitlines()) <= 320


@pytest.mark.parametrize(
    ("module", "needed"), [("bots.slack.app", set()), ("bots.teams.app", {"aiohttp"})]
)
def test_a_receiver_loads_no_model_storage_or_markup_library(module, needed):
    """botbuilder imports aiohttp."""
    code = f"import sys, {module}; print(*sorted(m.split('.')[0] for m in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert set(HEAVY) & set(loaded) <= needed


@pytest.mark.parametrize(("one", "other"), [("slack", "teams"), ("teams", "slack")])
def test_platforms_do_not_know_each_other(one, other):
    for path in sorted((ROOT / "bots" / one).rglob("*.py")):
        assert not [name for name in imports(path) if name.startswith(f"bots.{other}")], path


def test_the_core_and_the_ingestion_have_never_heard_of_a_platform():
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] in ("core", "ingestion") and path.name != "settings.py":
            names = (each for each in ast.walk(parsed(path)) if isinstance(each, ast.Name))
            assert not {"slack", "teams"} & {each.id.lower() for each in names}, path
