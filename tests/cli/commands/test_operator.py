"""The operator's commands, as they are called: what they say, ask, refuse and exit with."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from core.aws.sqs.admin import depth, redrive
from core.aws.sqs.pending import Notes
from core.aws.sqs.turns import SqsTurns
from core.values.conversation import Conversation, Incoming, Kind, Person

PARLEY = [sys.executable, "-c", "from cli.main import main; main()"]


@contextmanager
def terminal(typed):
    """One on which this was typed."""
    keyboard, stdin = pty.openpty()
    try:
        os.write(keyboard, f"{typed}\n".encode())
        yield stdin
    finally:
        os.close(keyboard)
        os.close(stdin)


@pytest.fixture
def environ(aws):
    """Leads `parley` to the test's own table, bucket and queues."""
    ours = ("SLACK_", "PARLEY_", "MICROSOFT_", "TEAMS_", "GRAPH_", "OPENSEARCH_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {
        "PYTHONPATH": str(Path.cwd()),
        "AWS_REGION": "us-east-1",
        "PARLEY_BUCKET": aws.resources.bucket,
        "PARLEY_TABLE": aws.resources.table,
        "PARLEY_TURNS_QUEUE_URL": aws.resources.turns_queue,
        "PARLEY_FILES_QUEUE_URL": aws.resources.files_queue,
    }


