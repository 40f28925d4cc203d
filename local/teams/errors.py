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


def sentence(error: TeamsError) -> str:
    """What a person is told on the page."""
    return SENTENCES.get(error.code, "Teams does not do that.")


SENTENCES = {
    "ConversationNotFound": "That conversation is no longer there.",
    "MessageNotFound": "That message is no longer there.",
    "NotAMember": "You are not in this conversation.",
}
