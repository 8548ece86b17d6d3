"""How long bursts and streams of images take on the stacks, and what they cost, by simulation.

    PYTHONPATH=tests:infra:model/benchmarks python -m simulation [--output infra/README.md] [--plots target/simulation]

Concurrency, timeouts, deliveries, alarms and steps are the templates' own. Times of an image's parts are arguments.
"""

import argparse
import shlex
import sys
from pathlib import Path

import sections
from simulation import costs, limits, plots, report
from simulation.report import Inputs


def main():
    parser = argparse.ArgumentParser(
        "simulation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    number = {"type": float, "metavar": "N"}
    parser.add_argument("--steps", type=int, default=20, help="guided steps of an image, two evaluations each")
    parser.add_argument(
        "--int8", default=11.1, help="seconds of an evaluation at 1024² on two cores (model/BENCHMARKS.md)", **number
    )
    parser.add_argument("--bf16", default=17.4, help="the same in bf16", **number)
    parser.add_argument("--vae", default=26.8, help="seconds of decoding on two cores (model/BENCHMARKS.md)", **number)
    parser.add_argument(
        "--text", default=0.5, help="seconds of the text encoders on two cores (model/BENCHMARKS.md)", **number
    )
    parser.add_argument("--cores", default=3.0, help="cores of the function on Lambda; times go with cores", **number)
    parser.add_argument("--gpu", default=0.15, help="ASSUMED, not measured: seconds of an evaluation, GPU", **number)
    parser.add_argument("--gpu-vae", default=0.5, help="ASSUMED, not measured: seconds of decoding on a GPU", **number)
    parser.add_argument("--handling", default=1.0, help="ASSUMED: seconds beside drawing, on either", **number)
    parser.add_argument("--cold-start", default=20.0, help="ASSUMED: seconds in which Lambda opens the model", **number)
    parser.add_argument("--worker-start", default=90.0, help="ASSUMED: seconds from a host to its worker", **number)
    parser.add_argument("--metric-delay", type=int, default=60, help="ASSUMED: seconds by which metrics are late")
    parser.add_argument("--spot-ends", default=0.05, help="ASSUMED: ends of a spot host an hour", **number)
    parser.add_argument("--on-demand-hour", default=1.86, help="US dollars of a host", **number)
    parser.add_argument("--spot-hour", default=0.93, help="ASSUMED: US dollars of a spot host", **number)
    parser.add_argument("--million-requests", default=0.20, help="US dollars of a million calls of Lambda", **number)
    parser.add_argument("--prices-of", default="us-east-1, 2025, not looked up anew")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plots", type=Path, default=Path("target/simulation"), help="a folder for the plots")
    parser.add_argument("--output", type=Path, help="a file of Markdown whose sections are replaced")
    arguments = parser.parse_args()
    inputs = Inputs(limits.read(), arguments)
    results = report.results(inputs)
    written = {costs.TITLE: costs.section(inputs), report.TITLE: report.section(inputs, results, command(sys.argv[1:]))}
    print("\n".join(written.values()))
    plots.draw(inputs, results, arguments.plots)
    if arguments.output:
        for title, section in written.items():
            sections.replace(arguments.output, title, section)


def command(given):
    """How to do it again."""
    kept, words = [], iter(given)
    for word in words:
        if word in ("--output", "--plots"):
            next(words)
        else:
            kept.append(word)
    return "make simulate" + (f" SIMULATE={shlex.quote(shlex.join(kept))}" if kept else "")


if __name__ == "__main__":
    main()
