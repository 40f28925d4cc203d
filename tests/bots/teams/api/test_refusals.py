"""Every documented error of the connector and of Graph has an answer of ours."""

import re
from pathlib import Path

import pytest

from bots.teams.api.refusals import (
    GENERIC,
    STATUSES,
    STREAMS,
    TABLE,
    Refusal,
    StreamRefused,
    action_of,
    folded,
    is_known,
    refused,
)
from bots.teams.api.web import error
from bots.wire.refusals import Action, Malformed
from core.ports.chat import Forbidden, Gone, RateLimited, TooLong, Unreachable
from core.runtime.telemetry import Metric, counting
from core.wording.user_messages import need

CONNECTOR = [
    (400, "Bad Argument", Malformed),
    (400, "BadArgument", Malformed),
    (400, "BadSyntax", Malformed),
    (400, "BadRequest", Malformed),
    (401, "BotNotRegistered", Forbidden),
    (401, "Unauthorized", Forbidden),
    (403, "BotDisabledByAdmin", Forbidden),
    (403, "BotNotInConversationRoster", Forbidden),
    (403, "ConversationBlockedByUser", Forbidden),
    (403, "ForbiddenOperationException", Forbidden),
    (403, "InvalidBotApiHost", Forbidden),
    (403, "NotEnoughPermissions", Forbidden),
    (403, "MessageWritesBlocked", Forbidden),
    (404, "ActivityNotFoundInConversation", Gone),
    (404, "ConversationNotFound", Gone),
    (404, "MemberNotFoundInConversation", Gone),
    (412, "PreconditionFailed", RateLimited),
    (413, "MessageSizeTooBig", TooLong),
    (413, "RequestEntityTooLarge", TooLong),
    (429, "Throttled", RateLimited),
    (429, "TooManyRequests", RateLimited),
    (500, "ServiceError", Unreachable),
    (502, "ServiceError", Unreachable),
    (503, "", Unreachable),
    (504, "", Unreachable),
]
"""The documented table of statuses from bot conversational APIs, and codes seen beside it."""
GRAPH = [
    (400, "invalidRange", Forbidden),
    (400, "invalidRequest", Forbidden),
    (401, "unauthenticated", Forbidden),
    (401, "InvalidAuthenticationToken", Forbidden),
    (402, "", Forbidden),
    (403, "accessDenied", Forbidden),
    (403, "Forbidden", Forbidden),
    (403, "Authorization_RequestDenied", Forbidden),
    (403, "insufficient_claims", Forbidden),
    (403, "malwareDetected", Forbidden),
    (403, "notAllowed", Forbidden),
    (404, "itemNotFound", Gone),
    (404, "NotFound", Gone),
    (404, "Request_ResourceNotFound", Gone),
    (405, "", Forbidden),
    (406, "", Forbidden),
    (408, "", Unreachable),
    (409, "nameAlreadyExists", Forbidden),
    (409, "resourceModified", Unreachable),
    (409, "", Unreachable),
    (410, "resyncRequired", Unreachable),
    (410, "", Gone),
    (411, "", Forbidden),
    (415, "", Forbidden),
    (416, "", Forbidden),
    (422, "", Forbidden),
    (423, "resourceLocked", Unreachable),
    (429, "activityLimitReached", RateLimited),
    (500, "generalException", Unreachable),
    (501, "notSupported", Forbidden),
    (501, "", Forbidden),
    (503, "serviceNotAvailable", Unreachable),
    (505, "", Forbidden),
    (507, "quotaLimitReached", Forbidden),
    (507, "", Forbidden),
    (509, "", RateLimited),
]
STREAMED = [
    ("Content stream is not allowed", Refusal.NOT_ALLOWED),
    ("Content stream is not allowed on an already completed streamed message", Refusal.COMPLETED),
    ("Content stream finished due to exceeded streaming time.", Refusal.TIMED_OUT),
    ("Message size too large", Refusal.TOO_LARGE),
    ("Content stream was canceled by user.", Refusal.CANCELLED),
    ("Content stream was cancelled by user.", Refusal.CANCELLED),
    (
        "Request streamed content should contain the previously streamed content",
        Refusal.CHANGED,
    ),
    ("A sentence of next year", Refusal.NOT_ALLOWED),
]


