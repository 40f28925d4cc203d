"""The documented errors of Teams and Graph, each with our reaction to it.

- the connector:
  https://learn.microsoft.com/microsoftteams/platform/bots/build-conversational-capability
(*Status codes from bot conversational APIs*) and
https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
- native streams: https://learn.microsoft.com/microsoftteams/platform/bots/streaming-ux#error-codes
- Graph: https://learn.microsoft.com/graph/errors and, for files,
https://learn.microsoft.com/onedrive/developer/rest-api/concepts/errors

A code in the table decides, or else the status. We depart from Microsoft's advice in one case: a
500 is retried (after checking whether the post is there), since its outcome is unknown and the
answer would otherwise be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from bots.wire.refusals import Action, failure
from core.ports.chat import ChatError, Unreachable

STREAM = "contentstreamnotallowed"

GENERIC = frozenset({"serviceerror", "generalexception", "unknownerror"})
"""Codes that add nothing to their status."""

_NEEDS = {
    "botnotregistered": "need.teams.registration",
    "botdisabledbyadmin": "need.teams.policy",
    "forbiddenoperationexception": "need.teams.installation",
    "invalidbotapihost": "need.teams.service_host",
    "notenoughpermissions": "need.teams.manifest",
    "tenantnopermission": "need.teams.tenant",
    "insufficient_claims": "need.teams.conditional_access",
}
"""What would resolve an error, as a key of the catalogue, by error."""

_CODES = {
    Action.WAIT: (
        "throttled toomanyrequests preconditionfailed activitylimitreached throttledrequest "
        "serviceratelimited bandwidthlimitexceeded"
    ),
    Action.RETRY: (
        "servicenotavailable serviceunavailable internalservererror gatewaytimeout badgateway "
        "resourcemodified resyncrequired conflict "
        "directory_concurrencyviolation resourcelocked locked"
    ),
    Action.TIGHTEN: "messagesizetoobig requestentitytoolarge",
    Action.RESHAPE: "badsyntax badargument badrequest contentstreambadrequest",
    Action.GONE: (
        "activitynotfoundinconversation conversationnotfound messagenotfound notfound "
        "membernotfoundinconversation usernotfound itemnotfound resourcenotfound "
        "request_resourcenotfound gone"
    ),
    Action.TELL: (
        f"{' '.join(_NEEDS)} unauthorized unauthenticated invalidauthenticationtoken forbidden "
        "accessdenied accessrestricted authorization_requestdenied"
    ),
    Action.GIVE_UP: (
        "botnotinconversationroster conversationblockedbyuser messagewritesblocked "
        "capabilityoverride notallowed notsupported invalidrange invalidrequest malwaredetected "
        "virussuspicious namealreadyexists quotalimitreached unsupportedapiversion notimplemented "
        "methodnotallowed"
    ),
}

TABLE: Mapping[str, Action] = MappingProxyType(
    {code: action for action, codes in _CODES.items() for code in codes.split()}
)

STATUSES: Mapping[int, Action] = MappingProxyType(
    {
        400: Action.RESHAPE,
        401: Action.TELL,
        402: Action.GIVE_UP,
        403: Action.TELL,
        404: Action.GONE,
        405: Action.GIVE_UP,
        406: Action.GIVE_UP,
        408: Action.RETRY,
        409: Action.RETRY,
        410: Action.GONE,
        411: Action.GIVE_UP,
        412: Action.WAIT,
        413: Action.TIGHTEN,
        415: Action.GIVE_UP,
        416: Action.GIVE_UP,
        422: Action.GIVE_UP,
        423: Action.RETRY,
        429: Action.WAIT,
        500: Action.RETRY,
        501: Action.GIVE_UP,
        502: Action.RETRY,
        503: Action.RETRY,
        504: Action.RETRY,
        505: Action.GIVE_UP,
        507: Action.GIVE_UP,
        509: Action.WAIT,
    }
)
"""The reaction to a status without a known code."""


class Refusal(StrEnum):
    """Why a native stream cannot continue; each is a `ContentStreamNotAllowed`."""

    NOT_ALLOWED = "content stream is not allowed"
    COMPLETED = "already completed"
    TIMED_OUT = "exceeded streaming time"
    TOO_LARGE = "too large"
    CANCELLED = "cancel"
    CHANGED = "should contain the previously streamed content"


STREAMS: Mapping[Refusal, Action] = MappingProxyType(
    {
        Refusal.NOT_ALLOWED: Action.RESHAPE,
        Refusal.COMPLETED: Action.RESHAPE,
        Refusal.TIMED_OUT: Action.RESHAPE,
        Refusal.TOO_LARGE: Action.TIGHTEN,
        Refusal.CANCELLED: Action.STOP,
        Refusal.CHANGED: Action.RESHAPE,
    }
)
"""The reaction to each. `RESHAPE` means to continue as an ordinary message, edited in place."""


def stream_refusal(why: str) -> Refusal:
    """Return the refusal for Teams' documented sentence; an unknown sentence is the general one."""
    said = why.lower()
    special = [each for each in Refusal if each is not Refusal.NOT_ALLOWED]
    return next((each for each in special if each in said), Refusal.NOT_ALLOWED)


class StreamRefused(Unreachable):
    """A native stream cannot continue, or another one is in the way. Streams are short: try later.

    `kind` is the documented refusal. The same stream is not continued.
    """

    def __init__(self, why: str) -> None:
        """`why` is Teams' sentence."""
        super().__init__("stream refused")
        self.kind = stream_refusal(why)
        self.action = STREAMS[self.kind]
        self.cancelled = self.kind is Refusal.CANCELLED
        self.too_large = self.kind is Refusal.TOO_LARGE


def action_of(method: str, status: int, code: str, *, timed: bool = False) -> Action:
    """Return the reaction to a response. `timed`: it says after how many seconds to retry.

    The status decides whether it is about the rate, and whether an unknown code is final.
    """
    if status in (412, 429, 509):
        return Action.WAIT
    found = TABLE.get(folded(code)) or STATUSES.get(status)
    if found is None:
        found = Action.RETRY if status >= 500 else Action.GIVE_UP
    if found is Action.RETRY and timed and method != "POST":
        # a post may have taken effect, so it is not simply repeated
        return Action.WAIT
    return found


def refused(
    method: str, status: int, code: str, *, why: str = "", after: float | None = None, needs: str
) -> ChatError:
    """Return the error to raise. `needs` names the missing permission, `after` are the seconds of
    `Retry-After`, None without one."""
    if folded(code) == STREAM:
        return StreamRefused(why)
    action = action_of(method, status, code, timed=after is not None)
    missing = _NEEDS.get(folded(code), needs) if action is Action.TELL else ""
    return failure(action, f"{code} ({status})".strip(), after=after or 0.0, needs=missing)


def is_known(code: str) -> bool:
    """Whether a table has this code; unknown ones are logged and counted."""
    return folded(code) in {*TABLE, *GENERIC, STREAM}


def folded(code: str) -> str:
    """Normalise a code: the documentation writes `Bad Argument`, services send `BadArgument`."""
    return "".join(code.split()).lower()
