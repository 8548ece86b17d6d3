"""Measures Easel and its peers side by side on this machine, and writes a section of Markdown about it.

    python compare.py --easel target/release/easel --output model/BENCHMARKS.md

Each measurement is a process of its own with the same number of threads. Ours and the peers take turns, round after
round, so that a machine that is busier at one time than at another slows all of them alike. Every result is saved at
once: the same command continues where it was stopped, and `--render` writes the section again without measuring. A peer
that is not installed, or fails, is listed with the reason. This file needs Python alone; run it by the Python that the
peers (requirements.txt) are installed for.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import rendering
import sections
from contenders import PARTS, Settings, command, contenders, make_ready, measured_together, results_by_part
from measurement import measure, others_share, wait_until_quiet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--easel", default="target/release/easel", help="the command that is ours")
    parser.add_argument("--parts", default="text,unet,vae-decode,operations,attention", help=f"of {','.join(PARTS)}")
    parser.add_argument(
        "--only",
        default="",
        help="measure only what has one of these words in its name, with commas between: easel,PyTorch bf16",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=1, help="timed runs in a process, after one that is not counted")
    parser.add_argument("--steps", type=int, default=2, help="steps of stable-diffusion.cpp")
    parser.add_argument("--shape", default="sdxl-base", help="the model, as `easel bench` names it")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--scratch", type=Path, default=Path("target/peers"), help="weights and what is built: 20 GB")
    parser.add_argument(
        "--results", type=Path, help="where results are saved [default: results.json in the scratch folder]"
    )
    parser.add_argument("--output", type=Path, help="Markdown in which the section is written or replaced")
    parser.add_argument("--limit", type=float, default=1800, help="seconds after which a process is stopped")
    parser.add_argument(
        "--quiet",
        type=float,
        metavar="SHARE",
        help="measure only while other programs take no more than "
        "this part of the machine (0.1): wait for it, at most 10 minutes each time, and measure again, at "
        "most twice, what was disturbed. Programs that wait for their threads by spinning suffer most from "
        "company, so without this a busy machine is unfair to them",
    )
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="for a machine that is never quiet: count the "
        "processor time of all threads divided by their number, which is the time on the clock of a quiet "
        "machine on which the threads are never idle; threads wait without spinning",
    )
    parser.add_argument("--render", action="store_true", help="measure nothing")
    arguments = parser.parse_args()

    path = arguments.results or arguments.scratch / "results.json"
    shared = {
        "shape": arguments.shape,
        "size": arguments.size,
        "threads": arguments.threads,
        "processor_time": arguments.processor_time,
    }
    results = json.loads(path.read_text()) if path.exists() else {"settings": shared, "measurements": []}
    if not arguments.render:
        if results["settings"] != shared:
            parser.error(f"{path} holds results of {results['settings']}: name another file with --results")
        results |= {"machine": machine(), "command": [sys.executable, *sys.argv]}
        measure_all(arguments, results, path)
    section = rendering.section(results)
    if arguments.output:
        sections.replace(arguments.output, rendering.TITLE, section)
    else:
        print(section)


def measure_all(arguments, results, path):
    """Fills `results` with what is missing."""
    settings = Settings(
        arguments.easel,
        arguments.scratch,
        arguments.shape,
        arguments.size,
        arguments.threads,
        arguments.repeat,
        arguments.steps,
        arguments.processor_time,
    )
    parts = arguments.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"no part is called {', '.join(unknown)}: there are {', '.join(PARTS)}")
    words = [word for word in arguments.only.split(",") if word]
    chosen = [each for each in contenders() if not words or any(word in each.key for word in words)]
    results["measurements"] = [
        done
        for done in results["measurements"]
        if "failure" not in done["result"]
        or done["part"] not in parts
        or done["contender"] not in {each.key for each in chosen}
    ]
    failed = set()
    for number in range(1, arguments.rounds + 1):
        for part in parts:
            for contender in chosen:
                together = measured_together(contender, part)
                done = {(one["contender"], one["part"], one["round"]) for one in results["measurements"]}
                if not together or (contender.key, part) in failed or (contender.key, part, number) in done:
                    continue
                outcome = measure_one(contender, part, together, settings, arguments)
                for each, result in outcome.items():
                    if "failure" in result:
                        failed.add((contender.key, each))
                    results["measurements"].append(
                        {
                            "contender": contender.key,
                            "program": contender.program,
                            "precision": contender.precision,
                            "variant": contender.variant,
                            "part": each,
                            "round": number,
                            "result": result,
                        }
                    )
                save(results, path)
                tell(number, contender, outcome)


def measure_one(contender, part, together, settings, arguments):
    """The result of each part that the process measures: of the least disturbed process, if there is more than one."""
    try:
        make_ready(contender, part, settings)
    except (OSError, RuntimeError) as error:
        return {each: {"failure": str(error)[:400]} for each in together}
    line, environment = command(contender, part, settings)
    reports = []
    while not reports or arguments.quiet is not None and len(reports) < 3:
        if arguments.quiet is not None:
            wait_until_quiet(arguments.quiet, 600)
        reports.append(measure(line, environment, arguments.limit))
        if "failure" in reports[-1] or others_share(reports[-1]) <= (arguments.quiet or 0):
            break
    report = reports[-1] if "failure" in reports[-1] else min(reports, key=others_share)
    shared = {
        name: report[name]
        for name in (
            "wall_seconds",
            "whole_processor_seconds",
            "others_seconds",
            "peak_memory_bytes",
            "libraries_bytes",
            "versions",
            "features",
            "failure",
            "errors",
        )
        if name in report
    }
    shared["command"] = line
    if "failure" in report:
        return {each: shared for each in together}
    return {each: shared | result for each, result in results_by_part(contender, together, report, settings).items()}


def tell(number, contender, outcome):
    for part, result in outcome.items():
        said = result.get("failure") or f"{result['peak_memory_bytes'] / 1e6:,.0f} MB"
        if "seconds" in result:
            said = f"{rendering.median(result['seconds']):.3f} s, {said}"
        print(f"round {number}, {part}: {contender.key}: {said}", file=sys.stderr, flush=True)


def save(results, path):
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(results, indent=1))
    unfinished.rename(path)


def machine():
    """What the numbers depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, check=False, text=True).stdout.strip()
    return {
        "processor": processor,
        "processors": os.cpu_count(),
        "features": [name for name in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16") if name in flags],
        "memory_bytes": memory,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "rust": compiler,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


if __name__ == "__main__":
    main()
