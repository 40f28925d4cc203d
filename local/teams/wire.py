"""Activities as Teams sends them to a bot. Shapes follow the documentation and recorded ones.

https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/conversation-messages
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local.teams.tenant.people import BOT, TEAM, TENANT, Human, Room
from local.teams.tenant.state import File, Message, Tenant

DOWNLOAD = "application/vnd.microsoft.teams.file.download.info"
Activity = dict[str, Any]


class Activities:
    """Builds the activities for one bot. `base` is the stand-in's address."""

    def __init__(self, tenant: Tenant, app_id: str) -> None:
        self.base = ""
        self._tenant = tenant
        self._app_id = app_id

    @property
    def service_url(self) -> str:
        """The connector's URL, to which the bot sends its answers."""
        return f"{self.base}/connector/"

    def message(self, message: Message) -> Activity:
        """A person's message. Files in channels and groups are left out, as Teams does."""
        room, human = self._tenant.room(message["room"]), self._tenant.human(message["user"])
        text, rich, mentioned = self._tenant.written(message["text"])
        attachments = [{"contentType": "text/html", "content": rich}]
        if room.kind == "dm":
            files = [self._tenant.files[each] for each in message["files"]]
            attachments = [*(self._download(each) for each in files), *attachments]
        return {
            **self._usual(room, human, message["id"], message["root"]),
            "type": "message",
            "text": text,
            "textFormat": "plain",
            "attachments": attachments,
            "entities": [*(self._mention(each) for each in mentioned), *self._client()],
        }

    def command(self, room: Room, human: Human, text: str) -> Activity:
        """A slash command: a message that only its author and the bot can see."""
        activity = {
            **self._usual(room, human, self._tenant.stamp(), ""),
            "type": "message",
            "text": text,
            "textFormat": "plain",
            "attachments": [{"contentType": "text/html", "content": f"<p>{text}</p>"}],
            "entities": self._client(),
        }
        if room.kind != "dm":
            activity["recipient"]["isTargeted"] = True
        return activity

    def submitted(self, message: Message, human: Human, data: dict[str, Any]) -> Activity:
        """A pressed Action.Submit button."""
        room = self._tenant.room(message["room"])
        return {
            **self._usual(room, human, self._tenant.stamp(), message["root"] or message["id"]),
            "type": "message",
            "replyToId": message["id"],
            "value": data,
            "entities": self._client(),
        }

    def rated(self, message: Message, human: Human, reaction: str) -> Activity:
        """Feedback on an answer (a thumb), with the form that Teams then shows."""
        room = self._tenant.room(message["room"])
        feedback = {"reaction": reaction, "feedback": '{"feedbackText":""}'}
        return {
            **self._usual(room, human, self._tenant.stamp(), message["root"] or message["id"]),
            "type": "invoke",
            "name": "message/submitAction",
            "replyToId": message["id"],
            "value": {"actionName": "feedback", "actionValue": feedback},
            "entities": self._client(),
        }

    def deleted(self, message: Message) -> Activity:
        """A deleted message."""
        room, human = self._tenant.room(message["room"]), self._tenant.human(message["user"])
        usual = self._usual(room, human, message["id"], message["root"])
        usual["channelData"] |= {"eventType": "softDeleteMessage"}
        return {**usual, "type": "messageDelete"}

    def edited(self, message: Message) -> Activity:
        """An edited message."""
        activity = self.message(message)
        activity["channelData"] |= {"eventType": "editMessage"}
        return {**activity, "type": "messageUpdate"}

    def moved(self, room: Room, who: str, by: Human, *, added: bool) -> Activity:
        """A person or the bot was added or removed."""
        member = self._bot() if who == BOT else self._account(self._tenant.human(who))
        usual = self._usual(room, by, self._tenant.stamp(), "")
        event = "teamMemberAdded" if added else "teamMemberRemoved"
        if room.kind == "channel":
            usual["channelData"] |= {"eventType": event}
            usual["conversation"]["id"] = room.id
        key = "membersAdded" if added else "membersRemoved"
        return {**usual, "type": "conversationUpdate", key: [member]}

    def _usual(self, room: Room, human: Human, activity_id: str, root: str) -> Activity:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kinds = {"channel": "channel", "group": "groupChat", "dm": "personal"}
        where: dict[str, Any] = {"conversationType": kinds[room.kind], "tenantId": TENANT}
        where["id"] = f"{room.id};messageid={root or activity_id}"
        data: dict[str, Any] = {"tenant": {"id": TENANT}}
        if room.kind == "channel":
            data |= {"teamsChannelId": room.id, "teamsTeamId": TEAM}
            data |= {"channel": {"id": room.id}, "team": {"id": TEAM}}
        else:
            where["id"] = room.id
        if room.kind != "dm":
            where["isGroup"] = True
        return {
            "id": activity_id,
            "timestamp": now,
            "localTimestamp": now,
            "channelId": "msteams",
            "serviceUrl": self.service_url,
            "from": self._account(human),
            "conversation": where,
            "recipient": self._bot(),
            "channelData": data,
            "locale": "en-US",
        }

    def _account(self, human: Human) -> dict[str, str]:
        return {"id": human.teams, "name": human.name, "aadObjectId": human.aad}

    def _bot(self) -> dict[str, Any]:
        return {"id": f"28:{self._app_id}", "name": "Parley"}

    def _mention(self, who: Human | str) -> dict[str, Any]:
        named = self._bot() if isinstance(who, str) else {"id": who.teams, "name": who.name}
        return {"type": "mention", "mentioned": named, "text": f"<at>{named['name']}</at>"}

    @staticmethod
    def _client() -> list[dict[str, Any]]:
        told = {"locale": "en-US", "country": "US", "platform": "Web", "timezone": "Europe/Berlin"}
        return [{**told, "type": "clientInfo"}]

    def _download(self, file: File) -> dict[str, Any]:
        ending = file["name"].rpartition(".")[2].lower()
        return {
            "contentType": DOWNLOAD,
            "contentUrl": f"{self.base}/ui/file/{file['id']}",
            "name": file["name"],
            "content": {
                "downloadUrl": f"{self.base}/download/{file['id']}?tempauth=1",
                "uniqueId": file["id"],
                "fileType": ending,
            },
        }
