"""Any beginning of an answer is presentable, and harmless."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack.mrkdwn import render
from core.markdown import Policy, present

NOBODY = Policy()
DOCS = Policy(hosts=frozenset({"docs.example.com"}), urls=frozenset({"https://a.example/x?y=1"}))


def test_unknown_links_become_plain_text_and_known_ones_stay():
    text = (
        "[one](https://docs.example.com/a) [two](https://a.example/x?y=1) "
        "[bad](https://evil.example/?q=secret) <https://evil.example> https://evil.example/y."
    )
    assert present(text, DOCS, final=True) == (
        "[one](https://docs.example.com/a) [two](https://a.example/x?y=1) "
        "bad (`https://evil.example/?q=secret`) `https://evil.example` `https://evil.example/y`."
    )


@pytest.mark.parametrize(
    "text",
    [
        "![pixel](https://evil.example/p.png?data=secret)",
        "[x](javascript:alert)",
        "[x](http://docs.example.com/a)",
        "[x](https://docs.example.com@evil.example/)",
        "[x](https://docs.example.com.evil.example/)",
        "[a][1]\n\n[1]: https://evil.example/z",
        "[x](<https://evil.example/a>)",
        "<https://evil.example/auto>",
        "[![a](https://evil.example/i)](https://evil.example/l)",
        "www.evil.example",
        "- a\n  ```\n[x](https://evil.example/l) <https://evil.example/m>",
        "```a`b\n[x](https://evil.example/l)",
        "\\`[x](https://evil.example/l)\\`",
        "> [1]: https://evil.example/z\n\n[a][1]",
        "<mail@evil.example>",
    ],
)
def test_nothing_unknown_comes_out_live(text):
    shown = render(present(text, DOCS, final=True))
    assert "<" not in shown
    assert "secret" not in shown or "`" in shown


@pytest.mark.parametrize(
    "mention", ["<!channel>", "<@U123>", "<!subteam^S1>", "<#C1|general>", "<!here|here>"]
)
def test_no_mention_is_live_at_any_point_of_its_arrival(mention):
    text = f"Hello {mention}, **{mention}** and `{mention}`"
    for cut in range(len(text) + 1):
        assert "<" not in render(present(text[:cut], NOBODY, final=False))


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-1234567890-abcdefABCDEF",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n",
    ],
)
def test_secrets_are_never_shown_not_even_in_part(secret):
    text = f"The key is {secret} ok"
    for cut in range(len(text) + 1):
        shown = present(text[:cut], NOBODY, final=False)
        assert secret[:12] not in shown
    assert "[redacted]" in present(text, NOBODY, final=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("```py\nx = 1\n``", "```py\nx = 1\n```"),
        ("Text\n```", "Text"),
        ("some **bold", "some **bold**"),
        ("some `code", "some `code`"),
        ("a\n\n| h | i |", "a"),
        ("a\n\n| h | i |\n|---|---|\n| 1 |", "a\n\n| h | i |\n|---|---|"),
        ("see [docs](https://docs.exam", "see"),
        ("see https://docs.exam", "see"),
        ("text\n\n##", "text"),
        ("- one\n-", "- one"),
        ("plain words", "plain words"),
    ],
)
def test_a_beginning_is_closed_or_held_back(text, shown):
    assert present(text, DOCS, final=False) == shown


@given(st.text("ab *_`~[]()<>|#-\n:/.htps!@", min_size=20, max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_random_text_breaks_it_or_comes_alive(text):
    for final in (False, True):
        shown = render(present(text, NOBODY, final=final))
        assert "<" not in shown
        assert "\n<" not in shown


@pytest.mark.parametrize(
    "text",
    ["x" * 20_000, "[" * 20_000, "`" * 20_001, "**" * 9_999, "| a " * 8_000, "https://" + "a" * 50_000,
     "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 5_000, "![" * 9_000, "[a](" * 9_000],
)  # fmt: skip
def test_hostile_text_takes_no_time(text):
    started = time.process_time()
    present(text, NOBODY, final=False)
    present(text, NOBODY, final=True)
    assert time.process_time() - started < 5  # a bound against blow-up, not a measure of speed
