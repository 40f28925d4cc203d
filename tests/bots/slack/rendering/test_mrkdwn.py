"""Markdown as Slack shows it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack.rendering.mrkdwn import MrkdwnSurface, render
from core.streaming.markdown.tables import width

Z = "\u200b"


@pytest.mark.parametrize(
    ("markdown", "mrkdwn"),
    [
        ("plain", "plain"),
        ("**bold** *it* _it_ ~~no~~", "*bold* _it_ _it_ ~no~"),
        ("***both***", "_*both*_"),
        ("a**b**c", f"a{Z}*b*{Z}c"),
        ("이것은 **굵게**입니다", f"이것은 *굵게*{Z}입니다"),
        ("**two\nlines**", "*two*\n*lines*"),
        ("# Head\ntext", "*Head*\n\ntext"),
        ("## A **bold** head", "*A bold head*"),
        ("### `a*b`", "*`a*b`*"),
        ("`code <b>`", "`code &lt;b&gt;`"),
        ("`` a`b ``", "`aˋb`"),
        ("x`y`z", f"x{Z}`y`{Z}z"),
        ("```py\nx < 1\n```", "```\nx &lt; 1\n```"),
        ("````\n```\n````", f"```\n``{Z}`\n```"),
        ("    indented", "```\nindented\n```"),
        ("- a\n- b", "• a\n• b"),
        ("- a\n  - b\n    - c\n      - d", "• a\n    ◦ b\n        ▪ c\n            ▪ d"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("1. a\n   - b\n2. c", "1. a\n    ◦ b\n2. c"),
        ("- a\n\n  more\n- b", "• a\n    more\n• b"),
        ("- a\n  ```\n  x\n  ```\n- b", "• a\n```\nx\n```\n• b"),
        ("- [ ] do\n- [x] done", "• ☐ do\n• ☑ done"),
        ("> said\n> so", "> said\n> so"),
        ("> a\n>\n> > b", "> a\n> b"),
        ("a\n\n---\n\nb", "a\n\n────────────\n\nb"),
        ("[docs](https://a.example/x?y=1&z=2)", "<https://a.example/x?y=1&amp;z=2|docs>"),
        ("[a|b <c>](https://a.example)", "<https://a.example|a¦b &lt;c&gt;>"),
        ("<https://a.example>", "<https://a.example>"),
        ("![pic](https://a.example/i.png)", "<https://a.example/i.png|pic>"),
        ("https://a.example", f"https:{Z}//a.example"),
        ("<!channel> <@U1> & <b>", "&lt;!channel&gt; &lt;@U1&gt; &amp; &lt;b&gt;"),
        ("@here @channel @everyone @ada", f"@{Z}here @{Z}channel @{Z}everyone @ada"),
        ("2 * 3 * 4, 2*3", "2 * 3 * 4, 2*3"),
        (r"\*no\*", "∗no∗"),
        (r"a \`b", "a ˋb"),
        ("snake_case_name", "snake_case_name"),
        ("a  \nb", "a\nb"),
        ("&lt;!here&gt; &#60;!here&#62;", "&lt;!here&gt; &lt;!here&gt;"),
        ("", ""),
    ],
)
def test_markdown_reads_well_in_slack(markdown, mrkdwn):
    assert render(markdown) == mrkdwn


def test_a_table_is_aligned_and_wide_characters_count_twice():
    assert render("| name | n |\n|---|---|\n| 한국 | 1 |\n| `a` & **b** | 22 |") == (
        "```\nname  │ n\n──────┼───\n한국  │ 1\na &amp; b │ 22\n```"
    )


def test_a_long_cell_is_wrapped_within_its_column():
    text = "| k | v |\n|---|---|\n| a | short |\n| b | " + "many words " * 12 + "|"
    lines = render(text).split("\n")[1:-1]
    assert all(width(line) <= 72 for line in lines)
    assert " ".join(" ".join(line.split("│")[-1] for line in lines).split()).count("many") == 12


def test_a_table_that_is_too_wide_becomes_records():
    head = "| " + " | ".join(f"h{i}" for i in range(12)) + " |\n|" + "---|" * 12
    row = "| " + " | ".join(f"v{i} and *more*" for i in range(12)) + " |"
    shown = render(f"{head}\n{row}")
    assert shown.startswith("• *v0 and _more_*\n    h1: v1 and _more_\n    h2: ")


def test_a_table_keeps_its_looks_and_only_grows_while_rows_arrive():
    rows = ["| a | b |", "|---|---|", "| 1 | 2 |"]
    size = 0
    for count in range(1, 40):
        rows.append(f"| {'x' * count} | {'long words ' * (count % 7)} |")
        shown = render("\n".join(rows))
        assert shown.startswith("```")
        assert len(shown) > size
        size = len(shown)


blocks = st.one_of(
    st.text("ab *_`~[]()<>|#-\n:/.!@&;1", min_size=5, max_size=80),
    st.sampled_from(
        [
            "<!channel> <@U1> <#C1|x> <!subteam^S1>",
            "| <!channel> | <@U1> |\n|---|---|\n| <!here> | `<!here>` |",
            "- <!here>\n  ```\n  <!here>\n  ```",
            "```<!here>\n<!here>\n```",
            "# <!here>\n> <!here>",
            "&lt;!channel&gt;",
        ]
    ),
)


@given(st.lists(blocks, min_size=1, max_size=5).map("\n".join))
@settings(max_examples=400, deadline=None)
def test_nothing_in_a_text_becomes_a_mention(text):
    for target in re.findall(r"<([^>]*)", render(text)):
        assert not target.startswith(("!", "@", "#")) or "](" in text
    assert not re.search(r"<[!@]", render(text))


@given(st.lists(blocks, min_size=1, max_size=5).map("\n\n".join))
@settings(max_examples=200, deadline=None)
def test_the_size_is_that_of_the_rendering(text):
    assert MrkdwnSurface().size(text) == len(render(text))
