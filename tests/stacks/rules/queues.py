"""What becomes of messages."""

import re

from stacks import source
from stacks.templates import lifecycle, listed

# Queues without dead letters, and why.
UNTIL_DONE = {"Withdrawals": "messages come back until images are out of caches, and an alarm tells of their age"}
# Functions that may set themselves off, by the prefix through which they do.
BY_DESIGN = {("Generate", "requests/"): "an image that takes longer than a call hands its rest on, step by step"}


def mappings(deployment):
    """Functions fed by queues: the mapping, the function, the queue."""
    service = deployment.service
    for mapping in service.of("AWS::Lambda::EventSourceMapping"):
        function = service.named(mapping.properties["FunctionName"])
        queue = service.named(mapping.properties["EventSourceArn"])
        if queue is not None and queue.kind == "AWS::SQS::Queue":
            yield mapping, function, queue


def variables_of(container):
    return {entry["Name"]: entry["Value"] for entry in container["Environment"]}


def visibility(deployment):
    """A message stays hidden as long as a function may work on it; each message is answered for by itself."""
    for mapping, function, queue in mappings(deployment):
        hidden, works = queue.properties.get("VisibilityTimeout", 30), function.properties.get("Timeout", 3)
        if hidden < works:
            yield f"{queue.name} hides messages for {hidden} s, {function.name} works on them for {works} s"
        if hidden > works + 120:
            yield f"{queue.name} hides messages for {hidden} s: after a crash a task waits that long"
        if mapping.properties.get("BatchSize", 10) != 1:
            yield f"{mapping.name} takes several messages at a time"
        if "ReportBatchItemFailures" not in mapping.properties.get("FunctionResponseTypes", []):
            yield f"{mapping.name} does not listen to which messages failed"


def dead_letters(deployment):
    """What is given up goes somewhere, somebody takes it from there, and workers know when that will be."""
    service = deployment.service
    dead = {}
    for queue in service.of("AWS::SQS::Queue"):
        redrive = queue.properties.get("RedrivePolicy")
        if redrive:
            dead[service.named(redrive["deadLetterTargetArn"]).name] = queue
    work = [queue for queue in service.of("AWS::SQS::Queue") if queue.name not in dead]
    for queue in work:
        handlers = [function for _, function, fed in mappings(deployment) if fed.name == queue.name]
        redrive = queue.properties.get("RedrivePolicy")
        if not redrive and queue.name in UNTIL_DONE:
            if not handlers:
                yield f"nobody takes messages from {queue.name}"
            continue
        if not redrive:
            yield f"{queue.name} has no dead letters"
            continue
        letters = service.named(redrive["deadLetterTargetArn"])
        if letters.properties["MessageRetentionPeriod"] <= queue.properties["MessageRetentionPeriod"]:
            yield f"{letters.name} forgets messages as soon as {queue.name}: they bring their age with them"
        given_up = [function for _, function, fed in mappings(deployment) if fed.name == letters.name]
        if not given_up:
            yield f"nobody takes messages from {letters.name}"
        for function in given_up:
            # A worker would draw them again, and needs a model to do anything.
            if function.name in {worker.name for worker in handlers}:
                yield f"{function.name} takes messages from {letters.name} and does not know that they were given up"
        count = redrive["maxReceiveCount"]
        told = [function.properties["Environment"]["Variables"] for function in handlers]
        for variables in told + [variables_of(container) for container in deployment.containers()]:
            said = variables.get("EASEL_MAX_DELIVERIES")
            if said not in (count, "${import easel-deliveries}"):
                yield f"{queue.name} gives up after {count} deliveries, a worker is told {said}"


def consumers(deployment):
    """Either the function or the hosts draw."""
    fed = [mapping.name for mapping, _, queue in mappings(deployment) if queue.name == "Queue"]
    workers = [container for container in deployment.containers() if "EASEL_QUEUE_URL" in variables_of(container)]
    polling = [container["Name"] for container in workers]
    if len(fed + polling) != 1:
        yield f"the queue has {len(fed + polling)} consumers: {', '.join(fed + polling) or 'nobody draws'}"


def triggers(deployment):
    """What sets workers off, and that they do not set themselves off."""
    service = deployment.service
    bucket = service.named("${Bucket}")
    watched, told_of_removal = {}, {}
    notifications = bucket.properties.get("NotificationConfiguration", {})
    for notification in notifications.get("QueueConfigurations", []):
        rules = notification.get("Filter", {}).get("S3Key", {}).get("Rules", [])
        prefix = next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), "")
        told = told_of_removal if notification["Event"].startswith("s3:ObjectRemoved:") else watched
        told[prefix] = service.named(notification["Queue"])
    removals = {prefix: queue.name for prefix, queue in told_of_removal.items()}
    if removals != {source.published(): "Withdrawals"}:
        yield f"removals under {removals} are told of, and {source.published()} is what CloudFront's caches keep"
    if set(watched) != source.prefixes():
        yield f"{sorted(watched)} set workers off, which look after {sorted(source.prefixes())}"
    for prefix, queue in watched.items():
        fed = {function.name: function for _, function, other in mappings(deployment) if other.name == queue.name}
        for function in fed.values():
            if (function.name, prefix) in BY_DESIGN:
                continue
            for written in written_by(service, function):
                if written.startswith(prefix) or prefix.startswith(written):
                    yield f"{function.name} writes under {written or 'everything'} and is set off by {prefix}"
    expiry = {rule["Prefix"]: rule.get("ExpirationInDays") for rule in lifecycle(bucket) if "Prefix" in rule}
    for prefix, queue in watched.items():
        days = expiry.get(prefix)
        if days and days * 86400 <= queue.properties["MessageRetentionPeriod"]:
            yield f"what is under {prefix} goes after {days} days, before messages about it do"


def written_by(stack, function):
    """The prefixes under which a function may write."""
    role = stack.named(function.properties["Role"])
    documents = [policy["PolicyDocument"] for policy in role.properties.get("Policies", [])]
    for reference in role.properties.get("ManagedPolicyArns", []):
        documents.append(stack.named(reference).properties["PolicyDocument"])
    for statement in (statement for document in documents for statement in document["Statement"]):
        if any(action in ("s3:PutObject", "s3:*") for action in listed(statement["Action"])):
            for resource in listed(statement["Resource"]):
                yield re.sub(r"^\$\{Bucket\.Arn\}/?|\*$", "", resource)
