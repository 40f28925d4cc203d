"""What the documents say about the tree is so."""

import re

import pytest

from tests import rooms

ROOT = rooms.ROOT
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md"))
    if path.name != "CHANGELOG.md"  # it tells of what was
)
FOLDERS = "|".join((*rooms.TOPS, "tests", "deploy", "docs", "benchmarks"))
NAMED = re.compile(rf"`((?:{FOLDERS})/[\w./-]+)`")
LINKED = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
MODULE = re.compile(r"`((?:core|bots|ingestion)/[\w/]+\.py)`")


def dangling(text, folder):
    """The files and folders of ours that a text names or links to and that do not exist."""
    named = [each for each in NAMED.findall(text) if not (ROOT / each).exists()]
    return named + [each for each in LINKED.findall(text) if not (folder / each).exists()]


def test_the_guide_has_a_map_of_the_rooms():
    """If this fails: `python -m tests.rooms`."""
    assert rooms.divided(rooms.GUIDE.read_text())[1] == rooms.table()


def test_the_guide_names_the_modules_on_the_way():
    assert len({*MODULE.findall(rooms.GUIDE.read_text())}) > 50


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_files_that_a_document_names_exist(name):
    path = ROOT / name
    assert dangling(path.read_text(), path.parent) == []


def test_a_file_that_does_not_exist_is_found():
    text = "`core/turn/nowhere.py`, [there](docs/nowhere.md), `core/turn/assistant.py`"
    assert dangling(text, ROOT) == ["core/turn/nowhere.py", "docs/nowhere.md"]
