"""What people are told when something is out of the ordinary: one plain sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from core.ports.model import Broken, ModelError, Overloaded, Refused
from core.values.documents import Document, State

EMPTY = "Hi! Write your question after my name, and I'll answer here."
STOPPED = "Stopped."
NO_ANSWER = "No answer came. Regenerate for another try."
NO_STORE = "I can't reach my storage right now. I'll answer here as soon as it is back."
TROUBLE = "I tried several times and could not finish this. Press Retry to start again."
ALREADY_ENDED = "That answer has already ended."
STILL_RUNNING = "That one is still being answered. Press Stop first, or wait for its end."
TOO_OLD = "I no longer have that question. Please ask it again."
ELSEWHERE = "That button belongs to another conversation."
THANKS = {"up": "Thanks, noted.", "down": "Thanks, noted. Ask again in other words, or regenerate."}

HELLO = "Hi, I'm Parley. Mention me to ask something."
HELLO_DIRECT = "Hi, I'm Parley. Write your question here; no need to mention me."
HELLO_FILES_DIRECT = "Share a file with it, and I'll answer from that."
HELLO_FILES = (
    "I read the files that are shared here from now on and put a summary in their thread, so that "
    "you can ask about them; `/files` shows what I know."
)
AUTO_ON = "I read the files that are shared here. `/files auto off` stops that."
AUTO_OFF = "I read a file here only when I am mentioned with it. `/files auto on` changes that."
AUTO_HINT = "/files auto on or off: whether I read files that are shared without mentioning me."
NO_FILES_HERE = "I know no files here yet. Share one, and I'll read it."
NAMELESS = "a file without a name"
NAME = 120
"""Characters of a file's name that are shown."""
SPECIAL = re.compile(r"([\\\[\]*_`~<>|])")
NO_SEARCH = "I could not search the files here just now, so this answer does without them."
NO_FILES = "Reading files is not set up here: ask whoever runs me to set OPENSEARCH_URL."
PRIVATE_FILES = (
    "I can't keep files of a message that only you and I see here. Share them in our own chat."
)
OUTSIDE = "I answer members of this organisation only, and you are here as a guest."
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "empty": "it is empty. Share it again if that is a mistake.",
        "encrypted": "it is protected by a password. Share a copy without one.",
        "damaged": "it is damaged or incomplete. Open it, save it again and share that copy.",
        "unsupported": "I don't know this kind of file. Share it as a PDF or as text.",
        "recording": "I can't watch or hear recordings. Share a transcript or notes of it.",
        "mislabelled": "it is not what its name says. Give it its right ending and share it again.",
        "too_large": "it is too large for me. Share the part that matters.",
        "too_slow": "it took too long to open. Share it in smaller parts, or as plain text.",
        "too_much_memory": "it grows too large when opened. Share it in smaller parts.",
        "no_text": "I found no text in it. If it is a scan, share it in a better resolution.",
        "not_the_file": "I was given a web page in its place. Share the file itself again.",
        "forbidden": "I may not open it. Share it again, or ask whoever shared it for access.",
        "not_theirs": (
            "I open only what whoever shared it may open. Upload it here, or ask its owner to "
            "share it with you and share it again."
        ),
        "gone": "it was deleted.",
        "unreachable": "it could not be downloaded. Press Retry in a minute.",
        "trouble": "I tried several times and failed. Press Retry, or share it again.",
    }
)
"""Why a file was not read, by the manifest's reason: a plain sentence, and what to do."""


def model_chosen(person: str, model: str, here: str) -> str:
    """Tells a channel who answers from now on, and who decided that."""
    return f"{person} chose **{model}** to answer in {here} from now on. `/model` changes it."


def why_not(reason: str) -> str:
    """Why a file was not read: a sentence for the manifest's reason. `forbidden NEEDS` names the
    right that is missing."""
    name, _, needs = reason.partition(" ")
    if name == "forbidden" and needs:
        return f"I may not open it. Whoever runs me can give me {needs}."
    return REASONS.get(name, REASONS["trouble"])


def unseen(needs: str) -> str:
    """What to say where we may not know whether files came with a message."""
    if needs:
        return f"I can't see files that come with messages here: I need {needs}."
    return "I could not look whether files came with this message. Regenerate in a minute."


