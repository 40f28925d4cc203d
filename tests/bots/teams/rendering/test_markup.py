"""Markdown as Teams shows it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bots.teams.rendering.card_elements import written
from bots.teams.rendering.cards import card
from bots.teams.rendering.markup import plain, render, units
from bots.teams.rendering.surface import TeamsSurface
from core.streaming.markdown.blocks import blocks as blocks_of
from core.streaming.markdown.dialect import parser
from core.streaming.markdown.presentable import Policy, present
from core.streaming.markdown.tables import width
from core.streaming.split import parts
from core.values.answer import Button, Rendered

Z = "\u200b"
GOOD = Policy(hosts=frozenset({"good.example"}))


@pytest.mark.parametrize(
    ("markdown", "teams"),
    [
        ("plain", "plain"),
        ("**bold** *it* _it_ ~~no~~", "**bold** *it* *it* ~~no~~"),
        ("***both***", "***both***"),
        ("a**b**c", "a**b**c"),
        ("# Head\ntext", "**Head**\n\ntext"),
        ("## A **bold** head", "**A bold head**"),
        ("`code <b>`", "`code <b>`"),
        ("`` a`b ``", "``a`b``"),
        ("```py\nx < 1\n```", "```\nx < 1\n```"),
        ("````\n```\n````", "````\n```\n````"),
        ("    indented", "```\nindented\n```"),
        ("- a\n- b", "- a\n- b"),
        ("* a\n  * b\n    * c", "- a\n    - b\n        - c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("10. a\n    - b\n11. c", "10. a\n    - b\n11. c"),
        ("- a\n\n  more\n- b", "- a\n\n    more\n- b"),
        ("- a\n  ```\n  x\n  ```", "- a\n\n    ```\n    x\n    ```"),
        ("- [ ] do\n- [x] done", "- ☐ do\n- ☑ done"),
        ("> said\n> so", "> said\n> so"),
        ("> a\n>\n> > b", "> a\n>\n> > b"),
        ("a\n\n---\n\nb", "a\n\n────────────\n\nb"),
        ("[docs](https://a.example/x?y=1&z=2)", "[docs](https://a.example/x?y=1&z=2)"),
        ("[a <c>](<https://a.example/(x)>)", "[a &lt;c&gt;](https://a.example/%28x%29)"),
        ("<https://a.example>", "[https://a.example](https://a.example)"),
        ("![pic](https://a.example/i.png)", "[pic](https://a.example/i.png)"),
        ("[x](ftp://a.example)", "x"),
        ("https://a.example", f"https:{Z}//a.example"),
        ("www.a.example", f"www{Z}.a.example"),
        ("<at>Ana</at> & <b>", "&lt;at&gt;Ana&lt;/at&gt; &amp; &lt;b&gt;"),
        ("&lt;at&gt; &#60;img src=x&#62;", "&lt;at&gt; &lt;img src=x&gt;"),
        ("&amp;lt;at&amp;gt;", "&amp;lt;at&amp;gt;"),
        ("`<at>x</at> <a> <em>`", f"`<a{Z}t>x</a{Z}t> <a> <em>`"),
        ("```\n<quoted> < /AT\n```", f"```\n<q{Z}uoted> < /A{Z}T\n```"),
        ("@channel @team @ada", f"@{Z}channel @{Z}team @ada"),
        (r"2 * 3, \*no\*, a \`b", r"2 \* 3, \*no\*, a \`b"),
        ("snake_case_name", "snake_case_name"),
        ("a\nb  \nc", "a  \nb  \nc"),
        ("so [1][2], [2, 3] and [x]", r"so [1][2], \[2, 3\] and \[x\]"),
        (r"\[1](u) \[1]: u", f"[1]{Z}(u) [1]{Z}: u"),
        ("1\\. no\n\\- no\n\\# no", "1\\. no  \n\\- no  \n\\# no"),
        ("a | b", "a \\| b"),
        ("", ""),
    ],
)
def test_markdown_reads_well_in_teams(markdown, teams):
    assert render(markdown) == teams


def test_a_table_is_aligned_and_wide_characters_count_twice():
    assert render("| name | n |\n|---|---|\n| 한국 | 1 |\n| `a` & **b** | 22 |") == (
        "```\nname       │ n\n───────────┼─────────\n한국       │ 1\na & b      │ 22\n```"
    )


def test_a_table_that_is_too_wide_becomes_records():
    head = "| " + " | ".join(f"h{i}" for i in range(12)) + " |\n|" + "---|" * 12
    row = "| " + " | ".join(f"v{i} and *more*" for i in range(12)) + " |"
    shown = render(f"{head}\n{row}")
    assert shown.startswith("- v0 and *more*\n    - h1: v1 and *more*\n    - h2: ")


def test_a_table_only_gains_text_while_rows_arrive():
    rows = ["| a | b |", "|---|---|", "| 1 | 2 |"]
    before = ""
    for count in range(1, 40):
        rows.append(f"| {'x' * count} | {'long words ' * (count % 7)} |")
        shown = render("\n".join(rows)).removesuffix("\n```")
        assert shown.startswith(before)
        assert all(width(line) <= 72 for line in shown.split("\n"))
        before = shown


ANSWER = """# Head with *it*
Some 3.5 million - 2 + 4 = 6; a_b_ & snake_case_name, #hash. 1. not a list: [1], [2, 3] and
[good](https://good.example/a_b(c)) <https://good.example> https://evil.example/x **bold text
over lines** end.

| name | what it is |
|---|---|
| first | short |
| second | something much longer than the first, which has to be wrapped somewhere |

- [ ] task
- [x] done
   - nested ~~thing~~ `code <at>`

> quoted

```python
def f(a):
    return a < 3 and "<at>" or `x`
```
"""


def test_a_growing_answer_only_gains_text_but_for_its_closing_marks():
    """What native streaming asks for: each text begins with the one before."""
    before = ""
    for end in range(1, len(ANSWER) + 1):
        shown = render(present(ANSWER[:end], GOOD, final=end == len(ANSWER)))
        assert shown.startswith(before), ANSWER[:end][-40:]
        before = shown.rstrip("*_~`\n ")
    assert "[1], \\[2, 3\\]" in before
    assert "☑ done" in before


blocks = st.one_of(
    st.text("ab *_`~[]()<>|#-\n:/.!@&;1", min_size=5, max_size=80),
    st.sampled_from(
        [
            "<at>Ana</at> <at id='0'>x</at>",
            "| <at>x</at> | ![i](https://evil.example/i.png) |\n|---|---|\n| `<at>` | <img src> |",
            "- <at>x</at>\n  ```\n  <at>x</at>\n  ```",
            "```<at>\n<at>x</at>\n```",
            "# <at>x</at>\n> <at>x</at>",
            "&lt;at&gt;x&lt;/at&gt; &#60;at>",
            "![x](https://evil.example/p?q=1) https://evil.example www.evil.example",
            "[a](https://good.example/x) <https://good.example> [b](https://evil.example)",
            r"\[1]: https://evil.example",
            r"\![x]\(https://evil.example)",
        ]
    ),
)
texts = st.lists(blocks, min_size=1, max_size=5).map("\n".join)


generous = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
"""Sees all that a parser could see in a text."""


def tokens(markdown, reader=parser):
    for token in reader.parse(markdown):
        yield token
        yield from token.children or ()


@given(texts)
@settings(max_examples=400, deadline=None)
def test_nothing_in_a_text_becomes_a_mention_a_picture_or_html(text):
    shown = render(text)
    assert not re.search(r"<\s*/?\s*(?:at|attachment|quoted|emoji)\b", shown, re.I)
    for token in tokens(shown, generous):
        assert token.type not in ("image", "html_inline", "html_block")


@given(texts, st.booleans())
@settings(max_examples=400, deadline=None)
def test_only_links_that_are_allowed_are_live(text, final):
    for token in tokens(render(present(text, GOOD, final=final)), generous):
        url = token.attrs.get("href", "")
        assert not url or GOOD.allows(str(url))
        if token.type == "text":
            assert not re.search(r"(?:https?|ftp)://(?!good)|www\.", token.content)


@given(texts)
@settings(max_examples=300, deadline=None)
def test_a_text_reads_the_same_in_teams_as_it_was_written(text):
    def words(markdown):
        said = [t.content for t in tokens(markdown) if t.type in ("text", "code_inline", "fence")]
        return re.sub(rf"[\s{Z}]", "", "".join(said))

    canonical = present(text, GOOD, final=True)
    if "|" not in canonical and "[ ]" not in canonical and "---" not in canonical:
        shown = re.sub(r"\[(\d+)\] \[(\d+)\]", r"[\1,\2]", render(canonical))
        written = "".join(words(block.text) for block in blocks_of(canonical))
        assert words(shown).replace("─", "") == written


@given(st.lists(blocks, min_size=1, max_size=5).map("\n\n".join))
@settings(max_examples=200, deadline=None)
def test_a_text_is_as_large_as_the_larger_of_its_two_looks(text):
    size = TeamsSurface().size(text)
    assert size >= units(render(text))
    shown = card(Rendered(text, (Button("stop", "Stop", "r"),)), "r")
    taken = units(written(shown["body"][0]["items"])) + units(written(shown["fallbackText"]))
    assert not render(text) or 2 * size >= taken - 4


def test_size_is_counted_as_teams_does():
    two = TeamsSurface().size("🙂é🙂é") - TeamsSurface().size("🙂é")
    assert two == 3  # once in the card, once in its fallback, halved


def test_a_long_answer_is_split_into_parts_that_fit():
    text = "\n\n".join(f"Paragraph {n} with **marks** & more. " * 12 for n in range(80))
    split = parts(present(text, GOOD, final=True), TeamsSurface())
    assert len(split) > 3
    assert all(TeamsSurface().size(part) <= TeamsSurface().limit for part in split)


def test_text_without_marks_is_what_small_print_needs():
    assert plain("**Claude** `x` [docs](https://a.example) <b>\n\nmore\nlines") == (
        "Claude x docs <b>\nmore\nlines"
    )
