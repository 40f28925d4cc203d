"""The app package is what Teams accepts, and asks for what the code uses.

The rules are those of the published schema 1.29 (https://developer.microsoft.com/json-schemas/teams/
v1.29/MicrosoftTeams.schema.json), written down here because the schema itself carries no licence
that would let us keep a copy.
"""

import json
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

import bots.teams
from bots.teams.inbound.parse import COMMANDS, command
from bots.teams.package import ICONS, manifest, package, version_of
from core.runtime.settings import SettingsError
from tests.support.teams_activities import BOT, payload

HERE = Path(bots.teams.__file__).parent
ROOT = HERE.parents[1]
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@pytest.fixture(scope="module")
def app():
    return manifest(BOT, "1.2.3", "https://acme.example/parley")


def text(most, least=1):
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def matches(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value)


def some_of(*known):
    return lambda value: isinstance(value, list) and value and {*value} <= {*known}


def flag(value):
    return isinstance(value, bool)


URL = matches(r"https://\S{1,2040}")
ID = matches(GUID)
SCOPES = some_of("team", "personal", "groupChat", "copilot")
RULES = {
    "$schema": matches(r"https://developer\.microsoft\.com/json-schemas/teams/v1\.29/.*\.json"),
    "manifestVersion": matches(r"1\.29"),
    "version": matches(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}"),
    "id": ID,
    "developer.name": text(32),
    "developer.websiteUrl": URL,
    "developer.privacyUrl": URL,
    "developer.termsOfUseUrl": URL,
    "name.short": text(30),
    "name.full": text(100),
    "description.short": text(80),
    "description.full": text(4000),
    "icons.color": text(2048),
    "icons.outline": text(2048),
    "accentColor": matches(r"#[0-9a-fA-F]{6}"),
    "supportsChannelFeatures": matches("tier1"),
    "bots[].botId": ID,
    "bots[].scopes": SCOPES,
    "bots[].supportsFiles": flag,
    "bots[].isNotificationOnly": flag,
    "bots[].supportsTargetedMessages": flag,
    "bots[].commandLists[].scopes": SCOPES,
    "bots[].commandLists[].triggers": some_of("mention", "slash"),
    "bots[].commandLists[].commands[].title": text(128),
    "bots[].commandLists[].commands[].description": text(4000),
    "permissions": some_of("identity", "messageTeamMembers"),
    "validDomains": lambda value: value == [],
    "webApplicationInfo.id": ID,
    "webApplicationInfo.resource": text(2048),
    "authorization.permissions.resourceSpecific[].name": text(128),
    "authorization.permissions.resourceSpecific[].type": matches("Application|Delegated"),
}
MOST = {
    "bots[]": 1,
    "bots[].commandLists[]": 3,
    "bots[].commandLists[].commands[]": 12,
    "authorization.permissions.resourceSpecific[]": 16,
}


def leaves(value, path=""):
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        assert len(value) <= MOST[f"{path}[]"], path
        for each in value:
            yield from leaves(each, f"{path}[]")
    else:
        yield path, value


def broken(app):
    """The places that the schema does not allow."""
    found = list(leaves(app))
    wrong = [path for path, value in found if path not in RULES or not RULES[path](value)]
    return wrong + [path for path in RULES if path not in dict(found)]


def test_the_manifest_keeps_the_rules_of_its_schema(app):
    assert broken(app) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("accentColor", "green"),
        ("name", {"short": "x" * 31, "full": "x"}),
        ("version", "1.0"),
        ("surprise", True),
        ("id", "{app_id}"),
    ],
)
def test_the_rules_notice_what_is_wrong(app, path, value):
    assert broken({**app, path: value})


def test_no_placeholder_is_left_and_all_ids_are_the_apps(app):
    assert "{" not in json.dumps([value for _, value in leaves(app)])
    assert app["id"] == app["bots"][0]["botId"] == app["webApplicationInfo"]["id"] == BOT


def test_we_can_be_asked_everywhere_and_read_files(app):
    bot = app["bots"][0]
    assert {*bot["scopes"]} == {"personal", "team", "groupChat"}
    assert bot["supportsFiles"] is True
    assert bot["isNotificationOnly"] is False


