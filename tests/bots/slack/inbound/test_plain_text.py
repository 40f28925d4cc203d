"""What people write in Slack, as plain Markdown."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.inbound.plain_text import from_mrkdwn


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("hello", "hello"),
        ("<@U1> hi", "@someone hi"),
        ("<@U1|ada> hi", "@ada hi"),
        ("<#C1|general>", "#general"),
        ("<#C2>", "#random"),
        ("<#C3|>", "#a-channel"),
        ("<!here> <!channel> <!everyone|@everyone>", "@here @channel @everyone"),
        ("<!subteam^S1|@ops> <!subteam^S1>", "@ops @group"),
        ("<!date^1392734382^{date}|18 Feb>", "18 Feb"),
        ("<https://a.example/x?y=1&amp;z=2>", "https://a.example/x?y=1&z=2"),
        ("<https://a.example|the docs>", "[the docs](https://a.example)"),
        ("<http://a.example|a.example>", "http://a.example"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&amp;lt;", "&lt;"),
        ("&lt;!channel&gt;", "<!channel>"),
        ("*bold* _it_ ~no~ `x &lt; y`", "*bold* _it_ ~no~ `x < y`"),
        ("```\na &lt; b\n```", "```\na < b\n```"),
        ("a < b", "a < b"),
        ("<>", "<>"),
    ],
)
def test_slack_markup_is_read_as_its_writer_saw_it(text, read):
    assert from_mrkdwn(text, {"C2": "random"}) == read


def test_known_people_are_named():
    assert from_mrkdwn("<@U1> and <@U2>", {"U1": "Ada"}) == "@Ada and @someone"


@given(st.text(alphabet="<>@#!|&;ltampg^ a", max_size=60))
def test_any_text_is_read(text):
    assert isinstance(from_mrkdwn(text), str)


def test_a_receiver_that_reads_slack_markup_imports_no_markdown_parser():
    code = "import sys, bots.slack.inbound.plain_text; print('markdown_it' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "False"
