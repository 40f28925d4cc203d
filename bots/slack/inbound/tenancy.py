"""Which workspace a payload belongs to, and whether its author belongs there too.

Slack Connect joins workspaces of different companies, Enterprise Grid those of one organisation.
https://docs.slack.dev/apis/slack-connect and
https://docs.slack.dev/enterprise/organization-ready-apps
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bots.wire.fields import id_of, list_of, map_of, text_of


def installed(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return the workspace of an event in which the app is installed, and the bot's user id there.

    For a channel shared between workspaces `team_id` may be the other one; for an app of a whole
    organisation the authorization may lack it. https://docs.slack.dev/apis/events-api
    """
    ours = _authorization(body)
    found = (ours.get("team_id"), body.get("team_id"), ours.get("enterprise_id"))
    bot = id_of(ours.get("user_id")) if ours.get("is_bot", True) else ""
    return next(filter(None, map(id_of, found)), ""), bot


def tenant_of(body: Mapping[str, Any]) -> str:
    """Return the workspace the app is installed in, for any payload; empty if it names none.

    A button's payload has no `team` if the app is installed in a whole organisation: then the
    button's value names the workspace of its message, or else the presser's workspace is used.
    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload (`team`)
    """
    if body.get("type") == "event_callback":
        return installed(body)[0]
    team, enterprise = map_of(body.get("team")), map_of(body.get("enterprise"))
    presser = map_of(body.get("user")).get("team_id")
    named = (body.get("team_id"), team.get("id"), _workspace_of_value(body), presser)
    org = (body.get("enterprise_id"), enterprise.get("id"))
    return next(filter(None, map(id_of, (*named, *org))), "")


def wrote_from_elsewhere(body: Mapping[str, Any]) -> bool:
    """Whether an event's author belongs to another company's workspace.

    `user_team` is the author's workspace, or in an organisation possibly the organisation; so is
    `team`; `source_team` is where the message was written. In an organisation, a channel that
    `is_ext_shared_channel` says is not shared externally has only colleagues from sister
    workspaces.
    """
    event = map_of(body.get("event"))
    named = (event.get("user_team"), event.get("team"), event.get("source_team"))
    theirs = next(filter(None, map(id_of, named)), "")
    ours = _authorization(body)
    organisation = id_of(ours.get("enterprise_id"))
    if not theirs or theirs in (installed(body)[0], organisation):
        return False
    return not (organisation and body.get("is_ext_shared_channel") is False)


def pressed_from_elsewhere(body: Mapping[str, Any]) -> bool:
    """Whether a button was pressed from another workspace than the app's, as far as the payload
    says.

    In an organisation `user.team_id` is the organisation's id.
    https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
    """
    theirs = id_of(map_of(body.get("user")).get("team_id"))
    team, enterprise = map_of(body.get("team")), map_of(body.get("enterprise"))
    ours = {*map(id_of, (team.get("id"), team.get("enterprise_id"), enterprise.get("id")))} - {""}
    return bool(theirs and ours and theirs not in ours and not body.get("is_enterprise_install"))


def _authorization(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return map_of(next(iter(list_of(body.get("authorizations"))), None))


def _workspace_of_value(body: Mapping[str, Any]) -> str:
    """Return the workspace in a button's value, which names an answer:
    `slack/{team}/{channel}/…`."""
    pressed = map_of(next(iter(list_of(body.get("actions"))), None))
    channel = id_of(map_of(body.get("channel")).get("id"))
    found = re.search(
        rf"(?:\A| )slack/([^/ ]+)/{re.escape(channel)}/", text_of(pressed.get("value"))
    )
    return found[1] if found and channel else ""
