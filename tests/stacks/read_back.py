"""What is there, read by the calls that tell, in the words of templates: the templates' checks look at it too."""

import ast
import json

from botocore.exceptions import ClientError

from stacks.templates import Deployment, Resource, Stack

# What SQS says of a queue as templates say it.
NUMBERS = ("VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds")


class ReadBack(Deployment):
    """The service as it is there."""

    def __init__(self, created):
        self.service = Service(created)
        self.stacks, self.has_hosts = [self.service], False


class Service(Stack):
    """The service's resources as they are there."""

    def __init__(self, created):
        whole = created.template["Resources"]
        self.values = created.meant.values
        self.resources = []
        for meant in created.meant.resources:
            if (read := READERS.get(meant.kind)) and (told := read(created, meant.name)):
                kind = "AWS::Serverless::Function" if meant.kind == "AWS::Lambda::Function" else meant.kind
                self.resources.append(Resource(meant.name, kind, created.in_template(told), whole[meant.name]))


def answer(call, part, **asked):
    """A part of an answer; nothing if AWS says that there is nothing."""
    try:
        return call(**asked).get(part)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return None


def there(properties):
    return {name: value for name, value in properties.items() if value not in (None, {}, [])}


def table(created, name):
    dynamodb, asked = created.client("dynamodb"), {"TableName": created.ids[name]}
    told = dynamodb.describe_table(**asked)["Table"]
    expiry = dynamodb.describe_time_to_live(**asked)["TimeToLiveDescription"]
    expires = {"AttributeName": expiry.get("AttributeName"), "Enabled": expiry["TimeToLiveStatus"] == "ENABLED"}
    backups = dynamodb.describe_continuous_backups(**asked)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    stream = told.get("StreamSpecification", {}).get("StreamViewType")
    same = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "DeletionProtectionEnabled")
    return there(
        {part: told.get(part) for part in same}
        | {
            "BillingMode": told.get("BillingModeSummary", {}).get("BillingMode"),
            "SSESpecification": {"SSEEnabled": told.get("SSEDescription", {}).get("Status") == "ENABLED"},
            "StreamSpecification": {"StreamViewType": stream} if stream else None,
            "TimeToLiveSpecification": expires if expires["Enabled"] else None,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True} if recovery else None,
        }
    )


def bucket(created, name):
    s3, asked = created.client("s3"), {"Bucket": created.ids[name]}
    versioning = s3.get_bucket_versioning(**asked).get("Status")
    rules = answer(s3.get_bucket_lifecycle_configuration, "Rules", **asked) or []
    queues = s3.get_bucket_notification_configuration(**asked).get("QueueConfigurations", [])
    lock = answer(s3.get_object_lock_configuration, "ObjectLockConfiguration", **asked)
    block = "PublicAccessBlockConfiguration"
    encryption = "ServerSideEncryptionConfiguration"
    return there(
        {
            "VersioningConfiguration": {"Status": versioning} if versioning else None,
            "ObjectLockEnabled": bool(lock) or None,
            "ObjectLockConfiguration": lock,
            "LifecycleConfiguration": {"Rules": [lifecycle_rule(rule) for rule in rules]} if rules else None,
            block: answer(s3.get_public_access_block, block, **asked),
            "BucketEncryption": there(
                {encryption: (answer(s3.get_bucket_encryption, encryption, **asked) or {}).get("Rules")}
            ),
            "NotificationConfiguration": there({"QueueConfigurations": [notification(rule) for rule in queues]}),
        }
    )


def lifecycle_rule(rule):
    """A rule of S3's API in a template's words."""
    expiration = rule.get("Expiration", {})
    same = ("Status", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    told = {"Id": rule["ID"], "Prefix": rule.get("Filter", {}).get("Prefix") or None}
    told |= {"ExpirationInDays": expiration.get("Days")}
    return there(told | {part: rule.get(part) for part in same})


def notification(rule):
    """A notification of S3's API in a template's words."""
    (event,) = rule["Events"]
    rules = rule.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return {"Event": event, "Queue": rule["QueueArn"], "Filter": {"S3Key": {"Rules": rules}}}


def queue(created, name):
    told = created.queue(name)
    redrive = json.loads(told["RedrivePolicy"]) if "RedrivePolicy" in told else {}
    return there(
        {part: int(told[part]) for part in NUMBERS}
        | {
            "SqsManagedSseEnabled": told.get("SqsManagedSseEnabled") == "true" or None,
            "RedrivePolicy": there({part: redrive.get(part) for part in ("deadLetterTargetArn", "maxReceiveCount")}),
        }
    )


def function(created, name):
    told = created.function(name)
    same = ("Runtime", "Handler", "Timeout", "MemorySize", "Role", "PackageType", "Environment")
    meant = next(resource for resource in created.meant.resources if resource.name == name)
    text = meant.properties["Code"].get("ZipFile")
    return there({part: told.get(part) for part in same} | {"InlineCode": text})


def mapping(created, name):
    told = created.client("lambda").get_event_source_mapping(UUID=created.ids[name])
    same = ("EventSourceArn", "BatchSize", "FunctionResponseTypes", "FilterCriteria")
    return there({part: told.get(part) for part in same} | {"FunctionName": told["FunctionArn"]})


def role(created, name):
    iam, asked = created.client("iam"), {"RoleName": created.ids[name]}
    names = iam.list_role_policies(**asked)["PolicyNames"]
    documents = [iam.get_role_policy(PolicyName=policy, **asked)["PolicyDocument"] for policy in names]
    attached = iam.list_attached_role_policies(**asked)["AttachedPolicies"]
    return there(
        {
            "Policies": [{"PolicyDocument": policy(document)} for document in documents],
            "ManagedPolicyArns": [policy["PolicyArn"] for policy in attached],
        }
    )


def policy(document):
    """A policy of a role; of a stack, moto keeps them as Python writes them."""
    return ast.literal_eval(document) if isinstance(document, str) else document


def managed_policy(created, name):
    iam, asked = created.client("iam"), {"PolicyArn": created.ids[name]}
    version = iam.get_policy(**asked)["Policy"]["DefaultVersionId"]
    return {"PolicyDocument": iam.get_policy_version(VersionId=version, **asked)["PolicyVersion"]["Document"]}


def bucket_policy(created, name):
    (meant,) = (resource for resource in created.meant.resources if resource.name == name)
    asked = {"Bucket": created.in_aws(meant.properties["Bucket"])}
    policy = answer(created.client("s3").get_bucket_policy, "Policy", **asked)
    return policy and asked | {"PolicyDocument": json.loads(policy)}


def queue_policy(created, name):
    (meant,) = (resource for resource in created.meant.resources if resource.name == name)
    (queue,) = created.in_aws(meant.properties["Queues"])
    asked = {"QueueUrl": queue, "AttributeNames": ["Policy"]}
    policy = answer(created.client("sqs").get_queue_attributes, "Attributes", **asked) or {}
    return "Policy" in policy and {"Queues": [queue], "PolicyDocument": json.loads(policy["Policy"])}


def topic(created, name):
    told = created.client("sns").get_topic_attributes(TopicArn=created.ids[name])["Attributes"]
    return there({"KmsMasterKeyId": told.get("KmsMasterKeyId")})


READERS = {
    "AWS::DynamoDB::Table": table,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
    "AWS::Lambda::Function": function,
    "AWS::Lambda::EventSourceMapping": mapping,
    "AWS::IAM::Role": role,
    "AWS::IAM::ManagedPolicy": managed_policy,
    "AWS::SNS::Topic": topic,
}
