"""What says that an event is over outlives every way in which its message can come back."""

from core.aws import provision
from core.aws.access import retention
from core.aws.dynamodb.manifest import DELETED_KEPT
from tests.deploy.template import resources


def kept(queue):
    return int(resources("AWS::SQS::Queue")[queue]["MessageRetentionPeriod"])


def test_events_are_remembered_for_longer_than_queue_dead_letters_and_redrive_take_together():
    longest = max(
        kept(queue) + kept(dead) + kept(queue)
        for queue, dead in (("Turns", "TurnsDead"), ("Files", "FilesDead"))
    )
    assert longest == 22 * retention.DAY
    assert longest < retention.REMEMBERED
    assert longest < DELETED_KEPT


def test_what_parley_provisions_by_itself_keeps_messages_as_the_template_does():
    for queue, attributes in (("Turns", provision.TURNS), ("Files", provision.FILES)):
        assert kept(queue) == int(attributes["MessageRetentionPeriod"]) == retention.QUEUED
    for dead in ("TurnsDead", "FilesDead"):
        assert kept(dead) == int(provision.DEAD["MessageRetentionPeriod"]) == retention.DEAD
