"""The local AWS: starts, remembers, ends with whoever started it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.aws.provision import provision
from local import aws as local_aws
from local.aws import LocalAws, LocalAwsError, free_port

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"bucket": "kept-here", "table": "kept", "session": None}


@contextlib.contextmanager
def clients(session, server):
    made = [
        session.client(each, region_name="us-east-1", endpoint_url=server.url)
        for each in ("sqs", "dynamodb", "s3")
    ]
    try:
        yield made
    finally:
        for each in made:
            each.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_kept_is_there_after_a_restart_on_another_port(
    end, tmp_path, aws_session, monkeypatch
):
    names = NAMES | {"session": aws_session}
    server = LocalAws(tmp_path, free_port())
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    made = provision("us-east-1", **names)
    with clients(aws_session, server) as (sqs, db, s3):
        for number in range(3):
            sqs.send_message(
                QueueUrl=made.turns_queue,
                MessageBody=f"안녕 {number}",
                MessageGroupId="g",
                MessageDeduplicationId=str(number),
            )
        db.put_item(TableName="kept", Item={"pk": {"S": "a"}, "sk": {"S": "b"}, "n": {"N": "1.5"}})
        s3.put_object(Bucket="kept-here", Key="k", Body=b"\x00\xff")
    if end == "kill":
        time.sleep(1)  # a change is saved within a moment
    getattr(server, end)()

    with LocalAws(tmp_path, free_port()) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        made = provision("us-east-1", **names)
        with clients(aws_session, server) as (sqs, db, s3):
            bodies: list[str] = []
            while len(bodies) < 3:
                answer = sqs.receive_message(QueueUrl=made.turns_queue, WaitTimeSeconds=5)
                (message,) = answer["Messages"]
                bodies.append(message["Body"])
                sqs.delete_message(
                    QueueUrl=made.turns_queue, ReceiptHandle=message["ReceiptHandle"]
                )
            assert bodies == ["안녕 0", "안녕 1", "안녕 2"]
            key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
            assert db.get_item(TableName="kept", Key=key)["Item"]["n"] == {"N": "1.5"}
            assert s3.get_object(Bucket="kept-here", Key="k")["Body"].read() == b"\x00\xff"


def test_it_listens_on_this_machine_only(ministack):
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{ministack.pid}/net/{name}").read_text().splitlines()
        if f":{ministack.port:04X} " in line and line.split()[3] == "0A"
    ]
    assert listening == [f"0100007F:{ministack.port:04X}"]


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from local.aws import LocalAws\n"
        f"server = LocalAws(Path({str(tmp_path)!r}), {free_port()}); server.start()\n"
        "print(server.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert parent.stdout is not None
    try:
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    end = time.monotonic() + 15
    while _runs(pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(pid):
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def test_a_taken_port_is_said_plainly(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalAwsError, match=f"Port {port} is taken"):
            LocalAws(tmp_path, port).start()


def test_a_missing_installation_is_said_plainly(tmp_path, monkeypatch):
    monkeypatch.setattr(local_aws, "PYTHON", tmp_path / "bin" / "python")
    with pytest.raises(LocalAwsError, match="make setup"):
        LocalAws(tmp_path, free_port()).start()


def test_one_that_ends_at_once_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(local_aws, "PYTHON", Path(sys.executable))
    with pytest.raises(LocalAwsError, match="ModuleNotFoundError"):
        LocalAws(tmp_path, free_port()).start()


def test_stopping_twice_or_before_a_start_is_no_matter(tmp_path):
    server = LocalAws(tmp_path, free_port())
    server.stop()
    server.start()
    assert server.ready()
    server.stop()
    server.stop()
    assert server.pid is None
    assert not server.ready()


def test_credentials_of_the_caller_do_not_reach_it(ministack):
    environ = Path(f"/proc/{ministack.pid}/environ").read_bytes()
    assert not any(each.startswith(b"AWS_") for each in environ.split(b"\0"))
