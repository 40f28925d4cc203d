"""Files that are read side by side hold no more than there is room for, and all are read."""

import asyncio

import pytest

from core.values.documents import Block, Picture
from ingestion.text_budget import STEP, Room, weight
from tests.support.virtual import run

MIB = 1024**2
SIZE, BIGGEST = 8 * MIB, 3 * MIB


async def never():
    raise AssertionError("nobody waits so long")


async def read(room, blocks, held, beat=never):
    with room.share(beat, 60) as share:
        for block in blocks:
            await share.add(block)
            held.append(room.held)
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)  # it is indexed


def document(size):
    block = Block("x" * 100_000)
    return [block] * (size // weight(block))


@pytest.mark.parametrize("files", [2, 16, 60])
def test_many_large_files_stay_within_the_room_and_one_document(files):
    room, held = Room(SIZE), []

    async def main():
        await asyncio.gather(*(read(room, document(BIGGEST), held) for _ in range(files)))

    run(main)
    assert max(held) <= SIZE + BIGGEST
    assert max(held) > SIZE / 2
    assert room.held == 0


def test_a_file_larger_than_the_room_is_read_when_it_is_the_first():
    room, held = Room(MIB), []

    async def main():
        await asyncio.gather(*(read(room, document(BIGGEST), held) for _ in range(3)))

    run(main)
    assert max(held) <= MIB + BIGGEST


def test_small_files_wait_for_nobody():
    room, held = Room(SIZE), []

    async def main():
        loop = asyncio.get_running_loop()
        began = loop.time()
        big = asyncio.ensure_future(read(room, document(BIGGEST), held))
        await asyncio.gather(*(read(room, [Block("x" * 1000)], held) for _ in range(50)))
        took = loop.time() - began
        await big
        return took

    assert run(main) < 2


def test_a_file_that_fails_or_is_cancelled_gives_its_room_back():
    room = Room(STEP)

    async def main():
        first = asyncio.ensure_future(read(room, document(BIGGEST), []))
        await asyncio.sleep(0.1)
        second = asyncio.ensure_future(read(room, document(BIGGEST), []))
        await asyncio.sleep(0.1)
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert room.held == 0
        await read(room, document(BIGGEST), [])

    run(main)


def test_whoever_waits_says_now_and_then_that_it_is_there():
    room, beats = Room(STEP), []

    async def slow():
        with room.share(never, 60) as share:
            for block in document(MIB):
                await share.add(block)
            await asyncio.sleep(200)

    async def beat():
        beats.append(asyncio.get_running_loop().time())

    async def main():
        await asyncio.gather(slow(), read(room, document(MIB), [], beat))

    run(main)
    assert len(beats) == 3


def test_a_picture_weighs_what_its_data_does():
    assert weight(Picture(b"x" * 5000, "image/png")) > 5000
    assert weight(Block("x")) > 300
