"""`parley inspect` as it is called: what it shows, and what it says of what it cannot use."""

import io
import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from PIL import Image

from cli.inspect.command import inspect

PAYLOADS = Path(__file__).parents[2] / "payloads"
PARLEY = [sys.executable, "-c", "from cli.main import main; main()"]


@pytest.fixture
def shown(capfdbinary):
    """Inspects, and gives what was printed; with `as_json`, the document."""

    def call(kind, path, *, as_json=False, **more):
        usual = {"name": "", "platform": "slack", "allow": [], "thread": False, "us": ""}
        code = inspect(Namespace(kind=kind, path=str(path), json=as_json, **{**usual, **more}))
        out, err = (each.decode() for each in capfdbinary.readouterr())
        assert code == 0, err
        return json.loads(out) if as_json else out

    return call


@pytest.fixture
def refused(capfdbinary):
    """Inspects what cannot be inspected, and gives the sentence."""

    def call(kind, path, **more):
        usual = {"name": "", "platform": "slack", "allow": [], "thread": False, "us": ""}
        code = inspect(Namespace(kind=kind, path=str(path), json=False, **{**usual, **more}))
        out, err = (each.decode() for each in capfdbinary.readouterr())
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        assert err.startswith("parley: ")
        assert err.count("\n") == 1
        return err.strip()

    return call


def kept(folder, name, data):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


# files


def test_a_file_is_shown_block_by_block_as_it_goes_into_a_prompt(shown, tmp_path):
    table = kept(tmp_path, "sales.csv", b"Region,Sum\nBusan,12\n")
    assert "| Region | Sum |\n|---|---|\n| Busan | 12 |" in shown("file", table)
    page = kept(tmp_path, "page.html", b"<h2>Pumps &amp; more</h2><p>40 bar</p>")
    assert shown("file", page) == "## Pumps & more\n\n40 bar\n"


def test_the_name_decides_where_the_content_does_not_tell(shown, tmp_path):
    path = kept(tmp_path, "table.bin", b"a,b\n1,2\n")
    assert "|---|" not in shown("file", path)
    assert "| 1 | 2 |" in shown("file", path, name="table.csv")


@pytest.mark.parametrize(
    ("colour", "brightness"), [("white", 255), ("black", 0), ((118,) * 3, 118)]
)
def test_a_picture_is_shown_by_its_size_and_mean_brightness(shown, tmp_path, colour, brightness):
    data = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(data, "PNG")
    path = kept(tmp_path, "p.png", data.getvalue())
    assert shown("file", path) == f"PICTURE 64x48 brightness {brightness}\n"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n \n", "no_text"),
        ("a.pdf", b"%PDF-1.7 and no more", "damaged"),
        ("a.exe", b"MZ\0\1\2\3" * 100, "unsupported"),
    ],
)
def test_what_is_not_read_is_told_with_its_reason(shown, tmp_path, name, data, reason):
    path = kept(tmp_path, name, data)
    assert shown("file", path) == f"UNREADABLE {reason}\n"
    told = shown("file", path, as_json=True)["unreadable"]
    assert told["reason"] == reason
    assert told["sentence"].endswith(".")


def test_blocks_as_json_have_kind_level_and_locator(shown, tmp_path):
    path = kept(tmp_path, "a.md", b"# Pumps\n\nThey hold 40 bar.\n")
    heading, text = shown("file", path, as_json=True)["items"]
    assert (heading["kind"], heading["level"], heading["text"]) == ("heading", 1, "Pumps")
    assert text["kind"] == "text"
    assert text["locator"]["unit"] == "lines"


# a model's text


@pytest.mark.parametrize("platform", ["slack", "teams"])
def test_links_of_a_text_live_only_to_hosts_that_are_allowed(shown, tmp_path, platform):
    text = "See [a](https://a.test/x) and [b](https://b.test/y). <!channel> **now**"
    path = kept(tmp_path, "answer.md", text.encode())
    out = shown("markdown", path, platform=platform, allow=["A.test"])
    link = "<https://a.test/x|a>" if platform == "slack" else "[a](https://a.test/x)"
    assert link in out
    assert "|b>" not in out
    assert "](https://b.test" not in out
    assert "<!channel>" not in out
    assert ("*now*" if platform == "slack" else "**now**") in out


def test_a_long_text_is_shown_in_the_messages_that_it_takes(shown, tmp_path):
    path = kept(tmp_path, "answer.md", ("A sentence of some words. " * 900).encode())
    for platform in ("slack", "teams"):
        sent = shown("markdown", path, platform=platform, as_json=True)["messages"]
        assert len(sent) > 1


# Slack


def test_an_envelope_of_slack_becomes_a_question(shown):
    path = PAYLOADS / "slack" / "app_mention.json"
    body = json.loads(path.read_text())
    out = shown("slack", path)
    assert out.startswith(f"QUESTION in slack/{body['team_id']}/{body['event']['channel']}/")
    told = shown("slack", path, as_json=True)
    assert told["answered"] == 200
    assert told["becomes"]["message_id"] == body["event"]["ts"]


def test_an_event_without_its_envelope_is_read_as_well(shown, tmp_path):
    event = {"type": "app_mention", "channel": "C1", "ts": "1.000001", "user": "U1"}
    path = kept(tmp_path, "e.json", {**event, "text": "<@UBOT> how high is it?"})
    assert shown("slack", path, us="UBOT").endswith("\n\nhow high is it?\n")


def test_what_is_not_for_parley_becomes_nothing(shown):
    for name in ("message_without_mention", "message_by_us", "channel_join"):
        assert shown("slack", PAYLOADS / "slack" / f"{name}.json") == "NOTHING\n"


