"""What the sources say of texts: calls of `phrase`, and strings that people would see."""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
SPEAKING = ("core", "bots", "ingestion")
"""Packages whose processes speak to people."""
WORD = re.compile(r"[^\W\d_]{2,}")
SENTENCE = re.compile(r"[^\W\d_]+[,:;]? [^\W\d_]+[,:;]? [^\W\d_]+")
"""Three words in a row."""

SHOWN = {
    "Rendered": ("markdown", "buttons", "footer"),
    "Button": ("name", "label"),
    "Option": ("value", "label", "description"),
    "Ending": ("notice",),
    "status": ("markdown",),
    "short_label": ("text", "limit", "blank"),
    "ack": ("text",),
}
"""Calls that show text to people, by the names of their arguments in order."""
NOTICES = {"notes"}
"""Arguments of any call that hold sentences to be told beside an answer."""
DATA = {"buttons", "name", "value", "limit"}
"""Arguments of these that nobody sees."""
FIELDS = {"text", "title", "placeholder", "fallbackText", "summary", "message"}
"""Fields of platforms' messages and cards that are shown."""
THROUGH = {"join", "format", "strip", "rstrip", "lstrip", "removesuffix", "plain", "render"}
"""Calls whose arguments show in their result."""


@dataclass(frozen=True)
class Found:
    """A string in a source that people would see."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Asked:
    """A call of `phrase`. `keys` are patterns; `exact` says that they are keys as they stand."""

    path: str
    line: int
    keys: tuple[tuple[str, bool], ...]
    values: frozenset[str]


def parsed(path: Path) -> ast.Module:
    """Without collections meanwhile: a finalizer in between confuses Python 3.11's ast module."""
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def modules(*tops: str) -> dict[str, ast.Module]:
    """Modules by their paths within the project."""
    paths = (path for top in tops for path in sorted((ROOT / top).rglob("*.py")))
    return {str(path.relative_to(ROOT)): parsed(path) for path in paths}


def called(node: ast.Call) -> str:
    """The last part of a called name."""
    func = node.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def constants(tree: ast.AST) -> set[str]:
    """All strings of a module."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


# calls of `phrase`


def asked(path: str, tree: ast.Module) -> Iterator[Asked]:
    """The calls of `phrase` in a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="phrase"), args=[key], keywords=[*given]):
                values = frozenset(each.arg or "**" for each in given)
                yield Asked(path, node.lineno, tuple(_keys(key)), values)


def _keys(node: ast.expr) -> Iterator[tuple[str, bool]]:
    match node:
        case ast.Constant(value=str(key)):
            yield key, True
        case ast.IfExp():
            yield from _keys(node.body)
            yield from _keys(node.orelse)
        case ast.JoinedStr():
            parts = (re.escape(_text(each)) or "(.+)" for each in node.values)
            yield "".join(parts), False
        case _:
            yield ast.unparse(node), True


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


# what people see


def shown(path: str, tree: ast.Module) -> Iterator[Found]:
    """Words that a call or a field shows to people, as they are written there."""
    for scope in _scopes(tree):
        known = _assigned(scope) | _assigned(tree)
        for node in _within(scope):
            for value in _visible(node):
                for text, line in _written(value, known, set()):
                    if WORD.search(text):
                        yield Found(path, line, text)


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of functions in it."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from _within(node)


def _assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """What is assigned to names."""
    found: dict[str, list[ast.expr]] = {}
    for node in _within(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                found.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for target, value in zip(names, values, strict=True):
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(value)
    return found


def _visible(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Call():
            names = SHOWN.get(called(node), ())
            given = [*zip(names, node.args, strict=False)]
            given += [(each.arg or "", each.value) for each in node.keywords]
            wanted = {*names, *NOTICES} - DATA
            yield from (value for name, value in given if name in wanted)
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in FIELDS:
                    yield value


def _written(
    node: ast.expr, known: dict[str, list[ast.expr]], seen: set[str]
) -> Iterator[tuple[str, int]]:
    """The strings that an expression may show."""
    match node:
        case ast.Constant(value=str(text)):
            yield text, node.lineno
        case ast.Name(id=name) if name in known and name not in seen:
            for value in known[name]:
                yield from _written(value, known, seen | {name})
        case ast.Call() if called(node) in THROUGH:
            inner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            for value in (*inner, *node.args):
                yield from _written(value, known, seen)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _written(body, known, seen)
            yield from _written(orelse, known, seen)
        case ast.BinOp(left=left, right=right):
            yield from _written(left, known, seen)
            yield from _written(right, known, seen)
        case ast.BoolOp(values=values) | ast.JoinedStr(values=values):
            for value in values:
                yield from _written(value, known, seen)
        case ast.Tuple(elts=values) | ast.List(elts=values):
            for value in values:
                yield from _written(value, known, seen)
        case ast.FormattedValue(value=value) | ast.Starred(value=value):
            yield from _written(value, known, seen)


# sentences anywhere


def sentences(path: str, tree: ast.Module) -> Iterator[Found]:
    """Strings with three words in a row that are no docstring, log line or error's message."""
    silent = _silent(tree)
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(_text(each) or "x" for each in node.values)
            silent |= {id(each) for each in node.values}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if SENTENCE.search(text):
            yield Found(path, node.lineno, text)


def _silent(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                found |= {id(node.value)}
            case ast.Raise():
                found |= {id(each) for each in ast.walk(node)}
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
                found |= {id(each) for each in ast.walk(node)}
    return found
