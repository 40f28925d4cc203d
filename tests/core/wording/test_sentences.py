"""What people see stands in the catalogue, and all that stands there is seen."""

import ast
import re
from string import Formatter

import pytest

from core.wording.catalogue import ENGLISH
from tests.core.wording.sources import (
    SPEAKING,
    asked,
    constants,
    modules,
    sentences,
    shown,
)

ELSEWHERE = {
    "core/aws/": "operators read it: the command line's progress, errors of AWS, expressions",
    "core/knowledge/follow_up.py": "Claude reads it",
    "core/ports/": "the text of an error, which is logged",
    "core/runtime/settings.py": "operators read it at the start",
    "core/turn/prompt/": "Claude reads it",
    "bots/health.py": "operators read it",
    "bots/serve.py": "operators read it in the log",
    "bots/slack/api/": "Slack's own words, and the text of an error",
    "bots/slack/inbound/message_text.py": "Slack's own words for a forward without a text",
    "bots/sweep.py": "operators read it in the log",
    "bots/teams/api/": "Teams' own words, and the text of an error",
    "bots/teams/inbound/attached.py": "Claude reads it",
    "bots/teams/package.py": "operators read it as they build the app's package",
    "ingestion/chunks.py": "a pattern",
    "ingestion/extract/": "part of a file's text, as Claude reads it; names of tags and endings",
    "ingestion/pictures.py": "Claude reads it",
    "ingestion/sandbox/parent.py": "code",
}
"""Sources with words that nobody sees in a channel, and what these are."""
MODULES = modules(*SPEAKING)
CALLS = [call for path, tree in MODULES.items() for call in asked(path, tree)]
WRITTEN = set[str]().union(*map(constants, MODULES.values()))


def placeholders(key):
    """The names that a text fills in; `count` as well where it has plurals."""
    text = ENGLISH.texts[key]
    forms = [text] if isinstance(text, str) else [*text.values()]
    named = {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}
    return named if isinstance(text, str) else named | {"count"}


def meant(pattern, *, exact):
    """The keys that a call may name, each with what fills in its pattern."""
    if exact:
        return {pattern: ""} if pattern in ENGLISH.texts else {}
    found = {key: re.fullmatch(pattern, key) for key in ENGLISH.texts}
    return {key: match[1] for key, match in found.items() if match}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.path}:{call.line}")
def test_a_key_that_is_asked_for_exists_and_is_given_what_it_fills_in(call):
    for pattern, exact in call.keys:
        keys = meant(pattern, exact=exact)
        assert keys, pattern
        wanted = [placeholders(key) for key in keys]
        assert set().union(*wanted) == call.values, pattern
        if exact:
            assert all(each == call.values for each in wanted), pattern


def test_every_text_of_the_catalogue_is_asked_for():
    """A key that is put together needs what fills it in to stand somewhere, or itself."""
    written = WRITTEN | {each.partition(" ")[0] for each in WRITTEN}
    used = set()
    for call in CALLS:
        for pattern, exact in call.keys:
            for key, filled in meant(pattern, exact=exact).items():
                if exact or key in written or filled in written or filled.isdecimal():
                    used.add(key)
    assert set(ENGLISH.texts) - used == set()


@pytest.mark.parametrize(("path", "tree"), MODULES.items(), ids=MODULES)
def test_nothing_that_is_shown_is_written_elsewhere(path, tree):
    assert [*shown(path, tree)] == []


@pytest.mark.parametrize(("path", "tree"), MODULES.items(), ids=MODULES)
def test_no_sentence_stands_elsewhere_but_for_operators_and_claude(path, tree):
    if not path.startswith(tuple(ELSEWHERE)):
        assert [*sentences(path, tree)] == []


@pytest.mark.parametrize("start", ELSEWHERE)
def test_where_sentences_may_stand_there_are_some(start):
    trees = [(path, tree) for path, tree in MODULES.items() if path.startswith(start)]
    assert [found for path, tree in trees for found in sentences(path, tree)]


@pytest.mark.parametrize(
    "code",
    [
        "chat.post(Rendered('Hello there'))",
        "chat.post(Rendered(f'{name} Hello'))",
        "chat.post_ephemeral(person, Rendered(footer='Hello', markdown=text))",
        "live.status('_Thinking_')",
        "text = 'Hello'\nRendered(text)",
        "text = ''\ntext += f'Hello {name}'\nRendered(text)",
        "Rendered(' '.join(('Hello', name)))",
        "Button('retry', 'Retry' if again else phrase('button.stop'))",
        "Brief(name, notes=('Hello',))",
        "ack(LATER)\nLATER = 'Later'",
        "{'type': 'plain_text', 'text': 'Choose'}",
    ],
)
def test_what_is_shown_would_be_found(code):
    assert [*shown("x.py", ast.parse(code))]


@pytest.mark.parametrize(
    "code",
    [
        "Rendered(phrase('reply.later'))",
        "Button('retry', phrase('button.retry'), run)",
        "Rendered(rows.get('name'), (Button('up', '👍'),))",
        "{'type': 'plain_text', 'text': short_label(label, 75)}",
        "chat.post(message, mark='an event')",
    ],
)
def test_what_nobody_sees_is_not_found(code):
    assert [*shown("x.py", ast.parse(code))] == []


def test_a_sentence_would_be_found_but_for_errors_and_logs():
    (found,) = sentences("x.py", ast.parse("def told(n):\n    return f'{n} of your files'"))
    assert found.text == "x of your files"
    for code in ("raise Wrong('not at all good')", "log.info('a file is read')", "'Just a word.'"):
        assert [*sentences("x.py", ast.parse(code))] == []
