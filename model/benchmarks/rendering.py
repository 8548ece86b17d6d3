"""Results as a section of Markdown."""

import math
import os
import shlex
import sys
from collections import Counter, defaultdict

from measurement import others_share
from operations import ATTENTION, OTHERS, arithmetic
from sections import table, wrap

TITLE = "## Beside its peers"
PARTS = {
    "unet": "One forward of the UNet",
    "control-net": "One forward of a ControlNet as large as the UNet's way down",
    "image-prompt": "One forward of the UNet with an image prompt of 16 tokens (IP-Adapter)",
    "vae-decode": "Latents to image (VAE decoding)",
    "vae-encode": "Image to latents (VAE encoding)",
    "text": "Both text encoders, one prompt",
    "upscale": "An image four times as large (RRDBNet, 23 blocks)",
}
PRECISIONS = ("f32", "bf16", "int8")
# What a peer may answer with when ours computes in a precision: the fastest of these counts.
ALIKE = {"f32": ("f32",), "bf16": ("bf16", "f16"), "int8": ("int8", "q8_0", "bf16", "f16")}
# Claims that are checked: part, our precision, the peer's program and precisions, at most this ratio, of what.
AIMS = [
    ("unet", "f32", "PyTorch", ("f32",), 0.95, "time"),
    ("unet", "bf16", "PyTorch", ("bf16",), 0.90, "time"),
    ("unet", "int8", "PyTorch", ("bf16",), 0.55, "time"),
    *(
        (part, ours, "PyTorch", ("bf16",), limit, "time")
        for part in ("control-net", "image-prompt")
        for ours, limit in (("bf16", 0.90), ("int8", 0.60))
    ),
    ("vae-decode", "bf16", "PyTorch", ("bf16",), 0.90, "time"),
    ("vae-decode", "bf16", "PyTorch", ("bf16",), 1 / 3, "peak memory"),
    ("vae-decode", "bf16", "PyTorch", ("bf16",), 1 / 3, "peak memory without libraries"),
    ("upscale", "bf16", "PyTorch", ("bf16",), 0.90, "time"),
    *((name, None, "PyTorch", ("f32", "bf16", "f16"), 0.60, "time") for name in ATTENTION),
    *(
        (part, ours, "stable-diffusion.cpp", theirs, 1.0, "time")
        for part in ("text", "unet", "vae-decode")
        for ours, theirs in (("bf16", ("f16",)), ("int8", ("q8_0",)))
    ),
    *((name, None, "candle", ("f32", "bf16", "f16"), 1.0, "time") for name in (*OTHERS, *ATTENTION)),
]


def median(numbers):
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


class Entry:
    """All runs of one contender on one part or operation."""

    def __init__(self, program, precision, variant):
        self.program, self.precision, self.variant = program, precision, variant
        self.seconds, self.memory, self.libraries, self.arithmetic = [], [], [], None

    @property
    def time(self):
        return median(self.seconds)

    @property
    def peak(self):
        return median(self.memory)

    @property
    def own_peak(self):
        """Without the libraries, which are not what a model needs."""
        return self.peak - median(self.libraries)

    @property
    def label(self):
        return f"{self.program} {self.precision}" + (f", {self.variant}" if self.variant else "")


def entries(results):
    """The runs by part or operation and by contender, the fastest variant of each alone."""
    every = defaultdict(dict)
    for one in results["measurements"]:
        result = one["result"]
        found = {operation["name"]: operation for operation in result.get("operations", [])} or {one["part"]: result}
        for name, run in found.items():
            if "seconds" not in run:
                continue
            variant = one["variant"]
            entry = every[name].setdefault(
                (one["program"], one["precision"], variant), Entry(one["program"], one["precision"], variant)
            )
            entry.seconds += run["seconds"]
            entry.memory.append(result["peak_memory_bytes"])
            entry.libraries.append(result.get("libraries_bytes", 0))
            entry.arithmetic = run.get("arithmetic")
    fastest = {}
    for name, candidates in every.items():
        fastest[name] = {}
        for (program, precision, _), entry in candidates.items():
            best = fastest[name].get((program, precision))
            if best is None or entry.time < best.time:
                fastest[name][program, precision] = entry
    return fastest


