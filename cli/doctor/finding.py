"""The result of a check, printed as one line."""

from __future__ import annotations

from dataclasses import dataclass

OK, BAD, NONE = "ok  ", "FAIL", "--  "


@dataclass(frozen=True, slots=True)
class Finding:
    """`problem` is empty if all is well, and `said` then describes what is there. `fix` is what to
    do.

    With neither `problem` nor `said` it is something that is not configured, which is no failure.
    """

    name: str
    said: str = ""
    problem: str = ""
    fix: str = ""

    @property
    def failed(self) -> bool:
        """Whether the check found a problem."""
        return bool(self.problem)

    @property
    def line(self) -> str:
        """Return the finding as it is printed."""
        if self.problem:
            return f"{BAD} {self.name}: {self.problem}. Fix: {self.fix}"
        return f"{OK if self.said else NONE} {self.name}: {self.said or 'not configured'}"
