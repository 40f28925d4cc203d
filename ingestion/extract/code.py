"""Source code, by function: with Python's own parser, and tree-sitter for other languages."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.values.documents import Block, Locator
from core.values.tokens import estimate
from ingestion.extract.decode import decoded

LARGE = 400
"""The tokens above which a class is split into its methods."""
WINDOW = 40
"""Lines in a block if the language is unknown."""
GRAMMARS = {
    "js": ("tree_sitter_javascript", "language"), "jsx": ("tree_sitter_javascript", "language"),
    "mjs": ("tree_sitter_javascript", "language"), "cjs": ("tree_sitter_javascript", "language"),
    "ts": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "java": ("tree_sitter_java", "language"), "go": ("tree_sitter_go", "language"),
    "rs": ("tree_sitter_rust", "language"), "c": ("tree_sitter_c", "language"),
    "h": ("tree_sitter_cpp", "language"), "cc": ("tree_sitter_cpp", "language"),
    "cpp": ("tree_sitter_cpp", "language"), "cxx": ("tree_sitter_cpp", "language"),
    "hpp": ("tree_sitter_cpp", "language"), "hh": ("tree_sitter_cpp", "language"),
    "sql": ("tree_sitter_sql", "language"), "sh": ("tree_sitter_bash", "language"),
    "bash": ("tree_sitter_bash", "language"), "zsh": ("tree_sitter_bash", "language"),
}  # fmt: skip
UNITS = (
    "function", "method", "class", "interface", "struct", "enum", "impl", "trait", "mod_item",
    "constructor", "namespace", "type_alias", "type_spec", "create_", "record",
)  # fmt: skip
HOLDERS = ("class", "interface", "impl", "trait", "mod_item", "namespace", "record", "struct")


def read(path: Path, name: str = "") -> Iterator[Block]:
    """Yield a block for each function or method with its comment, and for the code in between."""
    text = decoded(path)
    lines = text.rstrip("\n").split("\n")
    ending = (name or path.name).rpartition(".")[2].lower()
    try:
        units = _python(text) if ending in ("py", "pyi") else _parsed(text, ending)
    except (SyntaxError, ValueError, RecursionError):
        units = []
    yield from _cut(lines, units)


Unit = tuple[int, int, str]
"""First and last line, counted from 1, and a name."""


def _cut(lines: list[str], units: list[Unit]) -> Iterator[Block]:
    at = 1
    for first, last, name in sorted(units):
        if last < at:
            continue
        begin = max(at, _with_comment(lines, first, at))
        yield from _windows(lines, at, begin - 1)
        yield from _windows(lines, begin, last, name)
        at = last + 1
    yield from _windows(lines, at, len(lines))


def _windows(lines: list[str], first: int, last: int, name: str = "") -> Iterator[Block]:
    """Yield a function whole, however long, and other code in windows of lines."""
    step = max(last - first + 1, 1) if name else WINDOW
    for start in range(first, last + 1, step):
        end = min(start + step - 1, last)
        text = "\n".join(lines[start - 1 : end]).strip("\n")
        if text.strip():
            yield Block(text, Locator("lines", start, end, name=name), "code")


def _with_comment(lines: list[str], first: int, least: int) -> int:
    """Return the line on which the comment or decorator above a function begins."""
    while first > least:
        above = lines[first - 2].strip()
        if not above.startswith(("#", "//", "/*", "*", "--", "@", "///")):
            break
        first -= 1
    return first


def _python(text: str) -> list[Unit]:
    return [unit for node in ast.parse(text).body for unit in _python_unit(node, text, "")]


def _python_unit(node: ast.stmt, text: str, above: str) -> Iterator[Unit]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    last, name = node.end_lineno or node.lineno, f"{above}{node.name}"
    inner = [unit for each in node.body for unit in _python_unit(each, text, f"{name}.")]
    source = "\n".join(text.split("\n")[first - 1 : last])
    if isinstance(node, ast.ClassDef) and inner and estimate(source) > LARGE:
        yield first, inner[0][0] - 1, name
        yield from inner
    else:
        yield first, last, name


def _parsed(text: str, ending: str) -> list[Unit]:
    if ending not in GRAMMARS:
        return []
    from tree_sitter import Language, Parser  # noqa: PLC0415 - only for these languages

    module, function = GRAMMARS[ending]
    language = Language(getattr(importlib.import_module(module), function)())
    tree = Parser(language).parse(text.encode())
    return [unit for node in tree.root_node.children for unit in _unit(node, "")]


def _unit(node: Any, above: str) -> Iterator[Unit]:
    kind = node.type
    if kind in (
        "export_statement",
        "decorated_definition",
        "template_declaration",
        "statement",
        "type_declaration",
    ):
        for child in node.children:
            found = list(_unit(child, above))
            if found:
                # `export` and `template` belong to the definition that follows
                yield node.start_point[0] + 1, found[0][1], found[0][2]
                yield from found[1:]
                return
    name = _name(node)
    if kind in ("lexical_declaration", "variable_declaration") and "=>" in node.text.decode():
        yield node.start_point[0] + 1, node.end_point[0] + 1, f"{above}{name}"
        return
    if not any(part in kind for part in UNITS) or kind.endswith("_expression"):
        return
    first, last, full = node.start_point[0] + 1, node.end_point[0] + 1, f"{above}{name}"
    inner: list[Unit] = []
    if any(part in kind for part in HOLDERS):
        body = node.child_by_field_name("body") or next(
            (each for each in node.children if each.type.endswith(("_body", "_list"))), None
        )
        children = body.children if body is not None else ()
        inner = [unit for child in children for unit in _unit(child, f"{full}.")]
    if inner and estimate(node.text.decode(errors="replace")) > LARGE:
        yield first, max(first, inner[0][0] - 1), full
        yield from inner
    else:
        yield first, last, full


def _name(node: Any) -> str:
    """Return the name of a definition; in C it is nested in the declarator."""
    for each in ("name", "type", "declarator"):
        found = node.child_by_field_name(each)
        if found is not None and (each != "type" or node.type.startswith("impl")):
            inner = found.child_by_field_name("declarator")
            while inner is not None:
                found, inner = inner, inner.child_by_field_name("declarator")
            return " ".join(found.text.decode(errors="replace").split())[:80]
    for child in node.children:
        if child.type in ("identifier", "object_reference", "word", "variable_declarator"):
            return " ".join(child.text.decode(errors="replace").split("=")[0].split())[:80]
    return str(node.type).replace("_", " ")
