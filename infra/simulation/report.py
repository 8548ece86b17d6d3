"""What was simulated, as a section of Markdown."""

import dataclasses
import random

from sections import table, wrap
from simulation import on_hosts, on_lambda
from simulation.images import Pace, burst, stream
from simulation.limits import FIRST_CALLS, HOST_LEAVES_AFTER, MORE_CALLS_A_MINUTE

TITLE = "## Scaling, simulated"
COUNTS = (10, 100, 1_000, 10_000)
CALLS = (2, 10, 50, 100, 300, 1_000)
GPUS = (1, 2, 4, 8, 16, 32, 64)
STREAM_CALLS = (10, 100, 1_000)
STREAM_GPUS = (1, 4, 16, 64)
HOST_STEPS = (1, 4, 8)
FLEETS = ((4, 10), (4, 1_000), (16, 1_000), (64, 10_000))
# Seconds that are shorter than a host takes to start, to see what that would cost.
HASTY = 300
# Seconds by which metrics of a queue that was not used for long may be late.
LATE = 900
LONG_STEPS = 50
# The share of calls that die in the middle, where they do.
DEATHS = 0.01


class Inputs:
    """The templates' limits and the arguments, as the players take them."""

    def __init__(self, limits, arguments):
        self.limits, self.given = limits, arguments

    def cpu(self, evaluation=None, steps=None):
        given = self.given
        scale = 2 / given.cores
        step = 2 * (evaluation or given.int8) * scale
        return Pace(steps or given.steps, step, given.vae * scale, given.text * scale, given.handling)

    def gpu(self):
        given = self.given
        return Pace(given.steps, 2 * given.gpu, given.gpu_vae, 0, given.handling)

    def on_lambda(self, moments, pace=None, deaths=0, **changes):
        limits = dataclasses.replace(self.limits, **changes)
        chance = random.Random(self.given.seed)
        return on_lambda.play(moments, limits, pace or self.cpu(), self.given, self.given.cold_start, chance, deaths)

    def on_hosts(self, moments, metrics_wake=0, **changes):
        limits, given = dataclasses.replace(self.limits, **changes), self.given
        timing = on_hosts.Timing(given.worker_start, given.metric_delay, given.spot_ends, metrics_wake)
        return on_hosts.play(moments, limits, self.gpu(), given, timing, random.Random(given.seed))

    def moments(self, count, is_stream):
        return stream(count, random.Random(self.given.seed)) if is_stream else burst(count)


def results(inputs):
    """Every outcome of the tables, by what was played."""
    found = {}
    for is_stream in (False, True):
        for count in COUNTS:
            moments = inputs.moments(count, is_stream)
            for calls in STREAM_CALLS if is_stream else CALLS:
                found["lambda", is_stream, count, calls] = inputs.on_lambda(moments, at_once=calls)
            for gpus in STREAM_GPUS if is_stream else GPUS:
                found["hosts", is_stream, count, gpus] = inputs.on_hosts(moments, most_workers=gpus, most_hosts=gpus)
    for hosts, count in FLEETS:
        for step in HOST_STEPS:
            changes = {"most_workers": hosts, "most_hosts": hosts, "hosts_a_step": step}
            found["steps", step, hosts, count] = inputs.on_hosts(burst(count), **changes)
    hasty = {name: dataclasses.replace(getattr(inputs.limits, name), cooldown=HASTY) for name in ("depth", "age")}
    hasty["age"] = dataclasses.replace(hasty["age"], threshold=HASTY)
    for count in (10, 1_000):
        found["as it is", count] = inputs.on_hosts(burst(count))
    found["hasty"] = inputs.on_hosts(burst(10), **hasty)
    found["late"] = inputs.on_hosts(burst(10), metrics_wake=LATE)
    long = inputs.cpu(inputs.given.bf16, LONG_STEPS)
    for visibility in (inputs.limits.visibility, inputs.limits.timeout * 6):
        found["deaths", visibility] = inputs.on_lambda(burst(1_000), long, DEATHS, at_once=100, visibility=visibility)
    for precision in ("int8", "bf16"):
        pace = inputs.cpu(getattr(inputs.given, precision))
        for count in (100, 10_000):
            found["precision", precision, count] = inputs.on_lambda(burst(count), pace)
    return found