def ending(stop: str | None) -> str:
    """What to say about a stream's stop reason (Bedrock Converse's names); empty if nothing."""
    match stop:
        case "end_turn" | "stop_sequence" | None:
            return ""
        case "max_tokens":
            return "This answer reached its length limit. Write “continue” for the rest."
        case "model_context_window_exceeded":
            return "This conversation is too long for the model. Start a new thread."
        case "content_filtered" | "guardrail_intervened" | "refusal":
            return "The answer ends here: a content filter stopped it."
        case _:
            return f"The answer ended early ({stop}). Regenerate for another try."


def unanswered(stop: str | None) -> str:
    """What to say where a stream ended without any text, by its stop reason."""
    match stop:
        case "max_tokens":
            return (
                "Claude thought about this until its limit and wrote nothing. Ask for less at a "
                "time, or regenerate."
            )
        case "content_filtered" | "guardrail_intervened" | "refusal":
            return "Claude did not answer: a content filter stopped it. Ask in other words."
        case "model_context_window_exceeded":
            return ending(stop)
        case _:
            return NO_ANSWER


def failure(error: ModelError, *, partial: bool) -> str:
    """What to say when the model did not finish."""
    match error:
        case Overloaded() if partial:
            return "Claude became too busy to finish. Press Retry for a complete answer."
        case Overloaded():
            return "Claude is too busy right now. Press Retry in a minute."
        case Refused():
            return (
                "Claude did not accept this request. It may be too long, or this model may not be "
                "enabled here: try a shorter question or another `/model`."
            )
        case Broken() if partial:
            return "The connection broke off here. Press Retry for a complete answer."
        case _:
            return "The connection to Claude broke off. Press Retry to ask again."


def not_read(name: str, reason: str) -> str:
    """Names a file that was not read, why, and what to do."""
    return f"I could not read “{plain(name)}”: {why_not(reason)}"


def read_anew(name: str) -> str:
    """Says that a file was changed at its platform, and that the new version counts now."""
    return f"“{plain(name)}” was changed. I am reading it anew, and answer from the new version."


def renewed(name: str) -> str:
    """Says that a file had changed, and that the answer is of what it says now."""
    return (
        f"“{plain(name)}” was changed since I first read it; this answer is from its new version."
    )


def not_renewed(name: str) -> str:
    """Says why a file that has changed is not quoted."""
    return f"“{plain(name)}” was changed and I have not read it anew yet. Ask again in a minute."


def unchecked(names: Iterable[tuple[str, str]]) -> str:
    """Says which files, each with its date, may have changed since."""
    told = ", ".join(f"“{plain(name)}” (as of {date})" for name, date in names)
    return f"I could not check whether these have changed since I read them: {told}."


def fetching(name: str) -> str:
    return f"_Fetching {plain(name)}…_"


def reading(document: Document) -> str:
    """How far a file is."""
    name = plain(document.name)
    match document.state:
        case State.EXTRACTING if document.total:
            return f"_Reading {name}: {document.done} of {document.total} {unit(document.name)}_"
        case State.EXTRACTING:
            return f"_Reading {name}…_"
        case State.EMBEDDING if document.total:
            percent = 100 * document.done // document.total
            return f"_Making {name} searchable: {percent} %_"
        case _:
            return f"_{name} is kept and waits its turn to be read…_"


def unit(name: str) -> str:
    """What a file's parts are called, in the plural."""
    ending = name.rpartition(".")[2].lower()
    if ending in ("xlsx", "xlsm", "xlsb", "xls", "ods"):
        return "sheets"
    return "slides" if ending in ("pptx", "ppt", "odp") else "pages"


def counted_parts(name: str, count: int) -> str:
    """A file's length in its own parts: `3 sheets`, `1 page`."""
    return f"{count} {unit(name) if count != 1 else unit(name)[:-1]}"


def condensing(done: int, total: int) -> str:
    return f"_It is long: reading it whole, {done} of {total} parts_"


def plain(name: str) -> str:
    """A file's name that cannot mark anything up: in small print it stands as it is."""
    shown = " ".join("".join(c for c in name if c.isprintable()).split())
    if len(shown) > NAME:
        shown = f"{shown[: NAME - 20]}…{shown[-16:]}"
    return SPECIAL.sub(r"\\\1", shown)
