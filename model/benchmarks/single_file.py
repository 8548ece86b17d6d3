"""The weights of all parts in one file, for every peer: stable-diffusion.cpp reads SDXL from nothing else.

It takes folders too, but mistakes SDXL for an older model there. In a single file it knows SDXL by the prefix of the
second text encoder, and translates the names that follow the prefixes itself. Full-size weights are 7 GB, so the files
that were joined are removed.
"""

import json
import os
from pathlib import Path

PREFIXES = {
    "unet": "unet.",
    "vae": "vae.",
    "text_encoder": "conditioner.embedders.0.transformer.",
    "text_encoder_2": "conditioner.embedders.1.transformer.",
}


def header(file):
    """What a safetensors file holds, by name, and where its numbers start."""
    length = int.from_bytes(file.read(8), "little")
    entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    return entries, 8 + length


def path_of(folder):
    """Where the joined weights of a folder lie; its configurations stay inside."""
    return Path(folder).with_name(f"{Path(folder).name}.safetensors")


def join(folder):
    """Joins the weights of a folder in the layout of diffusers; the joined file appears whole or not at all."""
    to = path_of(folder)
    tensors, sources, written = {}, [], 0
    for part, prefix in PREFIXES.items():
        path = next((Path(folder) / part).glob("*.safetensors"))
        with open(path, "rb") as file:
            entries, begin = header(file)
        for name, entry in entries.items():
            start, end = entry["data_offsets"]
            tensors[prefix + name] = entry | {"data_offsets": [written + start, written + end]}
        size = path.stat().st_size - begin
        sources.append((path, begin, size))
        written += size
    text = json.dumps(tensors).encode()
    text += b" " * (-len(text) % 8)
    unfinished = to.with_suffix(".unfinished")
    with open(unfinished, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.flush()
        for path, start, size in sources:
            with open(path, "rb") as source:
                while size > 0:
                    copied = os.copy_file_range(source.fileno(), file.fileno(), min(size, 1 << 28), start)
                    start, size = start + copied, size - copied
    unfinished.rename(to)
    for path, _, _ in sources:
        path.unlink()
