"""Writes a T2I-Adapter for the demo model with random weights, and what it makes of a picture (diffusers' `FullAdapterXL`, written out in numpy).

Run: python make_t2i_adapter.py 7          (in this folder; numpy, Pillow)

files/t2i_adapter/          config.json and diffusion_pytorch_model.safetensors, f16
expected/t2i_adapter.safetensors    feature_0 to feature_3 [1, channels, height, width] of pictures/lines_a.png cut to 80x48
"""

import json, struct, sys
import numpy as np
from PIL import Image

rng = np.random.default_rng(int(sys.argv[1]))
channels, side = [32, 64, 96, 96], 16


def save(path, tensors, dtype):
    head, at, data = {}, 0, b""
    for k, v in sorted(tensors.items()):
        b = v.astype({"F16": "<f2", "F32": "<f4"}[dtype]).tobytes()
        head[k] = {"dtype": dtype, "shape": list(v.shape), "data_offsets": [at, at + len(b)]}
        at, data = at + len(b), data + b
    h = json.dumps(head).encode()
    h += b" " * (-len(h) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(h)) + h + data)


def conv(x, w, b):
    k = w.shape[2] // 2
    x = np.pad(x, ((0, 0), (k, k), (k, k)))
    h, v = x.shape[1] - 2 * k, x.shape[2] - 2 * k
    y = sum(
        np.einsum("oc,chw->ohw", w[:, :, i, j], x[:, i : i + h, j : j + v])
        for i in range(w.shape[2])
        for j in range(w.shape[3])
    )
    return y + b[:, None, None]


def halved(x):  # AvgPool2d(2, 2, ceil_mode=True): what is beyond the edge does not count
    c, h, w = x.shape
    return np.stack(
        [np.stack([x[:, i : i + 2, j : j + 2].mean((1, 2)) for j in range(0, w, 2)], -1) for i in range(0, h, 2)], 1
    )


W = {}


def layer(name, o, i, k):
    W[f"adapter.{name}.weight"] = (rng.standard_normal((o, i, k, k)) / np.sqrt(i * k * k)).astype(np.float16)
    W[f"adapter.{name}.bias"] = (0.1 * rng.standard_normal(o)).astype(np.float16)


layer("conv_in", channels[0], 3 * side * side, 3)
for n, c in enumerate(channels):
    if n in (1, 2):
        layer(f"body.{n}.in_conv", c, channels[n - 1], 1)
    layer(f"body.{n}.resnets.0.block1", c, c, 3)
    layer(f"body.{n}.resnets.0.block2", c, c, 1)
save("files/t2i_adapter/diffusion_pytorch_model.safetensors", W, "F16")
json.dump(
    {
        "_class_name": "T2IAdapter",
        "_diffusers_version": "0.42.1",
        "adapter_type": "full_adapter_xl",
        "channels": channels,
        "downscale_factor": side,
        "in_channels": 3,
        "num_res_blocks": 1,
    },
    open("files/t2i_adapter/config.json", "w"),
    indent=2,
)

run = lambda name, x: conv(
    x, W[f"adapter.{name}.weight"].astype(np.float64), W[f"adapter.{name}.bias"].astype(np.float64)
)
x = (
    np.asarray(Image.open("files/pictures/lines_a.png").convert("RGB"))[:48, :80].astype(np.float64).transpose(2, 0, 1)
    / 255
)
c, h, w = x.shape
x = (
    x.reshape(c, h // side, side, w // side, side)
    .transpose(0, 2, 4, 1, 3)
    .reshape(c * side * side, h // side, w // side)
)
x = run("conv_in", x)
out = {}
for n in range(4):
    if n == 2:
        x = halved(x)
    if n in (1, 2):
        x = run(f"body.{n}.in_conv", x)
    x = x + run(f"body.{n}.resnets.0.block2", np.maximum(run(f"body.{n}.resnets.0.block1", x), 0))
    out[f"feature_{n}"] = x[None]
save("expected/t2i_adapter.safetensors", out, "F32")
