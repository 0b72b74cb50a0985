from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from artsound.errors import ConfigError, ReleaseError, StoreError
from artsound.release.manifest import local_manifest
from artsound.train.cache import Header, open_family, read_part, write_part
from artsound.train.run import Session, prepare
from artsound.train.settings import TrainSettings
from artsound.train.shards import open_shards
from tests.train.conftest import SIZES, write_release


def test_a_part_reads_back_as_it_was_written(tmp_path: Path) -> None:
    header = Header("codec", "manifest", ("a", "b"), (0.5, 0.25))
    values = torch.randn(2, 3, 4)
    write_part(tmp_path / "one.safetensors", header, {"latents": values})
    part = read_part(tmp_path / "one.safetensors")
    assert part.header == header
    assert np.array_equal(part.arrays["latents"], values.half().numpy())


def test_rows_come_in_the_order_asked_for_across_parts(prepared: TrainSettings) -> None:
    audio = Session(prepared).families("train")["audio"]
    assert len(audio) == SIZES["train"]
    rows = np.array([23, 0, 9, 10, 0])
    one_by_one = torch.cat([audio.gather(np.array([row]))["latents"] for row in rows])
    assert torch.equal(audio.gather(rows)["latents"], one_by_one)


def test_preparing_again_makes_nothing(prepared: TrainSettings) -> None:
    assert prepare(prepared).made == 0


def test_only_what_is_missing_is_made(prepared: TrainSettings) -> None:
    path = prepared.run / "cache" / "audio" / "train-00001.safetensors"
    before = path.read_bytes()
    path.unlink()
    assert prepare(prepared).made == 1
    assert path.read_bytes() == before


def test_cached_latents_are_what_the_prior_makes_of_the_audio(prepared: TrainSettings) -> None:
    from artsound.train.prepare import windows

    session = Session(prepared)
    pairs = list(session.shards.read("val"))
    latents = session.prior.encode_audio(windows(pairs, session.prior))
    family = session.families("val")["audio"]
    assert family.ids == [pair.pair_id for pair in pairs]
    assert torch.allclose(family.gather(np.arange(len(pairs)))["latents"].float(), latents, atol=5e-3)


def test_a_cache_of_another_codec_is_refused(prepared: TrainSettings) -> None:
    other = prepared.model_copy(update={"prior": prepared.prior.model_copy(update={"components": 8})})
    with pytest.raises(ConfigError, match="components"):
        Session(other).families("train")


def test_a_cache_of_another_encoder_is_refused(prepared: TrainSettings) -> None:
    session = Session(prepared)
    with pytest.raises(ConfigError, match="another visual encoder"):
        open_family(session.cache, "visual", "train", made_from="other", release=session.shards.manifest)


def test_a_cache_of_another_release_is_refused_and_then_made_anew(
    prepared: TrainSettings, tmp_path: Path
) -> None:
    other = prepared.model_copy(update={"release": write_release(tmp_path / "tiny-2.0.0", "2.0.0")})
    with pytest.raises(ConfigError, match="manifest"):
        Session(other)
    assert prepare(other).made == 10
    assert Session(other).families("train")


def test_training_without_a_cache_says_what_to_run(settings: TrainSettings) -> None:
    with pytest.raises(ConfigError, match="artsound train prepare"):
        Session(settings)


def test_a_damaged_part_is_named(prepared: TrainSettings) -> None:
    path = prepared.run / "cache" / "audio" / "train-00000.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="train-00000"):
        Session(prepared).families("train")


def test_a_folder_without_manifest_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"manifest\.json: missing.*: name the folder of a release"):
        open_shards(tmp_path)


def test_a_release_without_media_says_so(tmp_path: Path) -> None:
    whole = write_release(tmp_path / "tiny-1.0.0")
    for path in (whole / "data").iterdir():
        path.unlink()
    with pytest.raises(ReleaseError, match="no shards with media"):
        open_shards(whole)


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ReleaseError, match=rf"{tmp_path.name}: manifest\.json.* pull it again"):
        open_shards(tmp_path)


def test_a_run_folder_that_cannot_be_made_is_told_first(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setattr("artsound.train.run.check_bytes", None)
    with pytest.raises(StoreError, match="taken is not a folder: name another `run` folder"):
        prepare(settings.model_copy(update={"run": tmp_path / "taken" / "run"}))


@pytest.mark.parametrize("harm", ["changed", "missing", "added", "renumbered", "other sums"])
def test_a_release_that_does_not_verify_is_not_encoded(
    settings: TrainSettings, tmp_path: Path, harm: str
) -> None:
    whole = write_release(tmp_path / "tiny-1.0.0")
    shard = whole / "data" / "val-00000-of-00001.parquet"
    if harm == "changed":
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.write_bytes(bytes(data))
    elif harm == "missing":
        shard.unlink()
    elif harm == "renumbered":
        known = local_manifest(whole)
        (whole / "manifest.json").write_text(replace(known, pairs=known.pairs + 1).text())
    elif harm == "other sums":
        (whole / "SHA256SUMS").write_text("0" * 64 + "  data/val-00000-of-00001.parquet\n")
    else:
        (whole / "data" / "val-00001-of-00001.parquet").write_bytes(shard.read_bytes())
    with pytest.raises(ReleaseError, match="artsound verify"):
        prepare(settings.model_copy(update={"release": whole}))
    assert not (settings.run / "cache").exists()
