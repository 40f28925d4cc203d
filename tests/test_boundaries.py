"""Who may import whom, and what a receiver may not load."""

import ast
import gc
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOPS = ("core", "bots", "ingestion", "cli", "local")
SOURCES = [p for top in TOPS for p in sorted((ROOT / top).rglob("*.py"))]
ROOMS = sorted({p.parent for p in SOURCES})
LIKE_THINGS = {"core/aws/dynamodb": "a kind of row", "ingestion/extract": "a file format"}
"""Rooms that may hold more than a dozen entries: one module for each of these."""
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
    if top == "local":  # the stand-in for Teams signs what it sends
        return {"core", "bots", "ingestion", "local"}, {"jwt"} if rest[0] == "teams" else set()
    # the doctor looks into the account
    return set(TOPS), {"boto3", "botocore"} if rest[0] == "doctor" else set()


def named(path):
    """A module's dotted name; a room's is that of its `__init__.py`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path, modules):
    """The modules of ours that a module imports, wherever in it."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def arrows():
    modules = {named(path): path for path in SOURCES}
    return {
        name: {each for each in imported(path, modules) if each in modules and each != name}
        for name, path in modules.items()
    }


def circle(arrows):
    """Some circle of a graph, as names in order; empty if there is none."""
    done = set()

    def walk(name, trail):
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for each in sorted(arrows.get(name, ())):
            if found := walk(each, [*trail, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := walk(name, []))), [])


def test_no_module_imports_itself_by_way_of_others():
    assert circle(arrows()) == []


def test_imports_between_rooms_go_one_way():
    """A module that stands in a room beside smaller rooms is of the room: it is above them."""
    rooms = {}
    for name, others in arrows().items():
        room = name.rpartition(".")[0]
        rooms.setdefault(room, set()).update(o.rpartition(".")[0] for o in others)
    assert circle({room: others - {room} for room, others in rooms.items()}) == []


def test_a_circle_would_be_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


@pytest.mark.parametrize("room", ROOMS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_has_a_dozen_entries_at_most_and_says_what_it_is_for(room):
    text = ast.get_docstring(parsed(room / "__init__.py"))
    assert text, room
    assert text.splitlines()[0].endswith("."), room
    entries = [e for e in room.iterdir() if e.name not in ("__init__.py", "__pycache__")]
    if str(room.relative_to(ROOT)) not in LIKE_THINGS:
        assert len(entries) <= 12, sorted(e.name for e in entries)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_inward_and_vendors_stay_at_the_edges(path):
    ours, vendors = allowed(path)
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in set(TOPS) - ours, name
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


TASKS = ROOT / "core/runtime/tasks.py"
BARE = {"as_completed", "create_task", "ensure_future", "gather", "Task"}
"""What begins tasks that may be left running."""


def begun_by_itself(tree):
    """Lines that begin tasks, other than in an `asyncio.TaskGroup`."""
    groups = {
        each.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncWith)
        for each in node.items
        if isinstance(each.optional_vars, ast.Name)
        and ast.unparse(each.context_expr) == "asyncio.TaskGroup()"
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr=name)):
                bare = name in BARE
            case ast.Call(func=ast.Attribute(value=whose, attr="create_task")):
                bare = not (isinstance(whose, ast.Name) and whose.id in groups)
            case ast.ImportFrom(module="asyncio", names=names):
                bare = any(each.name in BARE for each in names)
            case _:
                bare = False
        if bare:
            yield node.lineno


@pytest.mark.parametrize(
    "source",
    [
        "asyncio.gather(a(), b())",
        "asyncio.create_task(a())",
        "asyncio.ensure_future(a())",
        "from asyncio import gather",
        "asyncio.get_running_loop().create_task(a())",
        "loop.create_task(a())",
        "async def f():\n async with other() as group:\n  group.create_task(a())",
    ],
)
def test_a_task_that_begins_by_itself_is_seen(source):
    assert [*begun_by_itself(ast.parse(source))]


def test_a_task_of_a_group_does_not_begin_by_itself():
    source = "async def f():\n async with asyncio.TaskGroup() as group:\n  group.create_task(a())"
    assert not [*begun_by_itself(ast.parse(source))]


@pytest.mark.parametrize("path", [each for each in SOURCES if each != TASKS], ids=named)
def test_tasks_begin_in_a_group_or_by_the_one_module_that_ends_them(path):
    assert not [*begun_by_itself(parsed(path))]