def best(found, name, program, precisions):
    """The fastest run of a program, at one of the precisions, or at any if none is named."""
    candidates = [
        entry
        for (of, precision), entry in found.get(name, {}).items()
        if of == program and (precisions is None or precision in precisions)
    ]
    return min(candidates, key=lambda entry: entry.time, default=None)


def section(results):
    found = entries(results)
    pieces = [TITLE, introduction(results)]
    for part, title in PARTS.items():
        if part in found:
            pieces += [f"### {title}", parts_table(found[part])]
    if any(name in found for name in ATTENTION):
        pieces += ["### Attention", attention_table(found)]
    if any(name in found for name in OTHERS):
        pieces.append("### Single operations")
        pieces += filter(None, (operations_table(found, precision) for precision in PRECISIONS))
    pieces += filter(None, (aims(found), failures(results), versions(results), commands(results)))
    return "\n\n".join(pieces) + "\n"


def introduction(results):
    machine, settings = results["machine"], results["settings"]
    done = [(one["contender"], one["part"]) for one in results["measurements"] if "failure" not in one["result"]]
    least, most = min(Counter(done).values(), default=0), max(Counter(done).values(), default=0)
    rounds = f"{least} to {most} rounds" if least < most else f"{most} {'rounds' if most != 1 else 'round'}"
    shares = [
        others_share(one["result"]) for one in results["measurements"] if one["result"].get("wall_seconds", 0) > 2
    ]
    busy = f"{median(shares):.0%} in the median run, {max(shares):.0%} in the worst" if shares else "unknown"
    times = "Times are medians, with the fastest and the slowest in brackets."
    if settings["processor_time"]:
        times = (
            "The machine was busy with other things, so times are the processor time of all threads divided by their "
            "number, as medians with the least and the most in brackets: the time of a quiet machine, if threads are "
            "never idle."
        )
    return wrap(
        f"{machine['processor']}, {machine['processors']} processors ({', '.join(machine['features'])}), "
        f"{machine['memory_bytes'] / 1e9:.0f} GB, {machine['system']}, {machine['date']}. "
        f"{settings['shape']} at {settings['size']}×{settings['size']}, batch 1, random weights, "
        f"{settings['threads']} threads each, {rounds} in turns, each run in a process of its own. "
        f"{times} Ratios are ours divided by the other one's: below 1, ours is faster. Memory is the "
        f"most that the operating system saw the process hold, in brackets what importing its libraries took. Share of "
        f"the machine that other programs had meanwhile: {busy}."
    )


def parts_table(entries_of_part):
    ours = {precision: entries_of_part.get(("easel", precision)) for precision in PRECISIONS}
    counted = next((entry.arithmetic for entry in ours.values() if entry and entry.arithmetic), None)
    present = [precision for precision in PRECISIONS if ours[precision]]
    rows = [["", "seconds", "Gop/s", "peak memory", *(f"easel {precision} / it" for precision in present)]]
    for entry in sorted(entries_of_part.values(), key=lambda entry: -entry.time):
        speed = f"{counted / entry.time / 1e9:.0f}" if counted else "–"
        libraries = f" ({median(entry.libraries) / 1e6:,.0f})" if any(entry.libraries) else ""
        whole = ", whole image" if entry.program == "stable-diffusion.cpp" else ""
        label = f"**{entry.label}**" if entry.program == "easel" else entry.label
        rows.append(
            [
                label,
                spread(entry.seconds),
                speed,
                f"{entry.peak / 1e6:,.0f} MB{libraries}{whole}",
                *(f"{ours[precision].time / entry.time:.2f}" for precision in present),
            ]
        )
    return table(rows)


def attention_table(found):
    keys = sorted(
        {key for name in ATTENTION for key in found.get(name, {})},
        key=lambda key: (key[0] != "easel", key[0], -PRECISIONS.index(key[1]) if key[1] in PRECISIONS else 1),
    )
    rows = [["milliseconds", *(f"{program} {precision}" for program, precision in keys), "best ours / best PyTorch"]]
    for name in ATTENTION:
        of_name = found.get(name, {})
        ours, theirs = best(found, name, "easel", None), best(found, name, "PyTorch", None)
        ratio = f"{ours.time / theirs.time:.2f}" if ours and theirs else "–"
        rows.append([name, *(milliseconds(of_name[key].time) if key in of_name else "–" for key in keys), ratio])
    return table(rows)


