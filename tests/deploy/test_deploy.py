"""What the deployed stack does for people."""

from tests.world import ANA, GENERAL

async def test_a_mention_is_answered_by_the_deployed_functions(world):
    world.slack.say(ANA, GENERAL, "@Parley what is the answer?")
    (answer,) = await world.answered(seconds=60)
    assert "forty-two" in world.text(answer)
