"""What Easel's deployment is made of, on ministack, an emulator of AWS by others."""

import base64
import hashlib
import hmac
import io
import json
import secrets
import time
import tomllib
import uuid
import zipfile

import boto3

from stacks import source

ROOT = source.ROOT
REGION = "us-east-1"
ACCOUNT = "000000000000"
ACCESS_KEY = "easel"
NAME = "easel"
DEAD_LETTERS = f"{NAME}-dead-letters"
# What tells of images that are not published any more.
WITHDRAWALS = f"{NAME}-withdrawals"
# The bucket of copies of the history.
HISTORY = f"{NAME}-history"
FUNCTIONS = ("create", "review", "read", "desk")
# Functions that are another's program with a role of their own, and the route that is theirs.
OWN_ROLES = {"erase": ("review", "/v1/owners/{owner}/erase")}
GENERATE = "generate"
# The generate program on a host, polling the queue.
WORKER = "worker"
ROLES = {"creator": "creator", "other_creator": "creator", "reviewer": "reviewer", "admin": "admin"}
FUNCTION_SECONDS = 90
# Short, so that a message that was not finished comes back while a test waits.
VISIBILITY_SECONDS = 100
DELIVERIES = 3


class Emulator:
    """ministack, and what is deployed on it."""

    def __init__(self, endpoint, doors=None):
        """`doors` are addresses of the emulator for some of its callers alone, by name."""
        self.endpoint = endpoint
        self.doors = doors or {}
        self.token_secret = secrets.token_hex(32)
        session = boto3.Session(ACCESS_KEY, ACCESS_KEY, region_name=REGION)
        self.client = lambda service: session.client(service, endpoint_url=endpoint)

    def environment(self, caller):
        """What a function or a worker finds its services by."""
        endpoint = self.doors.get(caller, self.endpoint)
        return {
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "AWS_ENDPOINT_URL_SQS": endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "EASEL_TABLE": NAME,
            "EASEL_BUCKET": NAME,
            # Where read says that images are.
            "EASEL_IMAGES_ORIGIN": self.doors.get("read", self.endpoint),
            "EASEL_TOKEN_SECRET": self.token_secret,
        }

    def make_table(self):
        dynamodb, table = self.client("dynamodb"), source.table()
        keys = {table["key"], *table["indexes"].values()}
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": table["shown"]}
        dynamodb.create_table(
            TableName=NAME,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"}
                for name in sorted({name for pair in keys for name in pair})
            ],
            KeySchema=key(*table["key"]),
            GlobalSecondaryIndexes=[
                {"IndexName": name, "KeySchema": key(*pair), "Projection": projection}
                for name, pair in table["indexes"].items()
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        expiry = {"Enabled": True, "AttributeName": table["expires"]}
        dynamodb.update_time_to_live(TableName=NAME, TimeToLiveSpecification=expiry)

    def make_queue(self, visibility=VISIBILITY_SECONDS):
        """The queue of drawings, with a dead-letter queue behind it and one of withdrawals beside it; its URL."""
        sqs = self.client("sqs")

        def queue(name, **attributes):
            return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

        queue(DEAD_LETTERS, VisibilityTimeout=str(visibility))
        queue(WITHDRAWALS, VisibilityTimeout=str(visibility), Policy=json.dumps(of_buckets(WITHDRAWALS)))
        redrive = {"deadLetterTargetArn": queue_arn(DEAD_LETTERS), "maxReceiveCount": DELIVERIES}
        return queue(
            NAME,
            VisibilityTimeout=str(visibility),
            RedrivePolicy=json.dumps(redrive),
            Policy=json.dumps(of_buckets(NAME)),
        )

    def make_bucket(self):
        s3 = self.client("s3")
        s3.create_bucket(Bucket=NAME)
        s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
        rules = [
            {
                "QueueArn": queue_arn(NAME),
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
            }
            for prefix in sorted(source.prefixes())
        ]
        rules.append(
            {
                "QueueArn": queue_arn(WITHDRAWALS),
                "Events": ["s3:ObjectRemoved:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": source.published()}]}},
            }
        )
        s3.put_bucket_notification_configuration(Bucket=NAME, NotificationConfiguration={"QueueConfigurations": rules})

    def make_function(self, name, package, variables=None, runtime="provided.al2023", handler="bootstrap"):
        """A function of what is in a package; its ARN."""
        functions = self.client("lambda")
        made = functions.create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler=handler,
            Role=f"arn:aws:iam::{ACCOUNT}:role/{NAME}",
            Code={"ZipFile": package},
            Timeout=FUNCTION_SECONDS,
            MemorySize=1024,
            Environment={"Variables": self.environment(name) | (variables or {})},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        return made["FunctionArn"]

    def make_generate(self, program, queue, draws):
        """The generate function, which draws if it is to."""
        own = {"EASEL_QUEUE_URL": queue, "EASEL_MAX_DELIVERIES": str(DELIVERIES)}
        function = self.make_function(GENERATE, package(program), own)
        if draws:
            self.feed(function, NAME)

    def feed(self, function, queue):
        """Sends what is in a queue to a function, one message at a time."""
        self.client("lambda").create_event_source_mapping(
            FunctionName=function,
            EventSourceArn=queue_arn(queue),
            BatchSize=1,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def make_api(self, arns):
        """An HTTP API with the routes that `cargo lambda watch` has; its address."""
        gateway = self.client("apigatewayv2")
        api = gateway.create_api(Name=NAME, ProtocolType="HTTP")["ApiId"]
        integrations = {}
        for name, arn in arns.items():
            made = gateway.create_integration(
                ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
            )
            integrations[name] = f"integrations/{made['IntegrationId']}"
        for method, path, function in routes():
            gateway.create_route(ApiId=api, RouteKey=f"{method} {path}", Target=integrations[function])
        gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        return f"{self.endpoint}/_aws/execute-api/{api}/$default"

    def is_empty(self, queue):
        """Whether nothing is in the queue and nobody works on what was."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return all(found[name] == "0" for name in names)

    def keys(self, prefix):
        """The keys under a prefix."""
        found = self.client("s3").list_objects_v2(Bucket=NAME, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def versions(self, prefix):
        """The key of every version of every object under a prefix."""
        pages = self.client("s3").get_paginator("list_object_versions").paginate(Bucket=NAME, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Versions", [])]

    def read(self, key):
        """What lies under a key."""
        return self.client("s3").get_object(Bucket=NAME, Key=key)["Body"].read()

    def drop(self, key, order):
        """Drops an order as a file."""
        self.client("s3").put_object(Bucket=NAME, Key=key, Body=json.dumps(order).encode())

    def deploy(self, packages):
        """Deploys the API; what the tests need to know of it, and the URL of the queue."""
        self.make_table()
        queue = self.make_queue()
        self.make_bucket()
        packages = {name: (packages / name / "bootstrap.zip").read_bytes() for name in FUNCTIONS}
        packages |= {name: packages[program] for name, (program, _) in OWN_ROLES.items()}
        arns = {name: self.make_function(name, package) for name, package in packages.items()}
        deployment = {
            "api": self.make_api(arns),
            "s3_endpoint": self.endpoint,
            "bucket": NAME,
            "dynamodb_endpoint": self.endpoint,
            "table": NAME,
            "region": REGION,
            "access_key_id": ACCESS_KEY,
            "secret_access_key": ACCESS_KEY,
            "tokens": {name: token(self.token_secret, name, role) for name, role in ROLES.items()},
        }
        return deployment, queue


def key(partition, sort):
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def of_buckets(queue):
    """The policy of a queue that buckets write to."""
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    return {"Version": "2012-10-17", "Statement": [statement | {"Resource": queue_arn(queue)}]}


def queue_arn(name):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def routes():
    """Method, path and function of each route in the workspace's manifest, in API Gateway's words."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    for path, targets in manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].items():
        if isinstance(targets, str):
            targets = [{"method": "ANY", "function": targets}]
        for target in targets:
            function = next((name for name, (_, own) in OWN_ROLES.items() if own == path), target["function"])
            yield target["method"], path.replace("{*file}", "{file+}"), function


def token(secret, name, role):
    """A token (JWT, HS256) that is good for a day."""
    now = int(time.time())
    claims = {"iss": "easel", "sub": name, "role": role, "jti": str(uuid.uuid4()), "iat": now, "exp": now + 24 * 3600}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(encoded(part) for part in parts)
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + encoded(signature)).decode()


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def package(program):
    """A program as Lambda takes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(program, "bootstrap")
    return buffer.getvalue()
