"""What is kept, and from whom."""

import json

from stacks import source
from stacks.templates import lifecycle, listed

# The bucket of copies of the history, and the function that writes them.
HISTORY = "HistoryBucket"
COPIES = "CopyHistory"


def table(deployment):
    """The table is as the code expects it, and is not lost."""
    (table,) = deployment.of("AWS::DynamoDB::Table")
    given, expected = table.properties, source.table()
    if key(given["KeySchema"]) != expected["key"]:
        yield f"the table's key is {key(given['KeySchema'])}, the code's {expected['key']}"
    indexes = {index["IndexName"]: key(index["KeySchema"]) for index in given.get("GlobalSecondaryIndexes", [])}
    if indexes != expected["indexes"]:
        yield f"the table's indexes are {indexes}, the code's {expected['indexes']}"
    for index in given.get("GlobalSecondaryIndexes", []):
        projection = index["Projection"]
        shown = sorted(projection.get("NonKeyAttributes", []))
        if (projection["ProjectionType"], shown) != ("INCLUDE", sorted(expected["shown"])):
            yield f"{index['IndexName']} has {shown}, and lists show {sorted(expected['shown'])}"
    expires = given.get("TimeToLiveSpecification", {})
    if (expires.get("AttributeName"), expires.get("Enabled")) != (expected["expires"], True):
        yield f"rows do not go by {expected['expires']}"
    if given.get("BillingMode") != "PAY_PER_REQUEST":
        yield "the table is not paid for by use"
    if not given.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
        yield "the table cannot be restored"
    if not given.get("DeletionProtectionEnabled"):
        yield "the table can be deleted"


def key(schema):
    return tuple(part["AttributeName"] for part in schema)


def kept(deployment):
    """Tasks and images outlive the stack; what nobody needs any more goes."""
    for resource in deployment.of("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Cognito::UserPool"):
        if {resource.whole.get("DeletionPolicy"), resource.whole.get("UpdateReplacePolicy")} != {"Retain"}:
            yield f"{resource.name} goes with the stack"
    for bucket in deployment.of("AWS::S3::Bucket"):
        if bucket.properties.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            yield f"{bucket.name} does not keep what is overwritten"
        rules = lifecycle(bucket)
        if bucket.name == HISTORY:
            continue
        expiring = {rule.get("Prefix") for rule in rules if rule.get("ExpirationInDays")}
        for prefix in ("requests/", "checkpoints/", "inputs/"):
            if prefix not in expiring:
                yield f"{bucket.name} keeps {prefix} for ever"
        if "published/" in expiring or None in expiring:
            yield f"{bucket.name} loses what is published"
        if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
            yield f"{bucket.name} keeps uploads that were given up"
        if not any("NoncurrentVersionExpiration" in rule and "Prefix" not in rule for rule in rules):
            yield f"{bucket.name} keeps old versions for ever"


