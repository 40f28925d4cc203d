"""One answer, growing: what people see, in virtual time, on a platform that refuses."""

import asyncio
from itertools import pairwise

import pytest

from core.ports.chat import Gone, RateLimited, Stopped, Uneditable, Unreachable
from core.ports.rates import Call, Priority
from core.rates.budget import Quota, Rate, WorkspaceBudget
from core.runtime.telemetry import Metric, counting
from core.streaming.live import Ending, LiveMessage
from core.streaming.markdown.presentable import Policy
from core.streaming.progress import FirstText
from core.values.answer import Button, Citation, MessageId, Rendered, Stage
from core.values.conversation import Conversation, Kind
from core.wording.catalogue import phrase
from tests.support.fake_chat import FakeChat, Plain
from tests.support.virtual import now, run

WHERE = Conversation("fake", "T", "C1", "1", Kind.CHANNEL)
THINKING = phrase("progress.thinking")
STOP = Button("stop", "Stop", "run")
RETRY = Button("retry", "Retry", "run")
QUOTAS = (
    Quota(frozenset({Call.POST}), (Rate(1, 1.2),), by="channel"),
    Quota(frozenset({Call.POST}), (Rate(300, 60),)),
    Quota(frozenset({Call.EDIT}), (Rate(50, 60),)),
    Quota(frozenset({Call.DELETE}), (Rate(50, 60),)),
)


def platform(limit=3000, **more):
    """A platform that takes 50 ms a call."""
    return FakeChat(WHERE, surface=Plain(limit), takes=0.05, **more)


class Scene:
    """A live message over a fake chat, with the record of what it said it posted."""

    def __init__(self, chat=None, budget=None, ids=(), first=None):
        self.chat = chat or platform()
        workspace = WorkspaceBudget(QUOTAS, lambda: now())
        self.budget = budget or workspace.of("C1")
        self.recorded = []
        self.live = LiveMessage(
            self.chat,
            self.budget,
            Policy(),
            mark="run",
            running=(STOP,),
            posted=self.posted,
            ids=ids,
            first=first,
        )

    async def posted(self, ids):
        self.recorded.append(tuple(ids))

    async def answer(self, deltas, gap=0.02, ending=None):
        ending = ending or Ending("", ())
        with self.budget.answering():
            await self.live.start()
            writer = asyncio.ensure_future(self.live.run())
            for delta in deltas:
                await asyncio.sleep(gap)
                self.live.feed(delta)
            self.live.close()
            await writer
            ended = now()
            await self.live.finish(ending)
        return now() - ended


def words(count):
    return [f"word{i:03d} " for i in range(count)]


def test_the_placeholder_stands_before_any_text_and_its_id_is_recorded():
    async def main():
        scene = Scene()
        await scene.live.start()
        return scene

    scene = run(main)
    assert list(scene.chat.messages.values()) == [Rendered(THINKING, (STOP,), stage=Stage.STATUS)]
    assert scene.recorded == [tuple(scene.chat.messages)]


def test_text_grows_in_one_message_and_ends_whole():
    async def main():
        scene = Scene()
        took = await scene.answer(words(100), ending=Ending("Claude", (RETRY,)))
        return scene, took

    scene, took = run(main)
    (message,) = scene.chat.messages.values()
    text = "".join(words(100)).strip()
    assert message == Rendered(text, (RETRY,), "Claude", stage=Stage.DONE)
    assert took < 1.2
    edits = [each.text for each in scene.chat.made if each.call == "edit"]
    assert len(edits) > 3
    assert all(len(a) <= len(b) for a, b in pairwise(edits))


def test_what_is_shown_is_not_sent_again():
    async def main():
        scene = Scene()
        await scene.live.start()
        writer = asyncio.ensure_future(scene.live.run())
        scene.live.feed("Some text.")
        await asyncio.sleep(5)
        scene.live.feed("")
        await asyncio.sleep(30)
        scene.live.close()
        await writer
        return [each.call for each in scene.chat.made]

    assert run(main) == ["post", "edit"]


