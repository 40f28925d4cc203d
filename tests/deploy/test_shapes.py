"""The template makes what `parley init` makes, and what both promise."""

import pytest

from core.aws.provision import TRIES
from deploy.bundle import FUNCTIONS, RUNTIME
from tests.deploy.template import resources, template

FUNCTION = "AWS::Serverless::Function"


@pytest.mark.parametrize("queue", ["turns", "files"])
def test_queues_are_the_same(aws, queue):
    name = queue.capitalize()
    for suffix, url in (
        ("", getattr(aws.resources, f"{queue}_queue")),
        ("Dead", getattr(aws.resources, f"{queue}_dead_queue")),
    ):
        made = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        wanted = resources("AWS::SQS::Queue")[f"{name}{suffix}"]
        for key, value in wanted.items():
            if key == "RedrivePolicy":
                assert value["maxReceiveCount"] == TRIES
                assert value["deadLetterTargetArn"] == {"Fn::GetAtt": f"{name}Dead.Arn"}
                assert '"maxReceiveCount": "10"' in made["Attributes"][key]
            elif key not in {"Tags", "SqsManagedSseEnabled"}:  # SQS encrypts unless told not to
                told = str(value).lower() if isinstance(value, bool) else str(value)
                assert made["Attributes"][key] == told, (name, suffix, key)


def test_the_table_is_the_same(aws):
    db, wanted = aws.client("dynamodb"), resources("AWS::DynamoDB::Table")["Table"]
    table = db.describe_table(TableName=aws.resources.table)["Table"]
    assert table["KeySchema"] == wanted["KeySchema"]
    assert table["AttributeDefinitions"] == wanted["AttributeDefinitions"]
    assert table["BillingModeSummary"]["BillingMode"] == wanted["BillingMode"]
    ttl = db.describe_time_to_live(TableName=aws.resources.table)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == wanted["TimeToLiveSpecification"]["AttributeName"]
    backups = db.describe_continuous_backups(TableName=aws.resources.table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    assert wanted["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_bucket_is_the_same(aws):
    s3, wanted = aws.client("s3"), resources("AWS::S3::Bucket")["Documents"]
    name = aws.resources.bucket
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert block == wanted["PublicAccessBlockConfiguration"]
    versioning = s3.get_bucket_versioning(Bucket=name)["Status"]
    assert versioning == wanted["VersioningConfiguration"]["Status"]
    made = {
        rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    }
    old, aborted = wanted["LifecycleConfiguration"]["Rules"]
    assert set(made) == {old["Id"], aborted["Id"]}
    for rule, key in (
        (old, "NoncurrentVersionExpiration"),
        (aborted, "AbortIncompleteMultipartUpload"),
    ):
        assert made[rule["Id"]][key] == rule[key]
    (ours,) = s3.get_bucket_notification_configuration(Bucket=name)["QueueConfigurations"]
    told = wanted["NotificationConfiguration"]["QueueConfigurations"]
    assert sorted(each["Event"] for each in told) == sorted(ours["Events"])
    assert {each["Queue"]["Fn::GetAtt"] for each in told} == {"Files.Arn"}
    assert wanted["BucketEncryption"]


@pytest.mark.parametrize(
    "function, queue", [("WorkerFunction", "Turns"), ("IngesterFunction", "Files")]
)
def test_a_queue_outlasts_its_function_six_times_and_takes_one_at_a_time(function, queue):
    timeout = resources(FUNCTION)[function]["Timeout"]
    assert resources("AWS::SQS::Queue")[queue]["VisibilityTimeout"] >= 6 * timeout
    (source,) = resources(FUNCTION)[function]["Events"].values()
    assert source["Properties"]["BatchSize"] == 1
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["Properties"]["ScalingConfig"]["MaximumConcurrency"]


def test_functions_leave_the_queues_to_others_where_that_was_asked_for():
    for function in ("WorkerFunction", "IngesterFunction"):
        (source,) = resources(FUNCTION)[function]["Events"].values()
        assert source["Properties"]["Enabled"] == {"Fn::If": ["LambdaWorks", True, False]}
    assert template()["Conditions"]["LambdaWorks"] == {"Fn::Equals": [{"Ref": "Workers"}, "lambda"]}
    assert template()["Parameters"]["Workers"]["Default"] == "lambda"


def test_every_function_has_its_own_bundle_role_and_log_that_ends():
    functions = resources(FUNCTION)
    assert {name.removesuffix("Function") for name in functions} == set(FUNCTIONS)
    assert template()["Globals"]["Function"]["Runtime"] == f"python{RUNTIME}"
    assert template()["Globals"]["Function"]["Architectures"] == ["arm64"]
    groups = resources("AWS::Logs::LogGroup")
    for each in functions.values():
        assert groups[each["LoggingConfig"]["LogGroup"]["Ref"]]["RetentionInDays"]
    roles = [str(each["Role"]) for each in functions.values()]
    assert len(set(roles)) == len(roles)


def test_data_goes_with_the_stack_only_where_that_was_asked_for():
    for name in ("Table", "Documents"):
        made = template()["Resources"][name]
        assert made["DeletionPolicy"] == {"Ref": "DataPolicy"}
        assert made["UpdateReplacePolicy"] == {"Ref": "DataPolicy"}
    assert template()["Parameters"]["DataPolicy"]["Default"] == "Retain"
    assert resources("AWS::DynamoDB::Table")["Table"]["DeletionProtectionEnabled"] == {
        "Fn::If": ["Deletes", False, True]
    }


def test_every_alarm_reaches_whoever_is_named():
    alarms = resources("AWS::CloudWatch::Alarm")
    watched = {each["MetricName"] for each in alarms.values()}
    assert {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"} <= watched
    for each in alarms.values():
        assert each["AlarmActions"] == {"Fn::If": ["Mails", [{"Ref": "Alarms"}], []]}
        assert each["AlarmDescription"]


def test_what_can_be_tagged_is_tagged():
    for name, each in template()["Resources"].items():
        if each["Type"] in {"AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::IAM::Role"}:
            tags = {tag["Key"]: tag["Value"] for tag in each["Properties"]["Tags"]}
            assert tags["application"] == "parley", name
