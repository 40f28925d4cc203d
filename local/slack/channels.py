"""Changes to a whole channel: it is deleted, or its id changes.

https://docs.slack.dev/reference/events/channel_deleted and
https://docs.slack.dev/reference/events/channel_id_changed
"""

from __future__ import annotations

from local.slack.delivery import Delivery
from local.slack.workspace.people import BOT
from local.slack.workspace.state import Workspace


def delete_channel(workspace: Workspace, delivery: Delivery, channel: str) -> None:
    """Delete a channel with all its messages, and notify the app if the bot was a member."""
    where = workspace.channel(channel)
    within = list(workspace.messages.pop(where["id"]).values())
    for message in within:
        workspace.files.place(message, there=False)
    workspace.channels.remove(where)
    if BOT in where["members"]:
        kind = "group_deleted" if where.get("private") else "channel_deleted"
        delivery.tell({"type": kind, "channel": where["id"], "event_ts": workspace.stamp()})


def change_id(workspace: Workspace, delivery: Delivery, channel: str, new: str) -> None:
    """Give a private channel a new id, as happens when it is shared with another company."""
    where = workspace.channel(channel)
    old, where["id"] = where["id"], new
    workspace.messages[new] = workspace.messages.pop(old)
    for message in workspace.messages[new].values():
        workspace.files.place(message, there=False)
        message["channel"] = new
        workspace.files.place(message)
    if BOT in where["members"]:
        moved = {"old_channel_id": old, "new_channel_id": new}
        delivery.tell({"type": "channel_id_changed", **moved, "event_ts": workspace.stamp()})