def section(inputs, found, command):
    pieces = [
        TITLE,
        introduction(inputs, command),
        "Lambda, all images requested at once, by `ImagesAtOnce`. Each cell has the time until the last image, which "
        "is the worst wait; the median wait; the cost.",
        matrix(found, "lambda", False, CALLS),
        "Hosts, all images requested at once, by `MaxHosts` and `MaxWorkers`: the same. The cost includes the time in "
        "which hosts start, wait and leave.",
        matrix(found, "hosts", False, GPUS),
        "A Poisson stream of images, by their number in an hour: the median wait; the worst wait; the cost.",
        matrix(found, "lambda", True, STREAM_CALLS),
        matrix(found, "hosts", True, STREAM_GPUS),
        "By `HostsAtOnce`: the time until the last image; the cost.",
        host_steps(found),
        "What this says about the defaults:",
        findings(inputs, found),
    ]
    return "\n\n".join(piece if piece.startswith(("|", "-")) else wrap(piece) for piece in pieces) + "\n"


def introduction(inputs, command):
    given, limits, cpu, gpu = inputs.given, inputs.limits, inputs.cpu(), inputs.gpu()
    image = cpu.draw_alone()
    return (
        f"`{command}` prints this section and writes its plots to `target/simulation/`. The stacks' numbers are read "
        f"from the templates and the worker's sources, each at its default. An image has {given.steps} guided steps "
        f"at 1024². On Lambda, it takes {image:.0f} s in int8 (measured on two cores, scaled to {given.cores:.0f}). "
        f"GPUs have not been timed: {given.gpu} s per evaluation are **assumed**, which makes "
        f'{gpu.draw_alone():.1f} s; `SIMULATE="--gpu SECONDS"` replaces it. Further assumptions: '
        f"a cold start of {given.cold_start:.0f} s, "
        f"{limits.host_start} s for a host (the template's warm-up) and {given.worker_start:.0f} s for its worker, "
        f"metrics that are {given.metric_delay} s late, {given.spot_ends:.0%} of spot hosts reclaimed per hour. ECS "
        f"starts hosts a minute apart and stops idle ones after {HOST_LEAVES_AFTER // 60} minutes; Lambda adds "
        f"{MORE_CALLS_A_MINUTE} invocations a minute to the first {FIRST_CALLS}. The queue keeps its order, which SQS "
        f"does not promise. Whose turn it is among people who wait changes who waits how long, and neither of the sums "
        f"below. Prices ({given.prices_of}): {limits.gibibyte_second:.10f} $ per GiB and second, "
        f"{given.million_requests} $ per million invocations, {given.on_demand_hour} $ per hour of a host, "
        f"{given.spot_hour} $ of a spot host (assumed)."
    )


def matrix(found, where, is_stream, sizes):
    rows = [[("invocations at once" if where == "lambda" else "GPUs"), *(f"{count:,}" for count in COUNTS)]]
    for size in sizes:
        rows.append([str(size), *(cell(found[where, is_stream, count, size], is_stream) for count in COUNTS)])
    return table(rows, alignment="---")


def cell(outcome, is_stream):
    if outcome.unfinished:
        return f"**{outcome.unfinished:,} not generated**"
    first, second = (outcome.median, outcome.worst) if is_stream else (outcome.drained, outcome.median)
    return f"{span(first)}, {span(second)}, {outcome.dollars:.2f} $"


def host_steps(found):
    rows = [["hosts started at a time", *(f"{count:,} images, {hosts} hosts" for hosts, count in FLEETS)]]
    for step in HOST_STEPS:
        played = (found["steps", step, hosts, count] for hosts, count in FLEETS)
        rows.append([str(step), *(f"{span(outcome.drained)}, {outcome.dollars:.2f} $" for outcome in played)])
    return table(rows, alignment="---")


