"""Looks up settings that hold the ARN of a Secrets Manager secret instead of its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from core.runtime.settings import SettingsError

SECRETS = ("SLACK_SIGNING_SECRET", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "MICROSOFT_APP_PASSWORD")


def looked_up(environ: Mapping[str, str], secretsmanager: Any) -> dict[str, str]:
    """The environment with each secret's ARN replaced by its value. Raises SettingsError."""
    found = dict(environ)
    problems: list[str] = []
    for name in SECRETS:
        arn = environ.get(name, "").strip()
        if not arn.startswith("arn:"):
            continue
        try:
            answer = secretsmanager.get_secret_value(SecretId=arn)
            found[name] = str(answer["SecretString"]).strip()
        except (ClientError, BotoCoreError, KeyError) as exc:
            problems.append(
                f"{name} names a secret that cannot be read ({type(exc).__name__}): check the ARN, "
                "and that this process may call secretsmanager:GetSecretValue on it."
            )
    if problems:
        raise SettingsError(problems)
    return found
