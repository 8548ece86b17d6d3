"""Times the parts of full-size SDXL on a GPU, ours beside PyTorch as it is and compiled (`torch.compile`), and prints a
table.

    python gpu.py --easel target/gpu/release/easel --device cuda --output model/BENCHMARKS.md

Everything together ends within the time it is given: what is left then is listed as not measured. Without a PyTorch
that finds the GPU, ours is measured alone.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import sections
from measurement import measure
from single_file import join, path_of

HERE = Path(__file__).parent
TITLE = "## On a GPU"
PARTS = {
    "unet": "One forward of the UNet",
    "vae-decode": "Latents to image (VAE decoding)",
    "text": "Both text encoders, one prompt",
}
# What is seldom used comes last, so that it is what there is no time for.
PRECISIONS = {"cuda": ("bf16", "f16", "f32"), "vulkan": ("f16", "f32"), "metal": ("f16", "f32")}
NOT_MEASURED = "no time was left"


@dataclass(frozen=True)
class Clock:
    """The time that all measurements together may take."""

    end: float

    def left(self):
        return self.end - time.monotonic()

    def run(self, command):
        """The report of a command that is stopped when the time is over."""
        if self.left() < 5:
            return {"failure": NOT_MEASURED}
        return measure(command, {}, self.left())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--easel", default="target/gpu/release/easel", help="the command that is ours")
    parser.add_argument("--device", choices=PRECISIONS, default="cuda")
    parser.add_argument("--shape", default="sdxl-base", help="the model, as `easel bench` names it")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=5, help="timed runs, after one that is not counted")
    parser.add_argument("--seconds", type=float, default=420, help="that everything together may take")
    parser.add_argument(
        "--scratch", type=Path, default=Path("target/peers/scratch"), help="for PyTorch's weights: 7 GB"
    )
    parser.add_argument("--output", type=Path, help="Markdown in which the section is written or replaced")
    arguments = parser.parse_args()
    clock = Clock(time.monotonic() + arguments.seconds)
    name = gpu(arguments)
    peer = PyTorch(arguments, clock)
    rows = [["", "precision", "Easel", "PyTorch", "compiled", "ours / the faster of theirs"]]
    missing = []
    for precision in PRECISIONS[arguments.device]:
        for part, described in PARTS.items():
            ours = easel(arguments, clock, part, precision)
            plain, compiled = (peer.report(part, precision, is_compiled) for is_compiled in (False, True))
            row = [described, precision, *map(shown, (ours, plain, compiled)), ratio(ours, (plain, compiled))]
            print(" | ".join(row), file=sys.stderr, flush=True)
            rows.append(row)
            for who, report in (("Easel", ours), ("PyTorch", plain), ("compiled", compiled)):
                if "failure" in report and report["failure"] != peer.missing:
                    missing.append(f"- {described}, {precision}, {who}: {report['failure']}")
    first = PRECISIONS[arguments.device][0]
    whole = image(arguments, clock, first)
    rows.append(["A whole image, 20 guided steps", first, shown(whole), "", "", ""])
    text = "\n".join([TITLE, "", sections.wrap(introduction(arguments, name, peer)), "", sections.table(rows), ""])
    if missing:
        text += "\n".join(["", "Not measured:", "", *missing, ""])
    print(text)
    if arguments.output:
        sections.replace(arguments.output, TITLE, text)


def gpu(arguments):
    """The GPU's name; ends the program, with the reason, if it cannot be used."""
    command = [arguments.easel, "doctor", "--device", arguments.device, "--json"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    diagnosis = json.loads(found.stdout) if found.stdout.startswith("{") else {"error": found.stderr.strip()}
    if diagnosis.get("error"):
        sys.exit(f"gpu.py: {diagnosis['error']}")
    return diagnosis["chosen"]["device_name"]


def easel(arguments, clock, part, precision, *more):
    of_part = [arguments.easel, "bench", part, "--shape", arguments.shape, "--size", str(arguments.size), "--json"]
    return clock.run([*of_part, "--device", arguments.device, "--precision", precision, *repeated(arguments, more)])


def repeated(arguments, more):
    return more or ("--repeat", str(arguments.repeat))


def image(arguments, clock, precision):
    return easel(arguments, clock, "generate", precision, "--steps", "20", "--repeat", "1")


class PyTorch:
    """The peer, where there is one for this device."""

    def __init__(self, arguments, clock):
        self.arguments, self.clock = arguments, clock
        self.weights = arguments.scratch / f"{arguments.shape}-f16"
        self.missing = self.reason()
        if not self.missing and not path_of(self.weights).exists():
            arguments.scratch.mkdir(parents=True, exist_ok=True)
            model = [arguments.easel, "random-model", "--shape", arguments.shape, "--precision", "f16"]
            subprocess.run([*model, "--output", str(self.weights)], check=True)
            join(self.weights)

    def reason(self):
        """Why there is none."""
        if self.arguments.device != "cuda":
            return "PyTorch has no backend for this device"
        look = "import diffusers, transformers, torch; print(torch.cuda.is_available())"
        found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
        if found.returncode:
            return "PyTorch is not installed"
        return None if found.stdout.strip() == "True" else "PyTorch finds no GPU"

    def report(self, part, precision, is_compiled):
        if self.missing:
            return {"failure": self.missing}
        common = ["--part", part, "--precision", precision, "--size", str(self.arguments.size), "--threads", "4"]
        common += ["--repeat", str(self.arguments.repeat), "--weights", str(self.weights), "--device", "cuda"]
        common += ["--layout", "channels-last"] if part != "text" else []
        common += ["--compile"] if is_compiled else []
        return self.clock.run([sys.executable, str(HERE / "pytorch_peer.py"), *common])


def seconds(report):
    """The median; nothing where the measurement failed."""
    if "failure" in report:
        return None
    return report["seconds"]["median"] if isinstance(report["seconds"], dict) else statistics.median(report["seconds"])


def shown(report):
    return f"{seconds(report):.3f} s" if seconds(report) else "–"


def ratio(ours, theirs):
    fastest = min(filter(None, map(seconds, theirs)), default=None)
    return f"{seconds(ours) / fastest:.2f}" if fastest and seconds(ours) else "–"


def introduction(arguments, name, peer):
    theirs = f" {peer.missing}, so ours is alone." if peer.missing else ""
    return (
        f"{name}, `--device {arguments.device}`, {arguments.shape} with random weights at {arguments.size}×"
        f"{arguments.size}, medians of {arguments.repeat} runs after the first, which measures kernels; "
        f"{time.strftime('%Y-%m-%d')}, {platform.system()}. `make gpu-bench` makes this section.{theirs}"
    )


if __name__ == "__main__":
    main()
