"""What the model gives back, and what is shown of it: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, NewType

from core.values.conversation import NOTHING_QUOTED, Quoted
from core.values.documents import Picture
from core.values.effort import Task

MessageId = NewType("MessageId", str)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, as the model counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a model's answer. `stop` is set on the last one only.

    `stop`: `end_turn`, `max_tokens`, `content_filtered`, `guardrail_intervened`, … as Bedrock's
    Converse names them. `usage` comes with the last delta. `thinking`: the model thinks; what it
    thinks is never shown.
    """

    text: str = ""
    stop: str | None = None
    usage: Usage | None = None
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said. `person` is who said it, empty for the assistant."""

    role: Literal["user", "assistant"]
    text: str
    person: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class CachePoints:
    """Where a prompt is cached: after the system prompt, the documents, and turns by number."""

    system: bool = False
    documents: bool = False
    turns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer, as they are kept.

    `quoted` is what the answer was made from, None where a version kept it that did not say so.
    `forgotten`: the question was deleted, and both texts are empty.
    """

    question: Turn
    answer: Turn
    quoted: Quoted | None = NOTHING_QUOTED
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is sent: a stable prefix (`system`), then turns, the last one the question's.

    `documents` stay over a conversation and go before its first turn; `images` and the date,
    `today`, go with the last. What
    is `cached` is asked for where the last prompt with the same `affinity` was.
    """

    model: str
    system: str
    turns: tuple[Turn, ...]
    max_tokens: int = 4096
    images: tuple[Picture, ...] = ()
    task: Task = Task.ANSWER
    documents: str = ""
    today: str = ""
    cached: CachePoints = CachePoints()
    affinity: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """`name` is the command it sends, `value` its argument, `style` how it looks."""

    name: str
    label: str
    value: str = ""
    style: Literal["", "primary", "danger"] = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a picker."""

    value: str
    label: str
    description: str
    selected: bool = False


class Stage(Enum):
    """How far an answer is that a message belongs to; NOTICE is no answer's.

    STATUS has no text of the answer yet, GROWING will be followed by more, DONE is whole.
    """

    NOTICE = auto()
    STATUS = auto()
    GROWING = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that a text refers to by its number, `[2]`.

    `name` is the document's, `where` a place in it, `url` empty if it can't be opened, `snippet`
    how its text begins.
    """

    number: int
    name: str
    url: str = ""
    where: str = ""
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message to show: canonical Markdown that is already safe, buttons and a picker as data.

    `footer` is small print under the text. `options` makes a picker that sends the command
    `picker` with the chosen value. `citations` are those whose numbers are in the text.
    """

    markdown: str
    buttons: tuple[Button, ...] = ()
    footer: str = ""
    options: tuple[Option, ...] = ()
    picker: str = ""
    stage: Stage = Stage.NOTICE
    citations: tuple[Citation, ...] = ()
