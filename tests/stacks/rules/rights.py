"""Who may do what."""

from stacks import source
from stacks.policies import rights_of
from stacks.templates import listed

# Actions that know no resource.
WITHOUT_RESOURCE = {"dynamodb:ListStreams", "ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint"}
# What is not called by a program of ours.
OF_OTHERS = {
    "logs:CreateLogStream": "Lambda and ECS write logs",
    "logs:PutLogEvents": "Lambda and ECS write logs",
    "sqs:GetQueueAttributes": "Lambda polls queues",
    "dynamodb:DescribeStream": "Lambda reads the table's stream",
    "dynamodb:GetRecords": "Lambda reads the table's stream",
    "dynamodb:GetShardIterator": "Lambda reads the table's stream",
    "dynamodb:ListStreams": "Lambda reads the table's stream",
    "ecr:BatchCheckLayerAvailability": "ECS fetches the image",
    "ecr:GetDownloadUrlForLayer": "ECS fetches the image",
    "ecr:BatchGetImage": "ECS fetches the image",
    "ecr:GetAuthorizationToken": "ECS fetches the image",
    "ecs:RegisterContainerInstance": "the agent of ECS",
    "ecs:DeregisterContainerInstance": "the agent of ECS",
    "ecs:SubmitAttachmentStateChanges": "the agent of ECS",
    "ecs:SubmitContainerStateChange": "the agent of ECS",
    "ecs:SubmitTaskStateChange": "the agent of ECS",
    "ecs:Poll": "the agent of ECS",
    "ecs:StartTelemetrySession": "the agent of ECS",
    "ecs:UpdateContainerInstancesState": "the agent of ECS drains a host whose spot ends",
    "ecs:DiscoverPollEndpoint": "the agent of ECS",
}
# What the code can do and nobody has to.
UNNEEDED = {"sqs:GetQueueUrl": "workers are told the URL of their queue"}
# Rows of tasks and of their history.
HISTORY = "TASK#"
# Who may erase what such rows say and remove them, and who may write them outside transactions too, because IAM does
# not tell progress from history.
REMOVES, WRITES_PROGRESS = {"HousekeepingRole", "EraseRole"}, {"GenerateRole", "WorkerRole"}


def statements(deployment):
    """Every statement of every role, with whose it is."""
    for role in deployment.of("AWS::IAM::Role"):
        for policy in role.properties.get("Policies", []):
            yield from ((role.name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for policy in deployment.of("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        yield from ((policy.name, statement) for statement in policy.properties["PolicyDocument"]["Statement"])


def wildcards(deployment):
    """Actions are named, and so is what they are done to."""
    for name, statement in statements(deployment):
        if {"NotAction", "NotResource"} & set(statement):
            yield f"{name} may do all but something: say what it may do"
            continue
        actions = set(listed(statement["Action"]))
        for action in sorted(actions):
            if "*" in action:
                yield f"{name} may do {action}"
        for resource in listed(statement["Resource"]):
            if resource == "*" and not actions <= WITHOUT_RESOURCE:
                yield f"{name} may do {sorted(actions)} to everything"
            if resource in ("${Bucket.Arn}/*", "${Bucket.Arn}*", "${Table.Arn}/*", "${Table.Arn}*"):
                yield f"{name} may do {sorted(actions)} to all of {resource}"
    for role in deployment.of("AWS::IAM::Role"):
        for policy in role.properties.get("ManagedPolicyArns", []):
            if ":policy/" in policy:
                yield f"{role.name} has {policy}, which others change"
    for function in deployment.of("AWS::Serverless::Function"):
        if "Policies" in function.properties or "Role" not in function.properties:
            yield f"{function.name} has a role that SAM makes up, with more than it needs"


def roles(deployment):
    """Every program has a role of its own."""
    functions = deployment.of("AWS::Serverless::Function")
    used = [function.properties.get("Role") for function in functions]
    used += [definition.properties["TaskRoleArn"] for definition in deployment.of("AWS::ECS::TaskDefinition")]
    used += [definition.properties["ExecutionRoleArn"] for definition in deployment.of("AWS::ECS::TaskDefinition")]
    for role in sorted({role for role in used if used.count(role) > 1}, key=str):
        yield f"{role} is the role of several"


def actions(deployment):
    """Roles have what the code calls, and nothing else."""
    given = {action for _, statement in statements(deployment) for action in listed(statement.get("Action"))}
    # Without a distribution, no role names one.
    absent = set() if deployment.of("AWS::CloudFront::Distribution") else {"cloudfront:CreateInvalidation"}
    for action in sorted(source.calls() - given - absent - set(UNNEEDED)):
        yield f"nobody may do {action}, which the code does"
    for action in sorted(given - source.calls() - set(OF_OTHERS)):
        yield f"somebody may do {action}, which the code does not"


def history(deployment):
    """Nobody changes or removes rows of the history but who erases, and people's moves are whole or not made."""
    for stack in deployment.stacks:
        for role in stack.of("AWS::IAM::Role"):
            for right in rights_of(stack, role, deployment.service):
                if right.key is None or not right.key.startswith(HISTORY):
                    continue
                if right.action in ("dynamodb:UpdateItem", "dynamodb:DeleteItem") and role.name not in REMOVES:
                    yield f"{role.name} may do {right}: change rows of tasks in place, or remove them"
                if (right.action, right.inside) == ("dynamodb:PutItem", None) and role.name not in WRITES_PROGRESS:
                    yield f"{role.name} may put rows of tasks outside a transaction"


def models(deployment):
    """Workers, and nobody else, read the models' bucket where one is named, and no other that is not ours."""
    found = set()
    for name, statement in statements(deployment):
        for resource in listed(statement["Resource"]):
            if ":s3:::" in resource:
                found |= {(name, action, resource.partition(":s3:::")[2]) for action in listed(statement["Action"])}
    bucket = deployment.service.values["ModelBucket"]
    wanted = {("WorkerPolicy", "s3:GetObject", f"{bucket}/*"), ("WorkerPolicy", "s3:ListBucket", bucket)}
    for name, action, resource in sorted(found - (wanted if bucket else set())):
        yield f"{name} may do {action} to {resource}, which is not ours"
    for name, action, resource in sorted(wanted - found if bucket else set()):
        yield f"{name} may not do {action} to {resource}, where models are"
