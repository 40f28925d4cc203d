"""A model that answers by a script, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from core.values.answer import Delta, Prompt, Usage

Piece = str | float | Delta | Exception | Callable[[], Awaitable[object]]
"""Text, a pause in seconds, a delta as it is, an error that ends the stream, or what happens."""
END = Delta(stop="end_turn", usage=Usage(100, 10))


class FakeModel:
    """Each call plays the next of `scripts`, the last one from then on; `prompts` are what was
    asked."""

    def __init__(self, *scripts: Sequence[Piece]) -> None:
        self.scripts = list(scripts)
        self.prompts: list[Prompt] = []

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta]:
        self.prompts.append(prompt)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        ended = False
        for piece in script:
            if isinstance(piece, str):
                yield Delta(piece)
            elif isinstance(piece, Delta):
                ended = ended or piece.stop is not None
                yield piece
            elif isinstance(piece, Exception):
                raise piece
            elif callable(piece):
                await piece()
            else:
                await asyncio.sleep(piece)
        if not ended:
            yield END