@pytest.mark.parametrize("name", ["slash_model", "action_model"])
def test_commands_and_buttons_of_slack_become_commands(shown, tmp_path, name):
    payload = json.loads((PAYLOADS / "slack" / f"{name}.json").read_text())
    out = shown("slack", kept(tmp_path, "p.json", payload))
    assert out.startswith("COMMAND model ")


def test_a_file_that_came_with_a_question_is_named(shown):
    out = shown("slack", PAYLOADS / "slack" / "message_im_file_share.json")
    assert "\nFILE " in out


def test_a_thread_of_slack_is_shown_as_the_prompt_has_it(shown, tmp_path):
    messages = [
        {"ts": "1.000001", "user": "U1", "text": "the pump of <@U2> leaks &amp; drips"},
        {"ts": "1.000002", "user": "UBOT", "text": "Which one?"},
        {"ts": "1.000003", "user": "U3", "subtype": "channel_join", "text": "joined"},
        {"ts": "1.000004", "user": "U1", "text": "number 7"},
    ]
    wanted = (
        "someone: the pump of @someone leaks & drips\n\nPARLEY\n\nWhich one?\n\nsomeone: number 7\n"
    )
    for given in (messages, {"ok": True, "messages": messages}):
        path = kept(tmp_path, "thread.json", given)
        assert shown("slack", path, thread=True, us="UBOT") == wanted
    told = shown("slack", path, thread=True, us="UBOT", as_json=True)["turns"]
    assert [each["role"] for each in told] == ["user", "assistant", "user"]


# Teams


def test_activities_of_teams_become_questions_commands_or_nothing(shown):
    folder = PAYLOADS / "teams"
    assert shown("teams", folder / "personal.json").startswith("QUESTION in teams/")
    assert shown("teams", folder / "slash_model.json").startswith("COMMAND model ")
    assert shown("teams", folder / "typing.json") == "NOTHING\n"


def test_a_thread_of_graph_is_shown_as_the_prompt_has_it_the_oldest_first(shown, tmp_path):
    messages = [
        {
            "id": str(number),
            "messageType": "message",
            "createdDateTime": f"2026-12-01T10:0{number}:00Z",
            "from": {"user": {"displayName": name}},
            "body": {"contentType": "html", "content": f"<p>{text}</p>"},
        }
        for number, name, text in [(2, "Ben", "number 7"), (1, "Ana", "which pump?")]
    ]
    for given in (messages, {"value": messages}):
        path = kept(tmp_path, "thread.json", given)
        assert shown("teams", path, thread=True) == "Ana: which pump?\n\nBen: number 7\n"


# what cannot be inspected


def test_what_cannot_be_used_is_told_in_one_sentence(refused, tmp_path):
    gone, folder = tmp_path / "gone.json", tmp_path
    broken = kept(tmp_path, "b.json", b"{")
    latin = kept(tmp_path, "l.md", "é".encode("latin-1"))
    listed = kept(tmp_path, "list.json", [{"ts": "1.000001"}])
    deep = kept(tmp_path, "deep.json", b"[" * 100_000)
    number = kept(tmp_path, "n.json", b"1")
    for kind in ("file", "markdown", "slack", "teams"):
        assert refused(kind, gone) == f"parley: {gone} is not there."
        assert refused(kind, folder) == f"parley: {folder} is a folder: name a file in it."
    for kind in ("slack", "teams"):
        assert refused(kind, broken) == f"parley: {broken} is not JSON."
        assert refused(kind, latin) == f"parley: {latin} is not UTF-8 text."
        assert refused(kind, deep).startswith(f"parley: {deep} is n")
        assert "--thread" in refused(kind, listed)
        assert "no list of messages" in refused(kind, number, thread=True)
    assert refused("markdown", latin) == f"parley: {latin} is not UTF-8 text."
    assert refused("markdown", listed, platform="mars").startswith(
        "parley: --for is slack or teams"
    )


@pytest.mark.parametrize("kind", ["slack", "teams"])
@pytest.mark.parametrize("given", [{}, {"type": []}, {"type": "message", "text": 3}, {"event": []}])
def test_odd_shapes_become_nothing(shown, tmp_path, kind, given):
    assert shown(kind, kept(tmp_path, "odd.json", given)).startswith("NOTHING")


@pytest.mark.parametrize("given", [[], [{}], [{"ts": 1, "user": [], "text": {}}]])
@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_a_thread_of_odd_messages_is_no_traceback(tmp_path, kind, given, capfdbinary):
    options = {"name": "", "thread": True, "us": "", "json": False}
    path = kept(tmp_path, "odd.json", given)
    assert inspect(Namespace(kind=kind, path=str(path), **options)) in (0, 2)


def test_it_reads_from_a_pipe_without_settings_or_any_network(tmp_path):
    environ = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    environ |= {"PYTHONPATH": str(Path.cwd()), "HTTPS_PROXY": "http://127.0.0.1:1"}

    def piped(data, *arguments):
        return subprocess.run(
            [*PARLEY, "inspect", *arguments], input=data, env=environ, capture_output=True,
            check=False, cwd=tmp_path, timeout=60,
        )  # fmt: skip

    done = piped("**펌프** 7".encode(), "markdown", "-", "--for", "slack")
    assert (done.returncode, done.stdout.decode()) == (0, "*펌프* 7\n")
    done = piped(b"a,b\n1,2\n", "file", "-", "--name", "t.csv")
    assert b"| 1 | 2 |" in done.stdout
    done = piped(b"\xff", "slack", "-")
    assert (done.returncode, done.stderr) == (2, b"parley: Standard input is not UTF-8 text.\n")
