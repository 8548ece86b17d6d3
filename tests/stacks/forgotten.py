"""What moto's CloudFormation forgets of the resources that it makes, made by the calls that CloudFormation makes."""

import json


def complete(created):
    """Makes all of it."""
    for (name, forgotten), make in FORGOTTEN.items():
        for resource in created.meant.resources:
            if name in (resource.name, resource.kind) and forgotten in resource.properties:
                make(created, created.in_aws({"name": f"${{{resource.name}}}"} | resource.properties))


def versioning(created, given):
    wanted = given["VersioningConfiguration"]
    created.client("s3").put_bucket_versioning(Bucket=given["name"], VersioningConfiguration=wanted)


def public_access(created, given):
    wanted = given["PublicAccessBlockConfiguration"]
    created.client("s3").put_public_access_block(Bucket=given["name"], PublicAccessBlockConfiguration=wanted)


def lock(created, given):
    wanted = given["ObjectLockConfiguration"]
    created.client("s3").put_object_lock_configuration(Bucket=given["name"], ObjectLockConfiguration=wanted)


def lifecycle(created, given):
    rules = [lifecycle_rule(rule) for rule in given["LifecycleConfiguration"]["Rules"]]
    created.client("s3").put_bucket_lifecycle_configuration(
        Bucket=given["name"], LifecycleConfiguration={"Rules": rules}
    )


def lifecycle_rule(rule):
    """A rule in the words of S3's API."""
    expiration = {"Days": rule["ExpirationInDays"]} if "ExpirationInDays" in rule else {}
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule["ExpiredObjectDeleteMarker"]
    same = ("Status", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    wanted = {name: rule[name] for name in same if name in rule}
    wanted |= {"ID": rule["Id"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    return wanted | ({"Expiration": expiration} if expiration else {})


def notifications(created, given):
    rules = [
        {
            "QueueArn": rule["Queue"],
            "Events": [rule["Event"]],
            "Filter": {"Key": {"FilterRules": rule["Filter"]["S3Key"]["Rules"]}},
        }
        for rule in given["NotificationConfiguration"]["QueueConfigurations"]
    ]
    created.client("s3").put_bucket_notification_configuration(
        Bucket=created.ids["Bucket"], NotificationConfiguration={"QueueConfigurations": rules}
    )


def bucket_policy(created, given):
    created.client("s3").put_bucket_policy(Bucket=given["Bucket"], Policy=json.dumps(given["PolicyDocument"]))


def queue_policy(created, given):
    for queue in given["Queues"]:
        policy = {"Policy": json.dumps(given["PolicyDocument"])}
        created.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes=policy)


def time_to_live(created, given):
    created.client("dynamodb").update_time_to_live(
        TableName=created.ids["Table"], TimeToLiveSpecification=given["TimeToLiveSpecification"]
    )


def recovery(created, given):
    created.client("dynamodb").update_continuous_backups(
        TableName=created.ids["Table"],
        PointInTimeRecoverySpecification=given["PointInTimeRecoverySpecification"],
    )


def managed_policies(created, given):
    for policy in given["ManagedPolicyArns"]:
        created.client("iam").attach_role_policy(RoleName=given["name"], PolicyArn=policy)


# By resource or kind of resources, and property.
FORGOTTEN = {
    ("AWS::S3::Bucket", "VersioningConfiguration"): versioning,
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration"): public_access,
    ("AWS::S3::Bucket", "LifecycleConfiguration"): lifecycle,
    ("HistoryBucket", "ObjectLockConfiguration"): lock,
    ("AWS::SQS::QueuePolicy", "PolicyDocument"): queue_policy,
    ("Bucket", "NotificationConfiguration"): notifications,
    ("AWS::S3::BucketPolicy", "PolicyDocument"): bucket_policy,
    ("AWS::IAM::Role", "ManagedPolicyArns"): managed_policies,
    ("Table", "TimeToLiveSpecification"): time_to_live,
    ("Table", "PointInTimeRecoverySpecification"): recovery,
}