def test_first_text_is_shown_at_once():
    async def main():
        scene = Scene()
        await scene.live.start()
        writer = asyncio.ensure_future(scene.live.run())
        scene.live.feed("Hello there, this is text.")
        fed = now()
        await asyncio.sleep(1)
        scene.live.close()
        await writer
        return next(each.at for each in scene.chat.made if each.call == "edit") - fed

    assert run(main) <= 0.3


def test_a_long_answer_goes_over_several_messages_that_all_fit():
    async def main():
        scene = Scene(platform(500))
        await scene.answer(["A sentence of some words.\n\n"] * 200, gap=0.05)
        return scene

    scene = run(main)
    assert len(scene.chat.messages) > 5
    assert all(len(m.markdown) <= 500 for m in scene.chat.messages.values())
    assert scene.chat.text.replace("\n", "").count("A sentence of some words.") == 200


def test_a_rate_limited_final_edit_is_shown_in_a_new_message_and_the_old_one_retired():
    async def main():
        chat = platform()
        scene = Scene(chat)
        await scene.live.start()
        scene.live.feed("The whole answer.")
        chat.faults["edit"] = [RateLimited(30)]
        started = now()
        await scene.live.finish(Ending())
        return scene, now() - started

    scene, took = run(main)
    assert took < 3
    old, new = scene.chat.messages
    assert scene.chat.messages[new].markdown == "The whole answer."
    assert scene.live.retired == [old]
    assert scene.recorded[-1] == (new,)


def test_a_rate_limited_progress_edit_is_made_good_by_the_next():
    async def main():
        scene = Scene()
        scene.chat.faults["edit"] = [None, RateLimited(3)]
        await scene.answer(words(300))
        return scene

    scene = run(main)
    refused = scene.chat.made[2].at
    assert scene.chat.made[3].at >= refused + 3
    assert scene.chat.text == "".join(words(300)).strip()


def test_a_platform_that_does_not_answer_is_asked_again_until_the_final_stands():
    async def main():
        scene = Scene()
        scene.chat.faults["edit"] = [Unreachable()] * 5
        await scene.live.start()
        scene.live.feed("Text")
        await scene.live.finish(Ending())
        return scene

    assert run(main).chat.text == "Text"


def test_a_post_whose_answer_was_lost_is_not_made_again():
    class Lossy(FakeChat):
        async def post(self, message, *, mark=""):
            await super().post(message, mark=mark)
            raise Unreachable

    async def main():
        scene = Scene(Lossy(WHERE, surface=Plain(500), takes=0.05))
        await scene.answer(["A sentence of some words.\n\n"] * 60, gap=0.05)
        return scene

    scene = run(main)
    assert len(scene.chat.messages) > 2
    assert scene.chat.text.count("A sentence of some words.") == 60
    assert scene.recorded[-1] == tuple(scene.chat.messages)


def test_a_platform_that_stays_away_is_given_back_to_the_queue():
    async def main():
        scene = Scene()
        scene.chat.faults["edit"] = [Unreachable()] * 50
        await scene.live.start()
        scene.live.feed("Text")
        with pytest.raises(Unreachable):
            await scene.live.finish(Ending())

    run(main)


def test_text_that_proves_too_long_is_split_smaller():
    async def main():
        scene = Scene(platform(6000))
        await scene.live.start()
        scene.live.feed("Line.\n\n" * 1000)
        await scene.live.finish(Ending())
        return scene

    scene = run(main)
    assert scene.chat.text.count("Line.") == 1000


def test_a_deleted_message_ends_the_writing():
    async def main():
        scene = Scene()
        await scene.live.start()
        scene.chat.messages.clear()
        scene.live.feed("Text")
        with pytest.raises(Gone):
            await asyncio.wait_for(scene.live.run(), 5)

    run(main)


