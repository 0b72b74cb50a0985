"""The settings of a training run: one frozen model, one TOML file. Importable without torch.

Everything but `machine` decides what comes out; checkpoints and models say what they were made with.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag, model_validator

from artsound.settings import Document, Section, Share, Weight

MOST_STEPS = 1_000  # of any sampler: the priors' own training had no more
MOST_GUIDANCE = 100.0  # 2 to 5 are usual; from some tens on nothing but noise is heard


class SmallPrior(Section):
    """The small prior: a mel codec with principal components and a flow-matching transformer."""

    kind: Literal["small"] = "small"
    rate: PositiveInt = 8_000  # Hz
    seconds: PositiveFloat = 2.048  # length of the window it hears and makes
    mels: PositiveInt = 48
    fft: PositiveInt = 512
    hop: PositiveInt = 128
    patch: PositiveInt = 4  # mel frames a latent token
    components: PositiveInt = 16  # principal components a token
    loa_tokens: PositiveInt = 8
    width: PositiveInt = 96
    blocks: PositiveInt = 3
    heads: PositiveInt = 4
    seed: int = 0  # of the initial weights
    trainable: Literal["none", "kv"] = "none"  # beside the projector: keys and values of the cross-attention

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if 2 * self.hop > self.fft:
            raise ValueError(f"hop {self.hop} is more than half of fft {self.fft}: no sound can be found")
        if self.mels > self.fft // 2:
            raise ValueError(f"{self.mels} mels are more than half of fft {self.fft}: some would be empty")
        if self.components > self.patch * self.mels:
            raise ValueError(f"a token has patch × mels = {self.patch * self.mels} components at most")
        if self.frames * self.hop < self.fft:
            raise ValueError(f"{self.seconds} s at {self.rate} Hz are shorter than fft {self.fft}")
        if self.frames % (self.patch * self.loa_tokens):
            raise ValueError(
                f"{self.frames} mel frames do not divide into {self.loa_tokens} equal token groups"
            )
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is no multiple of twice the {self.heads} heads")
        return self

    @property
    def frames(self) -> int:
        """Mel frames of one window."""
        return round(self.seconds * self.rate) // self.hop

    @property
    def tokens(self) -> int:
        """Latent tokens of one window."""
        return self.frames // self.patch


class AudioLdm2Prior(Section):
    """AudioLDM2 through diffusers, frozen. Its weights are CC-BY-NC-SA-4.0: research use only."""

    kind: Literal["audioldm2"] = "audioldm2"
    weights: str = "cvssp/audioldm2-music"  # hub id, or a folder
    revision: str | None = None
    seconds: PositiveFloat = 10.24
    interface: Literal["direct_loa", "gpt2_prefix"] = "direct_loa"
    prefix_tokens: PositiveInt = 4  # of gpt2_prefix; 1 and 4 are Art2Mus' variants
    t5_slot: Literal["constant", "null", "visual"] = "constant"
    prompt: str = "Music representing the content of this artwork"  # of the constant slot
    min_snr_gamma: PositiveFloat = 5.0  # cap of the signal-to-noise ratio in the loss weight
    trainable: Literal["none", "kv"] = "none"  # kv: keys and values of the cross-attention on the LoA side
    loa_teacher: str = ""  # AudioMAE as timm keeps it, hub id or folder: LoA targets from the audio alone

    @model_validator(mode="after")
    def _teaches(self) -> Self:
        if self.loa_teacher and self.interface != "direct_loa":
            raise ValueError("loa_teacher gives targets for the LoA: it needs interface = 'direct_loa'")
        return self

    @property
    def rate(self) -> int:
        """Sample rate in Hz, of all AudioLDM2 checkpoints."""
        return 16_000


class StableAudio3Prior(Section):
    """Stable Audio 3 through diffusers, frozen. Its weights are under Stability AI's Community Licence."""

    kind: Literal["stable_audio3"] = "stable_audio3"
    weights: str  # a folder in diffusers' layout: it is published in another, see data/generator.md
    revision: str | None = None
    rate: PositiveInt = 44_100  # Hz, of all its checkpoints
    seconds: PositiveFloat = 10.0
    tokens: PositiveInt = 8  # of the image, in the place of the prompt's
    trainable: Literal["none", "kv"] = "none"  # kv: keys and values of the cross-attention


Prior = SmallPrior | AudioLdm2Prior | StableAudio3Prior


def _kind(given: Any) -> str:
    """Read which prior is meant; small where a file does not say."""
    kind: str = given.get("kind", "small") if isinstance(given, dict) else given.kind
    return kind


_AnyPrior = Annotated[
    Annotated[SmallPrior, Tag("small")]
    | Annotated[AudioLdm2Prior, Tag("audioldm2")]
    | Annotated[StableAudio3Prior, Tag("stable_audio3")],
    Discriminator(
        _kind,
        custom_error_type="prior_kind",
        custom_error_message='kind must be "small", "audioldm2" or "stable_audio3"',
    ),
]