def test_the_commands_that_are_offered_are_those_that_are_understood(app):
    bot = app["bots"][0]
    offered = {s for each in bot["commandLists"] for s in each["scopes"]}
    assert offered == {*bot["scopes"]}
    for listed in bot["commandLists"]:
        titles = [each["title"] for each in listed["commands"]]
        assert titles == list(COMMANDS)
        for title in titles:
            found = command({**payload("personal"), "attachments": [], "text": title}, BOT)
            assert found is not None
            assert found.name == title


def test_commands_behind_a_slash_need_messages_that_only_we_see(app):
    bot = app["bots"][0]
    slashed = [each for each in bot["commandLists"] if "slash" in each["triggers"]]
    assert bot["supportsTargetedMessages"] is True
    assert [{*each["scopes"]} for each in slashed] == [{"team", "groupChat"}]


def test_only_messages_are_read_by_consent_of_a_team_or_chat(app):
    asked = app["authorization"]["permissions"]["resourceSpecific"]
    assert [each["name"] for each in asked] == [
        "ChannelMessage.Read.Group",
        "ChatMessage.Read.Chat",
    ]


def pixels(name):
    """Width, height, color type and rows of a PNG, its checksums verified."""
    data = (HERE / "manifest" / name).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length :][:4])[0]
        chunks[kind] = chunks.get(kind, b"") + body
        at += 12 + length
    width, height, depth, color = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert depth == 8
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + width * {2: 3, 6: 4}[color])
    return width, height, color


def test_the_icons_have_the_sizes_that_teams_wants():
    assert pixels("color.png")[:2] == (192, 192)
    assert pixels("outline.png") == (32, 32, 6), "with transparency"


def test_the_package_is_the_manifest_and_its_icons_at_the_top():
    packed = package(BOT, "1.2.3")
    with zipfile.ZipFile(BytesIO(packed)) as opened:
        assert opened.testzip() is None
        assert {*opened.namelist()} == {"manifest.json", *ICONS}
        app = json.loads(opened.read("manifest.json"))
        assert {*app["icons"].values()} == {*ICONS}
    assert broken(app) == []
    assert package(BOT, "1.2.3") == packed


def test_a_later_package_has_a_higher_version():
    times = [
        datetime(2026, 11, 26, 0, 5, tzinfo=UTC),
        datetime(2026, 11, 26, 8, 0, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    ]
    versions = [version_of(each) for each in times]
    assert versions == ["1.261126.5", "1.261126.800", "1.270101.0"]
    for each in versions:
        manifest(BOT, each)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("", "1.0.0"), "MICROSOFT_APP_ID"),
        (("not-an-id", "1.0.0"), "MICROSOFT_APP_ID"),
        ((BOT, "1.0"), "version"),
        ((BOT, "1.0.0", "http://acme.example"), "website"),
        ((BOT, "1.0.0", 'https://a"b'), "website"),
    ],
)
def test_what_cannot_be_packed_is_named(values, says):
    with pytest.raises(SettingsError, match=says):
        manifest(*values)


def run(tmp_path, **environ):
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from cli.main import main; main()",
            "teams-package",
            "--to",
            "app.zip",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
    )


def test_one_command_makes_the_package(tmp_path):
    done = run(tmp_path, MICROSOFT_APP_ID=BOT)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "app.zip") as opened:
        assert json.loads(opened.read("manifest.json"))["id"] == BOT


def test_without_an_app_id_the_command_says_what_to_do(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 1
    assert "MICROSOFT_APP_ID is not set" in done.stderr
    assert not (tmp_path / "app.zip").exists()


NAMED = re.compile(r"\b[A-Z]\w+\.Read(?:Basic)?\.(?:All|Group|Chat)\b")


def test_every_permission_that_is_asked_for_is_explained(app):
    explained = {*NAMED.findall((ROOT / "docs" / "teams.md").read_text())}
    code = "".join(path.read_text() for path in HERE.rglob("*.py"))
    packed = {each["name"] for each in app["authorization"]["permissions"]["resourceSpecific"]}
    assert {*NAMED.findall(code)} | packed <= explained
