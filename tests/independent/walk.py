"""Walks through Microsoft 365 Agents Playground in a browser, and keeps pictures. By hand.

`python -m tests.independent.walk FOLDER` talks to Parley in a personal chat, a group chat and a
channel: an answer, Stop, Retry, Regenerate, `/model`, `/files`. It prints what held; the pictures
in FOLDER are to be looked at, and FOLDER/wire.jsonl has what either side sent.
"""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Error, async_playwright

from local.bedrock.server import Script
from tests.independent import parts
from tests.independent.playground import playground

CHROMIUM = "/usr/bin/chromium"
PLACES = {"personal": "Personal Chat", "group": "Group Chat", "channel": "My Team - General"}
ANSWER = "The answer is **forty-two**, as the table says.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
WITHOUT = frozenset({("personal", "stop")})
"""Where Teams' own clients stop a stream, and Playground has no button for it."""
SEEN = 15_000
"""Milliseconds within which something is to be seen."""


class Walk:
    """One place of the page; `said` is told what held."""

    def __init__(self, page, bedrock, folder, place):
        self.page, self.bedrock, self.folder, self.place = page, bedrock, folder, place
        self.said = []

    async def step(self, name, doing):
        try:
            await doing
            held = "holds"
        except (Error, AssertionError) as exc:
            held = f"FAILS: {str(exc).splitlines()[0]}"
        await self.page.wait_for_timeout(500)
        await self.page.screenshot(path=self.folder / f"{self.place}-{name}.png")
        self.said.append(f"{self.place:9} {name:11} {held}")

    async def say(self, text):
        await self.page.get_by_role("textbox").last.click()
        if self.place != "personal":
            await self.page.keyboard.type("@", delay=30)
            await self.page.wait_for_timeout(700)
            await self.page.get_by_text("Test Bot", exact=True).last.click()
            await self.page.keyboard.type(" ")
        await self.page.keyboard.type(text, delay=5)
        await self.page.get_by_role("button", name="Send Message").last.click()

    async def shows(self, text, *, times=1):
        found = self.page.get_by_text(text, exact=False)
        await found.nth(times - 1).wait_for(timeout=SEEN, state="attached")

    async def press(self, name):
        button = self.page.get_by_role("button", name=name, exact=True).last
        await button.wait_for(timeout=SEEN)
        await button.click()

    async def answer(self):
        self.bedrock.script = Script(text=ANSWER, pace=0.2)
        await self.say("What is the answer?")
        await self.shows("forty-two")
        await self.page.wait_for_timeout(4_000)
        thinking = await self.page.get_by_text("Thinking…", exact=True).count()
        assert not thinking, f"{thinking} messages still say Thinking…"

    async def stop(self):
        self.bedrock.script = Script(text="word " * 2_000, pace=0.1)
        await self.say("Say a lot.")
        await self.shows("word word")
        await self.press("Stop")
        await self.shows("Stopped.")

    async def retry(self):
        self.bedrock.script = Script(text="Half of it is here.", pace=0.1, fail_after=1)
        await self.say("Fail once.")
        await self.shows("Press Retry")
        self.bedrock.script = Script(text="It is whole this time.", pace=0.05)
        await self.press("Retry")
        await self.shows("whole this time")

    async def regenerate(self):
        self.bedrock.script = Script(text="Another answer altogether.", pace=0.05)
        if await self.page.get_by_role("button", name="Regenerate", exact=True).count():
            await self.press("Regenerate")
        else:
            await self.say("regenerate")
        await self.shows("Another answer altogether")

    async def model(self):
        await self.say("/model" if self.place == "personal" else "model")
        await self.shows("Which Claude answers")
        await self.press("Choose")
        await self.page.wait_for_timeout(1_500)

    async def files(self):
        await self.say("/files" if self.place == "personal" else "files")
        await self.shows("no files here yet")

    async def all(self):
        await self.page.get_by_role("treeitem", name=PLACES[self.place]).click()
        await self.page.wait_for_timeout(1_500)
        for name in ("answer", "stop", "retry", "regenerate", "model", "files"):
            if (self.place, name) not in WITHOUT:
                await self.step(name, getattr(self, name)())


async def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    async with playground(0, folder) as (url, bedrock), async_playwright() as browsers:
        browser = await browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1400, "height": 950})
        await page.goto(url)
        await page.wait_for_timeout(3_000)
        await page.get_by_role("button", name="Hide log panel").click()
        for place in PLACES:
            walk = Walk(page, bedrock, folder, place)
            await walk.all()
            sys.stdout.write("\n".join((*walk.said, "")))
            sys.stdout.flush()
        await browser.close()


if __name__ == "__main__":
    try:
        parts.install_playground()
        asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "playground")))
    except parts.Missing as exc:
        sys.exit(f"{exc}.")
