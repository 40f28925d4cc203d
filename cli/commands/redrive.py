"""`parley redrive`: move dead letters back into their queue."""

from __future__ import annotations

from cli.commands.operator import agreed, opened, said, say
from core.aws.provision import TRIES
from core.aws.sqs import admin
from core.runtime.settings import Settings, SettingsError

WHY = {
    "turns": (
        f"Each was delivered {TRIES} times and no worker ended it: the platform or the table did "
        "not answer for hours, the bot's token or a right is missing, or there is a defect of ours "
        "(the log has the error)."
    ),
    "files": (
        f"Each was delivered {TRIES} times and no ingester ended it: the index, the bucket, the "
        "table or the embedding model did not answer for hours or refused, or there is a defect of "
        "ours. `parley status` says why files failed; a file that cannot be read is not here."
    ),
}


async def redrive(settings: Settings, name: str, *, yes: bool) -> int:
    """The exit code. Raises StoreError, SettingsError."""
    live = {"turns": settings.turns_queue_url, "files": settings.files_queue_url}[name]
    async with opened(settings, "sqs") as (calls, (sqs,)):
        dead = await calls(admin.dead_letters, sqs, live)
        if not dead:
            raise SettingsError([f"The queue of {name} has no dead-letter queue: `parley init`."])
        there = await calls(admin.depth, sqs, dead)
        if there.in_flight:
            print(f"{there.in_flight} more are being looked at by somebody.")
        if not there.waiting:
            print(f"There are no dead letters of {name}.")
            return 0
        print(f"{there.waiting} dead letters of {name}. {WHY[name]}")
        if not yes and not agreed(name, "move them back to be tried again", "None was moved"):
            return 0
        moved = await calls(
            admin.redrive, sqs, dead, live, lambda n: say(f"{n} of {there.waiting} moved")
        )
        said()
        left = (await calls(admin.depth, sqs, dead)).waiting
        print(f"{moved} moved back, {left} dead letters now.")
    return 0
