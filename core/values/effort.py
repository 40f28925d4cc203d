"""How much Claude is asked to think in a request, depending on the task and the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

ADAPTIVE = "adaptive"
"""The model decides whether and how long to think; its effort level sets how readily."""
BETWEEN_TOOLS = "between_tools"
DISABLED = "disabled"
LOW = "low"
ROOM: Mapping[str, int] = MappingProxyType(
    {LOW: 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 65_536}
)
"""Tokens reserved for thinking at each effort level; `maxTokens` covers them and the text."""


class Task(StrEnum):
    """The purpose of a request."""

    ANSWER = "answer"
    REWRITE = "rewrite"
    CONDENSE = "condense"
    SUMMARY = "summary"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Effort:
    """A request's type of thinking and its effort level; empty parameters are not sent."""

    thinking: str = ""
    level: str = ""

    @property
    def thinks(self) -> bool:
        """Whether the model may think before it writes."""
        return self.thinking == ADAPTIVE

    @property
    def room(self) -> int:
        """Tokens to add to `maxTokens`, so that thinking leaves the text its full length."""
        return ROOM.get(self.level, 0) if self.thinks else 0


@dataclass(frozen=True, slots=True)
class Thinking:
    """A model's default thinking, and what it accepts.

    `usual` is the default type of thinking, empty if the model does not think; `least` the type
    with the least thinking that it accepts; `level` its default effort, empty if it accepts none.
    https://platform.claude.com/docs/en/build-with-claude/thinking
    """

    usual: str = ""
    least: str = ""
    level: str = ""

    def asked(self, task: Task) -> Effort:
        """The effort for a task: the model's defaults for answers, less for intermediate steps."""
        low = LOW if self.level else ""
        match task:
            case Task.ANSWER:
                return Effort(self.usual, self.level)
            case Task.SUMMARY | Task.CONDENSE:
                return Effort(self.usual, low)
            case Task.REWRITE | Task.PICTURE:
                return Effort(self.least, low)
