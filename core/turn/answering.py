"""Streams the model's answer to a brief into a live message."""

from __future__ import annotations

from core.ports.model import Model
from core.streaming.citations import Citations, citations, link, sources
from core.streaming.live import LiveMessage
from core.turn.briefing import Brief
from core.turn.outcome import Outcome
from core.values.answer import Prompt, Usage
from core.values.models import MODELS
from core.wording.catalogue import phrase


async def streamed(
    model: Model, brief: Brief, prompt: Prompt, said: str, live: LiveMessage
) -> Outcome:
    """Feed `live` until the stream ends. `said` is the answer that an earlier worker already had.

    Raises ModelError.
    """
    live.allow(link(each) for each in brief.passages)
    live.cite(citations(brief.passages))
    live.status(phrase("progress.thinking"))
    if MODELS[brief.model].effort(prompt.task).thinks:
        live.thinks()
    checked = Citations(len(brief.passages))
    live.feed(checked.feed(said))
    stop, usage = None, Usage()
    async for delta in model.stream(prompt):
        if delta.thinking:
            live.thinks()
        live.feed(checked.feed(delta.text))
        stop, usage = delta.stop or stop, delta.usage or usage
    live.feed(checked.end())
    listed = sources(brief.passages, checked.cited)
    return Outcome(stop, usage, brief.model, brief.notes, listed)
