"""The errors of Teams and Graph, and the sentences shown for them on the page."""

from __future__ import annotations

from typing import Any


class TeamsError(Exception):
    """An error with `status` and `code` as on the wire; `after` is Retry-After in seconds."""

    def __init__(self, status: int, code: str, message: str = "", after: int = 0) -> None:
        super().__init__(message or code)
        self.status = status
        self.code = code
        self.message = message or code
        self.after = after


CODES = {
    400: "BadSyntax",
    401: "Unauthorized",
    403: "NotEnoughPermissions",
    404: "ConversationNotFound",
    412: "PreconditionFailed",
    413: "MessageSizeTooBig",
    429: "Throttled",
}
"""The connector's default code for a status; `ServiceError` for all others."""


def sentence(error: TeamsError) -> str:
    """Return the sentence that the page shows for an error."""
    return SENTENCES.get(error.code, "Teams does not do that.")


SENTENCES = {
    "ConversationNotFound": "That conversation is no longer there.",
    "ActivityNotFoundInConversation": "That message is no longer there.",
    "BotNotInConversationRoster": "You are not in this conversation.",
}


GRAPH_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Forbidden",
    404: "NotFound",
    410: "gone",
    429: "TooManyRequests",
    500: "generalException",
    503: "serviceNotAvailable",
}
GRAPHS_OWN = frozenset({*GRAPH_CODES.values(), "itemNotFound", "accessDenied", "invalidRequest"})


def _graph_code(error: TeamsError) -> str:
    """Return Graph's code for an error, which may differ from the connector's."""
    return error.code if error.code in GRAPHS_OWN else GRAPH_CODES.get(error.status, "UnknownError")


def graph_refusal(error: TeamsError) -> tuple[int, dict[str, str], Any]:
    """Return status, headers and body of Graph's error response."""
    headers = {"Retry-After": str(error.after)} if error.after else {}
    return error.status, headers, {"error": {"code": _graph_code(error), "message": error.message}}
