"""Prompts, a model's answers, and the messages that show them: frozen values."""

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
    """The tokens of one model call, as the model counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a model's answer. `stop` is set on the last one only.

    `stop`: `end_turn`, `max_tokens`, `content_filtered`, `guardrail_intervened`, … as Bedrock's
    Converse names them. `usage` comes with the last delta. `thinking`: the model is thinking; its
    thoughts are never shown.
    """

    text: str = ""
    stop: str | None = None
    usage: Usage | None = None
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. `person` is the author's name, empty for the assistant."""

    role: Literal["user", "assistant"]
    text: str
    person: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class CachePoints:
    """Where a prompt has cache points: after the system prompt, the documents, and these turns."""

    system: bool = False
    documents: bool = False
    turns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A stored question with its answer.

    `quoted` is what the answer was based on, None if a release stored it that did not record this.
    `forgotten`: the question was deleted, and both texts are empty.
    """

    question: Message
    answer: Message
    quoted: Quoted | None = NOTHING_QUOTED
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is sent: a stable prefix (`system`), then turns, the last one the question.

    `documents` stay the same throughout a conversation and go before its first turn; `images` and
    the date, `today`, go with the last one. Prompts with cache points (`cached`) are sent where the
    last prompt with the same `affinity` was.
    """

    model: str
    system: str
    turns: tuple[Message, ...]
    max_tokens: int = 4096
    images: tuple[Picture, ...] = ()
    task: Task = Task.ANSWER
    documents: str = ""
    today: str = ""
    cached: CachePoints = CachePoints()
    affinity: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message: it sends the command `name` with the argument `value`."""

    name: str
    label: str
    value: str = ""
    style: Literal["", "primary", "danger"] = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice in a picker."""

    value: str
    label: str
    description: str
    selected: bool = False


class Stage(Enum):
    """How far the answer in a message has come.

    NOTICE is not part of an answer, STATUS has no text of the answer yet, GROWING will get more
    text, DONE is complete. WAITING has no text either, but may stand for hours, and another process
    continues.
    """

    NOTICE = auto()
    STATUS = auto()
    WAITING = auto()
    GROWING = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that a text refers to by its number, as in `[2]`.

    `name` is the document's name, `where` the place in it, `url` empty if it cannot be opened,
    `snippet` the beginning of its text.
    """

    number: int
    name: str
    url: str = ""
    where: str = ""
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message to show: canonical, sanitised Markdown, with its buttons and picker as data.

    `footer` is small print under the text. `options` are the choices of a picker, which sends the
    command `picker` with the chosen value. `citations` are the sources whose numbers are in the
    text.
    """

    markdown: str
    buttons: tuple[Button, ...] = ()
    footer: str = ""
    options: tuple[Option, ...] = ()
    picker: str = ""
    stage: Stage = Stage.NOTICE
    citations: tuple[Citation, ...] = ()
