"""The stand-in's prompt cache counts as Bedrock's does."""

import pytest

from local.bedrock.prompt_cache import Cache, Counted
from tests.support.fakes import Clock

SONNET, OLD = "us.anthropic.claude-sonnet-5-5", "us.anthropic.claude-haiku-4-5-20251001-v1:0"
POINT = {"cachePoint": {"type": "default"}}


def body(*texts, thinking="adaptive", after=()):
    """A prompt of such texts, each with a cache point, and one without any."""
    content = [each for text in texts for each in ({"text": text}, POINT)]
    content += [{"text": text} for text in after]
    return {
        "messages": [{"role": "user", "content": content}],
        "additionalModelRequestFields": {"thinking": {"type": thinking}},
    }


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ask(clock):
    cache = Cache(clock)

    def asked(request, model=SONNET, region="us-east-1"):
        return cache.count(region, model, request)

    asked.cache = cache
    return asked


def test_the_same_beginning_is_written_once_and_read_after(ask):
    first = ask(body("a" * 8_000, after=["one?"]))
    second = ask(body("a" * 8_000, after=["two?"]))
    assert first == Counted(fresh=1, read=0, written=2_000)
    assert second == Counted(fresh=1, read=2_000, written=0)
    assert ask.cache.vain == 0


def test_a_longer_beginning_reads_the_shorter_and_writes_the_rest(ask):
    ask(body("a" * 8_000))
    assert ask(body("a" * 8_000, "b" * 4_000)) == Counted(0, 2_000, 1_000)
    assert ask(body("a" * 8_000, "b" * 4_000)) == Counted(0, 3_000, 0)


def test_what_was_cached_is_found_before_a_later_point(ask):
    ask(body("a" * 8_000))
    later = body("x")
    later["messages"][0]["content"] = [{"text": "a" * 8_000}, {"text": "b" * 4_000}, POINT]
    assert ask(later) == Counted(0, 2_000, 1_000)


def test_a_change_at_the_beginning_reads_nothing(ask):
    ask(body("a" * 8_000))
    assert ask(body("b" + "a" * 7_999)).read == 0
    assert ask(body("a" * 8_000), region="eu-west-1").read == 0
    assert ask(body("a" * 8_000), model="us.anthropic.claude-opus-5-5").read == 0
    assert ask(body("a" * 8_000, thinking="disabled")).read == 0


def test_less_than_the_minimum_is_not_cached(ask):
    assert ask(body("a" * 4_092)) == Counted(1_023, 0, 0)
    assert ask(body("a" * 4_096)) == Counted(0, 0, 1_024)
    assert ask(body("a" * 16_380), model=OLD) == Counted(4_095, 0, 0)
    assert ask(body("a" * 16_384), model=OLD).written == 4_096


def test_what_is_cached_is_kept_for_five_minutes_after_its_last_use(ask, clock):
    ask(body("a" * 8_000))
    for _ in range(3):
        clock.now += 299
        assert ask(body("a" * 8_000)).read == 2_000
    clock.now += 301
    assert ask(body("a" * 8_000)).written == 2_000


def test_what_nobody_read_was_written_in_vain(ask, clock):
    ask(body("a" * 8_000))
    ask(body("b" * 8_000))
    clock.now += 301
    ask(body("c" * 80, after=["?"]))
    assert ask.cache.vain == 4_000
