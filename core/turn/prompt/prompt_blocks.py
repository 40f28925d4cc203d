"""Formats passages and files for a prompt: as data in tagged blocks, never in the system role."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.values.documents import Document, Passage, State
from core.wording import user_messages
from core.wording.dates import day
from core.wording.locators import place_in_file

TAG = re.compile(r"<(?=\s*/?\s*(?:passages?|document|files?|talk)\b)", re.I)
NAME = 120
"""The most characters of a file's name in a prompt."""
QUOTES = str.maketrans({"“": "'", "”": "'", '"': "'", "„": "'", "«": "'", "»": "'"})

NOTHING = """\
<passages>
(This channel's files were searched, and nothing in them is about this question. If it asks about \
files or about what only they could tell, say that you found nothing about this in this channel's \
files. If it does not need them, answer it and do not mention files.)
</passages>"""


WEAK = """\
(This channel's files were searched, and nothing in them is clearly about this question. These \
passages are the nearest that were found, marked as weak. Where one of them answers the question, \
use it as any other. Else, if the question asks about files or about what only they could tell, \
say that you found nothing that clearly answers it, and name the file and place that come nearest. \
If it does not need files, answer it and do not mention them.)\
"""


def passages_block(passages: Sequence[Passage], first: int = 1) -> str:
    """A block of passages, numbered from `first`, with date and sharer to tell conflicts apart."""
    if not passages:
        return NOTHING
    note = [WEAK] if all(each.weak for each in passages) else []
    lines = map(_passage, range(first, first + len(passages)), passages)
    return "\n".join(("<passages>", *note, *lines, "</passages>"))


def files_block(documents: Sequence[Document]) -> str:
    """The block of a place's files by name, with their state; empty if there are none."""
    lines = [_file(each) for each in documents]
    return "\n".join(("<files>", *lines, "</files>")) if lines else ""


def _file(document: Document) -> str:
    match document.state:
        case State.READY:
            state = "can be searched"
        case State.FAILED:
            state = f"could not be read: {user_messages.why_not(document.reason)}"
        case _:
            state = "is still being read"
    return f'<file name="{attribute(document.name)}" state="{state}"/>'


def _passage(number: int, passage: Passage) -> str:
    document = passage.document
    told = {
        "file": document.name,
        "where": place_in_file(passage.locator),
        "section": " › ".join(passage.locator.headings),
        "match": "weak" if passage.weak else "",
        "shared_by": document.sharer,
        "shared_on": day(document.shared_at) if document.shared_at else "",
    }
    attributes = "".join(f' {name}="{attribute(value)}"' for name, value in told.items() if value)
    return f'<passage id="{number}"{attributes}>\n{fenced(passage.text)}\n</passage>'


def fenced(text: str) -> str:
    """A text escaped so that it cannot end its block."""
    return TAG.sub("&lt;", text)


def quoted(name: str) -> str:
    """A name from people, on one line and in quotation marks that it cannot end."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    flat = flat if len(flat) <= NAME else f"{flat[: NAME - 20]}…{flat[-16:]}"
    return f"“{fenced(flat).translate(QUOTES)}”"


def attribute(value: str) -> str:
    """A value escaped for an attribute of a tag."""
    flat = " ".join("".join(c for c in value if c.isprintable()).split())
    return flat.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
