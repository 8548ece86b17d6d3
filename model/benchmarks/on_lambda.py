"""Estimates what an image takes and costs on AWS Lambda, from the times of its parts on this machine's cores.

    python on_lambda.py --easel target/release/easel [--threads 2] [--clock 1.0]

Prints a table of Markdown. Everything scales with cores: a function of 10,240 MB has 10,240 / 1,769 = 5.8 vCPU, which
are threads of three cores on x86. Measured are the text encoders, one evaluation of each UNet and the VAE, with random
weights in the real shapes, once with everything that this processor can and once as on a processor that has AVX2 alone.

Nothing is measured on ARM. Its rows follow from how many instructions Graviton2's kernels take for the same products,
and from the share of its peak that this machine reached in the same part.
"""

import argparse
import os
import sys

from measurement import measure
from sections import table

SIZE = 1024
MEMORY_GB = 10_240 / 1_024
CORES = 3
# Dollars per GB and second, x86, us-east-1, first tier.
PRICE = 0.0000166667
ARM_PRICE = 0.0000133334
# Lambda's arm64 is Graviton2: a vCPU is a core of its own (Neoverse N1) at 2.5 GHz, which starts two vector
# instructions a cycle, multiplications among them (Arm's Neoverse N1 Software Optimization Guide).
ARM_INSTRUCTIONS = MEMORY_GB * 1_024 / 1_769 * 2.5e9 * 2
# Operations for each vector instruction of `model/kernels/src/tile/neon.rs`. In a group of a tile, a number takes part
# in 384 products. bf16 has two numbers, multiplied by 96 instructions each after 38 that widen them; int8 has four,
# multiplied by 96 at once, with 8 more for the sums that it begins with, and 3 for signs.
ARM_OPERATIONS = {"bf16": 2 * 2 * 384 / (2 * 96 + 38), "int8": 2 * 4 * 384 / (96 + 8 + 3)}
# The UNets' self-attention at 1024×1024, in bf16 whatever weights are in: layers, tokens, channels.
ATTENTION = {
    "sdxl-base": [(10, 4_096, 640), (60, 1_024, 1_280)],
    "sdxl-refiner": [(20, 4_096, 768), (20, 1_024, 1_536)],
}
# Seconds of a call at most.
LIMIT = 900
IMAGES = [
    # name, evaluations of the base's UNet, of the refiner's
    ("30 guided steps, the last 6 of them the refiner's", 48, 12),
    ("20 guided steps", 40, 0),
    ("4 unguided steps of a distilled model", 4, 0),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--easel", default="target/release/easel")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="each on a core of its own")
    parser.add_argument("--clock", type=float, default=1.0, help="clock of Lambda's processor relative to this one's")
    arguments = parser.parse_args()
    scale = arguments.threads / CORES / arguments.clock
    timed = [
        (precision, instructions, reports)
        for instructions in ("", "avx2")
        for precision, reports in parts(arguments, instructions).items()
    ]
    measured = [
        (
            precision,
            instructions or "AVX-512",
            scale,
            PRICE,
            {part: report["seconds"]["median"] for part, report in reports.items()},
        )
        for precision, instructions, reports in timed
    ]
    measured += [
        (
            precision,
            "arm64, estimated",
            1.0,
            ARM_PRICE,
            {part: on_arm(*part, report) for part, report in reports.items()},
        )
        for precision, instructions, reports in timed
        if not instructions
    ]
    rows = [["image of 1024×1024", "precision", "instructions", "UNet, s", "VAE, s", "all, s", "of a call", "cost, $"]]
    for name, base, refiner in IMAGES:
        for precision, instructions, scale, price, seconds in measured:
            unet = scale * (base * seconds["sdxl-base", "unet"] + refiner * seconds["sdxl-refiner", "unet"])
            vae = scale * seconds["sdxl-base", "vae-decode"]
            text = scale * (seconds["sdxl-base", "text"] + (seconds["sdxl-refiner", "text"] if refiner else 0))
            whole = unet + vae + text
            cost = whole * MEMORY_GB * price
            rows.append(
                [
                    name,
                    precision,
                    instructions,
                    f"{unet:.0f}",
                    f"{vae:.0f}",
                    f"{whole:.0f}",
                    f"{whole / LIMIT:.0%}",
                    f"{cost:.3f}",
                ]
            )
    print(table(rows))


def on_arm(shape, part, report):
    """Seconds of a part on Graviton2, from its report here."""
    operations = report["gflops"] * 1e9 * report["seconds"]["median"]
    in_bf16 = operations
    if report["precision"] == "int8":
        in_bf16 = sum(layers * 4 * tokens**2 * channels for layers, tokens, channels in ATTENTION[shape])
    instructions = in_bf16 / ARM_OPERATIONS["bf16"] + (operations - in_bf16) / ARM_OPERATIONS["int8"]
    return instructions / (ARM_INSTRUCTIONS * report["share_of_peak"])


def parts(arguments, instructions):
    """Reports of each part, named by model and part, for each precision. Text encoders and VAE are bf16 in both."""

    def time(shape, part, precision):
        command = [
            arguments.easel,
            "bench",
            part,
            "--shape",
            shape,
            "--size",
            str(SIZE),
            "--precision",
            precision,
            "--device",
            "flex",
            "--threads",
            str(arguments.threads),
            "--repeat",
            "1",
            "--json",
        ]
        report = measure(command, {"EASEL_INSTRUCTIONS": instructions}, 1800)
        if "failure" in report:
            sys.exit(f"{' '.join(command)}: {report['failure']}")
        seconds = report["seconds"]["median"]
        print(f"{instructions or 'all'}: {shape}, {part}, {precision}: {seconds:.2f} s", file=sys.stderr, flush=True)
        return {(shape, part): report}

    shapes = ("sdxl-base", "sdxl-refiner")
    shared = time("sdxl-base", "vae-decode", "bf16")
    for shape in shapes:
        shared |= time(shape, "text", "bf16")
    return {
        precision: shared | time(shapes[0], "unet", precision) | time(shapes[1], "unet", precision)
        for precision in ("bf16", "int8")
    }


if __name__ == "__main__":
    main()
