"""Measures PyTorch and diffusers: one part of SDXL, or single operations. Prints one JSON object."""

import argparse
import json
import statistics
from functools import partial
from importlib.metadata import version

import torch
from torch.nn import functional

import modules
from operations import OPERATIONS
from timing import peak_memory, timed, timed_often

PRECISIONS = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
LAYOUTS = {"": torch.contiguous_format, "channels-last": torch.channels_last}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", required=True)
    parser.add_argument("--precision", choices=PRECISIONS, required=True)
    parser.add_argument("--layout", choices=LAYOUTS, default="", help="of the parts; operations try both")
    parser.add_argument("--weights", help="the folder that `easel random-model` wrote")
    parser.add_argument("--operations", nargs="*", default=list(OPERATIONS))
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of the parts")
    parser.add_argument("--compile", action="store_true", help="the parts, by torch.compile")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dtype = PRECISIONS[arguments.precision]
    report = {"versions": {name: version(name) for name in ("torch", "diffusers", "transformers")}}
    report["libraries_bytes"] = peak_memory()
    with torch.inference_mode():
        if arguments.part == "operations":
            report["operations"] = [operation(name, dtype) for name in arguments.operations]
        else:
            report |= part(arguments, dtype)
    print(json.dumps(report))


def part(arguments, dtype):
    layout = LAYOUTS[arguments.layout]
    module, inputs = modules.part(arguments.part, arguments.weights, arguments.size, dtype)
    module = module.to(arguments.device, memory_format=layout)

    def placed(value):
        return value.to(arguments.device, memory_format=layout) if value.dim() == 4 else value.to(arguments.device)

    inputs = {name: placed(value) for name, value in inputs.items()}
    if arguments.compile:
        module = torch.compile(module)

    def call():
        # Looking at the numbers waits for a GPU, too.
        output = module(**inputs)
        if not torch.isfinite(output[0].flatten()[:1000]).all():
            raise ArithmeticError("the output has numbers that are not finite, so its time says little")

    return timed(call, arguments.repeat)


def operation(name, dtype):
    """Times an operation, in both layouts where it has images, and keeps the one that costs the processor less."""
    tried = {layout: timed_often(call) for layout, call in calls(OPERATIONS[name], dtype)}
    layout = min(tried, key=lambda layout: statistics.median(tried[layout]["processor_seconds"]))
    return {"name": name, "variant": layout} | tried[layout]


def calls(operation, dtype):
    """The operation as functions without arguments, by layout."""

    def random(*shape):
        return (torch.randn(shape) * 0.02).to(dtype)

    match operation["kind"]:
        case "attention":
            shape = 1, operation["heads"], operation["tokens"], operation["width"]
            query, key, value = (torch.randn(shape).to(dtype) for _ in range(3))
            yield "", lambda: functional.scaled_dot_product_attention(query, key, value)
        case "linear":
            rows, weight, bias = (
                random(operation["rows"], operation["channels"]),
                random(operation["to"], operation["channels"]),
                random(operation["to"]),
            )
            yield "", lambda: functional.linear(rows, weight, bias)
        case "convolution":
            image = random(1, operation["channels"], operation["side"], operation["side"])
            layer = torch.nn.Conv2d(operation["channels"], operation["to"], 3, padding=1, dtype=dtype)
            for layout, format in LAYOUTS.items():
                of_layout, placed = layer.to(memory_format=format), image.to(memory_format=format)
                yield layout, partial(of_layout, placed)
        case "norm":
            image = random(1, operation["channels"], operation["side"], operation["side"])
            layer = torch.nn.GroupNorm(operation["groups"], operation["channels"], dtype=dtype)
            for layout, format in LAYOUTS.items():
                placed = image.to(memory_format=format)
                yield layout, lambda placed=placed: functional.silu(layer(placed))


if __name__ == "__main__":
    main()
