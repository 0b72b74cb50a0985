"""From a release to training batches by our own loader: `python with_artsound.py RELEASE`."""

import sys

import artsound

pairs = artsound.load(sys.argv[1], "train", decode=artsound.Decode(size=(224, 224), rate=16_000, seconds=5))
for batch in pairs.loader(batch_size=4, seed=1):
    print(tuple(batch["image"].shape), tuple(batch["audio"].shape), batch["music_caption"][0])