def findings(inputs, found):
    """What the tables say of the defaults, one line each."""
    limits, given = inputs.limits, inputs.given
    hourly = limits.at_once * limits.memory_gib * 3600 * limits.gibibyte_second
    hosts_hourly = limits.most_hosts * given.on_demand_hour
    hundred = {precision: found["precision", precision, 100].drained for precision in ("int8", "bf16")}
    many = found["precision", "bf16", 10_000]
    slow = found["lambda", False, 10_000, 2]
    most = round(limits.retention / inputs.cpu(given.bf16).draw_alone() * limits.at_once, -2)
    ten, thousand = (found["as it is", count] for count in (10, 1_000))
    sixteen, hasty, late = found["hosts", False, 1_000, 16], found["hasty"], found["late"]
    near, far = (found["deaths", visibility] for visibility in (limits.visibility, limits.timeout * 6))
    lines = [
        f"`ImagesAtOnce` {limits.at_once}: at most {hourly:.2f} $ per hour, "
        f"{against(hourly, limits.dollars_per_hour)}. 100 images at once are finished after {span(hundred['int8'])} in "
        f"int8, {span(hundred['bf16'])} in bf16; `QueueAge` goes off when one waits for {span(limits.longest_wait)}. "
        f"More at once does not raise the cost of an image; it is only finished sooner.",
        f"Messages are kept for {limits.retention / 86400:.0f} days, in which {limits.at_once} at once generate about "
        f"{most:,.0f} images in bf16; 10,000 take {span(many.drained)}. Images that wait for longer are not lost, "
        f"because they are asked for again: with 2 at once, 10,000 in int8 take {span(slow.drained)}, and for "
        f"{slow.details['asked again']:,} of them the first message was too old by then.",
        f"`MaxHosts` {limits.most_hosts}: at most {hosts_hourly:.2f} $ per hour, all on demand, "
        f"{against(hosts_hourly, limits.hosts_dollars_per_hour)}. 1,000 images are finished after "
        f"{span(thousand.drained)} for {thousand.dollars:.2f} $; with 16 hosts after {span(sixteen.drained)} for "
        f"{sixteen.dollars:.2f} $.",
        f"Policies add workers again after {limits.depth.cooldown} s, `LongestWait` is {limits.age.threshold:.0f} s. "
        f"With {HASTY} s for both, 10 images start {plural(hasty.details['hosts'], 'host')}, cost "
        f"{hasty.dollars:.2f} $ and are finished after {hasty.drained:.0f} s; with the defaults, it is "
        f"{plural(ten.details['hosts'], 'host')}, {ten.dollars:.2f} $ and {ten.drained:.0f} s.",
        f"After six hours without messages, SQS's metrics may start 15 minutes late: then 10 images are finished after "
        f"{span(late.drained)}, for {late.dollars:.2f} $.",
        f"Visibility {limits.visibility} s: if {DEATHS:.0%} of invocations die, the last of 1,000 images of "
        f"{LONG_STEPS} steps in bf16, 100 at once, is finished after {span(near.worst)}; with six timeouts, as AWS "
        f"advises, after {span(far.worst)}. Such images do not fit into one invocation: they were handed on "
        f"{near.handed_on:,} times; {drawn(near)} were generated exactly once, and {near.failed or 'none'} failed "
        f"because {limits.most_tries} workers stopped at the same step.",
    ]
    return "\n".join(wrap(f"- {line}").replace("\n", "\n  ") for line in lines)


def plural(count, what):
    return f"{count} {what}" + ("s" if count != 1 else "")


def against(hourly, limit):
    return f"{'below' if hourly < limit else 'ABOVE'} the {limit:g} $ of `CostPerHour`"


def drawn(outcome):
    return f"{sum(image.drawn == 1 for image in outcome.images):,}"


def span(seconds):
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} d"