def operations_table(found, precision):
    programs = [
        program
        for program in ("PyTorch", "OpenVINO", "candle")
        if any(best(found, name, program, ALIKE[precision]) for name in OTHERS)
    ]
    ours_is_there = any(("easel", precision) in found.get(name, {}) for name in OTHERS)
    if not ours_is_there and (precision == "int8" or not programs):
        return None
    rows = [[f"milliseconds (ours {precision} / it)", f"easel {precision}", "Gop/s", *programs]]
    for name in OTHERS:
        ours = found.get(name, {}).get(("easel", precision))
        work = arithmetic(name)
        row = [
            name,
            milliseconds(ours.time) if ours else "–",
            f"{work / ours.time / 1e9:.0f}" if ours and work else "–",
        ]
        for program in programs:
            theirs = best(found, name, program, ALIKE[precision])
            if theirs is None:
                row.append("–")
                continue
            kind = "" if theirs.precision == precision else f" {theirs.precision}"
            ratio = f" ({ours.time / theirs.time:.2f})" if ours else ""
            row.append(f"{milliseconds(theirs.time)}{kind}{ratio}")
        rows.append(row)
    return table(rows)


def aims(found):
    rows = [["aim", "asked", "measured", ""]]
    for name, precision, program, precisions, limit, quantity in AIMS:
        ours = best(found, name, "easel", (precision,) if precision else None)
        theirs = best(found, name, program, precisions)
        if ours is None or theirs is None:
            continue
        ratio = {
            "time": ours.time / theirs.time,
            "peak memory": ours.peak / theirs.peak,
            "peak memory without libraries": ours.own_peak / theirs.own_peak,
        }[quantity]
        rows.append(
            [
                f"{name}, {quantity}: {ours.label} / {theirs.label}",
                f"≤ {limit:.2f}",
                f"{ratio:.2f}",
                "met" if ratio <= limit else "missed",
            ]
        )
    return "### Aims\n\n" + table(rows) if len(rows) > 1 else None


def failures(results):
    """What is not in the tables, and why."""
    reasons = {}
    for one in results["measurements"]:
        result = one["result"]
        if "failure" in result:
            reasons[one["contender"], one["part"]] = result["failure"]
        for operation in result.get("operations", []):
            if "failure" in operation:
                reasons[one["contender"], operation["name"]] = operation["failure"]
    grouped = defaultdict(list)
    for (contender, part), reason in reasons.items():
        grouped[contender, reason].append(part)
    lines = [f"- {contender}, {', '.join(parts)}: {reason}" for (contender, reason), parts in grouped.items()]
    return "### Not measured\n\n" + "\n".join(lines) if lines else None


def versions(results):
    known = {"python": results["machine"]["python"], "rust": results["machine"]["rust"].removeprefix("rustc ")}
    features = None
    for one in results["measurements"]:
        known |= one["result"].get("versions", {})
        features = one["result"].get("features", features)
    lines = ", ".join(f"{name} {number}" for name, number in sorted(known.items()))
    compiled = f" stable-diffusion.cpp was compiled with: {', '.join(features)}." if features else ""
    return "### Versions\n\n" + wrap(f"{lines}.{compiled}")


def commands(results):
    """How to do it again: the whole, and the first process of each contender."""
    first = {}
    for one in results["measurements"]:
        if command := one["result"].get("command"):
            first.setdefault(one["contender"], command)
    lines = [
        shlex.join(map(shortened, command)) for command in (results.get("command", []), *first.values()) if command
    ]
    return "### Commands\n\nThe whole, then the first process of each contender.\n\n```\n" + "\n".join(lines) + "\n```"


def shortened(word):
    """Without what is different on every machine."""
    return "python" if word == sys.executable else word.removeprefix(f"{os.getcwd()}/")


def spread(seconds):
    if len(seconds) == 1:
        return digits(seconds[0])
    return f"{digits(median(seconds))} ({digits(min(seconds))}–{digits(max(seconds))})"


def milliseconds(seconds):
    return digits(seconds * 1e3)


def digits(number):
    """Three digits that count."""
    decimals = max(0, 2 - math.floor(math.log10(number))) if number > 0 else 0
    return f"{number:.{decimals}f}"
