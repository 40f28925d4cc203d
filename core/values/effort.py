"""How hard Claude is asked to think: said in every request, by its task and its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

ADAPTIVE = "adaptive"
"""The model decides whether and how long it thinks; its effort says how readily."""
BETWEEN_TOOLS = "between_tools"
DISABLED = "disabled"
LOW = "low"
ROOM: Mapping[str, int] = MappingProxyType(
    {LOW: 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 65_536}
)
"""Tokens that thinking may take at each effort, besides the text; `maxTokens` holds both."""


class Task(StrEnum):
    """What a request is for."""

    ANSWER = "answer"
    REWRITE = "rewrite"
    CONDENSE = "condense"
    SUMMARY = "summary"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Effort:
    """What one request says: the type of thinking, and the effort; empty is not said."""

    thinking: str = ""
    level: str = ""

    @property
    def thinks(self) -> bool:
        """Whether the model may think before it writes."""
        return self.thinking == ADAPTIVE

    @property
    def room(self) -> int:
        """Tokens by which `maxTokens` is raised so that thinking does not eat into the text."""
        return ROOM.get(self.level, 0) if self.thinks else 0


@dataclass(frozen=True, slots=True)
class Thinking:
    """What a model does unless it is told, and what it can be told.

    `usual` is the type of thinking by default, empty if it does not think; `least` the one with the
    least of it that the model accepts; `level` its default effort, empty if it takes none.
    https://platform.claude.com/docs/en/build-with-claude/thinking
    """

    usual: str = ""
    least: str = ""
    level: str = ""

    def asked(self, task: Task) -> Effort:
        """The model's defaults for answers, less for whatever is only a step on the way."""
        low = LOW if self.level else ""
        match task:
            case Task.ANSWER:
                return Effort(self.usual, self.level)
            case Task.SUMMARY | Task.CONDENSE:
                return Effort(self.usual, low)
            case Task.REWRITE | Task.PICTURE:
                return Effort(self.least, low)
