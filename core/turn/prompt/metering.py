"""Counts the tokens and the cost of every model call: `core.ports.model.Model`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from core.ports.model import Model
from core.runtime.telemetry import Metric, count
from core.values.answer import Delta, Prompt, Usage
from core.values.models import MODELS
from core.values.tokens import estimate

PICTURE = 1_600
"""The tokens assumed for a picture if the service did not count them: about the most for one.
https://platform.claude.com/docs/en/build-with-claude/vision"""


class MeteredModel:
    """Passes on what `inner` streams, and counts its tokens and dollars.

    A stream that was stopped or that broke off costs money as well, but does not report its tokens,
    so they are estimated.
    """

    def __init__(self, inner: Model) -> None:
        self._inner = inner

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta]:
        """The answer to a prompt, piece by piece. Raises ModelError."""
        begun, usage, written = False, None, 0
        try:
            async for delta in self._inner.stream(prompt):
                begun = True
                written += estimate(delta.text)
                usage = delta.usage or usage
                yield delta
        finally:
            if usage is None and begun:
                usage = Usage(sent(prompt), written)
            if usage is not None:
                _count(prompt.model, usage)


def sent(prompt: Prompt) -> int:
    """The estimated number of tokens in a prompt."""
    texts = (prompt.system, prompt.documents, *(turn.text for turn in prompt.turns))
    return sum(map(estimate, texts)) + PICTURE * len(prompt.images)


def _count(model: str, usage: Usage) -> None:
    count(Metric.INPUT_TOKENS, usage.input_tokens)
    count(Metric.OUTPUT_TOKENS, usage.output_tokens)
    if usage.cache_read_tokens:
        count(Metric.CACHE_READ_TOKENS, usage.cache_read_tokens)
    if usage.cache_write_tokens:
        count(Metric.CACHE_WRITE_TOKENS, usage.cache_write_tokens)
    if model in MODELS:
        count(Metric.COST, MODELS[model].cost(usage))