def test_a_silent_model_shows_that_it_works_on():
    async def main():
        scene = Scene()
        await scene.live.start()
        writer = asyncio.ensure_future(scene.live.run())
        await asyncio.sleep(25)
        shown = scene.chat.text
        scene.live.close()
        await writer
        return shown

    assert "20 s" in run(main)


def test_a_continued_answer_keeps_what_it_has_shown_until_there_is_more():
    async def main():
        chat = platform(messages={MessageId("old"): Rendered("x" * 80, (STOP,))})
        scene = Scene(chat, ids=(MessageId("old"),))
        scene.live.keep_until(80)
        await scene.answer(words(100))
        return scene

    scene = run(main)
    assert set(scene.chat.messages) == {"old"}
    assert all(len(each.text) >= 80 for each in scene.chat.made)
    assert scene.chat.text == "".join(words(100)).strip()


def test_an_answer_begun_anew_replaces_all_its_messages():
    async def main():
        ids = (MessageId("a"), MessageId("b"))
        scene = Scene(platform(messages={i: Rendered("old") for i in ids}), ids=ids)
        await scene.live.start(anew=True)
        writer = asyncio.ensure_future(scene.live.run())
        await asyncio.sleep(1)
        first = scene.chat.messages["a"]
        scene.live.feed("New")
        scene.live.close()
        await writer
        await scene.live.finish(Ending())
        return scene, first

    scene, first = run(main)
    assert first.markdown == THINKING
    assert scene.chat.messages["a"].markdown == "New"
    assert scene.live.retired == ["b"]


def test_a_platform_is_told_how_far_an_answer_is_and_which_sources_a_part_names():
    sources = (Citation(1, "one.pdf"), Citation(2, "two.pdf"))

    async def main():
        scene = Scene(platform(400))
        stages = []
        edit, post = scene.chat.edit, scene.chat.post

        async def edited(message_id, message):
            await edit(message_id, message)
            stages.append(message.stage)

        async def posted(message, *, mark=""):
            stages.append(message.stage)
            return await post(message, mark=mark)

        scene.chat.edit, scene.chat.post = edited, posted
        scene.live.cite(sources)
        await scene.answer(["As said [2].\n\n", *words(60), "and [1][2]."])
        return scene, stages

    scene, stages = run(main)
    first, *_, last = scene.chat.messages.values()
    assert stages[0] is Stage.STATUS
    assert stages[1] is Stage.GROWING
    assert {m.stage for m in scene.chat.messages.values()} == {Stage.DONE}
    assert first.citations == sources[1:]
    assert last.citations == sources


def test_a_stop_at_the_platform_ends_the_writing_and_the_last_word_is_tried_once_more():
    async def main():
        scene = Scene(platform(faults={"edit": [None, Stopped(), Stopped()]}))
        await scene.live.start()
        writer = asyncio.ensure_future(scene.live.run())
        for word in words(100):
            scene.live.feed(word)
            await asyncio.sleep(0.1)
        with pytest.raises(Stopped):
            await writer
        await scene.live.finish(Ending("Stopped."))
        return scene

    (message,) = run(main).chat.messages.values()
    assert message.footer == "Stopped."


@pytest.mark.parametrize("streams", [10, 50])
def test_finals_of_many_answers_land_soon_and_no_limit_is_passed(streams):
    async def main():
        workspace = WorkspaceBudget(QUOTAS, lambda: now())
        scenes = [Scene(budget=workspace.of(f"C{i}")) for i in range(streams)]
        waits = await asyncio.gather(*(s.answer(words(300), gap=0.06) for s in scenes))
        calls = sorted(e.at for s in scenes for e in s.chat.made if e.call == "edit")
        busiest = max(sum(1 for c in calls if t <= c < t + 60) for t in calls)
        return scenes, waits, busiest

    scenes, waits, busiest = run(main)
    assert max(waits) <= 1.2
    assert busiest <= 50
    assert all(s.chat.text == "".join(words(300)).strip() for s in scenes)


