"""Validates the environment into settings, and reports all problems at once, with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.values.conversation import Outsiders
from core.values.models import DEFAULT, MODELS, resolve

SLACK_API = "https://slack.com/api/"
REQUIRED = ("PARLEY_BUCKET", "PARLEY_TABLE", "PARLEY_TURNS_QUEUE_URL", "PARLEY_FILES_QUEUE_URL")
SLACK = ("SLACK_SIGNING_SECRET", "SLACK_BOT_TOKEN")
TEAMS = ("MICROSOFT_APP_ID", "MICROSOFT_APP_PASSWORD", "MICROSOFT_APP_TENANT_ID")
TEAMS_OPENID = "https://login.botframework.com/v1/.well-known/openidconfiguration"
TEAMS_LOGIN = "https://login.microsoftonline.com"
TEAMS_HOSTS = ("smba.trafficmanager.net",)
GRAPH = "https://graph.microsoft.com/v1.0"
EMBEDDING_MODEL = "amazon.titan-embed-text-v2:0"
EMBEDDING_FAMILIES = ("amazon.titan-embed-text-v2", "cohere.embed-v4")
MAX_FILE_MB = 100
FORGET_AFTER_DAYS = 7
"""Days that the files of a workspace are kept after it removed us."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
UNDO_HOURS = 24
"""Hours within which erasing a file can be undone."""
LOGS = ("text", "json")
"""The log formats: for people, or for CloudWatch, together with metrics."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(Exception):
    """The settings are invalid: one line per problem. No process starts with them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """How to reach Slack, and the app's secrets. `app_token` is needed for Socket Mode only."""

    signing_secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    app_token: str = field(repr=False, default="")
    api_url: str = SLACK_API


@dataclass(frozen=True, slots=True)
class TeamsSettings:
    """How to reach Teams, and the app's credentials.

    `password` is a client secret, or a certificate with its key as PEM. `service_hosts` are the
    hosts that may receive the bot's token, with their port unless it is the default one.
    """

    app_id: str
    password: str = field(repr=False)
    tenant_id: str
    openid_url: str = TEAMS_OPENID
    login_url: str = TEAMS_LOGIN
    service_hosts: tuple[str, ...] = TEAMS_HOSTS
    graph_url: str = GRAPH


@dataclass(frozen=True, slots=True)
class Settings:
    """A process's validated settings; README.md describes each."""

    aws_region: str
    bucket: str
    table: str
    turns_queue_url: str
    files_queue_url: str
    model_regions: tuple[str, ...]
    default_model: str
    slack: SlackSettings | None
    teams: TeamsSettings | None = None
    allowed_tenants: tuple[str, ...] = ()
    allowed_link_hosts: tuple[str, ...] = ()
    port: int = 8400
    opensearch_url: str = ""
    embedding_regions: tuple[str, ...] = ()
    embedding_model: str = EMBEDDING_MODEL
    max_file_mb: int = MAX_FILE_MB
    forget_after_days: int = FORGET_AFTER_DAYS
    answered_by: str = ""
    outsiders: Outsiders = Outsiders.CHANNEL
    undo_hours: int = UNDO_HOURS
    admins: tuple[str, ...] = ()


def load(environ: Mapping[str, str], *, talks: bool = True) -> Settings:
    """The settings in an environment. Raises SettingsError.

    `talks`: the process talks to people, so it needs a platform. Otherwise the settings have no
    platform, as its secrets may not have been looked up.
    """
    problems: list[str] = []
    region = _get(environ, "AWS_REGION") or _get(environ, "AWS_DEFAULT_REGION")
    if not region:
        problems.append("AWS_REGION is not set: name the region of your queues and table.")
    problems += [
        f"{name} is not set: `parley init` creates it and prints its value."
        for name in REQUIRED
        if not _get(environ, name)
    ]
    model = resolve(_get(environ, "PARLEY_DEFAULT_MODEL") or DEFAULT)
    if model is None:
        problems.append(f"PARLEY_DEFAULT_MODEL is unknown: choose one of {', '.join(MODELS)}.")
    slack = _slack(environ, problems) if talks else None
    teams = _teams(environ, problems) if talks else None
    if talks and slack is None and teams is None and not problems:
        problems.append(
            f"No platform is configured: set {_and(SLACK)} for Slack, or {_and(TEAMS)} for Teams."
        )
    port = _number(environ, "PORT", 8400, 65535, problems)
    max_file = _number(environ, "PARLEY_MAX_FILE_MB", MAX_FILE_MB, 5000, problems)
    days = _number(environ, "PARLEY_FORGET_AFTER_DAYS", FORGET_AFTER_DAYS, 3650, problems)
    undo = _number(environ, "PARLEY_UNDO_HOURS", UNDO_HOURS, 24 * 365, problems)
    outsiders = _get(environ, "PARLEY_OUTSIDERS") or Outsiders.CHANNEL
    if outsiders not in [*Outsiders]:
        problems.append(f"PARLEY_OUTSIDERS is unknown: choose one of {', '.join(Outsiders)}.")
        outsiders = Outsiders.CHANNEL
    admins = _list(environ, "PARLEY_ADMINS")
    problems += [
        f"PARLEY_ADMINS names nobody by “{each}”: write slack/TEAM/USER or teams/TENANT/OBJECT-ID."
        for each in admins
        if each.count("/") != 2 or each.partition("/")[0] not in ("slack", "teams")
    ]
    embedding = _get(environ, "PARLEY_EMBEDDING_MODEL") or EMBEDDING_MODEL
    if not any(family in embedding for family in EMBEDDING_FAMILIES):
        problems.append(
            f"PARLEY_EMBEDDING_MODEL is unknown: choose {' or '.join(EMBEDDING_FAMILIES)}."
        )
    search = _get(environ, "OPENSEARCH_URL")
    if search and urlsplit(search).scheme not in ("http", "https"):
        problems.append("OPENSEARCH_URL must begin with https:// (or http:// on this machine).")
    if problems or model is None:
        raise SettingsError(problems)
    regions = _list(environ, "PARLEY_MODEL_REGIONS") or (region,)
    return Settings(
        aws_region=region,
        bucket=_get(environ, "PARLEY_BUCKET"),
        table=_get(environ, "PARLEY_TABLE"),
        turns_queue_url=_get(environ, "PARLEY_TURNS_QUEUE_URL"),
        files_queue_url=_get(environ, "PARLEY_FILES_QUEUE_URL"),
        model_regions=regions,
        default_model=model.name,
        slack=slack,
        teams=teams,
        allowed_tenants=_list(environ, "PARLEY_ALLOWED_TENANTS"),
        allowed_link_hosts=_list(environ, "PARLEY_ALLOWED_LINK_HOSTS"),
        port=port,
        opensearch_url=search.rstrip("/"),
        embedding_regions=_list(environ, "PARLEY_EMBEDDING_REGIONS") or regions,
        embedding_model=embedding,
        max_file_mb=max_file,
        forget_after_days=days,
        outsiders=Outsiders(outsiders),
        undo_hours=undo,
        admins=admins,
        answered_by=_get(environ, "PARLEY_ANSWERED_BY")[:80],
    )


