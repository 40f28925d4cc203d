"""The message group of a queued item: what is handled in order."""

from __future__ import annotations

from core.values.conversation import Command, Incoming


def group(item: Incoming | Command) -> str:
    """What is handled in order: a conversation's questions.

    A command waits for nothing, and nothing waits for a file to be read.
    """
    key = item.conversation.key
    if isinstance(item, Command):
        return f"{key}/commands/{item.event_id}"
    return f"{key}/files/{item.event_id}" if item.attachments else key
