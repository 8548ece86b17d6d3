"""Measures stable-diffusion.cpp by its Python package: one picture, the times from its own log. Prints one JSON object.

It offers no parts to call. Without guidance a step is one forward of the UNet, so the time of sampling divided by the
steps is what the others call `unet`, and its log gives the times of the text encoders and of decoding.
"""

import argparse
import json
import re
import sys
from importlib.metadata import version

import stable_diffusion_cpp as library

LINES = {
    "text": r"get_learned_condition completed, taking ([\d.]+)s",
    "unet": r"sampling completed, taking ([\d.]+)s",
    "vae-decode": r"decode_first_stage completed, taking ([\d.]+)s",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", choices=("f16", "q8_0"), required=True)
    parser.add_argument("--model", required=True, help="single file of SDXL, with names as `single_file` writes them")
    parser.add_argument("--flash-attention", action="store_true")
    parser.add_argument("--direct-convolution", action="store_true")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    log = []

    @library.sd_log_callback
    def listen(_level, text, _data):
        log.append(text.decode("utf-8", errors="replace"))
        sys.stderr.write(log[-1])

    library.sd_set_log_callback(listen, None)
    model = library.StableDiffusion(
        model_path=arguments.model,
        wtype=arguments.precision,
        n_threads=arguments.threads,
        vae_decode_only=True,
        flash_attn=arguments.flash_attention,
        diffusion_conv_direct=arguments.direct_convolution,
        vae_conv_direct=arguments.direct_convolution,
        verbose=False,
    )
    model.generate_image(
        prompt="a large red heart on a blue background",
        width=arguments.size,
        height=arguments.size,
        sample_steps=arguments.steps,
        sample_method="euler",
        cfg_scale=1.0,
        seed=42,
    )
    text = "".join(log)
    parts = {}
    for part, line in LINES.items():
        found = re.findall(line, text)
        if not found:
            raise RuntimeError(f"the log of stable-diffusion.cpp has no line like `{line}`")
        parts[part] = sum(map(float, found)) / (arguments.steps if part == "unet" else 1)
    versions = {"stable-diffusion-cpp-python": version("stable-diffusion-cpp-python")}
    print(json.dumps({"versions": versions, "parts": parts, "features": features()}))


def features():
    """What the library was compiled for, as it says itself."""
    return library.sd_get_system_info().decode().strip()


if __name__ == "__main__":
    main()
