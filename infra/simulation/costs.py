"""What a thousand images cost, as a section of Markdown: a formula, its inputs, and a line a way to draw them."""

from dataclasses import dataclass, replace

from sections import table, wrap

TITLE = "## Costs of a thousand images"
# Of SDXL's shapes at 1024², as `easel bench` counts them.
EVALUATION = 6.76e12
DECODING = 10.48e12
# Of the presets of most distilled models (`lightning-4step` and its like), without guidance.
DISTILLED_STEPS = 4


@dataclass(frozen=True)
class Kind:
    """A host with one GPU: US dollars an hour on demand, and the GPU's peak in operations a second in 16 bits."""

    instance: str
    gpu: str
    hour: float
    peak: float


# The first is what `--gpu` is about; the others are reckoned from it.
KINDS = (
    Kind("g6e.xlarge", "L40S, 48 GB", 1.861, 362e12),
    Kind("g6.xlarge", "L4, 24 GB", 0.805, 121e12),
    Kind("g5.xlarge", "A10G, 24 GB", 1.006, 70e12),
    Kind("g4dn.xlarge", "T4, 16 GB, f16", 0.526, 65e12),
)
# US dollars a million: writes of a row, reads, objects written, messages, calls of the API with its function.
ROW_WRITES, ROW_READS, OBJECT_WRITES, MESSAGES, API_CALLS = 0.625, 0.125, 5.0, 0.4, 1.5
# Of one image beside its progress: create, claim, finish, approve and publish, each a task, an event and a counter, for
# two of them also what waits and its owner's share, for one a lease, in a transaction, which counts twice; and three
# rows of indexes a move; the request, the checkpoints, image and thumbnail, and what is published.
MOVES = 5
ROWS = 2 * (MOVES * 3 + 2 * 2 + 1) + MOVES * 3
OBJECTS, DELIVERIES, CALLS = 9, 4, 100


def section(inputs):
    given, limits = inputs.given, inputs.limits
    gibibyte_hour = limits.memory_gib * 3600 * limits.gibibyte_second
    rows = [["", "per image, s", "per hour, $", "1,000 images, $", "the same on spot, $"]]
    for precision in ("int8", "bf16"):
        guided = inputs.cpu(getattr(given, precision))
        for pace, settings in ((guided, ""), (distilled(guided), f", {DISTILLED_STEPS}-step LoRA")):
            seconds = pace.draw_alone()
            rows.append(
                [
                    f"Lambda, {limits.memory_gib:.0f} GiB, {precision}{settings}",
                    f"{seconds:.0f}",
                    f"{gibibyte_hour:.2f}",
                    f"{of_a_thousand(seconds, gibibyte_hour):.2f}",
                    "",
                ]
            )
    spot = given.spot_hour / given.on_demand_hour
    for kind in KINDS:
        seconds = on_gpu(inputs, kind)
        dollars = of_a_thousand(seconds, kind.hour)
        rows.append(
            [
                f"{kind.instance} ({kind.gpu})",
                f"{seconds:.1f}",
                f"{kind.hour:.3f}",
                f"{dollars:.2f}",
                f"{spot * dollars:.2f}",
            ]
        )
    pieces = [TITLE, introduction(inputs), table(rows), rest(inputs)]
    return "\n\n".join(piece if piece.startswith("|") else wrap(piece) for piece in pieces) + "\n"


def distilled(guided):
    """The pace of a distilled model or LoRA: few steps, and one evaluation each in place of two."""
    return replace(guided, steps=DISTILLED_STEPS, step=guided.step / 2)


def of_a_thousand(seconds, hour):
    """US dollars of so many seconds each, at so many dollars an hour."""
    return 1000 * seconds / 3600 * hour


def on_gpu(inputs, kind):
    """Seconds of an image: those of the first kind in the ratio of the peaks, and handling as it is."""
    handling = inputs.given.handling
    return handling + (inputs.gpu().draw_alone() - handling) * KINDS[0].peak / kind.peak


def introduction(inputs):
    given = inputs.given
    share = EVALUATION / given.gpu / KINDS[0].peak
    return (
        f"1,000 images cost 1,000 × seconds per image ÷ 3,600 × dollars per hour. `make simulate` prints this section, "
        f"too, from the same inputs, for an image of {given.steps} guided steps at 1024². Lambda's seconds come from "
        f"measured times of the parts on two cores, scaled to {given.cores:.0f} cores. GPUs have not been timed: for "
        f"the first, {given.gpu} s per evaluation are **assumed**, which is {share:.0%} of its peak in 16 bits; for "
        f"the others, the same share of theirs. Hosts are assumed to be busy all the time; the simulation below adds "
        f"starting and waiting. Prices ({given.prices_of}) are inputs: look yours up. Spot is assumed to be "
        f"{given.spot_hour / given.on_demand_hour:.0%} of on demand. With a {DISTILLED_STEPS}-step LoRA, an image has "
        f"that many steps without guidance. With a refiner for the last fifth, Lambda's times "
        f"change as model/BENCHMARKS.md says."
    )


def rest(inputs):
    image = inputs.cpu().draw_alone()
    rows = ROWS + image
    parts = [
        (f"{rows:.0f} row writes (moves, and progress once a second on Lambda)", rows * ROW_WRITES),
        (f"{OBJECTS} objects", OBJECTS * OBJECT_WRITES),
        (f"{DELIVERIES} requests to the queue", DELIVERIES * MESSAGES),
        (f"{CALLS} requests to the API by a person who watches", CALLS * (API_CALLS + ROW_READS)),
    ]
    dollars = sum(cost for _, cost in parts) * 1000 / 1e6
    return (
        f"Apart from generating, 1,000 images cost about {dollars:.2f} $. Each has "
        + ", ".join(f"{what} ({cost * 1000 / 1e6:.2f} $ per thousand images)" for what, cost in parts)
        + ". Storing 1,000 images of 1.5 MB costs 0.03 $ per month. Without any image, the stacks cost about 1 $ per "
        "month for the alarms' key, 0.10 $ for each alarm, 0.30 $ for each metric that Easel writes itself, 3 $ for "
        "the dashboard, 0.10 $ for the housekeeping function, and 0.10 $ per GB in ECR. Hosts cost nothing while none "
        "runs."
    )
