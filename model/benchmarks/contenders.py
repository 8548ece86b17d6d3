"""Who is compared: how each one is made ready and which command measures it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from operations import ATTENTION, OPERATIONS, OTHERS
from single_file import join, path_of

HERE = Path(__file__).parent
PARTS = (
    "text",
    "unet",
    "control-net",
    "image-prompt",
    "vae-decode",
    "vae-encode",
    "upscale",
    "operations",
    "attention",
)
# Those that PyTorch alone is measured in, beside ours.
WITH_PYTORCH = ("control-net", "image-prompt", "upscale")
NAMES = {"operations": OTHERS, "attention": ATTENTION}


@dataclass(frozen=True)
class Settings:
    """What all measurements of one comparison share. `steps` and `repeat` are of one process."""

    easel: str
    scratch: Path
    shape: str
    size: int
    threads: int
    repeat: int
    steps: int
    processor_time: bool

    @property
    def weights(self):
        return self.scratch / f"{self.shape}-f16"

    @property
    def converted(self):
        return self.scratch / "openvino" / self.shape


@dataclass(frozen=True)
class Contender:
    """A program at one precision. A variant is another way to run the same, of which the report keeps the fastest."""

    program: str
    precision: str
    variant: str = ""

    @property
    def key(self):
        return " ".join(filter(None, (self.program, self.precision, self.variant)))


def contenders():
    """All of them, ours beside its peers at each precision, so that what is compared is measured close in time."""
    return [
        Contender("easel", "f32"),
        Contender("PyTorch", "f32"),
        Contender("PyTorch", "f32", "channels-last"),
        Contender("OpenVINO", "f32"),
        Contender("candle", "f32"),
        Contender("easel", "bf16"),
        Contender("PyTorch", "bf16"),
        Contender("PyTorch", "bf16", "channels-last"),
        Contender("PyTorch", "f16"),
        Contender("OpenVINO", "bf16"),
        Contender("candle", "bf16"),
        Contender("candle", "f16"),
        Contender("stable-diffusion.cpp", "f16"),
        Contender("stable-diffusion.cpp", "f16", "flash attention"),
        Contender("easel", "int8"),
        Contender("OpenVINO", "int8"),
        Contender("stable-diffusion.cpp", "q8_0"),
        Contender("stable-diffusion.cpp", "q8_0", "flash attention"),
    ]


def measured_together(contender, part):
    """The parts that one process of the contender measures when asked for `part`; none if it does not run it."""
    single = part in NAMES
    match contender.program:
        case "candle":
            return (part,) if single else ()
        case "stable-diffusion.cpp":
            image = ("text", "unet", "vae-decode")
            return image if part in image else ()
        case "PyTorch" if contender.precision == "f16":
            # Its f16 is worth a look for attention only: everything else is faster in bf16.
            return (part,) if part == "attention" else ()
        case "PyTorch" if contender.variant and (single or part == "text"):
            # Operations try both layouts themselves, and text has no images.
            return ()
        case "OpenVINO" if part in WITH_PYTORCH:
            return ()
        case "easel" if part == "upscale" and contender.precision == "int8":
            # Upscalers are computed in bf16 then.
            return ()
        case "OpenVINO" if single and contender.precision == "int8":
            return ()
        case _:
            return (part,)


def command(contender, part, settings):
    """The command that measures, and the environment that it needs."""
    threads = str(settings.threads)
    environment = {"OMP_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads}
    if settings.processor_time:
        # Threads that spin while they wait would be charged for it.
        environment |= {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}
    common = [
        "--part",
        "operations" if part in NAMES else part,
        "--precision",
        contender.precision,
        "--threads",
        threads,
        "--size",
        str(settings.size),
        "--repeat",
        str(settings.repeat),
    ]
    if part in NAMES:
        common += ["--operations", *NAMES[part]]
    match contender.program:
        case "easel":
            arguments = [
                settings.easel,
                "bench",
                "operations" if part in NAMES else part,
                "--device",
                "flex",
                "--precision",
                contender.precision,
                "--threads",
                threads,
                "--json",
            ]
            if part not in NAMES:
                arguments += ["--shape", settings.shape, "--size", str(settings.size), "--repeat", str(settings.repeat)]
        case "PyTorch":
            arguments = [
                sys.executable,
                str(HERE / "pytorch_peer.py"),
                *common,
                "--weights",
                str(settings.weights),
                "--layout",
                contender.variant,
            ]
        case "OpenVINO":
            arguments = [
                sys.executable,
                str(HERE / "openvino_peer.py"),
                *common,
                "--converted",
                str(settings.converted),
            ]
        case "stable-diffusion.cpp":
            arguments = [
                sys.executable,
                str(HERE / "stable_diffusion_cpp_peer.py"),
                "--precision",
                contender.precision,
                "--threads",
                threads,
                "--size",
                str(settings.size),
                "--steps",
                str(settings.steps),
                "--model",
                str(path_of(settings.weights)),
            ]
            if contender.variant:
                arguments.append("--flash-attention")
        case "candle":
            described = [json.dumps({"name": name} | OPERATIONS[name]) for name in NAMES[part]]
            arguments = [str(settings.scratch / "candle/target/release/candle-peer"), contender.precision, *described]
    return arguments, environment


def make_ready(contender, part, settings):
    """Does what a measurement needs and must not pay for; what is there already is kept."""
    if part not in NAMES and not path_of(settings.weights).exists():
        settings.scratch.mkdir(parents=True, exist_ok=True)
        if not settings.weights.exists():
            run(
                [
                    settings.easel,
                    "random-model",
                    "--shape",
                    settings.shape,
                    "--precision",
                    "f16",
                    "--output",
                    str(settings.weights),
                ]
            )
        join(settings.weights)
    if contender.program == "OpenVINO" and part not in NAMES:
        kind = "int8" if contender.precision == "int8" else "f16"
        if not (settings.converted / f"{part}-{settings.size}-{kind}.xml").exists():
            arguments, _ = command(contender, part, settings)
            run([*arguments, "--weights", str(settings.weights), "--convert"])
    if contender.program == "candle":
        # Building again takes no time if nothing has changed.
        folder = settings.scratch / "candle"
        shutil.copytree(HERE / "candle", folder, dirs_exist_ok=True)
        run(
            [
                "cargo",
                "build",
                "--release",
                "--manifest-path",
                str(folder / "Cargo.toml"),
                "--target-dir",
                str(folder / "target"),
            ],
            RUSTFLAGS="-C target-cpu=native",
        )


def run(arguments, **environment):
    """Runs a command that makes something ready; its last line of complaint is the error."""
    done = subprocess.run(arguments, env=os.environ | environment, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise RuntimeError(lines[-1] if lines else f"{arguments[0]} ended with {done.returncode}")


def results_by_part(contender, parts, report, settings):
    """The report of one process as one result for each part: seconds, or a list of operations."""
    names = {name for part in parts for name in NAMES.get(part, ())}
    if contender.program == "stable-diffusion.cpp":
        return {part: chosen(report["parts"][part], settings) for part in parts}
    if names:
        kept = [operation for operation in report["operations"] if operation["name"] in names]
        return {parts[0]: {"operations": [chosen(operation, settings) for operation in kept]}}
    result = chosen(report, settings)
    if contender.program == "easel" and report.get("gflops"):
        result["arithmetic"] = report["gflops"] * 1e9 * report["seconds"]["median"]
    return {parts[0]: result}


def chosen(times, settings):
    """The times that count, as a list. Easel summarizes its runs: its median stands for all of them."""
    kept = {name: times[name] for name in ("name", "variant", "failure") if name in times}
    if "failure" in times:
        return kept
    if settings.processor_time and "processor_seconds" not in times:
        return kept | {"failure": "reports no processor time"}
    seconds = times["processor_seconds" if settings.processor_time else "seconds"]
    listed = [seconds["median"]] if isinstance(seconds, dict) else seconds
    return kept | {"seconds": [each / (settings.threads if settings.processor_time else 1) for each in listed]}
