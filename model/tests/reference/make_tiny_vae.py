"""Writes tiny_vae/: a tiny VAE (diffusers AutoencoderTiny) with random weights, and what it makes of latents.

Run: python make_tiny_vae.py   (torch CPU, diffusers 0.42)
"""

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

torch.manual_seed(0)
vae = AutoencoderTiny(
    encoder_block_out_channels=(8,) * 4,
    decoder_block_out_channels=(8,) * 4,
    num_encoder_blocks=(1, 1, 1, 1),
    num_decoder_blocks=(3, 2, 1, 2),
    scaling_factor=1.25,
).eval()
for convolution in (module for module in vae.modules() if isinstance(module, torch.nn.Conv2d)):
    torch.nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
vae.decoder.layers[-1].weight.data *= 0.02  # most of the image within what can be shown
vae.decoder.layers[-1].bias.data[:] = 0.5
vae.save_pretrained("tiny_vae")
# Far latents too: the decoder bounds them.
latents = torch.randn(1, 4, 5, 7) * torch.linspace(0.2, 4.0, 7)
with torch.no_grad():
    image = vae.decode(latents / vae.config.scaling_factor).sample
save_file({"latents": latents.contiguous(), "picture": image.contiguous()}, "tiny_vae/case.safetensors")
print(image.shape, image.min().item(), image.max().item(), image.std().item())
