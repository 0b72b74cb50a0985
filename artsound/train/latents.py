"""The latents of a cache as an array of a release."""

import hashlib
from pathlib import Path

import pyarrow as pa

from artsound.errors import ConfigError
from artsound.release.arrays import Arrays
from artsound.release.manifest import ArrayRecord
from artsound.train.cache import read_part

NAME = "latents"


def latents_of(cache: Path) -> Arrays:
    """Map the latents of every split; they belong to a release whose pairs had the same media.

    Raises:
        ConfigError: there are none, or they are of several encoders or releases.
        StoreError: a file of the cache is damaged.
    """
    paths = sorted((cache / "audio").glob("*.safetensors"))
    parts = [read_part(path) for path in paths]
    made = {(part.header.made_from, part.header.release) for part in parts}
    if len(made) != 1:
        raise ConfigError(
            f"{cache} has latents of {len(made)} encoders or releases, not of one: "
            "run `artsound train prepare`"
        )
    model, release = made.pop()
    ids = [one for part in parts for one in part.header.ids]
    chunks = [part.arrays[NAME] for part in parts]
    record = ArrayRecord(NAME, NAME, tuple(chunks[0].shape[1:]), str(chunks[0].dtype), model)
    content = hashlib.sha256("\n".join([model, release, *ids]).encode()).hexdigest()
    return Arrays(record, "pair_id", pa.array(ids, pa.string()), chunks, content)
