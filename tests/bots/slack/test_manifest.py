"""The app's manifest asks for what the code uses, and for no more."""

from pathlib import Path

import pytest
import yaml

import bots.slack
from bots.slack.inbound.file_events import NOTICES

HERE = Path(bots.slack.__file__).parent
SOURCE = "\n".join(path.read_text() for path in sorted(HERE.rglob("*.py")))

USES = {
    "app_mentions:read": "app_mention",
    "channels:history": "conversations.replies",
    "channels:read": "public_channel",
    "groups:history": "conversations.replies",
    "groups:read": "private_channel",
    "im:history": "conversations.history",
    "mpim:history": "conversations.replies",
    "mpim:read": "mpim",
    "chat:write": "chat.postMessage",
    "commands": "app.command",
    "files:read": "files.info",
    "users:read": "users.info",
}


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load((HERE / "manifest.yaml").read_text())


def test_every_scope_is_used_and_no_other_is_asked_for(manifest):
    scopes = manifest["oauth_config"]["scopes"]
    assert list(scopes) == ["bot"]
    assert {*scopes["bot"]} == {*USES}
    for scope, call in USES.items():
        assert call in SOURCE, scope


def test_the_events_are_those_that_concern_us(manifest):
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    messages = {f"message.{kind}" for kind in ("channels", "groups", "im", "mpim")}
    # as a member of a channel we are told that we left it in two ways: one is enough
    file_events = {*NOTICES} - {"member_left_channel"}
    assert {*events} == {"app_mention"} | file_events | messages


def test_people_can_write_to_us_directly(manifest):
    home = manifest["features"]["app_home"]
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is False


def test_the_commands_and_the_buttons_work(manifest):
    assert [c["command"] for c in manifest["features"]["slash_commands"]] == ["/model", "/files"]
    assert manifest["settings"]["interactivity"]["is_enabled"] is True
