"""What a process prints first."""

import io
import sys

from cli.first_line import FirstLine


def test_what_is_printed_meanwhile_comes_after_the_first_line():
    out = io.StringIO()
    with FirstLine(out) as line:
        sys.stdout.write("a metric\n")
        line.release("ready")
        sys.stdout.write("another\n")
    assert out.getvalue() == "ready\na metric\nanother\n"


def test_what_was_held_back_is_printed_at_the_latest_at_the_end(capsys):
    before, out = sys.stdout, io.StringIO()
    with FirstLine(out):
        sys.stdout.write("a metric\n")
    assert out.getvalue() == "a metric\n"
    sys.stdout = before
