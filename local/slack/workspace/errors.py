"""Refusals by Slack's own names, and the sentences in which people read them."""

from __future__ import annotations

SENTENCES = {
    "is_archived": "This channel is archived: nobody can write here.",
    "not_in_channel": "You are not in this channel.",
    "message_not_found": "That message is no longer there.",
    "file_not_found": "That file is no longer there.",
    "cant_delete_file": "Only who uploaded a file can delete it.",
    "cant_edit": "Only a snippet can be edited, by who wrote it.",
    "no_file_data": "No file arrived: try again.",
    "file_too_large": "A file may have 200 MB at most.",
    "thread_not_found": "That thread is no longer there.",
}


class SlackError(Exception):
    """Slack's own error name; `detail` is what it says beside it."""

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(name)
        self.detail = detail


def sentence(error: SlackError) -> str:
    return SENTENCES.get(str(error), f"That did not work ({error}).")
