"""Measures stable-diffusion.cpp by its Python package: one image, the times from its own log. Prints one JSON object.

It offers no parts to call. Without guidance a step is one forward of the UNet, so the time of sampling divided by the
steps is what the others call `unet`, and its log gives the times of the text encoders and of decoding.
"""

import argparse
import json
import re
import sys
import time
from importlib.metadata import version

import stable_diffusion_cpp as library

# The log says each of these once, when the part is done, in this order.
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

    if "llamafile" not in features():
        # It has two kinds of matrix products and the other is half as fast; ours would win too easily.
        sys.exit(
            "stable-diffusion.cpp was compiled without its fast matrix products: install requirements.txt without "
            "pip's cache (--no-cache-dir)"
        )
    parts = {}
    processor = [0.0]

    @library.sd_log_callback
    def listen(_level, data, _user):
        text = data.decode("utf-8", errors="replace")
        sys.stderr.write(text)
        for part, line in LINES.items():
            if found := re.search(line, text):
                steps = arguments.steps if part == "unet" else 1
                now = time.process_time()
                parts[part] = {
                    "seconds": [float(found[1]) / steps],
                    "processor_seconds": [(now - processor[0]) / steps],
                }
                processor[0] = now

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
    processor[0] = time.process_time()
    model.generate_image(
        prompt="a large red heart on a blue background",
        width=arguments.size,
        height=arguments.size,
        sample_steps=arguments.steps,
        sample_method="euler",
        cfg_scale=1.0,
        seed=42,
    )
    if missing := set(LINES) - set(parts):
        raise RuntimeError(f"the log of stable-diffusion.cpp does not say how long it took: {', '.join(missing)}")
    versions = {"stable-diffusion-cpp-python": version("stable-diffusion-cpp-python")}
    print(json.dumps({"versions": versions, "parts": parts, "features": features()}))


def features():
    """What the library was compiled for and this processor has, as it says itself."""
    loaded = library.stable_diffusion_cpp._lib
    names = ("avx2", "fma", "f16c", "avx512", "avx512_vnni", "avx512_bf16", "neon", "dotprod", "llamafile")
    return [name for name in names if getattr(loaded, f"ggml_cpu_has_{name}")()]


if __name__ == "__main__":
    main()
