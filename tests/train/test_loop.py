import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from artsound.errors import ConfigError, MissingExtra, StoreError, TrainingError
from artsound.train.batches import Batches
from artsound.train.checkpoint import NAME, read_tensors, write_tensors
from artsound.train.journal import Journal, read_journal
from artsound.train.loop import Job, train
from artsound.train.model import load_model
from artsound.train.run import Session, prepare, run
from artsound.train.settings import Projector, TrainSettings, Visual

SCRIPT = """
import sys
from pathlib import Path
from artsound.train.loop import Job, train
from artsound.train.run import Session, run
from tests.train.conftest import tiny_settings
run(tiny_settings(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(folder / "model.safetensors")[0]


def changed(settings: TrainSettings, **loop: object) -> TrainSettings:
    return settings.model_copy(update={"loop": settings.loop.model_copy(update=loop)})


def test_training_twice_gives_the_same_weights(prepared: TrainSettings) -> None:
    first = weights(run(prepared).parent)
    for name in ("prior", "projector"):
        for path in (prepared.run / name).iterdir():
            path.unlink()
    second = weights(run(prepared).parent)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_finished_run_does_nothing_more(prepared: TrainSettings) -> None:
    before = run(prepared).read_bytes()
    journal = (prepared.run / "projector" / "journal.jsonl").read_text()
    assert run(prepared).read_bytes() == before
    assert (prepared.run / "projector" / "journal.jsonl").read_text() == journal


@pytest.mark.slow
def test_a_run_killed_in_mid_epoch_ends_with_the_same_weights(
    prepared: TrainSettings, tmp_path: Path
) -> None:
    """Killed without warning as soon as the first checkpoint of the projector is there."""
    killed = tmp_path / "killed"
    (killed / "cache").parent.mkdir()
    (killed / "cache").symlink_to(prepared.run / "cache")
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, prepared.release, killed], env=os.environ | {"PYTHONPATH": "."}
    )
    deadline = time.monotonic() + 300
    while (
        not (killed / "projector" / NAME).exists() and process.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    seen = int(read_tensors(killed / "projector" / NAME)[1]["seen"])
    whole, again = run(prepared).parent, run(prepared.model_copy(update={"run": killed})).parent
    assert seen < prepared.loop.samples
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(whole).items())
    assert [line["seen"] for line in read_journal(again / "projector" / "journal.jsonl")] == [
        line["seen"] for line in read_journal(whole / "projector" / "journal.jsonl")
    ]


class MeanLatent(torch.nn.Module):
    """Learns the mean of the latents; nothing is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.nn.Parameter(torch.zeros(32, 16))

    def forward(self, batch: dict[str, torch.Tensor], _: torch.Generator) -> dict[str, torch.Tensor]:
        return {"loss": ((self.mean - batch["audio.latents"]) ** 2).mean()}


def teach_mean(settings: TrainSettings, folder: Path, pieces: int = 1) -> torch.Tensor:
    objective = MeanLatent()
    batches = Batches(Session(settings).families("train"), settings.objective, seed=0)
    loop = settings.loop.model_copy(update={"accumulate": pieces})
    train(Job("mean", objective, batches, loop, folder, {}), settings.machine)
    return objective.mean.detach()


