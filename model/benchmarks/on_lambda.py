"""Estimates what an image takes and costs on AWS Lambda, from the times of its parts on this machine's cores.

    python on_lambda.py --easel target/release/easel [--threads 2] [--clock 1.0]

Prints a table of Markdown. Everything scales with cores: a function of 10,240 MB has 10,240 / 1,769 = 5.8 vCPU, which
are threads of three cores on x86. Measured are the text encoders, one evaluation of each UNet and the VAE, with random
weights in the real shapes, once with everything that this processor can and once as on a processor that has AVX2 alone.
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
    measured = [
        (precision, instructions, seconds)
        for instructions in ("", "avx2")
        for precision, seconds in parts(arguments, instructions).items()
    ]
    rows = [["image of 1024×1024", "precision", "instructions", "UNet, s", "VAE, s", "all, s", "of a call", "cost, $"]]
    for name, base, refiner in IMAGES:
        for precision, instructions, seconds in measured:
            unet = scale * (base * seconds["sdxl-base", "unet"] + refiner * seconds["sdxl-refiner", "unet"])
            vae = scale * seconds["sdxl-base", "vae-decode"]
            text = scale * (seconds["sdxl-base", "text"] + (seconds["sdxl-refiner", "text"] if refiner else 0))
            whole = unet + vae + text
            cost = whole * MEMORY_GB * PRICE
            rows.append(
                [
                    name,
                    precision,
                    instructions or "AVX-512",
                    f"{unet:.0f}",
                    f"{vae:.0f}",
                    f"{whole:.0f}",
                    f"{whole / LIMIT:.0%}",
                    f"{cost:.3f}",
                ]
            )
    print(table(rows))


def parts(arguments, instructions):
    """Seconds of each part, named by model and part, for each precision. Text encoders and VAE are bf16 in both."""

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
        return {(shape, part): seconds}

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
