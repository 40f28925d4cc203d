"""What a check found: a value that is printed as one line."""

from __future__ import annotations

from dataclasses import dataclass

OK, BAD, NONE = "ok  ", "FAIL", "--  "


@dataclass(frozen=True, slots=True)
class Finding:
    """`problem` is empty where all is well, and then `said` tells what is there. `fix` is what to
    do. Without either it is something that is not configured, which is no failure."""

    name: str
    said: str = ""
    problem: str = ""
    fix: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is a problem."""
        return bool(self.problem)

    @property
    def line(self) -> str:
        """The finding as one line of the doctor's output."""
        if self.problem:
            return f"{BAD} {self.name}: {self.problem}. Fix: {self.fix}"
        return f"{OK if self.said else NONE} {self.name}: {self.said or 'not configured'}"
