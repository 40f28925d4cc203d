"""Streams the model's answer to a brief into a growing message."""

from __future__ import annotations

from core.ports.model import Model
from core.streaming.citations import Citations, citations, link, sources
from core.streaming.live import LiveMessage
from core.streaming.progress import THINKING
from core.turn.briefing import Brief
from core.turn.outcome import Outcome
from core.values.answer import Prompt, Usage
from core.values.models import MODELS


async def streamed(
    model: Model, brief: Brief, prompt: Prompt, said: str, live: LiveMessage
) -> Outcome:
    """Feeds `live` until the end of the stream; `said` is what an earlier worker had of the answer.

    Raises ModelError.
    """
    live.allow(link(each) for each in brief.passages)
    live.cite(citations(brief.passages))
    live.status(THINKING)
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
    return Outcome(stop, usage, brief.model, brief.file_events, listed)
