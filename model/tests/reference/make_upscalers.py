"""Writes upscalers/: small upscalers with random weights, named and saved in the ways that are found, and what PyTorch
makes of an image with them.

The networks are those of upscaler_networks.py.

Run: python make_upscalers.py   (torch CPU, safetensors)

For every case `{case}.safetensors` or `{case}.pth` is the upscaler, and `expected.safetensors` holds `{case}.image`
[height, width, 3] in 0..1 and `{case}.enlarged` [height * scale, width * scale, 3].
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from upscaler_networks import RRDBNet, SRVGGNetCompact

FOLDER = Path(__file__).parent / "upscalers"


def release_name(name):
    """The name in ESRGAN's own release."""
    name = name.replace("body.", "RRDB_trunk.", 1).replace("rdb", "RDB") if name.startswith("body.") else name
    return name.replace("conv_body", "trunk_conv").replace("conv_up", "upconv").replace("conv_hr", "HRconv")


def old_names(network):
    """The names from before ESRGAN's release, by those of `network`: its layers have numbers, activations and all."""
    names = {"conv_first": "model.0", "conv_body": f"model.1.sub.{len(network.body)}"}
    number = 3
    for doubling in range(network.doublings):
        names[f"conv_up{doubling + 1}"] = f"model.{number}"
        number += 3
    names["conv_hr"] = f"model.{number - 1}"
    names["conv_last"] = f"model.{number + 1}"
    for name in network.state_dict():
        if name.startswith("body."):
            layer = name.rsplit(".", 1)[0]
            _, block, dense, conv = layer.split(".")
            names[layer] = f"model.1.sub.{block}.{dense.upper()}.{conv}.0"
    return names


def renamed_old(network):
    names = old_names(network)
    return {
        f"{names[name.rsplit('.', 1)[0]]}.{name.rsplit('.', 1)[1]}": tensor
        for name, tensor in network.state_dict().items()
    }


def main():
    torch.manual_seed(18)
    FOLDER.mkdir(exist_ok=True)
    expected = {}

    def random(network, image_size):
        # Weights that keep features at unit size, so that every layer shows in the result.
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2, nonlinearity="leaky_relu")
                nn.init.normal_(module.bias, std=0.1)
            if isinstance(module, nn.PReLU):
                nn.init.uniform_(module.weight, -0.3, 0.5)
        last = network.conv_last if isinstance(network, RRDBNet) else network.body[-1]
        last.weight.data *= 0.1
        last.bias.data[:] = 0.0 if isinstance(network, SRVGGNetCompact) else 0.5
        return network.eval(), torch.rand(1, 3, *image_size)

    def keep(case, network, image):
        with torch.no_grad():
            enlarged = network(image)
        expected[f"{case}.image"] = image[0].permute(1, 2, 0).contiguous()
        expected[f"{case}.enlarged"] = enlarged[0].permute(1, 2, 0).contiguous()
        print(case, tuple(enlarged.shape), enlarged.mean().item(), enlarged.std().item())

    network, image = random(RRDBNet(16, 8, 2), (9, 11))
    save_file(network.state_dict(), FOLDER / "rrdb.safetensors")
    keep("rrdb", network, image)

    network, image = random(RRDBNet(8, 8, 2, unshuffle=2), (10, 8))
    torch.save({"params_ema": network.state_dict(), "params": RRDBNet(8, 8, 2).state_dict()}, FOLDER / "rrdb_x2.pth")
    keep("rrdb_x2", network, image)

    network, image = random(RRDBNet(8, 4, 1, unshuffle=4), (8, 12))
    save_file(
        {f"module.{name}": tensor.half() for name, tensor in network.state_dict().items()},
        FOLDER / "rrdb_x1.safetensors",
    )
    network.load_state_dict({name: tensor.half().float() for name, tensor in network.state_dict().items()})
    keep("rrdb_x1", network, image)

    network, image = random(RRDBNet(10, 6, 1, doublings=1), (6, 7))
    torch.save(
        {release_name(name): tensor for name, tensor in network.state_dict().items()}, FOLDER / "rrdb_release.pth"
    )
    keep("rrdb_release", network, image)

    network, image = random(RRDBNet(8, 4, 3), (5, 6))
    torch.save(renamed_old(network), FOLDER / "rrdb_old.pth", _use_new_zipfile_serialization=False)
    keep("rrdb_old", network, image)

    network, image = random(RRDBNet(8, 4, 1, doublings=3), (4, 3))
    save_file(renamed_old(network), FOLDER / "rrdb_old_x8.safetensors")
    keep("rrdb_old_x8", network, image)

    network, image = random(SRVGGNetCompact(12, 4, 4), (7, 9))
    torch.save({"params": network.state_dict()}, FOLDER / "compact.pth")
    keep("compact", network, image)

    network, image = random(SRVGGNetCompact(8, 2, 3), (5, 1))
    save_file(network.state_dict(), FOLDER / "compact_x3.safetensors")
    keep("compact_x3", network, image)

    save_file(expected, FOLDER / "expected.safetensors")


main()