class Cliff(torch.nn.Module):
    """A loss that is finite everywhere, and its gradient not at first."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(4))

    def forward(self, batch: dict[str, torch.Tensor], _: torch.Generator) -> dict[str, torch.Tensor]:
        return {"loss": (self.weight**2).sum().sqrt() + 0 * batch["audio.latents"].mean()}


def test_weights_that_are_no_numbers_are_not_saved(prepared: TrainSettings) -> None:
    folder = prepared.run / "cliff"
    batches = Batches(Session(prepared).families("train"), prepared.objective, seed=0)
    with pytest.raises(TrainingError, match=r"not-finite\.json"):
        train(Job("cliff", Cliff(), batches, prepared.loop, folder, {}), prepared.machine)
    assert json.loads((folder / "not-finite.json").read_text())["pair_ids"]
    assert not list(folder.glob("*.safetensors"))


def test_a_batch_in_pieces_teaches_what_the_whole_batch_teaches(prepared: TrainSettings) -> None:
    made = [teach_mean(prepared, prepared.run / f"mean-{pieces}", pieces) for pieces in (1, 4)]
    assert torch.allclose(made[0], made[1], atol=1e-6)
    assert made[0].abs().max() > 1e-3


def test_the_loss_falls(prepared: TrainSettings) -> None:
    longer = prepared.model_copy(update={"pretrain": prepared.pretrain.model_copy(update={"samples": 400})})
    run(longer)
    losses = [line["loss"] for line in read_journal(longer.run / "prior" / "journal.jsonl")]
    assert sum(losses[-5:]) < sum(losses[:5])


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_batch(prepared: TrainSettings) -> None:
    run(prepared)
    good = (prepared.run / "projector" / NAME).read_bytes()
    part = prepared.run / "cache" / "visual" / "train-00000.safetensors"
    data = bytearray(part.read_bytes())
    size = int.from_bytes(data[:8], "little")
    data[8 + size :] = b"\x00\x7e" * ((len(data) - 8 - size) // 2)  # half-precision NaN
    part.write_bytes(bytes(data))
    with pytest.raises(TrainingError, match=r"not-finite\.json"):
        run(changed(prepared, samples=prepared.loop.samples).model_copy(update={"run": _restarted(prepared)}))
    kept = json.loads((prepared.run / "projector" / "not-finite.json").read_text())
    assert len(kept["pair_ids"]) == prepared.loop.batch
    assert not (prepared.run / "projector" / NAME).exists()
    assert good


def _restarted(settings: TrainSettings) -> Path:
    (settings.run / "projector" / NAME).unlink()
    return settings.run


def test_a_checkpoint_of_other_settings_is_refused(prepared: TrainSettings) -> None:
    run(prepared)
    with pytest.raises(ConfigError, match="loop"):
        run(changed(prepared, learning_rate=0.5))


def test_a_checkpoint_of_another_projector_is_refused(prepared: TrainSettings) -> None:
    path = run(prepared)
    tensors, meta = read_tensors(path)
    settings = json.loads(meta["model"])
    settings["projector"]["width"] = 32
    write_tensors(path, tensors, {**meta, "model": json.dumps(settings)})
    with pytest.raises(ConfigError, match="another projector"):
        load_model(path)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    path = tmp_path / NAME
    write_tensors(path, {"a": torch.zeros(10)}, {"seen": "1"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreError, match="make room"):
            write_tensors(path, {"a": torch.zeros(10_000)}, {"seen": "2"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert read_tensors(path)[1]["seen"] == "1"
    assert [one.name for one in tmp_path.iterdir()] == [NAME]


def test_who_may_read_other_files_may_read_a_model(tmp_path: Path) -> None:
    (tmp_path / "any").write_text("")
    write_tensors(tmp_path / "model.safetensors", {"a": torch.zeros(2)}, {})
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_damaged_checkpoint_is_named(prepared: TrainSettings) -> None:
    run(prepared)
    path = prepared.run / "projector" / NAME
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StoreError, match="damaged"):
        run(prepared)


def test_a_model_says_what_it_was_trained_on(prepared: TrainSettings) -> None:
    _, meta = read_tensors(run(prepared))
    assert meta["release"] == "tiny 1.0.0"
    assert len(meta["manifest"]) == 64
    assert json.loads(meta["settings"])["loop"]["samples"] == prepared.loop.samples


def test_a_missing_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="artsound train run"):
        load_model(tmp_path)


def test_the_journal_knows_the_gap_on_the_validation_split(prepared: TrainSettings) -> None:
    run(prepared)
    lines = read_journal(prepared.run / "projector" / "journal.jsonl")
    assert all(math.isfinite(line["val_gap"]) for line in lines if "val_gap" in line)
    assert any("val_gap" in line for line in lines)


@pytest.mark.parametrize(("pairs", "lines"), [(1, 0), (2, 3)])
def test_a_validation_split_too_small_to_shuffle_writes_no_empty_line(
    prepared: TrainSettings, monkeypatch: pytest.MonkeyPatch, pairs: int, lines: int
) -> None:
    monkeypatch.setattr("artsound.train.watch.MEASURED", pairs)
    written = read_journal(run(prepared).parent / "projector" / "journal.jsonl")
    assert all(len(line) > 1 for line in written)
    assert sum("val_gap" in line for line in written) == lines


def test_numbers_reach_tensorboard(prepared: TrainSettings) -> None:
    machine = prepared.machine.model_copy(update={"trackers": ("tensorboard",)})
    run(prepared.model_copy(update={"machine": machine}))
    assert list((prepared.run / "projector").rglob("events.out.tfevents.*"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning:wandb")
def test_numbers_reach_wandb_without_a_network(
    prepared: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    machine = prepared.machine.model_copy(update={"trackers": ("wandb",)})
    try:
        run(prepared.model_copy(update={"machine": machine}))
    finally:
        wandb.teardown()
    logs = [path.read_bytes() for path in (prepared.run / "projector").rglob("*.wandb")]
    assert len(logs) == 1
    assert all(name in logs[0] for name in (b"diffusion", b"learning_rate", b"val_gap"))


def test_a_tracker_without_a_key_says_what_to_set(
    prepared: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # no key of the user's
    machine = prepared.machine.model_copy(update={"trackers": ("wandb",)})
    with pytest.raises(ConfigError, match=r"W&B cannot be used here .*WANDB_MODE=offline"):
        run(prepared.model_copy(update={"machine": machine}))


def test_a_tracker_that_is_not_installed_is_named(
    prepared: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not there
    machine = prepared.machine.model_copy(update={"trackers": ("wandb",)})
    with pytest.raises(MissingExtra, match="pip install wandb"):
        run(prepared.model_copy(update={"machine": machine}))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_in_half_precision_the_weights_stay_whole(prepared: TrainSettings, precision: str) -> None:
    machine = prepared.machine.model_copy(update={"precision": precision})
    made = weights(run(prepared.model_copy(update={"machine": machine})).parent)
    assert {value.dtype for value in made.values()} == {torch.float32}
    assert all(value.isfinite().all() for value in made.values())


def test_the_validation_split_plays_at_every_checkpoint(prepared: TrainSettings) -> None:
    run(prepared)
    folders = sorted((prepared.run / "samples" / "projector").iterdir())
    assert [int(folder.name) for folder in folders] == [16, 32, 48]
    names = [sorted(path.name for path in folder.glob("*.wav")) for folder in folders]
    assert names[0] == names[1] == names[2]
    assert len(names[0]) == prepared.sampling.heard


def test_captions_and_style_train_and_the_model_says_so(prepared: TrainSettings) -> None:
    chosen = TrainSettings(
        **prepared.model_dump(exclude={"visual", "projector"}),
        visual=Visual(style=True),
        projector=Projector(text=True, style_tokens=2, source_dropout=0.3),
    )
    prepare(chosen)
    _, meta = read_tensors(run(chosen))
    assert meta["language"] == "captions are fused with the image"
    model = load_model(chosen.run)
    assert set(model.encoder.spec) == {"content", "style", "text"}


def test_a_warm_up_without_anything_to_learn_is_refused(prepared: TrainSettings) -> None:
    objective = prepared.objective.model_copy(update={"loa": 0.0})
    with pytest.raises(ConfigError, match="nothing is left to learn in `warm`"):
        run(prepared.model_copy(update={"warm": prepared.loop, "objective": objective}))


def test_another_learning_rate_of_the_loop_costs_nothing_of_the_warm_up(prepared: TrainSettings) -> None:
    warmed = prepared.model_copy(update={"warm": prepared.loop})
    run(warmed)
    path = prepared.run / "warm" / NAME
    before = path.read_bytes()
    other = changed(warmed, learning_rate=1e-4)
    with pytest.raises(
        ConfigError, match=r"projector/checkpoint\.safetensors .*differs in settings \(loop\)"
    ):
        run(other)
    (prepared.run / "projector" / NAME).unlink()
    run(other)
    assert path.read_bytes() == before
    with pytest.raises(ConfigError, match=r"warm/checkpoint\.safetensors .*differs in settings \(warm\)"):
        run(other.model_copy(update={"warm": changed(prepared, seed=5).loop}))


DISTRIBUTED = """
import sys
from pathlib import Path
from artsound.train.run import run
from artsound.train.settings import Loop, TrainSettings
from tests.train.conftest import tiny_settings
from tests.train.test_loop import teach_mean
chosen = tiny_settings(Path(sys.argv[1]), Path(sys.argv[2]))
run(chosen.model_copy(update={"warm": chosen.loop}))
teach_mean(chosen, chosen.run / "mean")
"""


@pytest.mark.slow
def test_two_processes_train_one_model(prepared: TrainSettings) -> None:
    """Through accelerate and gloo; the warm-up leaves parameters unused, which must not hang it.

    What a step draws depends on the process, so weights are compared for an objective that draws nothing.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = os.environ | {"PYTHONPATH": ".", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    shared |= {"MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DISTRIBUTED, prepared.release, prepared.run],
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [process.wait(600) for process in processes] == [0, 0]
    assert all(value.isfinite().all() for value in weights(prepared.run).values())
    lines = read_journal(prepared.run / "projector" / "journal.jsonl")
    assert [line["seen"] for line in lines if "loss" in line] == [8, 16, 24, 32, 40, 48]
    both, alone = prepared.run / "mean", prepared.run / "mean-alone"
    learned = teach_mean(prepared, alone)
    assert learned.abs().max() > 1e-3
    assert torch.allclose(read_tensors(both / NAME)[0]["weight.mean"], learned, atol=1e-6)


def test_a_prior_without_a_kind_is_the_small_one_and_an_unknown_kind_is_named() -> None:
    given = {"release": "release", "run": "run"}
    assert TrainSettings(**given, prior={"width": 16}).prior.kind == "small"
    assert TrainSettings(**given, prior={"kind": "audioldm2"}).prior.kind == "audioldm2"
    with pytest.raises(ValueError, match='kind must be "small", "audioldm2" or "stable_audio3"'):
        TrainSettings(**given, prior={"kind": "large"})


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("[projector]\nheads = 5", "projector: .*no multiple of the 5 heads"),
        ('[projector]\nkind = "mlp"\nstyle_tokens = 1\n[visual]\nstyle = true', "'mlp' has none"),
        ("[prior]\ncomponents = 193", r"prior\.small: .*patch × mels = 192 components at most"),
        ("[prior]\nmels = 257", r"257 mels are more than half of fft 512"),
        ("[prior]\nseconds = 0.001", r"0\.001 s at 8000 Hz are shorter than fft 512"),
        ("[prior]\nrate = 4", r"2\.048 s at 4 Hz are shorter"),
        ("[sampling]\nsteps = 1001", "sampling.steps: .*less than or equal to 1000"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(tmp_path: Path, section: str, says: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(f'release = "release"\nrun = "run"\n{section}\n')
    with pytest.raises(ConfigError, match=says) as caught:
        TrainSettings.load(path)
    assert "\n" not in str(caught.value)


def test_weights_named_for_a_model_that_keeps_its_own_are_refused(prepared: TrainSettings) -> None:
    path = run(prepared)
    with pytest.raises(ConfigError, match="keeps the weights of its small prior itself: leave --weights out"):
        load_model(path, "cvssp/audioldm2-music")


def test_a_model_of_settings_that_are_refused_now_is_one_line(prepared: TrainSettings) -> None:
    path = run(prepared)
    tensors, meta = read_tensors(path)
    settings = json.loads(meta["model"])
    settings["projector"]["heads"] = 5
    write_tensors(path, tensors, {**meta, "model": json.dumps(settings)})
    with pytest.raises(ConfigError, match=r"refused now: projector: .*5 heads") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_a_broken_batch_is_told_even_where_it_cannot_be_written(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    journal = Journal(tmp_path, 0)
    (tmp_path / "not-finite.json.part").symlink_to(full)
    error = journal.not_finite(64, ["pair-1", "pair-2"])
    assert isinstance(error, TrainingError)
    assert "No space left" in str(error)
    assert "pair-1, pair-2" in str(error)