def log_format(environ: Mapping[str, str]) -> str:
    """The log format, one of `LOGS`, needed before anything is logged. Raises SettingsError."""
    chosen = _get(environ, "PARLEY_LOG") or LOGS[0]
    if chosen not in LOGS:
        raise SettingsError([f"PARLEY_LOG is unknown: choose {' or '.join(LOGS)}."])
    return chosen


def log_level(environ: Mapping[str, str]) -> str:
    """The log level, one of `LEVELS`. Raises SettingsError."""
    chosen = (_get(environ, "LOG_LEVEL") or "WARNING").upper()
    if chosen not in LEVELS:
        raise SettingsError([f"LOG_LEVEL is unknown: choose one of {', '.join(LEVELS)}."])
    return chosen


def _slack(environ: Mapping[str, str], problems: list[str]) -> SlackSettings | None:
    there = [name for name in (*SLACK, "SLACK_APP_TOKEN") if _get(environ, name)]
    if not there:
        return None
    missing = [name for name in SLACK if name not in there]
    problems += [f"{name} is not set, but {there[0]} is: Slack needs both." for name in missing]
    token, app_token = _get(environ, "SLACK_BOT_TOKEN"), _get(environ, "SLACK_APP_TOKEN")
    if token and not token.startswith("xoxb-"):
        problems.append("SLACK_BOT_TOKEN is no bot token: it begins with xoxb-.")
    if app_token and not app_token.startswith("xapp-"):
        problems.append("SLACK_APP_TOKEN is no app-level token: it begins with xapp-.")
    url = _get(environ, "SLACK_API_URL") or SLACK_API
    if not _safe(url):
        problems.append("SLACK_API_URL must be https: the bot token is sent there.")
    return SlackSettings(
        _get(environ, "SLACK_SIGNING_SECRET"), token, app_token, url.rstrip("/") + "/"
    )


def _teams(environ: Mapping[str, str], problems: list[str]) -> TeamsSettings | None:
    there = [name for name in TEAMS if _get(environ, name)]
    if not there:
        return None
    problems += [
        f"{name} is not set, but {there[0]} is: Teams needs all three."
        for name in TEAMS
        if name not in there
    ]
    urls = {
        "TEAMS_OPENID_URL": TEAMS_OPENID,
        "TEAMS_LOGIN_URL": TEAMS_LOGIN,
        "GRAPH_URL": GRAPH,
    }
    found = {name: _get(environ, name) or usual for name, usual in urls.items()}
    problems += [
        f"{name} must be https: whom to trust is read there, or secrets are sent there."
        for name, url in found.items()
        if not _safe(url)
    ]
    app_id, password, tenant = (_get(environ, name) for name in TEAMS)
    return TeamsSettings(
        app_id,
        password,
        tenant,
        openid_url=found["TEAMS_OPENID_URL"],
        login_url=found["TEAMS_LOGIN_URL"].rstrip("/"),
        service_hosts=_list(environ, "TEAMS_SERVICE_HOSTS") or TEAMS_HOSTS,
        graph_url=found["GRAPH_URL"].rstrip("/"),
    )


def _safe(url: str) -> bool:
    """Whether a URL is https, or http to this machine."""
    parsed = urlsplit(url)
    return parsed.scheme == "https" or (parsed.scheme == "http" and parsed.hostname in LOOPBACK)


def _and(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


LONGEST_NUMBER = 18
"""Digits of a number: `int` raises ValueError for thousands of them."""


def _number(
    environ: Mapping[str, str], name: str, usual: int, most: int, problems: list[str]
) -> int:
    text = _get(environ, name) or str(usual)
    if not text.isdecimal() or len(text) > LONGEST_NUMBER or int(text) > most:
        problems.append(f"{name} must be a number from 0 to {most}.")
        return usual
    return int(text)


def _get(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def _list(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in _get(environ, name).split(",") if each.strip())
