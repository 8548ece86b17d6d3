"""The numbers that decide how work is shared out, as the templates and the worker's sources say them."""

import re
from dataclasses import dataclass

from stacks.templates import ROOT, Stack, sources

FUNCTIONS = ROOT / "functions"
SOURCES = FUNCTIONS / "worker" / "src"
# What is not in the templates: AWS's own behaviour.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
FIRST_CALLS = 5
MORE_CALLS_A_MINUTE = 300
# Managed scaling removes free hosts after so many seconds.
HOST_LEAVES_AFTER = 900


@dataclass(frozen=True)
class Policy:
    """A step scaling policy and what its alarm looks at."""

    threshold: float
    # Whether the threshold itself is reason enough.
    at_threshold: bool
    minutes: int
    cooldown: float
    # Lower and upper bound over the threshold, and the change.
    steps: tuple

    def change(self, values):
        """What the last minutes' values ask for."""
        recent = values[-self.minutes :]
        if len(recent) < self.minutes or not all(self.breached(value) for value in recent):
            return 0
        over = recent[-1] - self.threshold
        return next(change for lower, upper, change in self.steps if lower <= over < upper)

    def breached(self, value):
        return value > self.threshold or (self.at_threshold and value == self.threshold)


@dataclass(frozen=True)
class Limits:
    at_once: int
    memory_gib: float
    timeout: float
    visibility: float
    retention: float
    deliveries: int
    # Of the domain's sources: claims at the same step before a task fails.
    most_tries: int
    gibibyte_second: float
    longest_wait: float
    dollars_per_hour: float
    # Of the worker's sources: what is left when it hands on, steps between checkpoints, hiding while it polls.
    margin: float
    checkpoint_every: int
    hidden: float
    most_workers: int
    most_hosts: int
    on_demand: int
    host_start: float
    hosts_a_step: int
    hosts_dollars_per_hour: float
    depth: Policy
    age: Policy
    idle: Policy


def read():
    """The limits with every parameter at its default."""
    templates = sources()
    service, hosts = Stack(templates["service"], {}), Stack(templates["hosts"], {})
    function, queue = of(service, "Generate"), of(service, "Queue")
    group, scaling = of(hosts, "Hosts"), of(hosts, "Capacity")["AutoScalingGroupProvider"]["ManagedScaling"]
    mixed = group["MixedInstancesPolicy"]
    # Of several types or zones, ECS starts exactly its smallest step, whatever is wanted:
    # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ManagedScaling.html
    kinds = len(mixed["LaunchTemplate"]["Overrides"])
    step = scaling["MinimumScalingStepSize" if kinds > 1 else "MaximumScalingStepSize"]
    return Limits(
        at_once=of(service, "Drawing")["ScalingConfig"]["MaximumConcurrency"],
        memory_gib=function["MemorySize"] / 1024,
        timeout=function["Timeout"],
        visibility=queue["VisibilityTimeout"],
        retention=queue["MessageRetentionPeriod"],
        deliveries=queue["RedrivePolicy"]["maxReceiveCount"],
        most_tries=stated(FUNCTIONS / "domain/src/task/changing.rs", r"MAX_TRIES: u32 = (\d+)"),
        gibibyte_second=service.values["GibibyteSecond"],
        longest_wait=service.values["LongestWait"],
        dollars_per_hour=service.values["DollarsPerHour"],
        margin=stated(SOURCES / "worker_options.rs", r"margin: Duration::from_secs\((\d+)\)"),
        checkpoint_every=stated(SOURCES / "worker_options.rs", r"checkpoint_every: (\d+)"),
        hidden=stated(SOURCES / "polling.rs", r"HIDDEN: Duration = Duration::from_secs\((\d+)\)"),
        most_workers=of(hosts, "WorkerCount")["MaxCapacity"],
        most_hosts=int(group["MaxSize"]),
        on_demand=mixed["InstancesDistribution"]["OnDemandBaseCapacity"],
        host_start=scaling["InstanceWarmupPeriod"],
        hosts_a_step=step,
        hosts_dollars_per_hour=hosts.values["DollarsPerHour"],
        depth=policy(hosts, "Depth", "MoreForDepth"),
        age=policy(hosts, "Age", "MoreForAge"),
        idle=policy(hosts, "Idle", "FewerWhenIdle"),
    )


def of(stack, name):
    return next(resource.properties for resource in stack.resources if resource.name == name)


def policy(stack, alarm, name):
    alarm, given = of(stack, alarm), of(stack, name)["StepScalingPolicyConfiguration"]
    infinite = float("inf")
    steps = tuple(
        (
            step.get("MetricIntervalLowerBound", -infinite),
            step.get("MetricIntervalUpperBound", infinite),
            step["ScalingAdjustment"],
        )
        for step in given["StepAdjustments"]
    )
    at_threshold = alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    return Policy(float(alarm["Threshold"]), at_threshold, alarm["EvaluationPeriods"], given["Cooldown"], steps)


def stated(file, pattern):
    return int(re.search(pattern, file.read_text())[1])
