"""The single operations that take SDXL's time, in the shapes that they have at 1024×1024, by the names `easel bench
operations` gives them."""

OPERATIONS = {
    "conv3x3-320-320-128": {"kind": "convolution", "channels": 320, "to": 320, "side": 128},
    "conv3x3-1280-1280-32": {"kind": "convolution", "channels": 1280, "to": 1280, "side": 32},
    "conv3x3-128-128-512": {"kind": "convolution", "channels": 128, "to": 128, "side": 512},
    "linear-4096-640-5120": {"kind": "linear", "rows": 4096, "channels": 640, "to": 5120},
    "linear-1024-1280-10240": {"kind": "linear", "rows": 1024, "channels": 1280, "to": 10240},
    "attention-10-4096-64": {"kind": "attention", "heads": 10, "tokens": 4096, "width": 64},
    "attention-20-1024-64": {"kind": "attention", "heads": 20, "tokens": 1024, "width": 64},
    "group-norm-silu-320-128": {"kind": "norm", "channels": 320, "groups": 32, "side": 128},
}

ATTENTION = [name for name, operation in OPERATIONS.items() if operation["kind"] == "attention"]
OTHERS = [name for name in OPERATIONS if name not in ATTENTION]


def arithmetic(name):
    """Multiplications and additions of the operation; none are counted for the norm, which memory limits."""
    operation = OPERATIONS[name]
    match operation["kind"]:
        case "convolution":
            return 2 * 9 * operation["channels"] * operation["to"] * operation["side"] ** 2
        case "linear":
            return 2 * operation["rows"] * operation["channels"] * operation["to"]
        case "attention":
            return 4 * operation["heads"] * operation["tokens"] ** 2 * operation["width"]
        case _:
            return None
