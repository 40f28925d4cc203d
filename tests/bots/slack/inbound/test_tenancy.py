"""Whose workspace a payload is of, and who comes from another one."""

import json

import pytest

from bots.slack.inbound.parse import action, message
from bots.slack.inbound.tenancy import tenant_of
from core.values.conversation import Incoming, Person, dumps, loads
from tests.support.slack_requests import payload

OURS, NEXT_DOOR, ORGANISATION = "T061EG9R6", "T9NEXTDOOR", "E0ORG"


def mention(*, shared=None, organisation=None, **event):
    body = payload("app_mention")
    body["event"] = {k: v for k, v in (body["event"] | event).items() if v is not None}
    body["is_ext_shared_channel"] = shared
    body["authorizations"][0]["enterprise_id"] = organisation
    return body


@pytest.mark.parametrize(
    ("body", "outsider"),
    [
        (mention(), False),
        (mention(team=None), False),
        (mention(shared=True, user_team=OURS), False),
        (mention(shared=True, user_team=NEXT_DOOR), True),
        (mention(user_team=NEXT_DOOR), True),
        (mention(shared=True, team=NEXT_DOOR), True),
        (mention(shared=True, team=None, source_team=NEXT_DOOR), True),
        (mention(shared=True, user_team="E9NEXTDOOR"), True),
        (mention(shared=True, user_team=OURS, source_team=NEXT_DOOR), False),
        (mention(shared=True, user_team=ORGANISATION, organisation=ORGANISATION), False),
        (mention(shared=False, user_team="T0SISTER", organisation=ORGANISATION), False),
        (mention(shared=True, user_team="T0SISTER", organisation=ORGANISATION), True),
        (mention(shared=False, user_team="T0SISTER"), True),
        (mention(user_team=["odd"], team={"odd": 1}), False),
    ],
)
def test_who_writes_from_another_company_is_an_outsider(body, outsider):
    asked = message(body)
    assert asked is not None
    assert asked.person.outsider is outsider


def pressed(**more):
    return payload("action_up") | more


@pytest.mark.parametrize(
    ("body", "outsider"),
    [
        (pressed(), False),
        (pressed(user={"id": "U9", "team_id": NEXT_DOOR}), True),
        (pressed(user={"id": "U9"}), False),
        (
            pressed(user={"id": "U9", "team_id": ORGANISATION}, enterprise={"id": ORGANISATION}),
            False,
        ),
        (
            pressed(
                user={"id": "U9", "team_id": ORGANISATION},
                team={"id": OURS, "enterprise_id": ORGANISATION},
            ),
            False,
        ),
    ],
)
def test_who_presses_from_another_workspace_is_an_outsider(body, outsider):
    done = action(body)
    assert done is not None
    assert done.person.outsider is outsider


def test_a_button_of_an_app_of_a_whole_organisation_belongs_to_its_messages_workspace():
    body = pressed(
        team=None,
        enterprise={"id": ORGANISATION},
        is_enterprise_install=True,
        user={"id": "U061F7TUR", "team_id": "T0SISTER"},
    )
    assert tenant_of(body) == OURS
    done = action(body)
    assert done is not None
    assert not done.person.outsider
    body["actions"][0]["value"] = ""
    assert tenant_of(body) == "T0SISTER"


def test_an_outsider_stays_one_on_the_way_through_the_queue():
    asked = message(mention(user_team=NEXT_DOOR))
    assert asked is not None
    assert loads(dumps(asked)) == asked


def test_the_version_before_reads_what_others_asked():
    """It takes no key of a person but these two."""
    asked = message(mention())
    assert asked is not None
    assert set(json.loads(dumps(asked))["person"]) == {"id", "name"}


def test_keys_of_a_later_version_are_passed_over():
    asked = message(mention())
    assert asked is not None
    later = json.loads(dumps(asked))
    later["later"] = later["person"]["later"] = later["conversation"]["later"] = 1
    read = loads(json.dumps(later))
    assert isinstance(read, Incoming)
    assert read == asked
    assert read.person == Person("U061F7TUR")
