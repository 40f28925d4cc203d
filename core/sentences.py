"""What people are told when something is out of the ordinary: one plain sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from core.conversation import Attachment
from core.ports import Broken, ModelError, Overloaded, Refused

EMPTY = "Hi! Write your question after my name, and I'll answer here."
STOPPED = "Stopped."
NO_STORE = "I can't reach my storage right now. I'll answer here as soon as it is back."
TROUBLE = "I tried several times and could not finish this. Press Retry to start again."
ALREADY_ENDED = "That answer has already ended."
STILL_RUNNING = "That one is still being answered. Press Stop first, or wait for its end."
TOO_OLD = "I no longer have that question. Please ask it again."
ELSEWHERE = "That button belongs to another conversation."
THANKS = {"up": "Thanks, noted.", "down": "Thanks, noted. Ask again in other words, or Regenerate."}


def ending(stop: str | None) -> str:
    """What to say about a stream's stop reason (Bedrock Converse's names); empty if nothing."""
    match stop:
        case "end_turn" | "stop_sequence" | None:
            return ""
        case "max_tokens":
            return "This answer reached its length limit. Write “continue” for the rest."
        case "model_context_window_exceeded":
            return "This conversation is too long for the model. Start a new thread."
        case "content_filtered" | "guardrail_intervened" | "refusal":
            return "The answer ends here: a content filter stopped it."
        case _:
            return f"The answer ended early ({stop}). Press Regenerate for another try."


def failure(error: ModelError, *, partial: bool) -> str:
    """What to say when the model did not finish."""
    match error:
        case Overloaded() if partial:
            return "Claude became too busy to finish. Press Retry for a complete answer."
        case Overloaded():
            return "Claude is too busy right now. Press Retry in a minute."
        case Refused():
            return (
                "Claude did not accept this request. It may be too long, or this model may not be "
                "enabled here: try a shorter question or another `/model`."
            )
        case Broken() if partial:
            return "The connection broke off here. Press Retry for a complete answer."
        case _:
            return "The connection to Claude broke off. Press Retry to ask again."


def unread(attachments: Sequence[Attachment]) -> str:
    """Names the files that came with a question and were not read."""
    names = ", ".join(f"“{a.name}”" for a in attachments)
    return f"I can't read files yet, so I have not read {names}. Paste the text to ask about it."
