"""Writes scheduler_variants.json: runs of diffusers' schedulers with settings that schedulers.json does not have.

The "model" answers 0.4 * x + 0.1 * sin(t / 50), x the scaled input, whatever it is meant to predict. Samples have 16
elements, of which every third is written. All noise comes from one generator: first the start, then whatever the
scheduler draws, then `next_noise`, so a draw too many or too few shows.
Run: python make_scheduler_variants.py > scheduler_variants.json   (torch CPU, diffusers 0.42)
"""

import json
import math

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)

SDXL = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
}
EULER, ANCESTRAL, HEUN, DDIM = (
    EulerDiscreteScheduler,
    EulerAncestralDiscreteScheduler,
    HeunDiscreteScheduler,
    DDIMScheduler,
)
DPM, UNIPC, LCM = DPMSolverMultistepScheduler, UniPCMultistepScheduler, LCMScheduler
V, X = {"prediction_type": "v_prediction"}, {"prediction_type": "sample"}
LINSPACE, TRAILING, LINEAR = (
    {"timestep_spacing": "linspace"},
    {"timestep_spacing": "trailing"},
    {"beta_schedule": "linear"},
)
KARRAS, ZERO_SNR = (
    {"use_karras_sigmas": True},
    {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
)
SIGMA_MIN, SDE = {"final_sigmas_type": "sigma_min"}, {"algorithm_type": "sde-dpmsolver++"}
# name in Easel, class, settings, steps, first evaluation
CASES = (
    [
        (n, c, k, 7, 0)
        for n, c in (
            ("euler", EULER),
            ("euler_a", ANCESTRAL),
            ("heun", HEUN),
            ("ddim", DDIM),
            ("dpmpp_2m", DPM),
            ("unipc", UNIPC),
        )
        for k in (V, LINSPACE, TRAILING, LINEAR, {**LINSPACE, **V, "steps_offset": 0})
    ]
    + [
        (n, c, X, 7, 0)
        for n, c in (
            ("euler", EULER),
            ("heun", HEUN),
            ("ddim", DDIM),
            ("dpmpp_2m", DPM),
            ("unipc", UNIPC),
            ("lcm", LCM),
        )
    ]
    # Heun's class ignores rescale_betas_zero_snr.
    + [
        (n, c, ZERO_SNR, 6, 0)
        for n, c in (
            ("euler", EULER),
            ("euler_a", ANCESTRAL),
            ("ddim", DDIM),
            ("dpmpp_2m", DPM),
            ("unipc", UNIPC),
            ("lcm", LCM),
        )
    ]
    + [
        (n, c, {**KARRAS, "sigma_min": 0.1, "sigma_max": 9.0}, 6, 0)
        for n, c in (("euler", EULER), ("heun", HEUN), ("dpmpp_2m", DPM), ("unipc", UNIPC))
    ]
    + [
        ("heun", HEUN, KARRAS, 5, 0),
        ("heun", HEUN, {}, 1, 0),
        ("heun", HEUN, {"clip_sample": True, "clip_sample_range": 0.5}, 5, 0),
        ("unipc", UNIPC, KARRAS, 9, 0),
        ("euler", EULER, SIGMA_MIN, 5, 0),
        ("dpmpp_2m", DPM, SIGMA_MIN, 5, 0),
        ("dpmpp_2m", DPM, SIGMA_MIN, 16, 0),
        ("unipc", UNIPC, SIGMA_MIN, 5, 0),
        ("dpmpp_2m", DPM, {**SIGMA_MIN, "euler_at_final": True}, 16, 0),
        ("dpmpp_2m", DPM, {**SIGMA_MIN, "lower_order_final": False}, 5, 0),
        ("dpmpp_2m", DPM, SDE, 6, 0),
        ("dpmpp_2m", DPM, {**SDE, "solver_type": "heun"}, 6, 0),
        ("dpmpp_2m", DPM, {"solver_type": "heun"}, 6, 0),
        ("dpmpp_2m_sde_karras", DPM, {**SDE, **KARRAS, **V}, 6, 0),
        ("dpmpp_2m_karras", DPM, {**KARRAS, **V, **TRAILING}, 150, 0),
        ("dpmpp_2m", DPM, {"solver_order": 1}, 5, 0),
        ("dpmpp_2m", DPM, {"lambda_min_clipped": -1.0}, 6, 0),
        ("dpmpp_2m", DPM, {"solver_type": "bh1"}, 5, 0),
        ("unipc", UNIPC, {"solver_order": 1}, 5, 0),
        ("unipc", UNIPC, {**SIGMA_MIN, "solver_type": "bh1"}, 6, 0),
        ("unipc", UNIPC, {}, 2, 0),
        ("unipc", UNIPC, {}, 150, 0),
        ("ddim", DDIM, {"set_alpha_to_one": True}, 5, 0),
        ("ddim", DDIM, {"clip_sample": True, "clip_sample_range": 0.7}, 5, 0),
        ("ddim", DDIM, {}, 150, 0),
        ("lcm", LCM, V, 4, 0),
        ("lcm", LCM, {"original_inference_steps": 40, "timestep_scaling": 8.0}, 7, 0),
        ("lcm", LCM, {}, 50, 0),
        ("euler", EULER, TRAILING, 150, 0),
    ]
    + [
        (n, c, {}, 8, 4)
        for n, c in (
            ("euler", EULER),
            ("euler_a", ANCESTRAL),
            ("heun", HEUN),
            ("ddim", DDIM),
            ("dpmpp_2m", DPM),
            ("unipc", UNIPC),
            ("lcm", LCM),
        )
    ]
)


def answer(x, t):
    return (0.4 * x.double() + 0.1 * math.sin(float(t) / 50)).float()


runs = []
for name, cls, settings, steps, start in CASES:
    scheduler = cls.from_config({**SDXL, **settings})
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(1, 4, 2, 2, generator=generator)
    if start:
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(start)
        clean = torch.linspace(-1, 1, 16).reshape(noise.shape)
        sample = scheduler.add_noise(clean, noise, scheduler.timesteps[start : start + 1])
    else:
        sample = noise * scheduler.init_noise_sigma
    states = [sample]
    takes = "generator" in cls.step.__code__.co_varnames and cls is not DDIM
    for t in scheduler.timesteps[start:]:
        output = answer(scheduler.scale_model_input(sample, t), t)
        sample = scheduler.step(output, t, sample, **({"generator": generator} if takes else {})).prev_sample
        states.append(sample)
    keep = sorted({0, 1, 2, len(states) // 2, len(states) - 1} & set(range(len(states))))

    def digits(values):
        return [float(f"{v:.8g}") for v in values]

    runs.append(
        {
            "name": name,
            "settings": settings,
            "steps": steps,
            "start": start,
            "init_noise_sigma": float(scheduler.init_noise_sigma),
            "timesteps": digits(scheduler.timesteps.double().tolist()),
            "sigmas": digits(scheduler.sigmas.double().tolist()) if hasattr(scheduler, "sigmas") else [],
            "kept_states": keep,
            "states": [digits(states[i].flatten().tolist()[::3]) for i in keep],
            "next_noise": float(torch.randn(16, generator=generator)[0]),
        }
    )
print("[\n" + ",\n".join(json.dumps(run) for run in runs) + "\n]")
