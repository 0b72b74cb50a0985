"""Open a release by Hugging Face datasets, media typed: `python with_datasets.py RELEASE`."""

import sys

import datasets

pairs = datasets.load_dataset(sys.argv[1], "parquet", split="train")
pairs = pairs.cast_column("audio", datasets.Audio(decode=False))  # bytes; decoding takes torchcodec
for pair in pairs:
    print(pair["pair_id"], pair["image"].size, len(pair["audio"]["bytes"]), pair["art_caption"])
