"""How the core reaches Claude, and what can go wrong there.

ModelError           the model did not finish
  Overloaded         throttled in every region: try again later
  Refused            the request itself is not acceptable (too long, no access)
  Broken             the stream ended early; the text so far is kept
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from core.values.answer import Delta, Prompt


class ModelError(Exception):
    """A model did not finish its answer."""


class Overloaded(ModelError):
    pass


class Refused(ModelError):
    pass


class Broken(ModelError):
    pass


class Model(Protocol):
    def stream(self, prompt: Prompt) -> AsyncIterator[Delta]: ...
