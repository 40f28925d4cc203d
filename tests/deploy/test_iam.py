"""Each function may do what its code calls, on its own resources, and nothing else."""

import json

import pytest

from core.runtime.settings import EMBEDDING_FAMILIES
from core.values.models import MODELS
from ingestion.pictures import READS
from tests.deploy.calls import calls
from tests.deploy.template import ECS, listed, resources, statements

ACTIONS = {
    ("dynamodb", "get_item"): ["GetItem"],
    ("dynamodb", "batch_get_item"): ["BatchGetItem"],
    ("dynamodb", "query"): ["Query"],
    ("dynamodb", "scan"): ["Scan"],
    ("dynamodb", "put_item"): ["PutItem"],
    ("dynamodb", "update_item"): ["UpdateItem"],
    ("dynamodb", "delete_item"): ["DeleteItem"],
    ("dynamodb", "transact_write_items"): [],  # what is in it counts
    ("dynamodb", "transact Put"): ["PutItem"],
    ("dynamodb", "transact Update"): ["UpdateItem"],
    ("dynamodb", "transact Delete"): ["DeleteItem"],
    ("dynamodb", "transact ConditionCheck"): ["ConditionCheckItem"],
    ("s3", "put_object"): ["PutObject"],
    ("s3", "create_multipart_upload"): ["PutObject"],
    ("s3", "upload_part"): ["PutObject"],
    ("s3", "complete_multipart_upload"): ["PutObject"],
    ("s3", "abort_multipart_upload"): ["AbortMultipartUpload"],
    # whoever may not list a bucket is told 403 of an object that is not there, not 404
    ("s3", "get_object"): ["GetObject", "ListBucket"],
    ("s3", "head_object"): ["GetObject", "ListBucket"],
    ("s3", "list_objects_v2"): ["ListBucket"],
    ("s3", "list_object_versions"): ["ListBucketVersions"],
    ("s3", "delete_objects"): ["DeleteObject", "DeleteObjectVersion"],
    ("sqs", "send_message"): ["SendMessage"],
    ("sqs", "send_message_batch"): ["SendMessage"],
    ("sqs", "receive_message"): ["ReceiveMessage"],
    ("sqs", "delete_message"): ["DeleteMessage"],
    ("sqs", "get_queue_attributes"): ["GetQueueAttributes"],
    ("sqs", "change_message_visibility"): ["ChangeMessageVisibility"],
    ("sqs", "get_queue_url"): ["GetQueueUrl"],
    ("secretsmanager", "get_secret_value"): ["GetSecretValue"],
    ("bedrock", "invoke_model"): ["InvokeModel"],
    ("bedrock", "converse_stream"): ["InvokeModelWithResponseStream"],
    ("opensearch", "indices"): [],
    ("opensearch", "close"): [],
    ("opensearch", "exists"): ["ESHttpHead"],
    ("opensearch", "get"): ["ESHttpGet"],
    ("opensearch", "create"): ["ESHttpPut"],
    ("opensearch", "put_alias"): ["ESHttpPut"],
    ("opensearch", "refresh"): ["ESHttpPost"],
    ("opensearch", "bulk"): ["ESHttpPost"],
    ("opensearch", "delete_by_query"): ["ESHttpPost"],
    ("opensearch", "msearch"): ["ESHttpPost"],
    ("opensearch", "search"): ["ESHttpPost"],
    ("opensearch", "mget"): ["ESHttpPost"],
    ("opensearch", "termvectors"): ["ESHttpPost"],
}
"""What a call needs. A call that is not here fails the test: look it up in the service's
authorization reference and add it. https://docs.aws.amazon.com/service-authorization/"""
PREFIXES = {"opensearch": "es"}
EVERYONE = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}
SOURCE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""What Lambda does with a function's role when it feeds it from a queue."""
BEDROCK = ("Claude", "Embedding")
NAMESAKES = {
    # turns are put in a queue; nothing is indexed
    "WorkerFunction": {
        ("OpenSearchIndex", "put"),
        ("ServerlessIndex", "put"),
        ("IndexVersions", "put"),
        ("IndexVersions", "_put_too"),
    },
    "IngesterFunction": {
        ("DynamoManifest", "register"),  # a shared file is, by the worker
        ("DynamoHistory", "append"),  # to lists
        ("DynamoHistory", "forget"),
        ("DynamoCursors", "get"),
        ("DynamoCursors", "put"),
    },
    "ReconcilerFunction": {
        # a cursor is, and a message in a queue
        ("OpenSearchIndex", "put"),
        ("ServerlessIndex", "put"),
        ("IndexVersions", "put"),
        ("IndexVersions", "_put_too"),
        ("IndexVersions", "search"),  # versions are counted, nothing is asked
        ("Converse", "request"),  # nothing is asked of Claude
    },
}
FUNCTIONS = resources("AWS::Serverless::Function")


