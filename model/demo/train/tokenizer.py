"""Cuts CLIP's BPE table to its first merges and writes both tokenizers in the Hugging Face layout.

Run: python tokenizer.py WORK_DIR
"""

import gzip
import json
import sys
from pathlib import Path

TABLE = Path(__file__).parents[2] / "tests/reference/clip/bpe_simple_vocab_16e6.txt.gz"
MERGES = 7000
START, END = "<|startoftext|>", "<|endoftext|>"


def byte_characters():
    """The character that stands for each byte, printable ones first (as in CLIP's and GPT-2's tokenizers)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]


def write(folder, vocabulary, merges, pad):
    folder.mkdir(parents=True, exist_ok=True)
    special = {"bos_token": START, "eos_token": END, "pad_token": pad, "unk_token": END}
    config = {
        "add_prefix_space": False,
        **special,
        "do_lower_case": True,
        "model_max_length": 77,
        "tokenizer_class": "CLIPTokenizer",
        "errors": "replace",
    }
    ids = {word: index for index, word in enumerate(vocabulary)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def main():
    work = Path(sys.argv[1])
    merges = gzip.decompress(TABLE.read_bytes()).decode().split("\n")[1 : 1 + MERGES]
    characters = byte_characters()
    words = [character + "</w>" for character in characters]
    vocabulary = characters + words + ["".join(merge.split()) for merge in merges] + [START, END]
    # SDXL's tokenizers differ in what they pad with.
    write(work / "tokenizer", vocabulary, merges, pad=END)
    write(work / "tokenizer_2", vocabulary, merges, pad="!")
    print(f"{len(vocabulary)} words")


if __name__ == "__main__":
    main()
