"""Passages as a prompt has them: data in a block of their own, never in the system role."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.streaming.citations import day
from core.values.documents import Document, Passage, State

TAG = re.compile(r"<(?=\s*/?\s*(?:passages?|document|files?|talk)\b)", re.I)
NAME = 120
"""Characters of a file's name that a request has."""
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
    """Numbered passages, from `first`, with what tells conflicting ones apart: date and sharer."""
    if not passages:
        return NOTHING
    note = [WEAK] if all(each.weak for each in passages) else []
    lines = map(_passage, range(first, first + len(passages)), passages)
    return "\n".join(("<passages>", *note, *lines, "</passages>"))


def files_block(documents: Sequence[Document]) -> str:
    """The files of this place by name, and how far each is; empty if there are none."""
    lines = [_file(each) for each in documents]
    return "\n".join(("<files>", *lines, "</files>")) if lines else ""


def _file(document: Document) -> str:
    match document.state:
        case State.READY:
            state = "can be searched"
        case State.FAILED:
            state = f"could not be read ({document.reason})"
        case _:
            state = "is still being read"
    return f'<file name="{attribute(document.name)}" state="{state}"/>'


def _passage(number: int, passage: Passage) -> str:
    document = passage.document
    told = {
        "file": document.name,
        "where": passage.locator.label,
        "section": " › ".join(passage.locator.headings),
        "match": "weak" if passage.weak else "",
        "shared_by": document.sharer,
        "shared_on": day(document.shared_at) if document.shared_at else "",
    }
    attributes = "".join(f' {name}="{attribute(value)}"' for name, value in told.items() if value)
    return f'<passage id="{number}"{attributes}>\n{fenced(passage.text)}\n</passage>'


def fenced(text: str) -> str:
    """Text that cannot end its block."""
    return TAG.sub("&lt;", text)


def quoted(name: str) -> str:
    """Somebody's name for something, on one line and between quotation marks it cannot end."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    flat = flat if len(flat) <= NAME else f"{flat[: NAME - 20]}…{flat[-16:]}"
    return f"“{fenced(flat).translate(QUOTES)}”"


def attribute(value: str) -> str:
    flat = " ".join("".join(c for c in value if c.isprintable()).split())
    return flat.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
