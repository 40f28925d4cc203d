"""What people do in the tenant: each action changes its state and notifies the bot."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from local.teams.delivery import Delivery
from local.teams.services.connector import Connector
from local.teams.services.graph import Graph
from local.teams.services.limits import RateLimits
from local.teams.services.signing import Issued, Signer
from local.teams.services.streams import Streams
from local.teams.tenant.errors import TeamsError
from local.teams.tenant.people import BOT
from local.teams.tenant.state import Message, Tenant, drive_of
from local.teams.wire import Activities


class Acts:
    """People's actions on a tenant and its services. `base_url` is where they are served."""

    def __init__(
        self,
        *,
        app_id: str,
        password: str,
        messages_url: str,
        base_url: str = "",
        state: Path | None = None,
        clock: Callable[[], float] = time.time,
        latency: float = 0.0,
        retry_delays: Sequence[float] = (0.5, 2.0, 5.0),
    ) -> None:
        self.app_id, self.password = app_id, password
        self.tenant = Tenant(clock, state)
        self.signer = Signer(app_id)
        self.issued = Issued(clock)
        self.streams = Streams(self.tenant, clock)
        self.connector = Connector(
            self.tenant, self.streams, RateLimits(clock), self.issued, app_id, clock, latency
        )
        self.graph = Graph(self.tenant, self.issued, app_id)
        self.activities = Activities(self.tenant, app_id)
        self.delivery = Delivery(self.signer, messages_url, retry_delays)
        self.base_url = base_url

    @property
    def base_url(self) -> str:
        """The address at which the services are served."""
        return self.activities.base

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.activities.base = self.graph.base = url

    def say(self, user: str, room: str, text: str, root: str = "") -> str:
        """Post a message as a person and notify the bot. Returns the message's id."""
        return self.share(user, room, (), text, root)

    def share(
        self,
        user: str,
        room: str,
        files: Iterable[tuple[str, bytes]],
        text: str = "",
        root: str = "",
    ) -> str:
        """Post files, each (name, bytes), as a person. Returns the message's id."""
        where = self.tenant.room(room)
        drive = drive_of(where) if where.kind == "channel" else ""
        stored = [self.tenant.store(user, *each, drive)["id"] for each in files]
        message = self.tenant.add(room, user, text, root=root, files=stored)
        if self._heard(message):
            self.delivery.tell(self.activities.message(message))
        return str(message["id"])

    def edit(self, user: str, room: str, message_id: str, text: str) -> None:
        """Edit a person's own message and notify the bot. Raises TeamsError for another's."""
        message = self._own(user, room, message_id)
        self.tenant.change(message, text=text, edited=True)
        self.delivery.tell(self.activities.edited(message))

    def delete(self, user: str, room: str, message_id: str) -> None:
        """Delete a person's own message with its files. Raises TeamsError for another's."""
        message = self._own(user, room, message_id)
        self.tenant.remove(message)
        for each in message["files"]:
            self.tenant.drop_file(each)
        self.delivery.tell(self.activities.deleted(message))

    async def command(self, user: str, room: str, text: str) -> int | None:
        """Run a slash command. Returns the status of the bot's response, None for no response."""
        activity = self.activities.command(self.tenant.room(room), self.tenant.human(user), text)
        return await self.delivery.send(activity)

    async def submit(
        self, user: str, room: str, message_id: str, data: dict[str, Any]
    ) -> int | None:
        """Press a card's button, with `data` from the card's inputs. Returns the status."""
        message = self.tenant.get(room, message_id)
        human = self.tenant.human(user)
        return await self.delivery.send(self.activities.submitted(message, human, data))

    async def rate(self, user: str, room: str, message_id: str, reaction: str) -> int | None:
        """Give feedback on an answer, `like` or `dislike`. Returns the status."""
        message = self.tenant.get(room, message_id)
        human = self.tenant.human(user)
        return await self.delivery.send(self.activities.rated(message, human, reaction))

    def stop_stream(self, user: str, room: str) -> bool:
        """Press the Stop button that Teams shows during a stream. False if nothing streams."""
        return user in self.tenant.room(room).members and self.streams.stop(room)

    def move(self, user: str, room: str, *, into: bool, by: str = "") -> None:
        """Add a person or the bot (`BOT`) to a conversation, or remove them."""
        where = self.tenant.room(room)
        rest = [each for each in where.members if each != user]
        self.tenant.members(room, [*rest, user] if into else rest)
        human = self.tenant.human(by or next(each for each in where.members if each != BOT))
        self.delivery.tell(self.activities.moved(where, user, human, added=into))

    def _heard(self, message: Message) -> bool:
        """Whether the bot receives a message: it is mentioned, or may read all messages there."""
        room = self.tenant.room(message["room"])
        if BOT not in room.members:
            return False
        granted = "ChannelMessage.Read.Group" if room.kind == "channel" else "ChatMessage.Read.Chat"
        mentioned = BOT in self.tenant.written(message["text"])[2]
        return room.kind == "dm" or mentioned or granted in self.graph.granted

    def _own(self, user: str, room: str, message_id: str) -> Message:
        message = self.tenant.get(room, message_id)
        if message["user"] != user:
            raise TeamsError(403, "ActivityNotFoundInConversation")
        return message
