"""Random Markdown with addresses planted in it, as a hijacked model may write it."""

import random

PLANTED = [
    "https://evil.test/?d=K",
    "HTTPS://EVIL.test/K",
    "http://evil.test",
    "hTtP:\\\\evil.test/K",
    "https:/\\evil.test/K",
    "https:\\/\\/evil.test/K",
    "https:/evil.test/K",
    "//evil.test/K",
    "https:///evil.test/K",
    "www.evil.test/K",
    "WWW.EVIL.TEST",
    "https://docs.example.com@evil.test/K",
    "https://docs.example.com:x@evil.test",
    "https://docs.example.com.evil.test/K",
    "https://docs.example.com\\@evil.test/",
    "https://docs.example.com%2eevil.test/",
    "https://docs.example.com%00.evil.test",
    "https://d\u043e\u0441s.example.com/K",
    "https://xn--e1afmkfd.test/K",
    "https://docs.example.com\u3002evil.test/",
    "https://evil.test\uff0fdocs.example.com/",
    "https://evil.test/\u202ehttps",
    "ht\u200btps://evil.test/K",
    "https:\u200b//evil.test/K",
    "https://ev\u00adil.test/K",
    "https\u2060://evil.test/K",
    "&#104;ttps://evil.test/K",
    "https&#58;//evil.test/K",
    "https&colon;//evil.test/K",
    "https:&sol;&sol;evil.test/K",
    "https:\\//evil.test/K",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "vbscript:x",
    "data:text/html,<b>K</b>",
    "file:///etc/passwd",
    "ftp://evil.test/K",
    "slack://user?id=K",
    "tel:+123",
    "mailto:x@evil.test?body=K",
    "msteams://evil/K",
    "evil.test/K",
    "https://docs.example.com/K",
    "https://docs.example.com/a_(b)?x=1&y=2#z",
    "http://a.example/\u00fc?y=1&z=|",
    "http://docs.example.com/K",
    "https://[::1]/K",
    "https://evil.test/a|b",
    "https://evil.test/`K`",
    "https://evil.test/%0a",
]
AROUND = [
    "{}",
    "[report]({})",
    "[report](<{}>)",
    '[report]({} "title")',
    "[report]({} 'https://evil.test/t')",
    "![pic]({})",
    "[![pic]({})]({})",
    "<{}>",
    "\\{}",
    "\\[report]({})",
    "\\https://x[report]({})",
    "\\\\[r]({})",
    "[re[po]rt]({})",
    "[r\\]({})",
    "[r`]({})`",
    "`{}`",
    "``{}`",
    "`{}",
    "{}`",
    "**{}**",
    "*{}*",
    "~~[r]({})~~",
    "[ref]: {}",
    "[r][ref]\n\n[ref]: {}",
    "[{}]({})",
    "[{}](https://docs.example.com/K)",
    "[ref]\n[ref]:\n{}",
    "[r](\n{}\n)",
    "[r]\n({})",
    '<a href="{}">r</a>',
    "<img src={}>",
    "<{}|label>",
    "<!channel>",
    "<@U123>",
    "<#C1>",
    "<!subteam^S1>",
    "<at>Ana</at>",
    '<at id="0">A</at>',
    "<attachment id=1></attachment>",
    "@here @channel",
    "@everyone",
    "&lt;{}|x&gt;",
    "&lt;!channel&gt;",
    "&#60;at&#62;x&#60;/at&#62;",
    "<quoted>",
    "\\<!here>",
    "<<!here>>",
    "`<!here>`",
    "`<at>x</at>`",
    "{{{{DATE({})}}}}",
    "<ht\ntps://evil.test>",
    "|{}|",
    "\\|{}",
    "`a|{}`",
    "{}\\",
    "\\`{}`",
    "`\\`{}",
    "``\\``{}",
    "<!-- {} -->",
    "<script>{}</script>",
    "![x][ref]\n\n[ref]: {}",
    "[r]({}",
    "[r]( {} )",
    "({})",
    '"{}"',
    "a{}b",
]
LEADS = [
    "",
    "",
    "",
    "> ",
    "- ",
    "1. ",
    "  - ",
    "\t",
    "    ",
    "\t- ",
    "-\t",
    ">\t",
    "# ",
    "| a | b |\n|---|---|\n| ",
    "10. ",
    "- - ",
    "> - ",
    "   ",
    "```\n",
    "~~~\n",
    "\t```\n",
    "  ```\n",
    "- ```\n",
    "> ```\n",
    "-\t```\n",
    " \t```\n",
    "````\n",
    "```py\n",
    "* \t~~~\n",
    "1.\t```\n",
    "- x\n\n\t```\n",
    "- x\n  ```\n",
]
ENDS = [
    "",
    "",
    "",
    "\n```",
    "\n\t```",
    "\n~~~",
    "\n  ```",
    " |",
    "\n> ```",
    "`",
    "\\",
    "\n===",
    "\n---",
    "\t",
]
WORDS = ["the", "report", "says", "that", "rose", "4", "percent", "in", "März,", "매출이", "and"]


FIRST = 0xA000
"""Yi syllables: each stands once in a text, must be shown, and cannot be cut."""


def text_of(rng: random.Random) -> str:
    """A text with planted addresses."""
    count = 0
    out: list[str] = []

    def words(most: int) -> str:
        nonlocal count
        some = []
        for _ in range(rng.randint(0, most)):
            count += 1
            some.append(f"{rng.choice(WORDS)} {chr(FIRST + count)}")
        return " ".join(some)

    for _ in range(rng.randint(1, 8)):
        planted = rng.choice(AROUND).format(*[rng.choice(PLANTED)] * 2)
        long = rng.random() < 0.25
        inner = f"{words(60 if long else 4)} {planted} {words(60 if long else 4)}"
        if long:
            mark = rng.choice(["`", "``", "**", "_", "", "`"])
            inner = f"{mark}{inner.strip()}{mark}"
        out.append(rng.choice(LEADS) + inner + rng.choice(ENDS))
        out.append(rng.choice(["\n", "\n\n", "\n\n", " ", "", "\n\t"]))
    return "".join(out)
