"""Every call of the model is counted and paid for."""

import pytest

from core.ports.model import Broken
from core.runtime.telemetry import Metric, counting
from core.turn.prompt.metering import PICTURE, MeteredModel
from core.values.answer import Delta, Message, Prompt, Usage
from core.values.documents import Picture

ASKED = Prompt("sonnet", "s" * 400, (Message("user", "q" * 400),), documents="d" * 400)


class Meter:
    def __init__(self):
        self.counted = {}

    def add(self, metric, value, reason):
        self.counted[metric] = self.counted.get(metric, 0) + value


class Saying:
    def __init__(self, *deltas, error=None):
        self.deltas = deltas
        self.error = error

    async def stream(self, _prompt):
        for delta in self.deltas:
            yield delta
        if self.error:
            raise self.error


async def test_tokens_and_dollars_are_those_that_the_service_counted():
    model = MeteredModel(
        Saying(Delta("Hi"), Delta(stop="end_turn", usage=Usage(2000, 100, 900, 500)))
    )
    meter = Meter()
    with counting(meter):
        assert "".join([delta.text async for delta in model.stream(ASKED)]) == "Hi"
    dollars = ((600 + 0.05 * 900 + 1.25 * 500) * 2 + 100 * 10) / 1e6
    assert meter.counted == {
        Metric.INPUT_TOKENS: 2000,
        Metric.OUTPUT_TOKENS: 100,
        Metric.CACHE_READ_TOKENS: 900,
        Metric.CACHE_WRITE_TOKENS: 500,
        Metric.COST: pytest.approx(dollars),
    }


async def test_a_stream_that_broke_off_is_paid_for_as_well():
    model = MeteredModel(Saying(Delta("x" * 40), error=Broken("cut")))
    meter = Meter()
    with counting(meter), pytest.raises(Broken):
        [delta async for delta in model.stream(ASKED)]
    assert meter.counted[Metric.INPUT_TOKENS] == 300
    assert meter.counted[Metric.OUTPUT_TOKENS] == 10
    assert meter.counted[Metric.COST] == pytest.approx((300 * 2 + 10 * 10) / 1e6)


async def test_a_stream_that_somebody_stops_is_paid_for_as_well():
    model = MeteredModel(Saying(Delta("x" * 40), Delta("y" * 40)))
    meter = Meter()
    with counting(meter):
        stream = model.stream(ASKED)
        await anext(stream)
        await stream.aclose()
    assert meter.counted[Metric.OUTPUT_TOKENS] == 10


async def test_what_never_began_costs_nothing():
    meter = Meter()
    with counting(meter), pytest.raises(Broken):
        [each async for each in MeteredModel(Saying(error=Broken("x"))).stream(ASKED)]
    assert meter.counted == {}


async def test_pictures_are_counted_where_the_service_did_not():
    asked = Prompt("haiku", "", (Message("user", "What?"),), images=(Picture("image/png", b"x"),))
    meter = Meter()
    with counting(meter):
        stream = MeteredModel(Saying(Delta("x"), Delta("y"))).stream(asked)
        await anext(stream)
        await stream.aclose()
    assert meter.counted[Metric.INPUT_TOKENS] == PICTURE + 2
