"""The FIFO message group of a queued item, which decides what is handled in order."""

from __future__ import annotations

from core.values.conversation import PROGRESS, Command, Incoming


def group(item: Incoming | Command) -> str:
    """The message group of an item: a conversation's questions share one.

    Commands and questions with files get groups of their own: a command waits for nothing, and no
    question waits until the files of another one are read. The command that shows how far a file is
    shares its question's group, so that no late edit overwrites the answer.
    """
    key = item.conversation.key
    if isinstance(item, Command) and item.name == PROGRESS:
        return f"{key}/files/{item.argument}"
    if isinstance(item, Command):
        return f"{key}/commands/{item.event_id}"
    return f"{key}/files/{item.event_id}" if item.attachments else key