def test_priority_is_first_text_then_progress():
    async def main():
        asked = []

        class Watching:
            def __init__(self, inner):
                self.inner = inner

            def __getattr__(self, name):
                return getattr(self.inner, name)

            async def spend(self, call, priority):
                asked.append((call, priority))
                await self.inner.spend(call, priority)

        workspace = WorkspaceBudget(QUOTAS, lambda: now())
        scene = Scene(budget=Watching(workspace.of("C1")))
        await scene.answer(words(50))
        return asked

    asked = run(main)
    assert asked[0] == (Call.POST, Priority.FIRST)
    assert asked[1] == (Call.EDIT, Priority.FIRST)
    assert asked[2] == (Call.EDIT, Priority.PROGRESS)
    assert asked[-1] == (Call.EDIT, Priority.FINAL)


def test_a_message_that_cannot_be_edited_is_asked_once_and_its_end_is_posted_anew():
    async def main():
        scene = Scene()
        scene.chat.faults["edit"] = [Uneditable("edit_window_closed")] * 9
        await scene.answer(words(200), gap=0.05, ending=Ending("Claude", (RETRY,)))
        return scene

    scene = run(main)
    edits = [each for each in scene.chat.made if each.call == "edit"]
    assert len(edits) == 2  # while it grew, and at its end
    whole = "".join(words(200)).strip()
    assert [*scene.chat.messages.values()][-1] == Rendered(
        whole, (RETRY,), "Claude", stage=Stage.DONE
    )
    assert len(scene.live.retired) == 1


class Meter:
    def __init__(self):
        self.first = []

    def add(self, metric, value, _reason):
        if metric is Metric.FIRST_TEXT:
            self.first.append(value)


async def silent_for(scene, seconds, text="At last.", *, thinks=False):
    """An answer whose model says nothing for so long; what stood on the way."""
    stood = []
    with scene.budget.answering():
        await scene.live.start()
        writer = asyncio.ensure_future(scene.live.run())
        if thinks:
            scene.live.thinks()
        scene.live.feed("")
        for _ in range(seconds):
            await asyncio.sleep(1)
            stood.append(next(iter(scene.chat.messages.values())).markdown)
        scene.live.feed(text)
        scene.live.close()
        await writer
        await scene.live.finish(Ending("Claude"))
    return [*dict.fromkeys(stood)]


def test_after_silence_people_see_that_work_goes_on_and_for_how_long():
    assert run(lambda: silent_for(Scene(), 35)) == [
        THINKING,
        "_Still thinking… 10 s_",
        "_Still thinking… 20 s_",
        "_Still thinking… 30 s_",
    ]


def test_a_model_that_thinks_is_said_to_think():
    stood = run(lambda: silent_for(Scene(), 15, thinks=True))
    assert stood == [THINKING, "_Thinking it through… 10 s_"]


def test_any_status_that_stands_for_long_has_its_seconds():
    async def main():
        scene = Scene()
        scene.live.status("_Reading report.pdf…_")
        return await silent_for(scene, 25)

    assert run(main)[-2:] == ["_Reading report.pdf… (10 s)_", "_Reading report.pdf… (20 s)_"]


@pytest.mark.parametrize("waited", [0.0, 12.0])
def test_the_first_text_is_counted_from_the_question_to_when_it_is_seen(waited):
    meter = Meter()
    with counting(meter):
        run(lambda: silent_for(Scene(first=FirstText(waited)), 40))
    assert meter.first == [pytest.approx(waited + 40, abs=0.5)]


@pytest.mark.parametrize("text", ["", " "])
def test_an_answer_without_text_has_no_first_text_and_says_so(text):
    meter = Meter()
    scene = Scene()
    with counting(meter):
        run(lambda: silent_for(scene, 3, text))
    assert meter.first == []
    (message,) = scene.chat.messages.values()
    assert message.markdown == "Claude"


def test_text_that_an_earlier_worker_showed_is_not_counted_again():
    meter = Meter()
    scene = Scene(first=FirstText(seen=True))
    with counting(meter):
        run(lambda: silent_for(scene, 3))
    assert meter.first == []
