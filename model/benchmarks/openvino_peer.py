"""Measures OpenVINO on the same modules, converted once to its own format on disk. Prints one JSON object.

Converting holds the f32 weights, which no measurement should pay for: `--convert` does it in a process of its own.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy
import openvino

from operations import OPERATIONS
from timing import peak_memory, timed, timed_often

HINTS = {"f32": "f32", "bf16": "bf16", "int8": "bf16"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", required=True)
    parser.add_argument("--precision", choices=HINTS, required=True, help="int8: of the weights, computed in bf16")
    parser.add_argument("--convert", action="store_true", help="write the converted part instead of measuring it")
    parser.add_argument("--converted", type=Path, required=True, help="folder of converted parts")
    parser.add_argument("--weights", help="the folder that `easel random-model` wrote")
    parser.add_argument("--operations", nargs="*", default=list(OPERATIONS))
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    report = {"versions": {"openvino": version("openvino")}, "libraries_bytes": peak_memory()}
    if arguments.precision == "int8":
        report["versions"]["nncf"] = version("nncf")
    if arguments.convert:
        convert(arguments)
    elif arguments.part == "operations":
        report["operations"] = [operation(name, arguments) for name in arguments.operations]
    else:
        compiled = compile_model(path(arguments), arguments)
        request = compiled.create_infer_request()
        inputs = [random(port) for port in compiled.inputs]
        report |= timed(lambda: request.infer(inputs, share_inputs=True), arguments.repeat)
        if not numpy.isfinite(request.get_output_tensor(0).data.ravel()[:1000]).all():
            raise ArithmeticError("the output has numbers that are not finite, so its time says little")
    print(json.dumps(report))


def path(arguments, precision=None):
    kind = "int8" if (precision or arguments.precision) == "int8" else "f16"
    return arguments.converted / f"{arguments.part}-{arguments.size}-{kind}.xml"


def convert(arguments):
    """Writes the part, and from that its int8 form. The weights are f16 numbers, so f16 on disk loses nothing."""
    arguments.converted.mkdir(parents=True, exist_ok=True)
    wide = path(arguments, "f32")
    if not wide.exists():
        write(converted(arguments), wide)
    narrow = path(arguments, "int8")
    if arguments.precision == "int8" and not narrow.exists():
        import nncf

        mode = nncf.CompressWeightsMode.INT8_SYM
        write(nncf.compress_weights(openvino.Core().read_model(wide), mode=mode), narrow)


def write(model, to):
    """Under another name first, so that a process that is stopped leaves nothing that looks finished."""
    unfinished = to.with_name(f"unfinished-{to.name}")
    openvino.save_model(model, unfinished, compress_to_fp16=True)
    unfinished.with_suffix(".bin").rename(to.with_suffix(".bin"))
    unfinished.rename(to)


def converted(arguments):
    """The part in OpenVINO's form, with the shapes of `--size`; traced at a small size, which takes less time."""
    import torch

    import modules

    module, inputs = modules.part(arguments.part, arguments.weights, arguments.size, torch.float32)
    small = {name: value[..., :64, :64] if value.dim() == 4 else value for name, value in inputs.items()}
    images = {name for name, value in inputs.items() if value.dim() == 4}
    shapes = {
        name: [*value.shape[:2], -1, -1] if name in images else list(value.shape) for name, value in inputs.items()
    }
    with torch.inference_mode():
        model = openvino.convert_model(module, example_input=small, input=list(shapes.values()))
    model.reshape({port: list(value.shape) for port, value in zip(model.inputs, inputs.values(), strict=True)})
    return model


def compile_model(model, arguments):
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[arguments.precision],
        "INFERENCE_NUM_THREADS": arguments.threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    return openvino.Core().compile_model(model, "CPU", settings)


def random(port):
    """Numbers for an input: tokens for whole numbers, else a normal distribution, alike in every run."""
    generator = numpy.random.default_rng(0)
    kind = port.get_element_type().to_dtype()
    shape = tuple(port.get_shape())
    if numpy.issubdtype(kind, numpy.integer):
        return generator.integers(1, 1000, shape, dtype=kind)
    return generator.standard_normal(shape, dtype=numpy.float32).astype(kind)


def operation(name, arguments):
    from openvino import opset13 as graph

    operation = OPERATIONS[name]

    def parameter(*shape):
        return graph.parameter(shape, numpy.float32)

    def weights(*shape):
        return graph.constant(numpy.random.default_rng(0).standard_normal(shape, dtype=numpy.float32) * 0.02)

    match operation["kind"]:
        case "attention":
            inputs = [parameter(1, operation["heads"], operation["tokens"], operation["width"]) for _ in range(3)]
            output = graph.scaled_dot_product_attention(*inputs)
        case "linear":
            inputs = [parameter(operation["rows"], operation["channels"])]
            product = graph.matmul(inputs[0], weights(operation["to"], operation["channels"]), False, True)
            output = graph.add(product, weights(1, operation["to"]))
        case "convolution":
            inputs = [parameter(1, operation["channels"], operation["side"], operation["side"])]
            filters = weights(operation["to"], operation["channels"], 3, 3)
            product = graph.convolution(inputs[0], filters, [1, 1], [1, 1], [1, 1], [1, 1])
            output = graph.add(product, weights(1, operation["to"], 1, 1))
        case "norm":
            inputs = [parameter(1, operation["channels"], operation["side"], operation["side"])]
            scale, shift = weights(operation["channels"]), weights(operation["channels"])
            output = graph.swish(graph.group_normalization(inputs[0], scale, shift, operation["groups"], 1e-5))
    compiled = compile_model(openvino.Model([output], inputs, name), arguments)
    request = compiled.create_infer_request()
    values = [random(port) for port in compiled.inputs]
    return {"name": name} | timed_often(lambda: request.infer(values, share_inputs=True))


if __name__ == "__main__":
    main()
