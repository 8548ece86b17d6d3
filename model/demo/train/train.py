"""Trains one part of the demo model as `parts.toml` says.

Run: python train.py PART MINUTES WORK_DIR       (torch, diffusers 0.42, transformers 5)

WORK_DIR holds the tokenizers, which `tokenizer.py` writes, and gets what is trained: `vae`, `base` and `refiner`. A
part needs the parts before it. The learning rate follows the share of MINUTES that is over.
"""

import math
import random
import sys
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch.nn.functional import l1_loss
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

import models
from data import render, sample

# Pixels of an image's side, and numbers of its latents' side.
SIDE, LATENT_SIDE = 128, 16
# The share of captions that is left out in training, for guidance.
DROPPED = 0.12


def draw(count, randomness):
    """`count` specifications of images, and the images `[count, 3, SIDE, SIDE]` in -1...1."""
    specs = [sample(randomness.captions) for _ in range(count)]
    return specs, render(specs, SIDE, randomness.batches)


def edges(images):
    return images[..., :, 1:] - images[..., :, :-1], images[..., 1:, :] - images[..., :-1, :]


def difference(images, others, edge_weight):
    """How far images are from others, their edges counted once more by `edge_weight`."""
    edge_difference = sum(l1_loss(ours, theirs) for ours, theirs in zip(edges(images), edges(others), strict=True))
    return l1_loss(images, others) + edge_weight * edge_difference


