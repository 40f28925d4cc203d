"""What Parley keeps in an account, created and kept right."""

import json

import pytest

from core.aws.provision import EVENTS, ProvisionError, provision

REGION = "us-east-1"


@pytest.fixture
def again(aws):
    """Provisions this test's resources once more."""
    made = aws.resources

    def build(**changed):
        names = {
            "bucket": made.bucket,
            "table": made.table,
            "turns_queue": made.turns_queue,
            "files_queue": made.files_queue,
        }
        return provision(REGION, **{**names, **changed}, session=aws.session)

    return build


def attributes(aws, url):
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    # setting an attribute to what it is counts as a change of the queue
    return {k: v for k, v in answer["Attributes"].items() if k != "LastModifiedTimestamp"}


@pytest.mark.parametrize("kind", ["turns", "files"])
def test_each_queue_has_a_dead_letter_queue_that_takes_what_failed_ten_times(aws, kind):
    queue = attributes(aws, getattr(aws.resources, f"{kind}_queue"))
    dead = attributes(aws, getattr(aws.resources, f"{kind}_dead_queue"))
    redrive = json.loads(queue["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == dead["QueueArn"]
    assert int(redrive["maxReceiveCount"]) == 10
    assert int(dead["MessageRetentionPeriod"]) == 14 * 86_400


def test_turns_are_in_order_and_files_need_not_be(aws):
    assert attributes(aws, aws.resources.turns_queue)["FifoQueue"] == "true"
    assert "FifoQueue" not in attributes(aws, aws.resources.files_queue)


def test_items_of_the_table_expire(aws):
    db = aws.client("dynamodb")
    table = aws.resources.table
    ttl = db.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    described = db.describe_table(TableName=table)["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_an_object_written_or_deleted_is_told_to_the_files_queue(aws):
    s3, sqs = aws.client("s3"), aws.client("sqs")
    key = "slack/T1/C1/F1/보고서 1.pdf"
    s3.put_object(Bucket=aws.resources.bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=aws.resources.bucket, Key=key)
    names: list[str] = []
    while len(names) < 2:
        answer = sqs.receive_message(
            QueueUrl=aws.resources.files_queue, WaitTimeSeconds=2, MaxNumberOfMessages=10
        )
        for message in answer.get("Messages", []):
            records = json.loads(message["Body"]).get("Records", [])
            assert all(each["s3"]["object"]["sequencer"] for each in records)
            names += [each["eventName"].partition(":")[0] for each in records]
    assert sorted(names) == ["ObjectCreated", "ObjectRemoved"]


def test_nobody_else_may_read_the_bucket(aws):
    block = aws.client("s3").get_public_access_block(Bucket=aws.resources.bucket)
    assert all(block["PublicAccessBlockConfiguration"].values())


def test_provisioning_again_changes_nothing(aws, again):
    queues = (aws.resources.turns_queue, aws.resources.files_queue)
    aws.client("sqs").send_message(QueueUrl=aws.resources.files_queue, MessageBody="kept")
    before = [attributes(aws, queue) for queue in queues]
    assert again() == aws.resources
    assert again() == aws.resources
    assert [attributes(aws, queue) for queue in queues] == before


def test_provisioning_puts_right_what_somebody_changed_and_leaves_the_rest(aws, again):
    sqs, s3, made = aws.client("sqs"), aws.client("s3"), aws.resources
    sqs.set_queue_attributes(QueueUrl=made.turns_queue, Attributes={"VisibilityTimeout": "600"})
    other = sqs.create_queue(QueueName=f"{made.table}-other")["QueueUrl"]
    theirs = {
        "Id": "theirs",
        "QueueArn": attributes(aws, other)["QueueArn"],
        "Events": ["s3:ObjectCreated:Put"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "theirs/"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=made.bucket, NotificationConfiguration={"QueueConfigurations": [theirs]}
    )
    again()
    assert attributes(aws, made.turns_queue)["VisibilityTimeout"] == "1800"
    kept = s3.get_bucket_notification_configuration(Bucket=made.bucket)["QueueConfigurations"]
    assert {each["Id"]: set(each["Events"]) for each in kept} == {
        "theirs": {"s3:ObjectCreated:Put"},
        "parley-files": set(EVENTS),
    }


def test_a_table_that_is_not_ours_is_refused(aws, again):
    name = f"{aws.resources.table}-other"
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    with pytest.raises(ProvisionError, match="PARLEY_TABLE"):
        again(table=name)


def test_a_turns_queue_that_cannot_keep_order_is_refused(again):
    with pytest.raises(ProvisionError, match="fifo"):
        again(turns_queue="plain")


def test_a_bucket_outside_the_first_region_is_made_there(aws):
    name = f"{aws.resources.bucket}-kr"
    made = provision(
        "ap-northeast-2",
        bucket=name,
        table=name,
        turns_queue=f"{name}.fifo",
        files_queue=name,
        session=aws.session,
    )
    place = aws.client("s3").get_bucket_location(Bucket=made.bucket)["LocationConstraint"]
    assert place == "ap-northeast-2"
