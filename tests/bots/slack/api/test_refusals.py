"""Every documented error of every method that we call has an answer of ours."""

import re
from pathlib import Path

import pytest

from bots.slack.api.refusals import TABLE, action_of, refused
from bots.wire.refusals import Action, Malformed
from core.ports.chat import Forbidden, Gone, RateLimited, TooLong, Uneditable, Unreachable

EVERY = """
access_denied account_inactive deprecated_endpoint ekm_access_denied enterprise_is_restricted
invalid_auth method_deprecated missing_scope not_allowed_token_type not_authed no_permission
org_login_required token_expired token_revoked two_factor_setup_required team_access_not_granted
accesslimited fatal_error internal_error invalid_arg_name invalid_arguments invalid_array_arg
invalid_charset invalid_form_data invalid_post_type missing_post_type ratelimited request_timeout
service_unavailable team_added_to_org invalid_json json_not_object"""
"""What each method's page lists besides its own."""
POSTS = """
as_user_not_supported channel_not_found duplicate_channel_not_found duplicate_message_not_found
ekm_access_denied invalid_blocks invalid_blocks_format invalid_metadata_format
invalid_metadata_schema is_archived markdown_text_conflict message_limit_exceeded
messages_tab_disabled metadata_must_be_sent_from_app metadata_too_large msg_blocks_too_long no_text
not_in_channel rate_limited restricted_action restricted_action_non_threadable_channel
restricted_action_read_only_channel restricted_action_thread_locked
restricted_action_thread_only_channel slack_connect_canvas_sharing_blocked
slack_connect_file_link_sharing_blocked slack_connect_lists_sharing_blocked team_not_found
too_many_attachments too_many_contact_cards cannot_reply_to_message missing_file_data
attachment_payload_limit_exceeded msg_too_long is_bot unknown_method"""
STREAMED = """
channel_type_not_supported message_not_found message_not_in_streaming_state
messaging_processing_failed missing_recipient_team_id missing_recipient_user_id user_not_found"""
DOCUMENTED = {
    "chat.postMessage": POSTS,
    "chat.postEphemeral": f"{POSTS} invalid_attachments user_not_in_channel",
    "chat.update": """
        as_user_not_supported block_mismatch cant_broadcast_message cant_update_message
        channel_not_found edit_window_closed external_channel_migrating invalid_attachments
        invalid_blocks invalid_metadata_format invalid_metadata_schema is_inactive
        markdown_text_conflict message_not_found metadata_must_be_sent_from_app metadata_too_large
        msg_too_long no_dual_broadcast_content_update no_text
        slack_connect_file_link_sharing_blocked team_not_found too_many_attachments update_failed
        invalid_blocks_format streaming_state_conflict""",
    "chat.delete": """
        cant_delete_message channel_not_found compliance_exports_prevent_deletion
        message_not_found""",
    "chat.startStream": POSTS + STREAMED,
    "chat.appendStream": POSTS + STREAMED,
    "chat.stopStream": POSTS + STREAMED,
    "conversations.history": """
        channel_not_found invalid_cursor invalid_ts_latest invalid_ts_oldest
        invalid_metadata_filter_keys pagination_not_available not_in_channel""",
    "conversations.replies": """
        channel_not_found thread_not_found invalid_cursor invalid_ts_latest invalid_ts_oldest
        invalid_metadata_filter_keys method_not_supported_for_channel_type
        list_record_comment_fetch_failed""",
    "conversations.info": "channel_not_found method_not_supported_for_channel_type",
    "users.conversations": """
        method_not_supported_for_channel_type invalid_types invalid_cursor invalid_limit
        user_not_found""",
    "users.info": "user_not_found user_not_visible",
    "users.list": "invalid_cursor limit_required",
    "files.info": """
        access_denied file_deleted channel_canvas_deleted file_not_found canvas_globally_disabled
        canvas_disabled_user_team canvas_disabled_file_team not_visible template_not_visible
        slack_connect_canvas_sharing_blocked""",
    "auth.test": "",
    "apps.connections.open": "missing_args insecure_request forbidden_team is_bot",
    "response_url": """
        invalid_payload user_not_found channel_not_found channel_is_archived action_prohibited
        posting_to_general_channel_denied too_many_attachments no_service no_service_id no_team
        team_disabled invalid_token rollup_error no_text used_url expired_url""",
}
CODES = sorted({code for codes in (EVERY, *DOCUMENTED.values()) for code in codes.split()})
METHOD = re.compile(r'"((?:chat|conversations|users|files|auth|apps)\.[a-zA-Z.]+)"')
FINAL = {Action.GIVE_UP, Action.TELL, Action.GONE, Action.REPLACE, Action.RESHAPE}
ERRORS = {
    Action.WAIT: RateLimited,
    Action.RETRY: Unreachable,
    Action.TIGHTEN: TooLong,
    Action.RESHAPE: Malformed,
    Action.REPLACE: Uneditable,
    Action.GONE: Gone,
    Action.TELL: Forbidden,
    Action.GIVE_UP: Forbidden,
}


@pytest.mark.parametrize("code", CODES)
def test_each_documented_error_is_in_the_table(code):
    assert code in TABLE


@pytest.mark.parametrize(("code", "action"), TABLE.items())
def test_each_row_is_the_error_that_its_action_says(code, action):
    error = refused(code, 200, after=5.0, needed="chat:write")
    assert type(error) is ERRORS[action]
    if action is Action.WAIT:
        assert error.retry_after == 5.0
    if action is Action.TELL:
        assert error.needs
        assert "{" not in error.needs
    if action in FINAL:
        assert not isinstance(error, RateLimited | Unreachable), "it would be asked again"


def test_the_table_has_no_row_that_no_document_lists():
    assert set(TABLE) == set(CODES)


def test_every_method_that_we_call_is_among_those_whose_errors_are_known():
    called = set()
    for path in Path("bots/slack").rglob("*.py"):
        found = re.findall(
            r'"((?:chat|conversations|users|files|auth|apps)\.[a-zA-Z.]+)"', path.read_text()
        )
        called |= set(found)
    assert called
    assert called <= set(DOCUMENTED)


OTHERS = {"already_reacted", "cant_delete_file", "cant_edit", "file_too_large", "no_file_data"}
OTHERS |= {"expired_trigger_id", "invalid_trigger_id"}
"""What the stand-in answers to people on its page, and of methods that we do not call."""


def test_the_stand_in_refuses_with_codes_that_slack_documents():
    raised = set()
    for path in Path("local/slack").rglob("*.py"):
        raised |= set(re.findall(r'SlackError\(\s*"([a-z_]+)"', path.read_text()))
    assert raised
    assert raised - OTHERS <= set(TABLE)


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (429, Action.WAIT),
        (404, Action.GONE),
        (410, Action.GONE),
        (403, Action.GIVE_UP),
        (302, Action.GIVE_UP),
        (500, Action.RETRY),
        (503, Action.RETRY),
    ],
)
def test_an_answer_without_a_code_goes_by_its_status(status, action):
    assert action_of("", status) is action


def test_a_code_of_next_year_is_final_unless_the_server_failed():
    assert action_of("an_error_of_next_year", 200) is Action.GIVE_UP
    assert action_of("an_error_of_next_year", 503) is Action.RETRY