class Visual(Section):
    """What the projector sees of an image."""

    encoder: str = "patches"  # one of `artsound.train.visual.ENCODERS`
    weights: str = ""  # hub id or folder, for encoders that need one
    style: bool = False  # also tokens of how it is painted, apart from what is where
    text_encoder: str = "minilm-int8"  # reads captions, where the projector fuses them


class Projector(Section):
    """What turns visual tokens into the prior's conditioning."""

    kind: Literal["mlp", "resampler"] = "resampler"
    width: PositiveInt = 96
    layers: PositiveInt = 2
    heads: PositiveInt = 4
    style_tokens: Annotated[int, Field(ge=0)] = 0  # queries that see the style source only
    text: bool = False  # gated fusion with the artwork's caption: language, reported apart
    source_dropout: Share = (
        0.0  # share of samples that lose one visual source, and of those that lose the text
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "mlp" and self.style_tokens:
            raise ValueError("style_tokens are queries of the resampler: kind = 'mlp' has none")
        if self.kind == "resampler" and self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of the {self.heads} heads")
        return self


class Objective(Section):
    """What is minimised. Guidance is never part of it."""

    diffusion: Weight = 1.0
    loa: Weight = 1.0  # L1 + cosine to the conditioning taken from the audio alone
    contrastive: Weight = 0.0  # InfoNCE between the pooled projection and the pooled audio target
    dropout: Share = 0.1  # share of samples whose conditioning is the learned null
    supervision: Literal["audio_only", "text_distill"] = "audio_only"
    min_score: float | None = None  # pairs with a lower match score are left out
    score_weighted: bool = False  # weigh a pair by its score's rank within the split
    pair_noise: Share = 0.0  # share of training pairs that are re-paired at random: a control, not a feature


class Loop(Section):
    """One optimisation; progress is counted in samples."""

    samples: PositiveInt = 6_400
    batch: PositiveInt = 32  # samples of one optimiser step, over all processes
    accumulate: PositiveInt = 1  # pieces a batch is cut into
    learning_rate: PositiveFloat = 1e-3
    warmup: Annotated[int, Field(ge=0)] = 320  # samples
    weight_decay: Weight = 0.01
    clip: PositiveFloat = 1.0  # norm of the gradient
    ema: Share = 0.99  # decay a step of the averaged weights
    checkpoint_every: PositiveInt = 3_200  # samples
    log_every: PositiveInt = 640  # samples
    seed: int = 0

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.batch % self.accumulate:
            raise ValueError(f"batch {self.batch} does not divide into {self.accumulate} pieces")
        if self.samples % self.batch:
            raise ValueError(f"{self.samples} samples are no whole number of batches of {self.batch}")
        return self


class Sampling(Section):
    """How music is drawn from the model."""

    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] = 25
    guidance: Annotated[float, Field(ge=0, le=MOST_GUIDANCE)] = (
        2.0  # 1 is none; the conditioning's direction is followed this many times
    )
    heard: Annotated[int, Field(ge=0)] = 4  # pairs of the validation split that play at every checkpoint


class Machine(Section):
    """How fast, not what."""

    precision: Literal["no", "bf16", "fp16"] = "no"  # weights stay float32
    threads: PositiveInt | None = None  # of torch on the CPU; None leaves its choice
    recompute: bool = False  # activations of a large prior anew in the backward pass: less memory, more time
    part_rows: PositiveInt = 256  # rows of the cache between two safe points
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = ()  # each needs its package


class TrainSettings(Document):
    """A training run."""

    release: Path  # folder of a release
    run: Path  # where cache, checkpoints and samples go
    prior: _AnyPrior = SmallPrior()
    visual: Visual = Visual()
    projector: Projector = Projector()
    objective: Objective = Objective()
    # of the small prior, on audio alone: how sharp it is decides how much an image can say
    pretrain: Loop = Loop(samples=19_200, batch=16, learning_rate=2e-3)
    warm: Loop | None = None  # projector on cached targets alone, without the prior: cheap, before `loop`
    loop: Loop = Loop()
    sampling: Sampling = Sampling()
    machine: Machine = Machine()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.projector.style_tokens and not self.visual.style:
            raise ValueError("projector.style_tokens needs visual.style = true")
        if self.objective.supervision == "text_distill":
            if not isinstance(self.prior, AudioLdm2Prior) or self.prior.interface != "direct_loa":
                raise ValueError("'text_distill' needs a prior that reads captions: audioldm2, direct_loa")
            if self.prior.loa_teacher:
                raise ValueError("targets come from captions or from loa_teacher, not both: choose one")
        return self

    @property
    def language(self) -> str:
        """Say where captions of pairs enter training; empty for the strict, direct way."""
        ways = {
            "captions are fused with the image": self.projector.text,
            "targets are distilled from captions": self.objective.supervision == "text_distill",
        }
        return "; ".join(way for way, taken in ways.items() if taken)
