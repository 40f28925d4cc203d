"""How we react to a platform's refusals: one vocabulary for both platforms' tables."""

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

AT_LEAST, AT_MOST = 1.0, 300.0
"""Seconds to wait: the first if the platform names none, the second even if it names more."""
_CODE = re.compile(r"[^A-Za-z0-9_.:-]+")


class Action(StrEnum):
    """How to react to a refusal. Only after `WAIT` or `RETRY` may the same call be repeated."""

    WAIT = "wait"
    """Retry after the seconds that the platform names."""
    RETRY = "retry"
    """A transient error; whether the call took effect may be unknown."""
    TIGHTEN = "tighten"
    """Too long: split the content into smaller parts."""
    RESHAPE = "reshape"
    """The format is not accepted: fall back to a plainer one."""
    REPLACE = "replace"
    """This message cannot be edited: post its content as a new one."""
    GONE = "gone"
    """The target no longer exists."""
    STOP = "stop"
    """The person stopped the answer."""
    TELL = "tell"
    """Refused until an administrator or the operator grants something."""
    GIVE_UP = "give_up"
    """Refused permanently."""


class Malformed(Forbidden):
    """The content may be acceptable in another format, but never in this one."""


def failure(action: Action, detail: str, *, after: float = AT_LEAST, needs: str = "") -> ChatError:
    """Return the error to raise for an action. `after` is in seconds; `needs` names what is
    missing."""
    match action:
        case Action.WAIT:
            return RateLimited(min(max(after, AT_LEAST), AT_MOST))
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
    """Return a platform's error code in a form that is safe to log: a name, never a sentence."""
    return _CODE.sub("", code)[:64] if isinstance(code, str) else ""


def unknown(platform: str, code: str, status: int) -> None:
    """Log and count a code that no table has, so that somebody adds it."""
    log.warning("%s refused with a code that is not known: %s (%s)", platform, code, status)
    count(Metric.UNKNOWN_REFUSALS, reason=platform)