@pytest.fixture
def parley_process(environ, tmp_path):
    """Starts `parley` and gives its process, which is ended with the test."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [*PARLEY, *arguments], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, cwd=tmp_path,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for each in running:
        each.kill()
        each.wait()
        each.stdout.close()


@pytest.fixture
def parley(environ, tmp_path):
    """Calls `parley`; `typed` on a terminal."""

    def call(*arguments, typed="", **more):
        asked = terminal(typed) if typed else nullcontext(subprocess.DEVNULL)
        with asked as stdin:
            done = subprocess.run(
                [*PARLEY, *arguments], env=environ | more, capture_output=True, text=True,
                check=False, cwd=tmp_path, timeout=60, stdin=stdin,
            )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return call


def settings_row(aws, place):
    item = {"pk": {"S": f"settings#{place}"}, "sk": {"S": "model"}, "model": {"S": "haiku"}}
    aws.client("dynamodb").put_item(TableName=aws.resources.table, Item=item)


def rows(aws):
    return aws.client("dynamodb").scan(TableName=aws.resources.table)["Count"]


@pytest.mark.parametrize("command", [["status"], ["forget", "slack/T1"], ["redrive", "turns"]])
def test_secrets_named_by_arn_stand_in_no_commands_way(parley, command):
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:no-such-secret"
    code, _, err = parley(*command, SLACK_BOT_TOKEN=arn, SLACK_SIGNING_SECRET=arn)
    assert (code, err) == (0, "")


def test_forget_says_what_there_is_and_deletes_only_when_told_to(aws, parley):
    settings_row(aws, "slack/T1/C1")
    code, out, _ = parley("forget", "slack/T1")
    assert (code, rows(aws)) == (0, 1)
    assert "slack/T1: 1 settings" in out
    assert "--yes" in out
    code, out, _ = parley("forget", "slack/T1", "--yes")
    assert (code, rows(aws)) == (0, 0)
    assert "deleted: 1 settings" in out
    code, out, _ = parley("forget", "slack/T1", "--yes")
    assert code == 0
    assert out.startswith("slack/T1: nothing\ndeleted: nothing\n")


def test_forget_asks_on_a_terminal_and_deletes_for_the_right_word_only(aws, parley):
    settings_row(aws, "slack/T1/C1")
    code, out, _ = parley("forget", "slack/T1", typed="yes")
    assert (code, rows(aws)) == (0, 1)
    assert out.endswith("Type slack/T1 to delete all of it for good: Nothing was deleted.\n")
    code, out, _ = parley("forget", "slack/T1", typed="slack/T1")
    assert (code, rows(aws)) == (0, 0)
    assert "deleted: 1 settings" in out


def test_forget_says_of_questions_that_wait_which_will_not_be_answered(aws, parley):
    place = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
    asked = Incoming("slack/T1/C1/1.0", place, Person("U1"), "heron?", "1.0")
    Notes(aws.client("dynamodb"), aws.resources.table, time.time).note(asked)
    SqsTurns(aws.client("sqs"), aws.resources.turns_queue, aws.calls).enqueue_blocking(asked)
    code, out, _ = parley("forget", "slack/T1", "--person", "U1", "--yes")
    assert code == 0
    assert "U1 in slack/T1: 1 waiting questions\ndeleted: 1 waiting questions\n" in out
    assert "Up to 1 turns and " in out
    assert "questions that are counted above will not be answered" in out


@pytest.mark.parametrize(
    "place", ["slack", "slack/", "/T1", "slack/T1/", "slack/T1/C1/F1", "library/x", "T1/C1"]
)
def test_forget_refuses_what_names_no_workspace_and_no_channel(parley, place):
    code, _, err = parley("forget", place, "--yes")
    assert code == 1
    assert "is no workspace and no channel" in err


def test_forget_will_not_leave_passages_behind_for_want_of_a_setting(aws, parley):
    item = {"pk": {"S": "files#slack/T1/C1"}, "sk": {"S": "F1"}, "state": {"S": "ready"}}
    aws.client("dynamodb").put_item(TableName=aws.resources.table, Item=item)
    code, _, err = parley("forget", "slack/T1", "--yes")
    assert (code, rows(aws)) == (1, 1)
    assert "OPENSEARCH_URL is not set" in err


@pytest.mark.parametrize("command", [("forget", "slack/T1"), ("reindex",), ("redrive", "turns")])
def test_half_a_configuration_is_named(parley, command):
    code, _, err = parley(*command, PARLEY_TABLE="")
    assert code == 1
    assert "PARLEY_TABLE is not set" in err


def test_reindex_needs_an_index(parley):
    code, _, err = parley("reindex")
    assert code == 1
    assert "OPENSEARCH_URL is not set" in err


def test_an_index_that_does_not_answer_is_said_plainly(parley):
    code, _, err = parley("reindex", OPENSEARCH_URL="http://127.0.0.1:9")
    assert code == 1
    assert err.startswith("parley: no answer (ConnectionError)")


def letters(aws, dead, number, **more):
    sqs = aws.client("sqs")
    for n in range(number):
        told = {key: value.format(n=n) for key, value in more.items()}
        sqs.send_message(QueueUrl=dead, MessageBody=f"body {n}", **told)
    return sqs


def test_redrive_says_how_many_and_why_and_moves_only_when_told_to(aws, parley):
    dead, live = aws.resources.files_dead_queue, aws.resources.files_queue
    sqs = letters(aws, dead, 12)
    waiting = depth(sqs, live).waiting
    code, out, _ = parley("redrive", "files")
    assert (code, depth(sqs, dead).waiting) == (0, 12)
    assert "12 dead letters of files. Each was delivered 10 times" in out
    code, out, _ = parley("redrive", "files", typed="turns")
    assert (code, depth(sqs, dead).waiting) == (0, 12)
    assert out.endswith("tried again: None was moved.\n")
    code, out, _ = parley("redrive", "files", "--yes")
    assert code == 0
    assert "12 moved back, 0 dead letters now." in out
    assert (depth(sqs, dead).waiting, depth(sqs, live).waiting) == (0, waiting + 12)
    assert parley("redrive", "turns")[1] == "There are no dead letters of turns.\n"


def test_redriven_turns_keep_group_order_and_body_and_are_not_doubled(aws):
    dead, live = aws.resources.turns_dead_queue, aws.resources.turns_queue
    sqs = letters(aws, dead, 12, MessageGroupId="g", MessageDeduplicationId="{n}")

    class Cut(Exception):
        pass

    class Cutting:
        """Ends after a message was sent and before it was deleted."""

        def __getattr__(self, name):
            return getattr(sqs, name)

        def delete_message(self, **arguments):
            raise Cut

        def receive_message(self, **arguments):
            return sqs.receive_message(**arguments | {"VisibilityTimeout": 0})

    with pytest.raises(Cut):
        redrive(Cutting(), dead, live)
    said = []
    assert redrive(sqs, dead, live, said.append) == 12
    assert said == [*range(1, 13)]
    bodies = []
    while messages := sqs.receive_message(
        QueueUrl=live, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"]
    ).get("Messages"):
        for each in messages:
            assert each["Attributes"]["MessageGroupId"] == "g"
            bodies.append(each["Body"])
            sqs.delete_message(QueueUrl=live, ReceiptHandle=each["ReceiptHandle"])
    assert bodies == [f"body {n}" for n in range(12)]


async def test_status_tells_queues_documents_and_the_index(aws, parley, index, opensearch):
    dead = aws.resources.turns_dead_queue
    letters(aws, dead, 2, MessageGroupId="g", MessageDeduplicationId="{n}")
    code, out, _ = parley("status")
    assert code == 0
    assert "turns: 0 waiting, 0 in flight, 0 delayed, 2 dead letters\n" in out
    assert "index: OPENSEARCH_URL is not set" in out
    _, out, _ = parley("status", OPENSEARCH_URL=opensearch)
    assert "index: " in out


AWAY = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


@pytest.mark.parametrize(
    ("arguments", "more", "said"),
    [
        (["init"], AWAY, "AWS does not answer at 127.0.0.1:9"),
        (["status"], AWAY, "AWS does not answer at 127.0.0.1:9"),
        (["upload", "a.txt"], AWAY, "AWS does not answer at 127.0.0.1:9"),
        (["status"], {"LOG_LEVEL": "loud"}, "LOG_LEVEL is unknown"),
        (["run", "--state", "/proc/x"], {}, "/proc/x cannot be used"),
        (["status"], {"AWS_PROFILE": "nobody"}, "Correct AWS_PROFILE"),
        (["upload", "a.txt", "--to", "irc/x/y"], {}, "slack/ or teams/"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_without_a_traceback(
    parley, tmp_path, arguments, more, said
):
    (tmp_path / "a.txt").write_text("a")
    code, _, err = parley(*arguments, **more)
    assert code == 1
    assert said in err


def test_a_port_that_is_none_is_refused_by_the_command_line(parley):
    code, _, err = parley("run", "--port", "99999")
    assert (code, "0 (any free port) to 65535" in err) == (2, True)


def test_documents_are_not_uploaded_for_a_channel_that_slack_does_not_have(parley, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with standing_in_for_slack() as url:
        environ = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_API_URL": url}
        code, _, err = parley("upload", "a.txt", "--to", "slack/T1/C404", **environ)
    assert (code, "Slack has no channel C404" in err) == (1, True)


@contextmanager
def standing_in_for_slack():
    """Answers as Slack does for a workspace T1 without channels."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("auth.test"):
                body = b'{"ok": true, "team_id": "T1"}'
            else:
                body = b'{"ok": false, "error": "channel_not_found"}'
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_status_names_the_documents_that_failed(aws, parley):
    item = {
        "pk": {"S": "files#library"}, "sk": {"S": "f1"}, "state": {"S": "failed"},
        "reason": {"S": "encrypted"}, "name": {"S": "plan\x1b[2J.pdf"},
    }  # fmt: skip
    aws.client("dynamodb").put_item(TableName=aws.resources.table, Item=item)
    code, out, _ = parley("status")
    assert code == 0
    assert "failed, 1: it is protected by a password" in out
    assert "library/plan?[2J.pdf" in out


def test_status_goes_on_watching_until_it_is_interrupted(parley_process):
    watching = parley_process("status", "--watch", "0.1")
    rates = []
    for line in watching.stdout:
        rates += [line] if "passages a second" in line else []
        if len(rates) == 2:
            watching.send_signal(signal.SIGINT)
            break
    assert watching.wait(20) == 130
