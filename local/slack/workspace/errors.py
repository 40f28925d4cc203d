"""Slack's error names, and the sentences shown for them on the page."""

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
    """An error by Slack's own name; `detail` is the remark that Slack adds to it."""

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(name)
        self.detail = detail


def sentence(error: SlackError) -> str:
    """Return the sentence that the page shows for an error."""
    return SENTENCES.get(str(error), f"That did not work ({error}).")