@pytest.mark.parametrize(("status", "code", "kind"), [*CONNECTOR, *GRAPH])
@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_each_documented_answer_is_an_error_of_ours(method, status, code, kind):
    assert not code or is_known(code)
    found = error(method, status, {}, {"error": {"code": code, "message": "why"}}, "a right")
    assert type(found) is kind


def test_every_row_is_of_a_documented_or_observed_code():
    listed = {folded(code) for _, code, _ in (*CONNECTOR, *GRAPH) if code}
    others = {*TABLE, *GENERIC} - listed
    assert others == {folded(each) for each in OTHERS.split()}
    assert {status for status, _, _ in (*CONNECTOR, *GRAPH)} == set(STATUSES)


OTHERS = """
throttledRequest serviceRateLimited bandwidthLimitExceeded serviceUnavailable internalServerError
UnknownError gatewayTimeout badGateway conflict Directory_ConcurrencyViolation locked
ContentStreamBadRequest MessageNotFound UserNotFound ResourceNotFound gone TenantNoPermission
accessRestricted CapabilityOverride virusSuspicious unsupportedApiVersion notImplemented
methodNotAllowed"""
"""Names that Graph's services and the connector use beside those that the pages list."""


@pytest.mark.parametrize(("code", "action"), TABLE.items())
def test_only_a_rate_or_a_passing_fault_is_asked_again(code, action):
    found = refused("PUT", 418, code, needs="")
    again = isinstance(found, RateLimited | Unreachable)
    assert again is (action in (Action.WAIT, Action.RETRY))


def test_a_server_that_names_its_seconds_is_waited_for_but_a_post_is_looked_up_first():
    headers = {"Retry-After": "9"}
    found = error("GET", 503, headers, {})
    assert isinstance(found, RateLimited)
    assert found.retry_after == 9
    assert isinstance(error("POST", 503, headers, {}), Unreachable)


def test_what_an_administrator_can_grant_is_named():
    found = error("POST", 403, {}, {"error": {"code": "BotDisabledByAdmin"}})
    assert "Teams admin center" in need(found.needs)
    found = error("GET", 403, {}, {"error": {"code": "accessDenied"}}, "`Files.Read.All`")
    assert found.needs == "`Files.Read.All`"
    found = error("GET", 403, {}, {"error": {"code": "malwareDetected"}}, "`Files.Read.All`")
    assert found.needs == ""


def test_the_stand_in_refuses_with_codes_that_microsoft_documents():
    raised = set()
    for path in Path("local/teams").rglob("*.py"):
        raised |= set(re.findall(r'TeamsError\(\s*\d+,\s*"(\w+)"', path.read_text()))
    assert raised
    assert {each for each in raised if not is_known(each)} == {"Dropped"}  # never sent


@pytest.mark.parametrize(("why", "kind"), STREAMED)
def test_each_refusal_of_a_stream_is_told_apart(why, kind):
    answer = {"error": {"code": "ContentStreamNotAllowed", "message": why}}
    found = error("POST", 403, {}, answer)
    assert isinstance(found, StreamRefused)
    assert (found.kind, found.action) == (kind, STREAMS[kind])
    assert found.cancelled is (kind is Refusal.CANCELLED)
    assert found.too_large is (kind is Refusal.TOO_LARGE)


def test_a_code_that_is_not_known_goes_by_its_status_and_is_counted(caplog):
    seen = []

    class Counts:
        def add(self, metric, value, reason):
            seen.append((metric, reason))

    with counting(Counts()):
        found = error("PUT", 403, {}, {"error": {"code": "Of <next> year\n"}})
    assert type(found) is Forbidden
    assert seen == [(Metric.UNKNOWN_REFUSALS, "teams")]
    assert "not known: Ofnextyear (403)" in caplog.text


def test_a_status_that_no_page_lists_is_final_unless_the_server_failed():
    assert action_of("GET", 418, "") is Action.GIVE_UP
    assert action_of("GET", 599, "") is Action.RETRY
