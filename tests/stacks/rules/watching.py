"""What tells of failures."""

import json

from stacks import source

NAMESPACE = "Easel"
# Alarms on what is written all the time: silence is what they tell of.
ON_SILENCE = {"NobodyReconciles"}


def series(alarm):
    """Namespace, metric and dimensions of everything that an alarm looks at."""
    given = alarm.properties
    simple = [given] if "MetricName" in given else []
    for metric in simple + [part["MetricStat"]["Metric"] for part in given.get("Metrics", []) if "MetricStat" in part]:
        dimensions = {dimension["Name"]: str(dimension["Value"]) for dimension in metric.get("Dimensions", [])}
        yield metric["Namespace"], metric["MetricName"], frozenset(dimensions.items())


def failures(deployment):
    """Everything that can go wrong, as metrics tell of it."""

    def metric(namespace, name, **dimensions):
        return namespace, name, frozenset(dimensions.items())

    yield "tasks fail", metric(NAMESPACE, "TasksMoved", status="failed")
    yield "tasks wait", metric(NAMESPACE, "OldestWaiting")
    yield "opening the model on Lambda takes long", metric(NAMESPACE, "ColdStart", device="cpu")
    yield "the API has faults", metric("AWS/ApiGateway", "5xx", ApiId="${Api}")
    for name in ("ReadThrottleEvents", "WriteThrottleEvents"):
        yield "the table refuses", metric("AWS/DynamoDB", name, TableName="${Table}")
    yield "messages wait", metric("AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName="${Queue.QueueName}")
    for name in ("NumberOfMessagesReceived", "ApproximateNumberOfMessagesVisible"):
        yield "messages are given up", metric("AWS/SQS", name, QueueName="${DeadLetters.QueueName}")
    yield (
        "withdrawn images stay in caches",
        metric("AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName="${Withdrawals.QueueName}"),
    )
    for mapping in deployment.of("AWS::Lambda::EventSourceMapping"):
        if mapping.properties["EventSourceArn"] == "${Table.StreamArn}":
            name = mapping.properties["FunctionName"]
            yield "the history is not copied", metric("AWS/Lambda", "IteratorAge", FunctionName=name)
    for function in deployment.of("AWS::Serverless::Function"):
        for name in ("Errors", "Throttles", "Duration"):
            yield f"{function.name}: {name}", metric("AWS/Lambda", name, FunctionName=f"${{{function.name}}}")
    if deployment.has_hosts:
        yield "opening the model on a host takes long", metric(NAMESPACE, "ColdStart", device="cuda")
        yield "hosts cost", metric("AWS/AutoScaling", "GroupInServiceInstances", AutoScalingGroupName="${Hosts}")
        yield "a worker draws on the CPU", metric("easel-gpu", "DrawsOnCpu")


def alarms(deployment):
    """An alarm goes off for each failure, and somebody hears it."""
    given = deployment.of("AWS::CloudWatch::Alarm")
    watched = {each for alarm in given for each in series(alarm)}
    for failure, metric in failures(deployment):
        if metric not in watched:
            yield f"no alarm tells that {failure}: {metric[1]} {dict(metric[2])}"
    names, dimensions = source.metrics()
    for name in sorted(ON_SILENCE - {alarm.name for alarm in given}):
        yield f"nothing tells that what is always written is not: {name}"
    for alarm in given:
        if not alarm.properties.get("AlarmActions"):
            yield f"{alarm.name} tells nobody"
        expected = "breaching" if alarm.name in ON_SILENCE else "notBreaching"
        if alarm.properties.get("TreatMissingData") != expected:
            yield f"{alarm.name} goes off where nothing happens, or stays silent where something should"
        for namespace, name, told_apart in series(alarm):
            if namespace == NAMESPACE and (name not in names or not dict(told_apart).keys() <= dimensions):
                yield f"{alarm.name} looks at {name} {dict(told_apart)}, which nobody writes"


def dashboards(deployment):
    """Dashboards can be read and show what is written."""
    names, _ = source.metrics()
    shown = set()
    for dashboard in deployment.of("AWS::CloudWatch::Dashboard"):
        try:
            body = json.loads(dashboard.properties["DashboardBody"])
        except json.JSONDecodeError as error:
            yield f"{dashboard.name} is not JSON: {error}"
            continue
        for widget in body["widgets"]:
            before = []
            for metric in widget["properties"]["metrics"]:
                before = written_out([part for part in metric if isinstance(part, str)], before)
                if before[0] == NAMESPACE:
                    shown.add(before[1])
    for name in sorted(shown ^ names):
        yield f"{name} is shown and not written, or the other way round"


def written_out(metric, before):
    """A line of a dashboard, where `.` and `...` stand for what the line before says."""
    if metric[0] == "...":
        return before[: len(before) - len(metric) + 1] + metric[1:]
    return [before[place] if part == "." else part for place, part in enumerate(metric)]


def logs(deployment):
    """Everything that runs has a log, and logs end."""
    for group in deployment.of("AWS::Logs::LogGroup"):
        if not group.properties.get("RetentionInDays"):
            yield f"{group.name} is kept for ever"
    for function in deployment.of("AWS::Serverless::Function"):
        if not function.properties.get("LoggingConfig", {}).get("LogGroup"):
            yield f"{function.name} writes to a log that is kept for ever"
    for api in deployment.of("AWS::Serverless::HttpApi"):
        if not api.properties.get("AccessLogSettings", {}).get("DestinationArn"):
            yield f"{api.name} does not say who called"
    for container in deployment.containers():
        options = container.get("LogConfiguration", {}).get("Options", {})
        if deployment.hosts.named(options.get("awslogs-group")) is None:
            yield f"{container['Name']} writes to no log of this stack"
