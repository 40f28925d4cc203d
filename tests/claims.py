"""The ledgers of our stand-ins: what each claims of the service that it stands in for, and why.

`python -m tests.claims` writes `docs/assumed.md`, the list of what no source tells.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSUMED = ROOT / "docs" / "assumed.md"
COLUMNS = ("behaviour", "basis", "source", "test")
BASES = ("documented", "observed", "assumed")
SKIPPED = (".venv", ".git", ".aws-sam", ".state", "node_modules")

CELLS = re.compile(r"(?<!\\)\|")
RULE = re.compile(r":?-{3,}:?")
HEADING = re.compile(r"# +(.+)")
TITLE = """\
# What is assumed

Rows of the ledgers of our stand-ins that no source tells: whoever has the real service can try
these first. `python -m tests.claims` writes this page; the ledgers are the `CLAIMS` files.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """One row. `where` is its file and line."""

    where: str
    behaviour: str
    basis: str
    source: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """`broken`: what of its tables could not be read."""

    path: Path
    title: str
    claims: tuple[Claim, ...]
    broken: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


def ledgers():
    paths = [
        path
        for top in ("local", "tests", "bots", "core")
        for path in (ROOT / top).rglob("CLAIMS*.md")
        if not any(part in SKIPPED for part in path.relative_to(ROOT).parts)
    ]
    return [read(path.relative_to(ROOT).as_posix(), path.read_text()) for path in sorted(paths)]


def read(name, text):
    """A ledger: all of its tables have the same four columns."""
    title, claims, broken = "", [], []
    heads = False
    for number, line in enumerate(text.splitlines(), 1):
        found = HEADING.fullmatch(line)
        title = title or (found[1] if found else "")
        if not line.startswith("|"):
            heads = False
            continue
        cells = [each.strip().replace("\\|", "|") for each in CELLS.split(line.strip())[1:-1]]
        where = f"{name}:{number}"
        if not heads:
            heads = True
            if tuple(cells) != COLUMNS:
                broken.append(f"{where}: columns are {cells}")
        elif all(RULE.fullmatch(each) for each in cells):
            continue
        elif len(cells) != len(COLUMNS):
            broken.append(f"{where}: {len(cells)} cells")
        else:
            tests = tuple(each.strip(" `") for each in cells[3].split(",") if each.strip(" `"))
            claims.append(Claim(where, cells[0], cells[1], cells[2], tests))
    return Ledger(ROOT / name, title, tuple(claims), tuple(broken))


@cache
def functions(path):
    """The names of all functions in a test file, those of classes among them; None without it."""
    file = ROOT / path
    if not file.is_file():
        return None
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)}


def assumed(found):
    """The page that lists every assumed row."""
    parts = [TITLE]
    for ledger in found:
        rows = [each for each in ledger.claims if each.basis == "assumed"]
        if rows:
            link = f"[{ledger.title}](../{ledger.name})"
            lines = "\n".join(f"- {each.behaviour}" for each in rows)
            parts.append(f"## {link}\n\n{lines}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    ASSUMED.write_text(assumed(ledgers()))
