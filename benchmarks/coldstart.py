"""Cold starts of the Lambda functions: what Lambda would do before the first request.

Each is started afresh from its bundle (wheels of this machine, the same versions), in a Python with
nothing else on its path, with its secrets in the local Secrets Manager: imports, clients, secrets.
Once with the compiled files that a build makes, and once without, as when the build's Python is not
the runtime's. Figures of this machine: Lambda adds the bundle's download and a processor's share.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3

from deploy.bundle import FUNCTIONS, bundle
from local.aws import LocalAws, free_port

HANDLERS = {
    "Slack": "bots.slack.function",
    "Teams": "bots.teams.function",
    "Worker": "bots.worker_function",
    "Ingester": "ingestion.function",
    "Schedule": "bots.schedule_function",
    "Reconciler": "ingestion.reconciler_function",
}
RUNS = 5
CODE = """
import json, resource, sys, time
began = time.perf_counter()
sys.path.insert(0, sys.argv[1])
function = __import__(sys.argv[2], fromlist=["handler"])
took = time.perf_counter() - began
assert function._warm._kept, "nothing was prepared"
print(json.dumps([took * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def main() -> None:
    """Prints the table."""
    print("Cold start: imports, secrets and clients, ms (median of five); memory, MB")
    print(f"{'function':10} {'compiled':>9} {'not':>7} {'memory':>7} {'bundle, MB':>11}")
    with tempfile.TemporaryDirectory() as folder, LocalAws(Path(folder, "aws"), free_port()) as aws:
        environ = _environ(aws)
        for name in FUNCTIONS:
            target = Path(folder, name)
            size = bundle(name, target, here=True)
            fast, memory = _median(target, HANDLERS[name], environ)
            for each in target.rglob("__pycache__"):
                shutil.rmtree(each)
            slow, _ = _median(target, HANDLERS[name], environ)
            print(f"{name:10} {fast:9.0f} {slow:7.0f} {memory:7.0f} {size / 1e6:11.1f}")


def _median(target: Path, handler: str, environ: dict[str, str]) -> tuple[float, float]:
    found = [_once(target, handler, environ) for _ in range(RUNS)]
    return statistics.median(each[0] for each in found), found[0][1]


def _once(target: Path, handler: str, environ: dict[str, str]) -> list[float]:
    command = [sys.executable, "-I", "-S", "-B", "-c", CODE, str(target), handler]
    answer = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    found: list[float] = json.loads(answer.stdout)
    return found


def _environ(aws: LocalAws) -> dict[str, str]:
    session = boto3.Session("test", "test", region_name="us-east-1")
    secrets = session.client("secretsmanager", endpoint_url=aws.url)

    def kept(name: str, value: str) -> str:
        return str(secrets.create_secret(Name=name, SecretString=value)["ARN"])

    app = "5d1f1d0e-0000-4000-8000-000000000000"
    return {
        **aws.env,
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_LAMBDA_FUNCTION_NAME": "cold",
        "SLACK_SIGNING_SECRET": kept("signing", "s3cret"),
        "SLACK_BOT_TOKEN": kept("token", "xoxb-test"),
        "MICROSOFT_APP_ID": app,
        "MICROSOFT_APP_PASSWORD": kept("password", "pa55"),
        "MICROSOFT_APP_TENANT_ID": app,
        "PARLEY_BUCKET": "b",
        "PARLEY_TABLE": "t",
        "PARLEY_TURNS_QUEUE_URL": f"{aws.url}/000000000000/turns.fifo",
        "PARLEY_FILES_QUEUE_URL": f"{aws.url}/000000000000/files",
        "OPENSEARCH_URL": "http://127.0.0.1:9",
    }


if __name__ == "__main__":
    main()
