"""The Claude models on Amazon Bedrock that people can choose.

Ids, capabilities and geographies follow the model cards in Bedrock's user guide and langchain-aws's
profiles (1.9.1); prices are dollars per million tokens through a global profile, as of November
2026. A geographic profile costs about a tenth more. Check both before relying on them:
https://aws.amazon.com/bedrock/pricing/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.values.answer import Usage
from core.values.effort import ADAPTIVE, BETWEEN_TOOLS, DISABLED, Effort, Task, Thinking

GEOGRAPHIES = (
    ("us-", "us"),
    ("eu-", "eu"),
    ("ap-northeast-1", "jp"),
    ("ap-northeast-3", "jp"),
    ("ap-southeast-2", "au"),
    ("ap-southeast-4", "au"),
    ("ap-south-", "in"),
)

CACHE_WRITE = 0.25
LONG_PROMPT = 5


@dataclass(frozen=True, slots=True)
class ClaudeModel:
    """One model. `name` is what people type; prices are dollars per million tokens.

    `geographies` are the prefixes of its inference profiles. `sampling` says which of temperature,
    top_p and top_k it accepts. `cache_minimum` is the fewest tokens that Bedrock caches,
    `cache_read` the price of reading them as a share of the input's price. If `long_prompt` is set,
    calls whose prompt has more tokens cost `LONG_PROMPT` times as much, the answer included.
    """

    name: str
    label: str
    bedrock_id: str
    geographies: frozenset[str]
    input_price: float
    output_price: float
    sampling: frozenset[str] = frozenset()
    max_output: int = 128_000
    context: int = 1_000_000
    cache_minimum: int = 1024
    cache_read: float = 0.1
    thinking: Thinking = Thinking()
    long_prompt: int = 0

    def cost(self, usage: Usage) -> float:
        """The price of one call in dollars.

        Tokens written to the five-minute cache cost a quarter more than other input.
        """
        read, written = usage.cache_read_tokens, usage.cache_write_tokens
        asked = usage.input_tokens - (1 - self.cache_read) * read + CACHE_WRITE * written
        dollars = (asked * self.input_price + usage.output_tokens * self.output_price) / 1e6
        long = 0 < self.long_prompt < usage.input_tokens
        return dollars * LONG_PROMPT if long else dollars

    def effort(self, task: Task) -> Effort:
        """How much thinking a request for this task asks for."""
        return self.thinking.asked(task)

    def profile(self, region: str) -> str:
        """The inference profile to call from a region: its geography's, else the global one."""
        for prefix, geography in GEOGRAPHIES:
            if region.startswith(prefix) and geography in self.geographies:
                return f"{geography}.{self.bedrock_id}"
        return f"global.{self.bedrock_id}"


_EVERYWHERE = frozenset({"us", "eu", "jp", "au", "global"})
_TEMPERATURE = frozenset({"temperature", "top_k"})
"""Models of the 4.5 and 4.6 families accept temperature or top_p but not both; we set the
temperature."""

_ALL = (
    ClaudeModel(
        "haiku",
        "Claude Haiku 5.5",
        "anthropic.claude-haiku-5-5",
        _EVERYWHERE,
        0.1,
        0.5,
        thinking=Thinking(ADAPTIVE, DISABLED, "medium"),
        long_prompt=100_000,
    ),
    ClaudeModel(
        "sonnet",
        "Claude Sonnet 5.5",
        "anthropic.claude-sonnet-5-5",
        frozenset({"us", "eu", "global"}),
        2,
        10,
        cache_read=0.05,
        thinking=Thinking(ADAPTIVE, BETWEEN_TOOLS, "high"),
    ),
    ClaudeModel(
        "opus",
        "Claude Opus 5.5",
        "anthropic.claude-opus-5-5",
        _EVERYWHERE,
        4,
        20,
        cache_read=0.05,
        thinking=Thinking(ADAPTIVE, ADAPTIVE, "medium"),
    ),
    ClaudeModel(
        "sonnet-5",
        "Claude Sonnet 5",
        "anthropic.claude-sonnet-5",
        frozenset({"us", "eu", "jp", "au", "in", "global"}),
        2,
        10,
        thinking=Thinking(ADAPTIVE, DISABLED, "high"),
    ),
    ClaudeModel(
        "opus-4.8",
        "Claude Opus 4.8",
        "anthropic.claude-opus-4-8",
        _EVERYWHERE,
        5,
        25,
        thinking=Thinking(level="high"),
    ),
    ClaudeModel(
        "sonnet-4.6",
        "Claude Sonnet 4.6",
        "anthropic.claude-sonnet-4-6",
        _EVERYWHERE,
        3,
        15,
        _TEMPERATURE,
        thinking=Thinking(level="high"),
    ),
    ClaudeModel(
        "haiku-4.5",
        "Claude Haiku 4.5",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        _EVERYWHERE | {"in"},
        1,
        5,
        _TEMPERATURE,
        max_output=64_000,
        context=200_000,
        cache_minimum=4096,
    ),
)

MODELS: Mapping[str, ClaudeModel] = MappingProxyType({model.name: model for model in _ALL})
DEFAULT = "sonnet"


def resolve(text: str) -> ClaudeModel | None:
    """The model that a person named: `Sonnet`, `claude sonnet 4.6`, a label, or a Bedrock id."""
    wanted = text.strip().strip("`*\"'").lower()
    for model in _ALL:
        if wanted in (model.bedrock_id, model.name) or wanted.endswith(f".{model.bedrock_id}"):
            return model
    plain = _plain(wanted)
    for model in _ALL:
        if plain in (_plain(model.name), _plain(model.label)):
            return model
    return None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower().removeprefix("claude"))
