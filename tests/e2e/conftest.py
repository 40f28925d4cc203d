"""The product between stand-ins, not yet or already running."""

import pytest

from tests.support.world import world_at


@pytest.fixture
async def world(aws):
    """Everything but the product, which a test starts (and kills) itself."""
    async with world_at(aws) as built:
        yield built


@pytest.fixture
async def parley(world):
    """Everything, with one `parley serve` running."""
    await world.serve()
    return world
