"""What we do about a platform's refusal: one vocabulary for the tables of both platforms."""

from __future__ import annotations

import logging
import re
from enum import StrEnum

from core.ports.chat import (
    ChatError,
    Forbidden,
    Gone,
    RateLimited,
    Stopped,
    TooLong,
    Uneditable,
    Unreachable,
)
from core.runtime.telemetry import Metric, count

log = logging.getLogger(__name__)

AT_LEAST = 1.0
"""Seconds to wait where a platform names none."""
_CODE = re.compile(r"[^A-Za-z0-9_.:-]+")


class Action(StrEnum):
    """What a refusal calls for. Only `WAIT` and `RETRY` may be asked again as they are."""

    WAIT = "wait"
    """Ask again after the seconds that the platform names."""
    RETRY = "retry"
    """A passing fault, whose outcome may be unknown."""
    TIGHTEN = "tighten"
    """Too long: say it in smaller parts."""
    RESHAPE = "reshape"
    """The form is not accepted: fall back to a plainer one."""
    REPLACE = "replace"
    """This message cannot be edited: what it should say is posted anew."""
    GONE = "gone"
    """What was asked for is no longer there."""
    STOP = "stop"
    """The person ended it."""
    TELL = "tell"
    """Refused until an administrator or the operator grants something."""
    GIVE_UP = "give_up"
    """Refused for good."""


class Malformed(Forbidden):
    """The content may be acceptable in another form, never in this one."""


def failure(action: Action, detail: str, *, after: float = AT_LEAST, needs: str = "") -> ChatError:
    """The error that a caller meets. `after` is in seconds, `needs` names what is missing."""
    match action:
        case Action.WAIT:
            return RateLimited(max(after, AT_LEAST))
        case Action.RETRY:
            return Unreachable(detail)
        case Action.TIGHTEN:
            return TooLong(detail)
        case Action.RESHAPE:
            return Malformed(detail, needs)
        case Action.REPLACE:
            return Uneditable(detail)
        case Action.GONE:
            return Gone(detail)
        case Action.STOP:
            return Stopped(detail)
        case Action.TELL | Action.GIVE_UP:
            return Forbidden(detail, needs)


def cleaned(code: object) -> str:
    """A platform's error code as it may be logged: a name, never a sentence."""
    return _CODE.sub("", code)[:64] if isinstance(code, str) else ""


def unknown(platform: str, code: str, status: int) -> None:
    """Logs and counts a code that no table has, so that somebody adds it."""
    log.warning("%s refused with a code that is not known: %s (%s)", platform, code, status)
    count(Metric.UNKNOWN_REFUSALS, reason=platform)
