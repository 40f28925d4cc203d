"""local-slack, a Slack that other people wrote, and what people do in it, by its control API."""

import asyncio
import json
import subprocess
from contextlib import asynccontextmanager

import aiohttp

from local.aws import free_port
from tests.independent import parts

BOT, ANA, BEN = "U0BOT", "U0ANA", "U0BEN"
GENERAL, DM = "C0GENERAL", "D0ANA"
TEAM = "T01TEST"


class LocalSlack:
    """One that runs at `address`."""

    def __init__(self, address, http):
        self.address = address
        self._http = http

    async def does(self, verb, **what):
        """What a person does; raises AssertionError where local-slack takes it not."""
        async with self._http.post(f"{self.address}/_control/{verb}", json=what) as answer:
            said = await answer.json()
            assert said["ok"], said
            return said

    async def says(self, text, channel=GENERAL, user=ANA, **more):
        said = await self.does("message", channel=channel, user=user, text=text, **more)
        return said["message"]["ts"]

    async def shares(self, name, data, channel=GENERAL, user=ANA, text=""):
        form = aiohttp.FormData({"channel": channel, "user": user, "text": text})
        form.add_field("file", data, filename=name, content_type="text/plain")
        async with self._http.post(f"{self.address}/_control/upload", data=form) as answer:
            said = await answer.json()
            assert said["ok"], said
            return said

    async def presses(self, message, action_id, value=None):
        """A button of a message, or a choice in its list."""
        for element in elements(message):
            if element["action_id"] == action_id:
                action = {"type": element["type"], "action_id": action_id}
                if value is None:
                    action["value"] = element.get("value")
                else:
                    action["selected_option"] = {"value": value}
                what = {"channel": message["channel"], "messageTs": message["ts"]}
                await self.does("interact", user=ANA, action=action, **what)
                return
        raise AssertionError(f"no {action_id} in {elements(message)}")

    async def messages(self, channel=GENERAL):
        async with self._http.get(f"{self.address}/_control/messages/{channel}") as answer:
            return (await answer.json())["messages"]

    async def answers(self, channel=GENERAL):
        """The bot's messages that all see."""
        return [m for m in await self.messages(channel) if m.get("bot_id") and not alone(m)]

    async def answered(self, channel=GENERAL, number=1):
        """The same, once there are that many and all have ended."""
        for _ in range(300):
            found = await self.answers(channel)
            ended = all("parley:stop" not in buttons(each) for each in found)
            if len(found) >= number and ended:
                return found
            await pause()
        raise AssertionError(found)

    async def whispered(self, channel=GENERAL, number=1):
        for _ in range(300):
            found = [m for m in await self.messages(channel) if alone(m)]
            if len(found) >= number:
                return found
            await pause()
        raise AssertionError(await self.messages(channel))


async def pause():
    """Between two looks at what has come."""
    await asyncio.sleep(0.05)


def alone(message):
    return message.get("subtype") == "ephemeral"


def text(message):
    blocks = message.get("blocks") or ()
    return "\n".join(b["text"]["text"] for b in blocks if b["type"] == "section")


def elements(message):
    blocks = [b for b in message.get("blocks") or () if b["type"] == "actions"]
    return [e for b in blocks for e in b["elements"]]


def buttons(message):
    return [each["action_id"] for each in elements(message)]


def config(request_url):
    people = [{"id": ANA, "name": "ana", "real_name": "Ana"}]
    people.append({"id": BEN, "name": "ben", "real_name": "Ben"})
    members = [ANA, BEN, BOT]
    app = {"appId": "A0", "botUserId": BOT, "botName": "parley", "mode": "events"}
    app |= {"botToken": "xoxb-test-token", "signingSecret": "s3cret", "requestUrl": request_url}
    return {
        "workspace": {"name": "Acme", "domain": "acme", "teamId": TEAM},
        "apps": [app],
        "users": people,
        "channels": [
            {"id": GENERAL, "name": "general", "members": members},
            {"id": DM, "name": "ana", "is_channel": False, "is_im": True, "members": [ANA, BOT]},
        ],
    }


def _started(folder, port, request_url):
    file = folder / "config.json"
    file.write_text(json.dumps(config(request_url)))
    options = ["--config", file, "--port", port, "--base-host", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        program = [parts.local_slack(), *map(str, options)]
        return subprocess.Popen(program, stdout=log, stderr=log)


@asynccontextmanager
async def running(folder, request_url):
    """A LocalSlack that tells `request_url` of its events. Raises parts.Missing."""
    port = free_port()
    process = _started(folder, port, request_url)
    try:
        async with aiohttp.ClientSession() as http:
            slack = LocalSlack(f"http://127.0.0.1:{port}", http)
            while process.poll() is None:
                try:
                    await slack.messages()
                    break
                except aiohttp.ClientError:
                    await pause()
            assert process.poll() is None, (folder / "log").read_text()
            yield slack
    finally:
        process.terminate()
        process.wait()
