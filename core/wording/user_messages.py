"""What people are told when something is out of the ordinary: which sentence it is, filled in.

The sentences themselves are in `core.wording.catalogue`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.ports.model import Broken, ModelError, Overloaded, Refused
from core.values.documents import Document, State
from core.values.models import ClaudeModel
from core.wording.catalogue import ENGLISH, phrase

REASONS = frozenset(
    key.removeprefix("unread.") for key in ENGLISH.texts if key.startswith("unread.")
)
"""Why a file may not have been read, as its row says it."""
NAME = 120
"""Characters of a file's name that are shown."""
SPECIAL = re.compile(r"([\\\[\]*_`~<>|])")


def why_not(reason: str) -> str:
    """Why a file was not read, by its row's reason. `forbidden NEED` says what is missing: a key of
    the catalogue (`need`), or the words that rows of older versions have."""
    name, _, needs = reason.partition(" ")
    if name == "forbidden" and needs:
        told = need(needs)
        if told is None:
            return phrase("unread_forbidden.older", needs=needs)
        return phrase("unread_forbidden.need", need=told)
    return phrase(f"unread.{name}" if name in REASONS else "unread.trouble")


def need(key: str) -> str | None:
    """What is missing and who can give it; None if that is no key. A name may follow the key, as in
    `need.slack.scope files:read`."""
    key, _, name = key.partition(" ")
    room, _, rest = key.partition(".")
    if room != "need" or key not in ENGLISH.texts:
        return None
    return phrase(f"need.{rest}", name=name)


def good_for(model: ClaudeModel) -> str:
    """What a model is good for."""
    return phrase(f"model.good_for.{model.name}")


def described(model: ClaudeModel) -> str:
    """What a model is good for, and its price."""
    read, written = f"{model.input_price:.2f}", f"{model.output_price:.2f}"
    return f"{good_for(model)} {phrase('model.price', input=read, output=written)}"


def unseen(needs: str) -> str:
    """What to say where we may not know whether files came with a message."""
    told = need(needs)
    return phrase("file.not_allowed", need=told) if told else phrase("file.not_known")


def ending(stop: str | None) -> str:
    """What to say about a stream's stop reason (Bedrock Converse's names); empty if nothing."""
    match stop:
        case "end_turn" | "stop_sequence" | None:
            return ""
        case "max_tokens":
            return phrase("ending.too_long")
        case "model_context_window_exceeded":
            return phrase("ending.conversation_too_long")
        case "content_filtered" | "guardrail_intervened" | "refusal":
            return phrase("ending.filtered")
        case _:
            return phrase("ending.early", stop=stop)


def unanswered(stop: str | None) -> str:
    """What to say where a stream ended without any text, by its stop reason."""
    match stop:
        case "max_tokens":
            return phrase("ending.only_thought")
        case "content_filtered" | "guardrail_intervened" | "refusal":
            return phrase("ending.filtered_whole")
        case "model_context_window_exceeded":
            return ending(stop)
        case _:
            return phrase("ending.no_answer")


def failure(error: ModelError, *, partial: bool) -> str:
    """What to say when the model did not finish."""
    match error:
        case Overloaded() if partial:
            return phrase("failure.busy_partial")
        case Overloaded():
            return phrase("failure.busy")
        case Refused():
            return phrase("failure.refused")
        case Broken() if partial:
            return phrase("failure.broken_partial")
        case _:
            return phrase("failure.broken")


def not_read(name: str, reason: str) -> str:
    """Names a file that was not read, why, and what to do."""
    return phrase("file.not_read", file=plain(name), why=why_not(reason))


def not_set_up(names: Iterable[str]) -> str:
    """Says which files came where none are read."""
    files = ", ".join(phrase("file.quoted", file=plain(name)) for name in names)
    return phrase("file.not_set_up_for", files=files)


def changed(name: str) -> str:
    """Says that a file was changed at its platform, and that the new version counts now."""
    return phrase("file.changed", file=plain(name))


def answered_from_new(name: str) -> str:
    """Says that a file had changed, and that the answer is of what it says now."""
    return phrase("file.answered_from_new", file=plain(name))


def new_not_read(name: str) -> str:
    """Says why a file that has changed is not quoted."""
    return phrase("file.new_not_read", file=plain(name))


def not_checked(names: Iterable[tuple[str, str]]) -> str:
    """Says which files, each with its date, may have changed since."""
    told = [phrase("file.dated", file=plain(name), date=date) for name, date in names]
    return phrase("file.not_checked", count=len(told), files=", ".join(told))


def fetching(name: str) -> str:
    """The status while a file is fetched from its platform."""
    return phrase("progress.fetching", file=plain(name))


def reading(document: Document) -> str:
    """How far a file is."""
    name, done, total = plain(document.name), document.done, document.total
    match document.state:
        case State.EXTRACTING if total:
            parts = unit(document.name)
            return phrase(f"progress.reading_parts.{parts}", file=name, done=done, total=total)
        case State.EXTRACTING:
            return phrase("progress.reading", file=name)
        case State.EMBEDDING if total:
            return phrase("progress.indexing", file=name, percent=100 * done // total)
        case _:
            return phrase("progress.waiting", file=name)


def unit(name: str) -> str:
    """What a file's parts are: `sheets`, `slides` or `pages`."""
    ending = name.rpartition(".")[2].lower()
    if ending in ("xlsx", "xlsm", "xlsb", "xls", "ods"):
        return "sheets"
    return "slides" if ending in ("pptx", "ppt", "odp") else "pages"


def counted_parts(name: str, count: int) -> str:
    """A file's length in its own parts: `3 sheets`, `1 page`."""
    return phrase(f"file.length_{unit(name)}", count=count)


def summarising(done: int, total: int) -> str:
    """The status while a long file is condensed, with the parts done so far."""
    return phrase("progress.summarising", done=done, total=total)


def plain(name: str) -> str:
    """A file's name that cannot mark anything up: in small print it stands as it is."""
    shown = " ".join("".join(c for c in name if c.isprintable()).split())
    if len(shown) > NAME:
        shown = f"{shown[: NAME - 20]}…{shown[-16:]}"
    return SPECIAL.sub(r"\\\1", shown)
