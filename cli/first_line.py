"""Keep the first line of output free for whoever started the process and reads it."""

from __future__ import annotations

import io
import sys
from types import TracebackType
from typing import Self, TextIO


class FirstLine:
    """Holds back what is printed to `out` inside the context, until `release` or its end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._held: io.StringIO | None = None

    def __enter__(self) -> Self:
        self._held = io.StringIO()
        sys.stdout = self._held
        return self

    def release(self, line: str = "") -> None:
        """Print `line`, then what was held back; from now on nothing is held back."""
        if line:
            print(line, file=self._out, flush=True)
        if self._held is not None:
            self._out.write(self._held.getvalue())
            self._out.flush()
            self._held = None
            sys.stdout = self._out

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
