"""The whole product as a process of its own between stand-ins, Teams among them."""

from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from bots.teams.rendering.cards import text_in
from bots.teams.rendering.markup import said
from core.streaming.markdown.links import SPACE
from local.aws import free_port
from local.teams.server import TeamsStandIn
from local.teams.tenant.people import BOT, HUMANS, TEAM
from tests.support.world import served, until, world_at

ANA, BEN, CHAE = (each.id for each in HUMANS[:3])
GENERAL, FINANCE = TEAM, "19:acme0finance@thread.tacv2"
CREW = "19:acme0crew@thread.v2"
CHAT, BENS, CHAES = "a:1u0ana", "a:1u0ben", "a:1u0chae"


def standin(port, product, **more):
    base = f"http://127.0.0.1:{port}/teams"
    url = f"http://127.0.0.1:{product}/api/messages"
    teams = TeamsStandIn(
        app_id="5d1f1d0e-0000-4000-8000-000000000000", password="pa55", messages_url=url, **more
    )
    teams.base_url = base
    return teams


@asynccontextmanager
async def serving(teams, port):
    app = web.Application()
    app.add_subapp("/teams", teams.app)
    async with served(app, port):
        yield


def shown_text(message):
    """What a message of the bot's says, without small print, whether it is text or a card."""
    if message["text"]:
        return said(message["text"])
    return next((text_in(each["content"]) for each in message["attachments"]), "")


class Both:
    """A world with Teams in it, and what people see there."""

    def __init__(self, world, teams):
        self.world, self.teams = world, teams

    def __getattr__(self, name):
        return getattr(self.world, name)

    def said(self, room=GENERAL, *, private=False):
        """The bot's messages in a conversation, oldest first."""
        within = self.teams.tenant.messages[room].values()
        return [m for m in within if m["user"] == BOT and bool(m["to"]) == private]

    def buttons(self, message):
        """The commands that a message's card can send."""
        return [each["data"]["parley"] for each in self._actions(message)]

    def small(self, message):
        """The small print: a card's, or a text's last line."""
        body = [e for a in message["attachments"] for e in a["content"].get("body", ())]
        runs = [run for each in body for run in each.get("inlines", ()) if isinstance(run, dict)]
        last = message["text"].rpartition("\n\n")[2]
        line = [last.strip("*").strip(SPACE)] if last.startswith(f"*{SPACE}") else []
        return " ".join([*line, *(run["text"] for run in runs if run.get("isSubtle"))])

    def text(self, message):
        return shown_text(message)

    def ended(self, message):
        return not message["stream"] and self.buttons(message)[:1] != ["stop"]

    async def replied(self, room=GENERAL, number=1, seconds=40.0):
        """The bot's messages, once there are so many and all have ended."""

        def done():
            found = self.said(room)
            return len(found) >= number and all(map(self.ended, found)) and found

        return await until(done, seconds)

    async def asked(self, room, text, user=ANA, root=""):
        """What is answered to a question."""
        number = len(self.said(room)) + 1
        self.teams.say(user, room, text, root)
        return shown_text((await self.replied(room, number))[-1])

    async def press(self, message, name, user=ANA, **more):
        """Presses a card's button."""
        data = next(e["data"] for e in self._actions(message) if e["data"]["parley"] == name)
        return await self.teams.submit(user, message["room"], message["id"], {**data, **more})

    def sent(self, *kinds):
        return [c for c in self.teams.connector.calls if c.kind in kinds]

    def refused(self):
        return [c for c in self.teams.connector.calls if c.status >= 400]

    @staticmethod
    def _actions(message):
        cards = [each["content"] for each in message["attachments"] if "content" in each]
        return [action for card in cards for action in card.get("actions", ())]


@asynccontextmanager
async def both_at(aws, **more):
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(world_at(aws))
        port = free_port()
        teams = standin(port, world.port, **more)
        await stack.enter_async_context(serving(teams, port))
        world.environ.update(teams.settings())
        yield Both(world, teams)
