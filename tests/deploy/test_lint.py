"""The template as SAM's and CloudFormation's own checks see it; each finds what others miss."""

import os
import subprocess

import pytest

from tests.deploy.conftest import REGION, ROOT, SAM

CHECKS = {
    "sam validate": [str(SAM), "validate", "--region", REGION],
    "sam validate --lint": [str(SAM), "validate", "--lint", "--region", REGION],
    "cfn-lint": [str(SAM.with_name("cfn-lint")), "--template", "template.yaml"],
    "cfn-lint, ECS": [str(SAM.with_name("cfn-lint")), "--template", "deploy/ecs.yaml"],
}


@pytest.mark.parametrize("command", CHECKS.values(), ids=CHECKS)
def test_the_template_is_clean(command):
    environ = {**os.environ, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_CHECK_VERSION": "0"}
    environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
