"""Stream a release's tars by plain webdataset: `python with_webdataset.py RELEASE`."""

import sys
from pathlib import Path

import webdataset

tars = [str(path) for path in sorted(Path(sys.argv[1], "webdataset").glob("train-*.tar"))]
samples = webdataset.WebDataset(tars, shardshuffle=len(tars), seed=1).decode()
for sample in samples:
    meta = sample["json"]
    print(sample["__key__"], meta["artwork"]["title"], "|", sample["art.txt"], "|", sample["music.txt"])
