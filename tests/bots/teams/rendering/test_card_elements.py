"""Markdown as elements of an Adaptive Card, and back."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.teams.rendering.card_elements import elements
from bots.teams.rendering.cards import MOST_CARD, activity, card, size, text_in
from bots.teams.rendering.surface import TeamsSurface
from core.streaming.markdown.links import Policy
from core.streaming.rendering import shown_parts
from core.streaming.split import parts
from core.values.answer import Button, Rendered, Stage
from tests.support.hostile_texts import text_of
from tests.support.platform_links import ALLOWED, AUTOLINKED, POLICY

STOP = (Button("stop", "Stop", "teams/T/C/1"),)
LONG = (
    "## Part\n\nStorks arrive in **March** & leave `late`.\n\n"
    "| a | b | c |\n|---|---|---|\n" + "| one | **two** | three |\n" * 30 + "\n"
    "```python\n" + 'print("storks", [n for n in range(9)])\n' * 40 + "```\n\n"
    "- one\n- two\n    - three\n\n"
)


def growing(text):
    return activity(Rendered(text, STOP, stage=Stage.GROWING), "teams/T/C/1")


def inner(text):
    return growing(text)["attachments"][0]["content"]


@pytest.mark.parametrize(
    "text",
    [
        "Plain.",
        "Some **bold**, *italic*, ~~struck~~ and `code`, [a link](https://a.example/x?y=1).",
        "# One\n\n## Two\n\ntext",
        "One\ntwo\n\nthree",
        "- one\n- two **b**\n    - nested\n    1. first\n- three",
        "3. a\n4. b",
        "> quoted\n> more\n\nafter",
        "| a | b |\n|---|---|\n| 1 | **2** |",
        "```py\nx = [1]\n\n  y\n```",
        "---",
        "Snake_case, 2\\*3, \\[x\\](y), 5 \\< 6",
        "안녕하세요, **황새**는 3월에 옵니다.",
        "שלום **עולם**\n\n- אחת\n- שתיים",
    ],
)
def test_what_a_card_says_is_read_back_as_it_was_written(text):
    assert text_in(json.dumps(inner(text))) == text


def test_code_and_tables_are_what_teams_has_for_them():
    table, code = elements("| a | b |\n|---|---|\n| 1 | `2` |\n\n```sql\nselect 1\n```")
    assert table["type"] == "Table"
    assert len(table["columns"]) == 2
    assert [len(row["cells"]) for row in table["rows"]] == [2, 2]
    assert (code["type"], code["language"]) == ("CodeBlock", "Sql")
    assert code["codeSnippet"] == "select 1"
    assert code["fallback"]["inlines"][0]["text"] == "select 1"


def test_an_answer_of_90_000_characters_fits_cards_and_is_all_there():
    text = LONG * (90_000 // len(LONG) + 1)
    split = parts(text, TeamsSurface())
    said = ""
    for part in split:
        sent = growing(part)
        assert size(sent["attachments"][0]["content"]) <= MOST_CARD
        assert size(sent) <= 80_000
        # nothing was left out to make it fit
        assert "fallbackText" in sent["attachments"][0]["content"]
        assert part.count("storks") == sent["attachments"][0]["content"]["fallbackText"].count(
            "storks"
        )
        said += text_in(sent["attachments"][0]["content"])
    assert said.count("storks") == text.count("storks")
    assert said.count("three") == text.count("three")
    assert len(split) < 60


def test_parts_that_are_finished_stay_while_a_long_answer_grows():
    text = LONG * 4
    before = ()
    for end in range(500, len(text), 170):
        split = shown_parts(text[:end], Policy(), TeamsSurface(), final=False)
        finished = max(len(before) - 1, 0)
        assert split[:finished] == before[:finished]
        before = split


def test_a_client_that_shows_the_fallback_only_shows_the_whole_text():
    shown = inner("**Storks** arrive [here](https://a.example/x).\n\n- in *March*")
    assert shown["fallbackText"] == (
        "**Storks** arrive [here](https://a.example/x).\n\n- in *March*"
    )


def test_a_card_that_would_be_too_large_gives_up_its_fallback_first():
    text = "황새" * 3500
    shown = card(Rendered(text, STOP))
    assert size(shown) <= MOST_CARD
    assert text_in(shown) == text
    assert len(shown["fallbackText"]) <= 200


@pytest.mark.parametrize(
    ("text", "rtl"),
    [
        ("שלום world", True),
        ("**مرحبا**", True),
        ("1. שלום", True),
        ("world שלום", False),
        ("황새", False),
        ("…", False),
    ],
)
def test_text_that_is_read_leftwards_is_shown_so(text, rtl):
    assert inner(text).get("rtl", False) is rtl


def test_korean_and_what_is_read_leftwards_are_told_in_notifications():
    assert growing("안녕 **황새**")["summary"] == "안녕 황새"
    assert growing("שלום")["summary"] == "שלום"


def test_what_graph_may_tell_as_a_card_never_raises():
    deep = {"type": "Container", "id": "parley:x", "items": []}
    deep["items"].append(deep)
    for body in (None, 7, [7, None, {"type": "Container", "id": 7, "items": "x"}], [deep]):
        assert text_in({"type": "AdaptiveCard", "body": body}) == ""
    odd = {"type": "RichTextBlock", "inlines": [7, {"text": 7}, {"text": "a", "selectAction": 7}]}
    table = {"type": "Table", "rows": [7, {"cells": [7, {"items": 7}]}]}
    body = [{"type": "Container", "id": "parley:", "items": [odd, table, {"type": "CodeBlock"}]}]
    assert "a" in text_in({"type": "AdaptiveCard", "body": body})


def said_in(element):
    """All runs: their texts, and where each leads."""
    if isinstance(element, str):
        yield element, ""
    elif element.get("type") == "TextRun":
        yield element["text"], element.get("selectAction", {}).get("url", "")
    for key in ("items", "inlines", "rows", "cells"):
        for each in element.get(key, ()) if isinstance(element, dict) else ():
            yield from said_in(each)


@given(st.integers(0, 2**48))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_text_makes_anything_active_in_a_card_that_the_policy_refuses(seed):
    text = text_of(random.Random(seed))
    for part in shown_parts(text, POLICY, TeamsSurface(), final=True):
        for element in elements(part):
            for run, url in said_in(element):
                assert not url or ALLOWED.match(url)
                assert url or not AUTOLINKED.findall(run)


def test_elements_are_links_only_where_the_policy_let_one_live():
    text = "[a](https://evil.test/) [b](https://ok.test/x) https://evil.test/y"
    policy = Policy(hosts=frozenset({"ok.test"}))
    (part,) = shown_parts(text, policy, TeamsSurface(), final=True)
    urls = [url for each in elements(part) for _, url in said_in(each) if url]
    assert urls == ["https://ok.test/x"]
