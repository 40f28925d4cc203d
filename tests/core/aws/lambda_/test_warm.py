"""What a Lambda function keeps from one invocation to the next."""

import asyncio
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from core.aws.lambda_.warm import FRESH, Warm
from core.runtime.settings import SettingsError
from core.runtime.telemetry import Metric, count, counting

ROOT = Path(__file__).parents[4]
ARN = "arn:aws:secretsmanager:us-east-1:1:secret:token"


class Vault:
    """Secrets Manager, as far as it is asked."""

    def __init__(self):
        self.value = "xoxb-1"
        self.asked = 0
        self.down = False

    def get_secret_value(self, SecretId):  # noqa: N803 - boto3's name
        self.asked += 1
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        assert SecretId == ARN
        return {"SecretString": self.value}


class Building:
    """Notes what was opened and closed."""

    def __init__(self):
        self.said = []

    @asynccontextmanager
    async def __call__(self, environ):
        token = environ.get("SLACK_BOT_TOKEN", "")
        self.said.append(f"open {token}")
        try:
            yield token
        finally:
            self.said.append(f"close {token}")


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def building():
    return Building()


@pytest.fixture
def warm(building, vault, clock):
    environ = {"AWS_REGION": "us-east-1", "SLACK_BOT_TOKEN": ARN}
    made = Warm(building, environ, clock=lambda: clock[0], secrets=lambda _: vault)
    yield made
    made.close()


async def kept(value):
    return value, id(asyncio.get_running_loop())


def test_one_loop_and_one_set_of_clients_serve_every_invocation(warm, building, vault):
    assert warm.run(kept) == warm.run(kept)
    assert building.said == ["open xoxb-1"]
    assert vault.asked == 1


def test_a_rotated_secret_is_used_after_a_while_and_the_old_clients_are_closed(
    warm, building, vault, clock
):
    warm.run(kept)
    vault.value = "xoxb-2"
    clock[0] += FRESH - 1
    assert warm.run(kept)[0] == "xoxb-1"
    clock[0] += 1
    assert warm.run(kept)[0] == "xoxb-2"
    assert building.said == ["open xoxb-1", "close xoxb-1", "open xoxb-2"]


def test_what_did_not_change_is_kept(warm, building, clock):
    warm.run(kept)
    clock[0] += FRESH
    warm.run(kept)
    assert building.said == ["open xoxb-1"]


def test_secrets_that_cannot_be_read_again_are_used_as_they_were(warm, vault, clock, caplog):
    warm.run(kept)
    vault.down = True
    clock[0] += FRESH
    assert warm.run(kept)[0] == "xoxb-1"
    assert "xoxb" not in caplog.text


def test_without_its_secrets_nothing_is_built_and_the_next_invocation_tries_again(
    warm, vault, building
):
    vault.down = True
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN"):
        warm.run(kept)
    vault.down = False
    assert warm.run(kept)[0] == "xoxb-1"
    assert building.said == ["open xoxb-1"]


def test_when_lambda_ends_the_process_clients_are_closed():
    code = """
import sys, time
from contextlib import asynccontextmanager
from core.aws.lambda_.warm import Warm

@asynccontextmanager
async def build(environ):
    yield "clients"
    print("closed", flush=True)

warm = Warm(build)
warm.prepare()
print("ready", flush=True)
time.sleep(30)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={"AWS_LAMBDA_FUNCTION_NAME": "worker", "PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"closed\n"
    assert process.returncode == 0


def test_an_init_that_fails_is_made_good_by_the_first_invocation(
    building, vault, clock, caplog, monkeypatch
):
    monkeypatch.setattr("core.aws.lambda_.warm.signal.signal", lambda *_: None)
    environ = {
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "slack",
        "SLACK_BOT_TOKEN": ARN,
    }
    made = Warm(building, environ, clock=lambda: clock[0], secrets=lambda _: vault)
    vault.down = True
    made.prepare()
    assert "not ready yet" in caplog.text
    vault.down = False
    made.prepare()
    assert building.said == ["open xoxb-1"]
    made.close()
    assert building.said == ["open xoxb-1", "close xoxb-1"]


def test_elsewhere_nothing_is_prepared(warm, building):
    warm.prepare()
    assert building.said == []


def test_what_is_counted_by_an_invocation_reaches_its_meter(warm):
    found = []

    class Meter:
        def add(self, metric, value, reason):
            found.append((metric, value))

    async def work(_):
        await asyncio.create_task(counted())

    async def counted():
        count(Metric.EDITS, 3)

    with counting(Meter()):
        warm.run(work)
    assert found == [(Metric.EDITS, 3)]