class Autoencoder:
    """Encoder and decoder of the VAE."""

    def __init__(self, config, work, randomness):
        self.config, self.folder, self.randomness = config, work / "vae", randomness
        self.vae = models.vae()
        if config.continues:
            self.vae.load_state_dict(AutoencoderKL.from_pretrained(self.folder).state_dict())
        self.parameters = list(self.vae.parameters())
        self.images = draw(config.images, randomness)[1].half()

    def loss(self, done):
        batches = self.randomness.batches
        cropped = done < self.config.crops_until
        images = self.images[torch.randint(0, len(self.images), (12 if cropped else 4,), generator=batches)].float()
        if cropped:
            left, top = (8 * torch.randint(0, 9, (2,), generator=batches)).tolist()
            images = images[..., top : top + SIDE // 2, left : left + SIDE // 2]
        posterior = self.vae.encode(images).latent_dist
        error = difference(self.vae.decode(posterior.sample(generator=batches)).sample, images, edge_weight=0.5)
        return error + self.config.kl_weight * posterior.kl().mean() / 128, error

    def save(self):
        with torch.no_grad():
            some = self.images[:640].split(32)
            latents = torch.cat([self.vae.encode(images.float()).latent_dist.mean for images in some])
        self.vae.register_to_config(scaling_factor=round(1 / latents.std().item(), 5))
        self.vae.save_pretrained(self.folder)


class Decoder:
    """The decoder of the VAE alone."""

    def __init__(self, config, work, randomness):
        self.config, self.folder, self.randomness = config, work / "vae", randomness
        self.vae = AutoencoderKL.from_pretrained(self.folder).requires_grad_(False)
        self.parameters = [*self.vae.decoder.parameters(), *self.vae.post_quant_conv.parameters()]
        for parameter in self.parameters:
            parameter.requires_grad_(True)

    def loss(self, _done):
        images = draw(self.config.batch, self.randomness)[1]
        with torch.no_grad():
            latents = self.vae.encode(images).latent_dist.sample()
            noise = torch.randn_like(latents) * torch.rand(len(latents), 1, 1, 1) * self.config.latent_noise
            latents += noise / self.vae.config.scaling_factor
        error = difference(self.vae.decode(latents).sample, images, self.config.edge_weight)
        return error, error

    def save(self):
        self.vae.save_pretrained(self.folder)


class Denoiser:
    """A UNet, and with the base's the text encoders if they are not trained yet."""

    def __init__(self, config, work, randomness):
        self.config, self.randomness = config, randomness
        self.is_base = config.unet == "base"
        captions, self.mean, self.deviation = image_latents(config, work, randomness)
        folders = [work / "base" / "text_encoder", work / "base" / "text_encoder_2"]
        if config.trains_text:
            self.encoders = list(models.text_encoders())
        else:
            classes = (CLIPTextModel, CLIPTextModelWithProjection)
            self.encoders = [cls.from_pretrained(folder) for cls, folder in zip(classes, folders, strict=True)]
        self.ids = [tokens(work / name, captions) for name in ("tokenizer", "tokenizer_2")]
        if not self.is_base:
            # The refiner reads with the second encoder only.
            self.encoders, self.ids = self.encoders[1:], self.ids[1:]
        if not config.trains_text:
            with torch.no_grad():
                rows = torch.arange(len(captions) + 1).split(500)
                self.context, self.pooled = map(torch.cat, zip(*map(self.encode, rows), strict=True))
        folder = work / config.unet / "unet"
        unet = UNet2DConditionModel.from_pretrained(folder) if config.continues else models.unet(config.unet)
        self.unet = unet.train()
        self.saved = {folder: unet} | (dict(zip(folders, self.encoders, strict=True)) if config.trains_text else {})
        self.parameters = [parameter for module in self.saved.values() for parameter in module.parameters()]
        scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        self.alphas_cumprod = scheduler.alphas_cumprod

    def encode(self, rows):
        """The encoders' states before the last side by side, and the last encoder's pooled one."""
        states = []
        for encoder, ids in zip(self.encoders, self.ids, strict=True):
            output = encoder(ids[rows], output_hidden_states=True)
            states.append(output.hidden_states[-2])
        return torch.cat(states, -1), output.text_embeds

    def condition(self, rows, dropped):
        """Context and pooled state of captions. A base's dropped caption is zeros, a refiner's the empty text."""
        if not self.is_base:
            rows = torch.where(dropped, len(self.mean), rows)
        context, pooled = self.encode(rows) if self.config.trains_text else (self.context[rows], self.pooled[rows])
        if self.is_base:
            context, pooled = context * ~dropped[:, None, None], pooled * ~dropped[:, None]
        return context, pooled

    def time_ids(self):
        sizes = torch.tensor([SIDE, SIDE, 0.0, 0.0]).repeat(self.config.batch, 1)
        if self.is_base:
            return torch.cat([sizes, torch.full_like(sizes[:, :2], SIDE)], 1)
        aesthetic_scores = torch.where(torch.rand(len(sizes), 1, generator=self.randomness.batches) < 0.9, 6.0, 2.5)
        return torch.cat([sizes, aesthetic_scores], 1)

    def timesteps(self):
        batches, count = self.randomness.batches, self.config.batch
        is_high = torch.rand(count, generator=batches) < self.config.high_noise_share
        high = 700 + 300 * torch.rand(count, generator=batches)
        return torch.where(is_high, high, self.config.timesteps * torch.rand(count, generator=batches)).long()

    def loss(self, _done):
        batches, count = self.randomness.batches, self.config.batch
        rows = torch.randint(0, len(self.mean), (count,), generator=batches)
        shape = (count, 4, LATENT_SIDE, LATENT_SIDE)
        clean = self.mean[rows].float() + self.deviation[rows].float() * torch.randn(shape, generator=batches)
        noise, timesteps = torch.randn(shape, generator=batches), self.timesteps()
        alpha = self.alphas_cumprod[timesteps]
        share = alpha[:, None, None, None]
        noised = share.sqrt() * clean + (1 - share).sqrt() * noise
        context, pooled = self.condition(rows, torch.rand(count, generator=batches) < DROPPED)
        conditions = {"text_embeds": pooled, "time_ids": self.time_ids()}
        output = self.unet(noised, timesteps, context, added_cond_kwargs=conditions).sample
        errors = (output - noise).pow(2).mean((1, 2, 3))
        # Min-SNR weighting (Hang et al. 2023).
        snr = alpha / (1 - alpha)
        return (errors * (snr.clamp(max=5) / snr + self.config.least_weight)).mean(), errors.mean()

    def save(self):
        for folder, module in self.saved.items():
            module.save_pretrained(folder)


def image_latents(config, work, randomness):
    """Captions, and means and deviations of their images' latents; made once for all UNets."""
    file = work / "latents.pt"
    if not file.exists():
        vae = AutoencoderKL.from_pretrained(work / "vae").eval()
        captions, means, deviations = [], [], []
        with torch.no_grad():
            for _ in range(0, config.images, 50):
                specs, images = draw(50, randomness)
                posterior = vae.encode(images).latent_dist
                captions += [spec["caption"] for spec in specs]
                means.append((posterior.mean * vae.config.scaling_factor).half())
                deviations.append((posterior.std * vae.config.scaling_factor).half())
        torch.save((captions, torch.cat(means), torch.cat(deviations)), file)
    return torch.load(file)


def tokens(folder, captions):
    """Ids of the captions and, last, of the empty text."""
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    return torch.tensor(tokenizer([*captions, ""], padding="max_length", max_length=77, truncation=True).input_ids)


def learning_rate(config, step, done):
    warmth = min(1, step / config.warmup) if config.warmup else 1
    decay = (1 - done) ** 0.8 if config.decay == "power" else 0.5 + 0.5 * math.cos(math.pi * done)
    return config.learning_rate * warmth * decay + config.least_rate


def train(config, minutes, objective):
    parameters = objective.parameters
    average = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.AdamW(parameters, betas=tuple(config.betas), weight_decay=config.weight_decay)
    began, step, running = time.monotonic(), 0, None
    while (done := (time.monotonic() - began) / 60 / minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step, done)
        loss, error = objective.loss(done)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if hasattr(config, "average"):
            keep = min(config.average, (1 + step) / (config.average_delay + step))
            with torch.no_grad():
                for mean, parameter in zip(average, parameters, strict=True):
                    mean.lerp_(parameter, 1 - keep)
        running = error.item() if running is None else 0.98 * running + 0.02 * error.item()
        if step % 100 == 0:
            print(f"{step} steps, {done:.0%} of the time: error {running:.4f}", flush=True)
    if hasattr(config, "average"):
        with torch.no_grad():
            for parameter, mean in zip(parameters, average, strict=True):
                parameter.copy_(mean)
    print(f"{step} steps: error {running:.4f}")


OBJECTIVES = {"autoencoder": Autoencoder, "decoder": Decoder, "denoiser": Denoiser}


def main():
    parts = tomllib.loads(Path(__file__).with_name("parts.toml").read_text())
    if len(sys.argv) != 4 or sys.argv[1] not in parts:
        sys.exit(f"python train.py PART MINUTES WORK_DIR, where PART is one of: {', '.join(parts)}")
    config, minutes, work = SimpleNamespace(**parts[sys.argv[1]]), float(sys.argv[2]), Path(sys.argv[3])
    seed, captions, batches = config.seeds
    torch.manual_seed(seed)
    randomness = SimpleNamespace(captions=random.Random(captions), batches=torch.Generator().manual_seed(batches))
    objective = OBJECTIVES[config.objective](config, work, randomness)
    train(config, minutes, objective)
    objective.save()


if __name__ == "__main__":
    main()
