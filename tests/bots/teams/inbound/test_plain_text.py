"""What people write in Teams, as plain Markdown."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.teams.inbound.plain_text import from_html, read_html, read_text

MENTION = '<span itemscope itemtype="http://schema.skype.com/Mention" itemid="0">Parley</span>'
REPLY = (
    '<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="1">'
    '<strong itemprop="mri" itemid="8:orgid:1">Ana</strong><span itemprop="time"></span>'
    '<p itemprop="preview">Tea</p></blockquote><p>why?</p>'
)


@pytest.mark.parametrize(
    ("html", "read"),
    [
        ("hello", "hello"),
        ("<p>a</p>\r\n<p>b</p>", "a\nb"),
        ("<p>a</p><p>&nbsp;</p><p>b</p>", "a\n\nb"),
        ("<div><div>a<br>b<br/>c</div></div>", "a\nb\nc"),
        (
            "<p><b>bold </b><strong>x</strong> <i>it</i> <em>it</em> <s>no</s></p>",
            "**bold** **x** *it* *it* ~~no~~",
        ),
        ("<p><u>under</u> <span style='color:red'>red</span></p>", "under red"),
        ("<p>say <code>a &lt; b</code></p>", "say `a < b`"),
        ("<code>a`b</code>", "``a`b``"),
        (
            '<pre class="language-python"><code>def f():<br>    return 1 &lt; 2</code></pre>',
            "```python\ndef f():\n    return 1 < 2\n```",
        ),
        ('<codeblock class="Sql"><code>a\n  b</code></codeblock>', "```sql\na\n  b\n```"),
        (
            "<p>x</p><ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>y",
            "x\n\n- a\n  - b\n- c\n\ny",
        ),
        ("<ol><li><p>a</p></li><li>b</li></ol>", "1. a\n2. b"),
        ("<blockquote><p>so</p><p>said</p></blockquote><p>yes</p>", "> so\n> said\n\nyes"),
        (REPLY, "> Ana: Tea\n\nwhy?"),
        ("<h1>T</h1><p>x</p><h3>U</h3>", "# T\nx\n### U"),
        ("a<hr>b", "a\n\n---\n\nb"),
        (
            "<a href='https://a.example/x?y=1&amp;z=2'>docs</a>",
            "[docs](https://a.example/x?y=1&z=2)",
        ),
        ("<a href='https://a.example'>https://a.example</a>", "https://a.example"),
        ("<a href='mailto:a@b.example'>a@b.example</a>", "a@b.example"),
        ("<a href='javascript:x()'>go</a>", "go"),
        ("<img itemtype='http://schema.skype.com/Emoji' alt='🙂'>", "🙂"),
        ("<emoji alt='🎉'></emoji>", "🎉"),
        ("<p>a</p><p><img alt='image' src='x'></p>", "a"),
        ("<attachment id='1'></attachment>x", "x"),
        (f"<p>{MENTION}&nbsp;hi</p>", "@Parley hi"),
        ('<at id="0">Ana Lee</at> hi', "@Ana Lee hi"),
        (
            f'<readonly itemtype="http://schema.skype.com/Mention">{MENTION}</readonly> hi',
            "@Parley hi",
        ),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td><p>1</p></td><td>2|3</td></tr></table>",
            "| a | b |\n| --- | --- |\n| 1 | 2\\|3 |",
        ),
        ("<p>1 &lt; 2 &amp;&amp; &quot;x&quot; &amp;lt;</p>", '1 < 2 && "x" &lt;'),
        ("<style>p{}</style><script>alert(1)</script>ok<!-- no -->", "ok"),
        ("a < b", "a < b"),
        ("<b><i>x</b>y</i>", "***x***y"),
        ("</b>x<unknown>y</unknown>", "xy"),
        ("", ""),
    ],
)
def test_teams_html_is_read_as_its_writer_saw_it(html, read):
    assert from_html(html) == read


def test_a_mention_of_ours_is_left_out_where_the_sentence_does_without_it():
    assert read_html(f"<p>{MENTION}, hi</p>", {0}).text == "hi"
    assert read_html(f"<p>is {MENTION} up?</p>", {0}).text == "is @Parley up?"
    assert read_html(f"<p>{MENTION} {MENTION} hi</p>", {1}).text == "@Parley @Parley hi"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<at>Ana</at> hi", "@Ana hi"),
        ("<at id='1'>@Ana</at>&nbsp;hi", "@Ana hi"),
        ("a\r\nb\u00a0c", "a\nb c"),
        ("1 &lt; 2 &amp; <b>", "1 < 2 & <b>"),
        ('<quoted messageId="1"/> hi', "hi"),
        ("<at>", "<at>"),
    ],
)
def test_plain_text_is_read_as_its_writer_saw_it(text, read):
    assert read_text(text).text == read


PIECES = ["<", ">", "</", "<p>", "<b>", "</b>", "<pre>", "<li>", "<ul>", "</ul>", "<at>", "</at>"]
PIECES += [
    "<td>",
    "<table>",
    "</table>",
    "&lt;",
    "&#0;",
    "&#xFDD0;",
    "<!--",
    "<![",
    '"',
    "'",
    "a =",
]
PIECES += ["<a href='", "<blockquote itemtype='/Reply'>", "</blockquote>", "<strong itemprop=mri>"]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join))
def test_any_html_is_read(html):
    read = read_html(html, {0, 1})
    assert not {"\ufdd0", "\ufdd1"} & set(read.text + "".join(read.quotes))
    assert isinstance(read_text(html, {0}).text, str)


@pytest.mark.parametrize(
    "piece",
    ["<b>", "<a ", '<a href="', "<!--", "<?", "<![CDATA[", "<ul><li>", "<at>", "&", "<p></p>"],
)
def test_a_message_made_to_take_long_does_not(piece):
    # the limit is pytest's own: with the library's parser some of these take minutes
    source = piece * (100_000 // len(piece))
    assert isinstance(from_html(source), str)
    assert isinstance(read_text(source).text, str)


def test_a_receiver_that_reads_teams_markup_imports_no_parser():
    code = "import sys, bots.teams.inbound.parse; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert not {"markdown_it", "html.parser", "aiohttp", "botbuilder"} & set(done.stdout.split())
