"""The port to Claude, and the errors that it raises.

ModelError           the model did not finish
  Overloaded         throttled in every region: retry later
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
    """The model is throttled in every region: retry later."""


class Refused(ModelError):
    """The request itself is not acceptable: too long, or no access to the model."""


class Broken(ModelError):
    """The stream ended early; the text so far is kept."""


class Model(Protocol):
    """A Claude model."""

    def stream(self, prompt: Prompt) -> AsyncIterator[Delta]:
        """The answer to a prompt, piece by piece; the last piece has `stop`. Raises ModelError."""
        ...
