"""What `--help` says of the operator's commands. Light: the command line needs it at once."""

from __future__ import annotations

FORGET = """\
Deletes everything that Parley keeps of a workspace (slack/T123), a channel or chat
(slack/T123/C456), or a person in a workspace (slack/T123 --person U789): exchanges, settings,
claims, ratings, what is known of files, their passages in every version of the index, their
objects with all versions, and dead letters. Says first what there is, and asks; where nobody can
be asked, it deletes only with --yes. Safe to repeat. Exits 1 with what could not be deleted.
The table is read from end to end, several times. What the command needs, and what it does not
reach (messages at the platform, messages that wait in a queue, backups): docs/commands.md."""
