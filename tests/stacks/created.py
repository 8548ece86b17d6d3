"""The service's stack, made in moto, an emulator of AWS by others."""

import io
import json
import re
import zipfile

import boto3

from stacks.templates import NOTHING, SERVICE, Stack, load
from stacks.transformed import CONTAINER_IMAGE, PACKAGES, REGION, transformed

# Kinds of resources that moto's CloudFormation leaves out; the templates' own tests look at them. Of policies of the
# bucket and the queues see forgotten.py.
LEFT_OUT = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Budgets::Budget",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudWatch::Alarm",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolGroup",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SQS::QueuePolicy",
}


class Created:
    """A stack of the service in moto."""

    def __init__(self, endpoint, name, values, without=()):
        """The resources `without` are not made."""
        session = boto3.Session("easel", "easel", region_name=REGION)
        self.client = lambda service: session.client(service, endpoint_url=endpoint)
        self.template = transformed(load(SERVICE), values)
        for resource in without:
            del self.template["Resources"][resource]
        self.meant = Stack(self.template, values | {"AWS::StackName": name})
        self.put_packages()
        self.create(name, {"Image": CONTAINER_IMAGE} | values)
        made = self.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        # What moto leaves out has no name there, and permissions have no id.
        self.made = {entry["LogicalResourceId"] for entry in made if "LogicalResourceId" in entry}
        named = [entry for entry in made if "PhysicalResourceId" in entry]
        self.ids = {entry["LogicalResourceId"]: entry["PhysicalResourceId"] for entry in named}
        self.account = self.client("sts").get_caller_identity()["Account"]
        # The stream before its table, of whose name its own is a part.
        streams = [("Table.StreamArn", arn) for arn in self.streams()]
        self.arns = {f"${{{name}}}": arn for name, arn in streams} | {
            f"${{{name}.Arn}}": arn for name, arn in self.own_arns()
        }

    def put_packages(self):
        """Something for each function: what they do is tested elsewhere."""
        s3, bucket = self.client("s3"), PACKAGES.split("/")[2]
        s3.create_bucket(Bucket=bucket)
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("bootstrap", "")
        for resource in self.meant.of("AWS::Lambda::Function"):
            s3.put_object(Bucket=bucket, Key=f"{resource.name}.zip", Body=package.getvalue())
        # It is too long to be sent with the call.
        template = without_references(json.dumps(without_nothing(self.template, self.meant)), self.meant)
        s3.put_object(Bucket=bucket, Key="template.json", Body=template)

    def create(self, name, values):
        """Makes the stack as `sam deploy` has it made."""
        bucket = PACKAGES.split("/")[2]
        self.client("cloudformation").create_stack(
            StackName=name,
            TemplateURL=f"https://s3.amazonaws.com/{bucket}/template.json",
            Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in values.items()],
            Capabilities=["CAPABILITY_IAM"],
        )

    def own_arns(self):
        """The ARN of every resource that others refer to."""
        for resource in self.meant.resources:
            match resource.kind:
                case "AWS::S3::Bucket":
                    yield resource.name, f"arn:aws:s3:::{self.ids[resource.name]}"
                case "AWS::DynamoDB::Table":
                    found = self.client("dynamodb").describe_table(TableName=self.ids[resource.name])
                    yield resource.name, found["Table"]["TableArn"]
                case "AWS::SQS::Queue":
                    yield resource.name, self.queue(resource.name)["QueueArn"]
                case "AWS::IAM::Role":
                    yield resource.name, self.client("iam").get_role(RoleName=self.ids[resource.name])["Role"]["Arn"]
                case "AWS::Lambda::Function":
                    yield resource.name, self.function(resource.name)["FunctionArn"]
                case "AWS::Logs::LogGroup":
                    prefix = resource.properties["LogGroupName"]
                    (group,) = self.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
                    yield resource.name, group["arn"].removesuffix(":*")

    def streams(self):
        """The ARN of the table's stream, if there is one."""
        found = self.client("dynamodb").describe_table(TableName=self.ids["Table"])["Table"]
        return [found["LatestStreamArn"]] if "LatestStreamArn" in found else []

    def queue(self, name):
        """A queue's attributes."""
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.ids[name], AttributeNames=["All"])
        return found["Attributes"]

    def function(self, name):
        """A function's configuration."""
        return self.client("lambda").get_function_configuration(FunctionName=self.ids[name])

    def in_aws(self, value):
        """A value of the template with the names of what was made."""
        names = self.arns | {f"${{{name}}}": made for name, made in self.ids.items()}
        text = json.dumps(value).replace("${AWS::AccountId}", self.account).replace("${AWS::Partition}", "aws")
        for name, made in names.items():
            text = text.replace(name, made)
        return json.loads(text)

    def in_template(self, value):
        """A value of AWS with the names of the template."""
        if isinstance(value, dict):
            return {name: self.in_template(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [self.in_template(entry) for entry in value]
        for name, made in self.arns.items():
            if isinstance(value, str) and (value == made or value.startswith(f"{made}/")):
                return name + value.removeprefix(made)
        names = {made: f"${{{name}}}" for name, made in self.ids.items()}
        return names.get(value, value) if isinstance(value, str) else value


def without_references(text, stack):
    """The template without references to what moto leaves out: names stand in their place."""
    for resource in stack.resources:
        if resource.kind in LEFT_OUT:
            text = text.replace(json.dumps({"Ref": resource.name}), json.dumps(resource.name))
            text = re.sub(rf"\$\{{(?={resource.name}[.}}])", "${!", text)
    return text


def without_nothing(value, stack):
    """The template without the items of lists that are nothing under its conditions: moto keeps them."""
    if isinstance(value, list):
        return [without_nothing(item, stack) for item in value if stack.resolved(item) is not NOTHING]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::If"}:
        condition, *branches = value["Fn::If"]
        return {"Fn::If": [condition, *(without_nothing(branch, stack) for branch in branches)]}
    return {name: without_nothing(entry, stack) for name, entry in value.items()}
