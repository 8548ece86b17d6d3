"""SDXL as PyTorch modules with the random weights that `easel random-model` wrote (joined in one file), and inputs.

The weights are read tensor by tensor into the precision asked for. `from_pretrained` would map the whole file and so
add its size to the peak memory of a process that could do without.
"""

import json
import sys
from pathlib import Path

import numpy
import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from single_file import PREFIXES, header, path_of

sys.path.append(str(Path(__file__).parents[1] / "tests/reference"))
from upscaler_networks import RRDBNet  # noqa: E402

FACTOR = 8
# Of an image prompt, as IP-Adapter plus makes them.
IMAGE_TOKENS = 16


def unet(folder, dtype):
    return with_weights(UNet2DConditionModel, folder / "unet", dtype)


def vae(folder, dtype):
    return with_weights(AutoencoderKL, folder / "vae", dtype)


def text_encoders(folder, dtype):
    first = with_weights(CLIPTextModel, folder / "text_encoder", dtype)
    second = with_weights(CLIPTextModelWithProjection, folder / "text_encoder_2", dtype)
    return first, second


def with_weights(kind, folder, dtype):
    """A module of `kind` as its config.json says, holding its weights as `dtype`."""
    config = json.loads((folder / "config.json").read_text())
    with torch.device("meta"):
        module = kind(CLIPTextConfig(**config)) if kind.__name__.startswith("CLIP") else kind.from_config(config)
    names = set(module.state_dict())
    weights = {}
    for name, tensor in tensors(path_of(folder.parent), PREFIXES[folder.name], dtype):
        # Files of official models prefix names of the first text encoder; newer libraries do not.
        weights[name if name in names else name.removeprefix("text_model.")] = tensor
    module.load_state_dict(weights, assign=True)
    for name, buffer in module.named_buffers():
        if buffer.is_meta:
            holder, _, own = name.rpartition(".")
            module.get_submodule(holder).register_buffer(own, torch.arange(buffer.shape[-1])[None], persistent=False)
    return module.eval().requires_grad_(False)


