"""Slack's documented errors, each with our reaction to it.

Covers every error of every method that we call: those on its own page and those that all methods
share. https://docs.slack.dev/reference/methods (read as slack-ruby/slack-api-ref, 2026-08) and, for
response URLs, https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bots.wire.refusals import Action, cleaned, failure
from core.ports.chat import ChatError

INSTALL = "need.slack.token"
POSTING = "need.slack.posting"
CONNECT = "need.slack.connect"
SCOPE = "need.slack.scope"
"""The scope's name follows."""
MANIFEST = "need.slack.manifest"

_NEEDS = {
    "not_in_channel": "need.slack.invitation",
    "missing_scope": SCOPE,
    "no_permission": MANIFEST,
    "team_access_not_granted": "need.slack.workspace",
    "invalid_auth": INSTALL,
    "not_authed": INSTALL,
    "account_inactive": INSTALL,
    "token_revoked": INSTALL,
    "token_expired": INSTALL,
    "not_allowed_token_type": "need.slack.bot_token",
    "access_denied": "need.slack.access",
    "accesslimited": "need.slack.network",
    "ekm_access_denied": "need.slack.suspended",
    "enterprise_is_restricted": "need.slack.organization",
    "two_factor_setup_required": "need.slack.two_factor",
    "restricted_action": POSTING,
    "restricted_action_non_threadable_channel": POSTING,
    "restricted_action_read_only_channel": POSTING,
    "restricted_action_thread_locked": POSTING,
    "restricted_action_thread_only_channel": POSTING,
    "posting_to_general_channel_denied": POSTING,
    "action_prohibited": POSTING,
    "messages_tab_disabled": "need.slack.messages_tab",
    "slack_connect_canvas_sharing_blocked": CONNECT,
    "slack_connect_file_link_sharing_blocked": CONNECT,
    "slack_connect_lists_sharing_blocked": CONNECT,
}
"""What would resolve an error, as a key of the catalogue, by error."""

_ACTIONS = {
    Action.WAIT: "ratelimited rate_limited message_limit_exceeded",
    Action.RETRY: (
        "internal_error fatal_error service_unavailable request_timeout update_failed "
        "external_channel_migrating team_added_to_org org_login_required "
        "streaming_state_conflict messaging_processing_failed rollup_error "
        "list_record_comment_fetch_failed"
    ),
    Action.TIGHTEN: "msg_too_long msg_blocks_too_long attachment_payload_limit_exceeded",
    Action.RESHAPE: (
        "invalid_blocks invalid_blocks_format block_mismatch invalid_attachments "
        "too_many_attachments too_many_contact_cards invalid_payload"
    ),
    Action.REPLACE: "cant_update_message edit_window_closed",
    Action.GONE: (
        "message_not_found channel_not_found thread_not_found file_not_found file_deleted "
        "user_not_found team_not_found duplicate_channel_not_found duplicate_message_not_found "
        "channel_canvas_deleted used_url expired_url no_service no_service_id no_team "
        "team_disabled"
    ),
    Action.TELL: " ".join(_NEEDS),
    Action.GIVE_UP: (
        "is_archived is_inactive channel_is_archived user_not_in_channel user_not_visible "
        "cant_delete_message compliance_exports_prevent_deletion cannot_reply_to_message "
        "cant_broadcast_message no_dual_broadcast_content_update message_not_in_streaming_state "
        "channel_type_not_supported method_not_supported_for_channel_type "
        "missing_recipient_user_id missing_recipient_team_id missing_file_data "
        "as_user_not_supported is_bot forbidden_team unknown_method method_deprecated "
        "deprecated_endpoint insecure_request invalid_token no_text markdown_text_conflict "
        "invalid_metadata_format invalid_metadata_schema metadata_must_be_sent_from_app "
        "metadata_too_large missing_args invalid_arguments invalid_arg_name invalid_array_arg "
        "invalid_charset invalid_form_data invalid_post_type missing_post_type invalid_cursor "
        "invalid_limit invalid_types invalid_ts_latest invalid_ts_oldest limit_required "
        "pagination_not_available invalid_json json_not_object "
        "invalid_metadata_filter_keys not_visible template_not_visible "
        "canvas_globally_disabled canvas_disabled_user_team canvas_disabled_file_team"
    ),
}

TABLE: Mapping[str, Action] = MappingProxyType(
    {code: action for action, codes in _ACTIONS.items() for code in codes.split()}
)

_LENGTH = ("must be less than", "must be no more than", "no more than", "too long")


def action_of(code: str, status: int, messages: Sequence[str] = ()) -> Action:
    """Return the reaction to an error. `messages` are Slack's remarks, from `response_metadata`.

    An error that is not in the table is permanent, unless its status says otherwise.
    """
    if status == 429:
        return Action.WAIT
    if not code:
        return _by_status(status)
    known = TABLE.get(code)
    if known is None:
        return Action.RETRY if status >= 500 else Action.GIVE_UP
    if known is Action.RESHAPE and any(part in each for each in messages for part in _LENGTH):
        return Action.TIGHTEN  # Slack calls a section that is too long invalid
    return known


def refused(
    code: str, status: int, *, after: float = 0.0, needed: str = "", messages: Sequence[str] = ()
) -> ChatError:
    """Return the error to raise. `needed` is the missing scope that Slack names."""
    action = action_of(code, status, messages)
    needs = _NEEDS.get(code, "")
    if needs == SCOPE:
        needs = f"{SCOPE} {cleaned(needed)}" if cleaned(needed) else MANIFEST
    return failure(action, code or str(status), after=after, needs=needs)


def _by_status(status: int) -> Action:
    """Return the reaction to a response without an error code: files, response URLs, proxies."""
    if status in (404, 410):
        return Action.GONE
    if status in (400, 401, 403, 405, 413, 415):
        return Action.GIVE_UP
    return Action.GIVE_UP if 300 <= status < 400 else Action.RETRY
