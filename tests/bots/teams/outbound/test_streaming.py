"""Native streams: what is sent of growing text, and what becomes of one that Teams ends."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.teams.api.refusals import StreamRefused
from bots.teams.outbound.streaming import LONGEST, LONGEST_PAUSE, PAUSE, Streams
from core.ports.chat import RateLimited, Stopped, Unreachable
from core.streaming.markdown.presentable import Policy, present
from core.values.answer import Button, Rendered, Stage
from tests.support.virtual import run

CHAT = "a:1"
STOP = (Button("stop", "Stop", "run"),)
REFUSED = "Content stream is not allowed"


class Wire:
    """Notes what is posted; `refuse` are errors that the next posts meet."""

    def __init__(self):
        self.now = 0.0
        self.posted = []
        self.refuse = []
        self.unnamed = False
        self.streams = Streams(lambda: self.now)

    async def post(self, activity):
        if self.refuse and (error := self.refuse.pop(0)):
            raise error
        self.posted.append(activity)
        return (
            f"s{len(self.posted)}" if not self.unnamed and "streamId" not in self.info(-1) else ""
        )

    def info(self, index):
        found = [e for e in self.posted[index].get("entities", ()) if e["type"] == "streaminfo"]
        return found[0] if found else {}

    async def begin(self, text="_Thinking…_", stage=Stage.STATUS):
        return await self.streams.start(CHAT, Rendered(text, STOP, stage=stage), self.post)

    async def edit(self, message_id, text, stage=Stage.GROWING):
        message = Rendered(text, () if stage is Stage.DONE else STOP, stage=stage)
        return await self.streams.edit(CHAT, message_id, message, self.post)

    def texts(self):
        return [each["text"] for each in self.posted]


def test_a_stream_begins_with_its_status_counts_up_and_ends_with_a_message():
    async def main():
        wire = Wire()
        stream = await wire.begin()
        assert await wire.edit(stream, "_Reading…_", Stage.STATUS)
        assert await wire.edit(stream, "The answer")
        assert await wire.edit(stream, "The answer is")
        assert await wire.edit(stream, "The answer is 42.", Stage.DONE)
        return wire

    wire = run(main)
    assert wire.texts() == [
        "Thinking…",
        "Reading…",
        "The answer",
        "The answer is",
        "The answer is 42.",
    ]
    infos = [wire.info(n) for n in range(5)]
    kinds = ["informative", "informative", "streaming", "streaming", "final"]
    assert [each["streamType"] for each in infos] == kinds
    assert [each.get("streamSequence") for each in infos] == [1, 2, 3, 4, None]
    assert [each.get("streamId") for each in infos] == [None, "s1", "s1", "s1", "s1"]
    assert [each["type"] for each in wire.posted] == ["typing"] * 4 + ["message"]
    assert all("attachments" not in each for each in wire.posted)


def test_marks_that_only_close_what_is_unfinished_are_not_streamed():
    async def main():
        wire = Wire()
        stream = await wire.begin()
        for text in ("A **bo**", "A **bold**", "A **bold** `co`", "A **bold** `code` end"):
            await wire.edit(stream, text)
        return wire

    assert run(main).texts()[1:] == [
        "A **bo",
        "A **bold",
        "A **bold** `co",
        "A **bold** `code` end",
    ]


def test_text_that_does_not_go_on_from_what_was_streamed_waits_for_the_end():
    async def main():
        wire = Wire()
        stream = await wire.begin()
        await wire.edit(stream, "One two")
        assert await wire.edit(stream, "One three")
        assert not await wire.edit(stream, "One three four", Stage.DONE)
        return wire

    wire = run(main)
    assert wire.texts()[1:] == ["One two", "One two"]
    assert wire.info(-1)["streamType"] == "final"


def test_what_follows_a_chunk_without_an_answer_begins_with_it():
    """Teams may have taken it; if it did not, the next one brings it."""

    async def main():
        wire = Wire()
        stream = await wire.begin()
        await wire.edit(stream, "One")
        wire.refuse = [Unreachable("no answer")]
        with pytest.raises(Unreachable):
            await wire.edit(stream, "One two")
        assert await wire.edit(stream, "One three")
        assert await wire.edit(stream, "One two")
        assert await wire.edit(stream, "One two")
        assert not await wire.edit(stream, "One three.", Stage.DONE)
        return wire

    wire = run(main)
    assert wire.texts()[1:] == ["One", "One two", "One two"]
    assert wire.info(-1)["streamType"] == "final"


def test_status_is_not_shown_over_text():
    async def main():
        wire = Wire()
        stream = await wire.begin()
        await wire.edit(stream, "One")
        await wire.edit(stream, "_Reading…_", Stage.STATUS)
        return wire

    assert run(main).texts() == ["Thinking…", "One"]


def test_before_two_minutes_are_over_a_stream_becomes_an_ordinary_message():
    async def main():
        wire = Wire()
        stream = await wire.begin()
        await wire.edit(stream, "One")
        wire.now = LONGEST + 1
        assert not await wire.edit(stream, "One two")  # a card from now on, with our Stop
        assert not await wire.edit(stream, "One two three")
        return wire

    wire = run(main)
    assert wire.info(-1)["streamType"] == "final"
    assert wire.texts()[-1] == "One two"
    assert "attachments" not in wire.posted[-1]


@pytest.mark.parametrize("first", ["\u200b", "\\", "`", "~", "_"])
def test_nothing_is_streamed_in_place_of_text_that_is_not_there_yet(first):
    """The text would not go on from it."""

    async def main():
        wire = Wire()
        stream = await wire.begin(first, Stage.GROWING)
        await wire.edit(stream, first)
        await wire.edit(stream, "One")
        return wire

    wire = run(main)
    assert wire.info(0)["streamType"] == "informative"
    assert wire.texts() == ["…", "One"]


@pytest.mark.parametrize(
    ("why", "error", "goes_on"),
    [
        ("Content stream was canceled by user.", Stopped, False),
        ("Content stream finished due to exceeded streaming time.", None, False),
        ("Content stream is not allowed on an already completed streamed message", None, False),
        (REFUSED, None, False),
        ("Message size too large", None, False),
    ],
)
def test_each_refusal_has_its_meaning(why, error, goes_on):
    async def main():
        wire = Wire()
        stream = await wire.begin()
        wire.refuse = [StreamRefused(why)]
        if error is None:
            assert not await wire.edit(stream, "One")
        else:
            with pytest.raises(error):
                await wire.edit(stream, "One")
        return await wire.edit(stream, "One two", Stage.DONE)

    assert run(main) is goes_on


def test_an_end_with_a_button_ends_the_stream_with_its_text_and_goes_on_in_place():
    async def main():
        wire = Wire()
        stream = await wire.begin()
        await wire.edit(stream, "One")
        failed = Rendered("One", (Button("retry", "Retry", "r"),), "It broke.", stage=Stage.DONE)
        in_place = await wire.streams.edit(CHAT, stream, failed, wire.post)
        return wire, in_place, await wire.begin()

    wire, in_place, again = run(main)
    assert in_place is False
    assert wire.info(2)["streamType"] == "final"
    assert "attachments" not in wire.posted[2]
    assert wire.texts()[2].startswith("One")
    assert again


def test_a_start_without_an_id_is_not_made_again():
    async def main():
        wire = Wire()
        wire.unnamed = True
        return wire, await wire.begin(), await wire.begin()

    wire, first, second = run(main)
    assert (first, second) == ("", None)
    assert len(wire.posted) == 1


def test_a_chat_that_refuses_streams_is_asked_less_and_less():
    async def main():
        wire = Wire()
        wire.refuse = [StreamRefused(REFUSED) for _ in range(100)]
        asked = []
        for wire.now in range(0, 8 * 3600, 10):
            before = len(wire.refuse)
            assert await wire.begin() is None
            asked += [wire.now] * (len(wire.refuse) < before)
        wire.refuse = []
        wire.now += 3600
        first = await wire.begin()
        await wire.edit(first, "One", Stage.DONE)
        wire.refuse = [StreamRefused(REFUSED)]
        await wire.begin()
        wire.now += PAUSE
        return asked, first, await wire.begin()

    asked, first, again = run(main)
    gaps = [b - a for a, b in itertools.pairwise(asked)]
    assert gaps[:3] == [PAUSE, 2 * PAUSE, 4 * PAUSE]
    assert gaps == sorted(gaps)
    assert gaps[-1] == LONGEST_PAUSE
    assert first
    assert again


def test_one_stream_a_chat_at_a_time():
    async def main():
        wire = Wire()
        first = await wire.begin()
        second = await wire.begin()
        await wire.edit(first, "Done.", Stage.DONE)
        return second, await wire.begin()

    second, third = run(main)
    assert second is None
    assert third is not None


def test_a_stream_that_could_not_begin_does_not_block_the_next():
    async def main():
        wire = Wire()
        wire.refuse = [RateLimited(1)]
        with pytest.raises(RateLimited):
            await wire.begin()
        return await wire.begin()

    assert run(main) == "s1"


def test_messages_of_others_and_of_before_are_changed_in_place():
    async def main():
        wire = Wire()
        await wire.begin()
        return await wire.edit("1700000000000", "x")

    assert run(main) is False


@settings(max_examples=200)
@given(st.text("ab *_`[]()>-#1.\n~|", min_size=20, max_size=200))
def test_whatever_grows_what_is_streamed_only_grows(text):
    async def main():
        wire = Wire()
        stream = await wire.begin()
        for end in range(1, len(text) + 1, 3):
            shown = present(text[:end], Policy(), final=False)
            if shown.strip():
                await wire.edit(stream, shown)
        await wire.edit(stream, present(text, Policy(), final=True) or "…", Stage.DONE)
        return wire

    texts = run(main).texts()[1:]
    assert all(b.startswith(a) for a, b in itertools.pairwise(texts))
