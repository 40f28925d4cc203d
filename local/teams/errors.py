"""What Teams answers when it refuses."""

from __future__ import annotations


class TeamsError(Exception):
    """`status` and `code` as on the wire; `after` are the seconds of Retry-After."""

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
"""The connector's code for a status, where a fault names none; else `ServiceError`."""


def sentence(error: TeamsError) -> str:
    """What a person is told on the page."""
    return SENTENCES.get(error.code, "Teams does not do that.")


SENTENCES = {
    "ConversationNotFound": "That conversation is no longer there.",
    "ActivityNotFoundInConversation": "That message is no longer there.",
    "BotNotInConversationRoster": "You are not in this conversation.",
}
