"""The `--help` texts of the operator's commands. No heavy imports: every start needs them."""

from __future__ import annotations

FORGET = """\
Deletes everything that Parley keeps of a workspace (slack/T123), a channel or chat
(slack/T123/C456), or a person in a workspace (slack/T123 --person U789): exchanges, settings,
claims, ratings, questions that wait, what is known of files, their passages in the index, their
objects with all versions, and dead letters. Says first what there is, and asks; where nobody can
be asked, it deletes only with --yes. Safe to repeat. Exits 1 with what could not be deleted.
The table is read from end to end, several times. What the command needs, and what it does not
reach (messages at the platform, what else waits in a queue, backups): docs/commands.md."""
REINDEX = """\
Fills a new index with PARLEY_EMBEDDING_MODEL's vectors and this release's mapping, and puts it in
the place of the one that is searched. Nobody has to be stopped or deployed: which model a question
is embedded with is read from the index itself, so before, during and after there is an answer.
Set PARLEY_EMBEDDING_MODEL for this command, run it, and set it for the deployment afterwards, for
the next index that is made. Every passage is embedded again, at the model's price. Repeat a run
that was cut: it goes on where it was. The old index is removed at the end, unless --keep."""
REDRIVE = """\
Says how many dead letters there are of turns or of files and why that happens, asks, and moves them
back into their queue, each with its body and group as it was. At least once: one that is cut off in
between is moved by the next run, and what it asks for is done once all the same (an answered post
is not answered again, a file that was read is not read again). Mend the cause first; the log has
it. Where nobody can be asked, messages are moved only with --yes."""