def tensors(path, prefix, dtype):
    """Names and tensors with that prefix in a safetensors file, one after the other, never the whole file at once."""
    with open(path, "rb") as file:
        entries, begin = header(file)
        for name, entry in entries.items():
            if name.startswith(prefix):
                start, end = entry["data_offsets"]
                file.seek(begin + start)
                numbers = torch.from_numpy(numpy.fromfile(file, numpy.float16, (end - start) // 2))
                yield name.removeprefix(prefix), numbers.reshape(entry["shape"]).to(dtype)


def unet_inputs(config, size, dtype):
    """What one forward takes: noise, a time step, text, and the pooled text with the image's sizes."""
    side = size // FACTOR
    generator = torch.Generator().manual_seed(0)

    def noise(*shape):
        return torch.randn(shape, generator=generator).to(dtype)

    pooled = config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"]
    sizes = torch.tensor([[size, size, 0, 0, size, size]], dtype=dtype)
    return {
        "sample": noise(1, config["in_channels"], side, side),
        "timestep": torch.tensor(500.0),
        "encoder_hidden_states": noise(1, 77, config["cross_attention_dim"]),
        "text_embeds": noise(1, pooled),
        "time_ids": sizes,
    }


def control_net(folder, dtype):
    """A ControlNet for the UNet, of random numbers."""
    config = json.loads((folder / "unet/config.json").read_text())
    with torch.device("meta"):
        module = ControlNetModel.from_unet(UNet2DConditionModel.from_config(config), load_weights_from_unet=False)
    return randomized(module.to(dtype).to_empty(device="cpu"))


def unet_with_image_prompt(folder, dtype):
    """The UNet with keys and values of its own for an image prompt in every attention to the text."""
    module = unet(folder, dtype)
    processors = {}
    for name, processor in module.attn_processors.items():
        if name.endswith("attn2.processor"):
            width = module.get_submodule(name.removesuffix(".processor")).to_q.out_features
            text = module.config.cross_attention_dim
            processor = IPAdapterAttnProcessor2_0(width, text, num_tokens=(IMAGE_TOKENS,), scale=0.5)
            processor = randomized(processor.to(dtype))
        processors[name] = processor
    module.set_attn_processor(processors)
    return module


def randomized(module):
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return module.eval().requires_grad_(False)


class UNetForward(torch.nn.Module):
    """The UNet with plain tensors as inputs and output, as converters want it."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, sample, timestep, encoder_hidden_states, text_embeds, time_ids):
        added = {"text_embeds": text_embeds, "time_ids": time_ids}
        return self.module(sample, timestep, encoder_hidden_states, added_cond_kwargs=added, return_dict=False)[0]


class ControlNetForward(torch.nn.Module):
    """A ControlNet with plain tensors as inputs; what it adds to the middle of the UNet."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, sample, timestep, encoder_hidden_states, text_embeds, time_ids, image):
        added = {"text_embeds": text_embeds, "time_ids": time_ids}
        arguments = {"added_cond_kwargs": added, "controlnet_cond": image, "return_dict": False}
        return self.module(sample, timestep, encoder_hidden_states, **arguments)[1]


class ImagePromptForward(torch.nn.Module):
    """The UNet with text and the tokens of an image prompt."""

    def __init__(self, module):
        super().__init__()
        self.forward_unet = UNetForward(module)

    def forward(self, encoder_hidden_states, image_tokens, **inputs):
        return self.forward_unet(encoder_hidden_states=(encoder_hidden_states, [image_tokens]), **inputs)


class Decode(torch.nn.Module):
    """Latents to image."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, latents):
        return self.module.decode(latents, return_dict=False)[0]


class Encode(torch.nn.Module):
    """Image to the mean of its latents."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, image):
        return self.module.encode(image, return_dict=False)[0].mean


class Texts(torch.nn.Module):
    """Both text encoders on one prompt."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, tokens):
        first = self.first(tokens, output_hidden_states=True)
        second = self.second(tokens, output_hidden_states=True)
        return torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1), second.text_embeds


def part(name, folder, size, dtype):
    """The module that does `name`, and its inputs by name."""
    folder = Path(folder)
    generator = torch.Generator().manual_seed(0)
    match name:
        case "unet":
            module = unet(folder, dtype)
            return UNetForward(module), unet_inputs(module.config, size, dtype)
        case "control-net":
            module = control_net(folder, dtype)
            image = torch.rand((1, 3, size, size), generator=generator).to(dtype)
            return ControlNetForward(module), unet_inputs(module.config, size, dtype) | {"image": image}
        case "image-prompt":
            module = unet_with_image_prompt(folder, dtype)
            tokens = torch.randn((1, 1, IMAGE_TOKENS, module.config.cross_attention_dim), generator=generator)
            return ImagePromptForward(module), unet_inputs(module.config, size, dtype) | {
                "image_tokens": tokens.to(dtype)
            }
        case "vae-decode":
            latents = torch.randn((1, 4, size // FACTOR, size // FACTOR), generator=generator)
            return Decode(vae(folder, dtype)), {"latents": latents.to(dtype)}
        case "vae-encode":
            image = torch.rand((1, 3, size, size), generator=generator) * 2 - 1
            return Encode(vae(folder, dtype)), {"image": image.to(dtype)}
        case "upscale":
            module = RRDBNet(64, 32, 23).to(dtype).eval().requires_grad_(False)
            return module, {"x": torch.rand((1, 3, size, size), generator=generator).to(dtype)}
        case "text":
            first, second = text_encoders(folder, dtype)
            tokens = torch.randint(1, first.config.vocab_size - 2, (1, 77), generator=generator)
            tokens[0, 20:] = first.config.vocab_size - 1
            return Texts(first, second), {"tokens": tokens}
    raise ValueError(f"no part is called {name}")