def role_of(function):
    return FUNCTIONS[function]["Role"]["Fn::GetAtt"].removesuffix(".Arn")


def allowed(function):
    return {a for each in statements(role_of(function)) for a in listed(each["Action"])}


def needed(function):
    properties = FUNCTIONS[function]
    found = set(EVERYONE)
    secret = "Value.Id" in json.dumps(properties.get("Environment", {}))
    for service, method in calls(
        properties["Handler"].rpartition(".")[0], NAMESAKES.get(function, frozenset())
    ):
        if service == "secretsmanager" and not secret:
            continue  # only those that name a secret look one up
        prefix = PREFIXES.get(service, service)
        found |= {f"{prefix}:{action}" for action in ACTIONS[service, method]}
    if any(each["Type"] == "SQS" for each in properties.get("Events", {}).values()):
        found |= SOURCE
    if any(each.startswith("es:") for each in found):
        found.add("aoss:APIAccessAll")  # the same calls, to a serverless collection
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_its_code_calls_and_nothing_else(function):
    assert allowed(function) == needed(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_a_function_may_do_it_may_do_on_its_own_resources_only(function):
    for statement in statements(role_of(function)):
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            assert "*" not in action
        for resource in listed(statement["Resource"]):
            if resource == "*":
                assert statement["Sid"] == "Traces"


def test_a_task_on_ecs_may_do_what_its_code_calls_and_nothing_else():
    found = calls("bots.serve") | {("secretsmanager", "get_secret_value")}  # by `parley serve`
    wanted = {
        f"{PREFIXES.get(service, service)}:{action}"
        for service, method in found
        for action in ACTIONS[service, method]
    }
    told = {a for each in statements("TaskRole", ECS) for a in listed(each["Action"])}
    assert told == wanted | {"aoss:APIAccessAll"}


def test_a_task_on_ecs_may_do_as_much_as_the_functions_that_it_stands_for():
    """But for what Lambda needs to feed them, and for logs and traces, which are the agent's."""
    told = {a for each in statements("TaskRole", ECS) for a in listed(each["Action"])}
    stood_for = ("WorkerFunction", "IngesterFunction", "ScheduleFunction", "ReconcilerFunction")
    assert told == set().union(*(allowed(each) for each in stood_for)) - EVERYONE


def test_what_a_task_on_ecs_may_do_it_may_do_on_the_stacks_resources_only():
    for role in ("TaskRole", "ExecutionRole"):
        for statement in statements(role, ECS):
            assert statement["Effect"] == "Allow"
            assert not [action for action in listed(statement["Action"]) if "*" in action]
            if "*" in listed(statement["Resource"]):
                assert statement["Action"] == "ecr:GetAuthorizationToken"
    models = [
        {each["Sid"]: each["Resource"] for each in statements(*where) if each["Sid"] in BEDROCK}
        for where in (("TaskRole", ECS), ("WorkerRole",))
    ]
    assert models[0] == models[1]


def test_only_the_catalogues_models_can_be_called():
    for function, wanted in (("WorkerFunction", MODELS), ("IngesterFunction", [READS])):
        found = {each["Sid"]: each for each in statements(role_of(function))}
        arns = [each["Fn::Sub"] for each in found["Claude"]["Resource"]]
        at = "arn:${AWS::Partition}:bedrock:*:"
        expected = {f"{at}:foundation-model/{MODELS[name].bedrock_id}" for name in wanted} | {
            f"{at}${{AWS::AccountId}}:inference-profile/*.{MODELS[name].bedrock_id}"
            for name in wanted
        }
        assert set(arns) == expected
        embedding = json.dumps(found["Embedding"]["Resource"])
        assert all(family in embedding for family in EMBEDDING_FAMILIES)


def test_no_policy_is_larger_than_a_role_takes():
    for role in resources("AWS::IAM::Role"):
        size = len(json.dumps(list(statements(role)), separators=(",", ":")))
        assert size < 8_000, role  # 10,240 characters, names filled in