def recorded(deployment):
    """Every row of the history is copied to where nobody takes it back, and the copier can do nothing else."""
    service = deployment.service
    buckets = [bucket for bucket in service.of("AWS::S3::Bucket") if bucket.name == HISTORY]
    if service.values["HistoryCopy"] == "no":
        if buckets:
            yield f"{HISTORY} is there, though nobody wants copies"
        return
    streams = [table.properties.get("StreamSpecification") for table in service.of("AWS::DynamoDB::Table")]
    if streams != [{"StreamViewType": "NEW_IMAGE"}]:
        yield f"the table's stream is {streams}: copies are made of new rows"
    for bucket in buckets:
        given = bucket.properties.get("ObjectLockConfiguration", {})
        retention = given.get("Rule", {}).get("DefaultRetention", {})
        locked = bucket.properties.get("ObjectLockEnabled") and given.get("ObjectLockEnabled") == "Enabled"
        if not locked or retention.get("Mode") not in ("GOVERNANCE", "COMPLIANCE") or not retention.get("Days"):
            yield f"{bucket.name} gives back what it took"
        if not any(rule.get("ExpirationInDays") == retention.get("Days") for rule in lifecycle(bucket)):
            yield f"{bucket.name} keeps copies for longer than they are locked"
        if not any("NoncurrentVersionExpiration" in rule for rule in lifecycle(bucket)):
            yield f"{bucket.name} keeps copies for ever"
    if not buckets:
        yield f"there is no {HISTORY}"
    fed = [
        mapping.properties
        for mapping in service.of("AWS::Lambda::EventSourceMapping")
        if service.named(mapping.properties["FunctionName"]).name == COPIES
    ]
    prefix = source.event_prefix()
    patterns = [
        json.loads(part["Pattern"]) for given in fed for part in given.get("FilterCriteria", {}).get("Filters", [])
    ]
    if patterns != [{"dynamodb": {"Keys": {"SK": {"S": [{"prefix": prefix}]}}}}]:
        yield f"{COPIES} is told of {patterns}, not of all rows whose key begins with {prefix}"
    for given in fed:
        if {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds"} & set(given):
            yield f"{COPIES} gives a row up before the stream does"
    role = service.named(f"${{{COPIES}Role.Arn}}")
    for policy in role.properties["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = {action for action in listed(statement["Action"]) if action.startswith("s3:")}
            if actions and (actions, statement["Resource"]) != ({"s3:PutObject"}, f"${{{HISTORY}.Arn}}/history/*"):
                yield f"{COPIES} may do {sorted(actions)} to {statement['Resource']}"


def encrypted(deployment):
    """Everything is encrypted where it lies and on its way."""
    for table in deployment.of("AWS::DynamoDB::Table"):
        if not table.properties.get("SSESpecification", {}).get("SSEEnabled"):
            yield f"{table.name} is not encrypted with a key of this account"
    for bucket in deployment.of("AWS::S3::Bucket"):
        if not bucket.properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration"):
            yield f"{bucket.name} is not encrypted"
    for queue in deployment.of("AWS::SQS::Queue"):
        if not (queue.properties.get("SqsManagedSseEnabled") or queue.properties.get("KmsMasterKeyId")):
            yield f"{queue.name} is not encrypted"
    for topic in deployment.of("AWS::SNS::Topic"):
        if not topic.properties.get("KmsMasterKeyId"):
            yield f"{topic.name} is not encrypted"
    for template in deployment.of("AWS::EC2::LaunchTemplate"):
        for disk in template.properties["LaunchTemplateData"].get("BlockDeviceMappings", [{}]):
            if not disk.get("Ebs", {}).get("Encrypted"):
                yield f"{template.name} has a disk that is not encrypted"
    for distribution in deployment.of("AWS::CloudFront::Distribution"):
        given = distribution.properties["DistributionConfig"]
        for behaviour in [given["DefaultCacheBehavior"], *given.get("CacheBehaviors", [])]:
            if behaviour["ViewerProtocolPolicy"] == "allow-all":
                yield f"{distribution.name} answers without TLS"
    guarded = set()
    for policy in deployment.of("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            insecure = str(statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower() == "false"
            if insecure and statement["Effect"] == "Deny" and statement["Principal"] == "*":
                guarded |= {name.strip("${}") for name in listed(policy.properties.get("Queues"))}
                guarded |= {name.strip("${}") for name in listed(policy.properties.get("Bucket"))}
    for resource in deployment.of("AWS::S3::Bucket", "AWS::SQS::Queue"):
        if resource.name not in guarded:
            yield f"{resource.name} can be used without TLS"


def public(deployment):
    """Nobody but CloudFront reads without a role or a signature, and nothing but what is published."""
    for bucket in deployment.of("AWS::S3::Bucket"):
        block = bucket.properties.get("PublicAccessBlockConfiguration", {})
        ways = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        open_ways = [way for way in ways if block.get(way) is not True]
        if open_ways:
            yield f"{bucket.name} can be public: {', '.join(open_ways)}"
    policies = deployment.of("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    for policy in policies:
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                yield from opened(policy, statement)
    for permission in deployment.of("AWS::Lambda::Permission"):
        if permission.properties["Principal"] == "*":
            yield f"{permission.name} lets everybody call"
    for resource in deployment.of("AWS::Lambda::Url"):
        yield f"{resource.name} is a way past the API"
    for function in deployment.of("AWS::Serverless::Function"):
        if "FunctionUrlConfig" in function.properties:
            yield f"{function.name} has a way past the API"
    for group in deployment.of("AWS::EC2::SecurityGroup"):
        if group.properties.get("SecurityGroupIngress"):
            yield f"{group.name} lets others in"
    for template in deployment.of("AWS::EC2::LaunchTemplate"):
        interfaces = template.properties["LaunchTemplateData"].get("NetworkInterfaces", [])
        if any(interface.get("AssociatePublicIpAddress") for interface in interfaces):
            yield f"{template.name} has a public address"
    for distribution in deployment.of("AWS::CloudFront::Distribution"):
        for origin in distribution.properties["DistributionConfig"]["Origins"]:
            if not origin.get("OriginAccessControlId"):
                yield f"{distribution.name} reads {origin['Id']} without signing"


def opened(policy, statement):
    """What is wrong with whom a policy of a resource lets in."""
    principal = statement["Principal"]
    services = listed(principal.get("Service")) if isinstance(principal, dict) else []
    if not services or len(principal) != 1:
        yield f"{policy.name} lets in {principal}"
    conditions = {name.lower() for test in statement.get("Condition", {}).values() for name in test}
    if not conditions & {"aws:sourceaccount", "aws:sourcearn"}:
        yield f"{policy.name} lets {services} of every account in"
    if "cloudfront.amazonaws.com" in services:
        allowed = listed(statement["Action"]), listed(statement["Resource"])
        if allowed != (["s3:GetObject"], ["${Bucket.Arn}/published/*"]):
            yield f"{policy.name} lets CloudFront do {statement['Action']} on {statement['Resource']}"
