"""What the long-lived process does by the clock."""

import asyncio

import pytest

from bots.serve import _every
from core.ports import StoreError


@pytest.mark.parametrize("error", [StoreError("down"), KeyError("a defect")])
async def test_work_by_the_clock_goes_on_after_it_failed(error):
    done = asyncio.Event()
    failures = [error]

    async def work():
        if failures:
            raise failures.pop()
        done.set()

    task = asyncio.create_task(_every(0.001, work))
    async with asyncio.timeout(5):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
