"""The map of the rooms in CONTRIBUTING.md: each package, with the first line of its docstring.

`python -m tests.rooms` writes it.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "CONTRIBUTING.md"
TOPS = ("core", "bots", "ingestion", "cli", "local")
BEGIN = "<!-- rooms: written by `python -m tests.rooms` -->\n"
END = "<!-- end of rooms -->\n"


def table():
    """The map as Markdown, in the order of the tree."""
    lines = ["| room | what it is for |\n", "|---|---|\n"]
    for top in TOPS:
        for path in sorted((ROOT / top).rglob("__init__.py"), key=lambda p: p.parent.parts):
            doc = ast.get_docstring(ast.parse(path.read_text())) or ""
            room = path.parent.relative_to(ROOT).as_posix()
            lines.append(f"| [`{room}`]({room}) | {doc.splitlines()[0]} |\n")
    return "".join(lines)


def divided(guide):
    """The guide's text before the map, the map, and the text after it."""
    before, _, rest = guide.partition(BEGIN)
    written, _, after = rest.partition(END)
    return before, written, after


def main():
    """Write the map into the guide."""
    before, _, after = divided(GUIDE.read_text())
    GUIDE.write_text(f"{before}{BEGIN}{table()}{END}{after}")


if __name__ == "__main__":
    main()
