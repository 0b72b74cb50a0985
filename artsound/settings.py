"""The whole configuration: one frozen model, one TOML file, secrets from the environment only.

Every section but `runtime` decides what comes out, and enters the digest that says whether a table is
current; paths do not enter it, since the content of what they name does. `runtime` decides how fast.
Relative paths are relative to the TOML file.
"""

import hashlib
import json
import os
import tomllib
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from artsound.errors import ConfigError

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Revision = Annotated[str, Field(pattern=r"^([0-9a-f]{7,40})?$")]  # a branch or tag would move
AnySection = TypeVar("AnySection", bound="Section")


class Section(BaseModel):
    """Immutable, and refuses keys it does not know and numbers that are none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    decides: ClassVar[bool] = True  # false: decides how fast, not what comes out


class Document(Section):
    """A whole TOML file."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file; its relative paths become relative to where it lies.

        Raises:
            ConfigError: no such file, an unknown or missing key, or a value out of range; names the key.
        """
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
            settings = cls.model_validate(given)
        except OSError as error:
            raise ConfigError(f"cannot read the settings file {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from error
        except ValidationError as error:
            raise ConfigError(f"{path}: {first_problem(error)}") from error
        return _placed(settings, path.parent)


class Address(str):
    """Where a server answers: like a path, it does not decide what comes out, and is published nowhere."""


class Collection(Section):
    """One side's source."""

    source: Literal["folder", "artgraph", "artgraph-csv", "fma"] = "folder"
    path: Path  # folder (or zip) of media
    table: str = ""  # folder: CSV inside `path`; empty: the one CSV that is there
    columns: dict[str, str] = {}  # folder: our column → the CSV's, where the names differ
    graph: Path | None = None  # artgraph-csv: folder or zip of the export
    uri: Annotated[str, AfterValidator(Address)] = Address("bolt://localhost:7687")  # artgraph: the server
    database: str = "neo4j"  # artgraph: its database
    mirrors: tuple[Annotated[str, AfterValidator(Address)], ...] = ()  # folders on the web with the archives
    metadata: Path | None = None  # fma: fma_metadata.zip or its folder
    subset: Literal["small", "medium", "large", "full"] = "large"  # fma: which of the nested sets

    @property
    def places(self) -> list[Path]:
        """All that is read from disk."""
        return [place for place in (self.path, self.graph, self.metadata) if place]


class Catalog(Section):
    """Which items are usable."""

    min_seconds: PositiveFloat = 10.0  # decoded length; 10.0 reproduces the 105,884 clips of FMA large
    max_megapixels: PositiveFloat = 120.0  # larger images are refused before they are decoded
    exact_duplicates: Literal["refuse", "keep"] = "refuse"
    near_duplicate_bits: Annotated[int, Field(ge=0, le=32)] = 4  # Hamming distance of 64-bit image hashes
    fingerprints: bool = False  # find recordings that sound alike; needs Chromaprint, see data/README.md
    near_duplicate_errors: Annotated[float, Field(ge=0, le=0.3)] = 0.15  # share of fingerprint bits


class Splits(Section):
    """What the split depends on; a new salt draws all of it anew."""

    salt: str = "artsound-1"
    shares: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")], Share] = {
        "train": 0.8,
        "val": 0.1,
        "test": 0.1,
    }

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        if abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError(f"shares must sum to 1, got {self.shares}")
        return self


class Endpoint(Section):
    """Where and how hard a server is asked. Not in the digest: the same answers, sooner or later."""

    decides: ClassVar[bool] = False

    url: str = "http://127.0.0.1:8000/v1"  # OpenAI-compatible; the key is ARTSOUND_API_KEY in the environment
    at_once: PositiveInt = 8  # questions on their way at the same time
    timeout: PositiveFloat = 120.0  # s for the head of an answer, and as many again for the rest
    tries: PositiveInt = 5  # of one question, when the way there fails
    wait: PositiveFloat = 1.0  # s before the second try; doubles with every try
    max_requests: PositiveInt | None = None  # budget of one run
    max_tokens: PositiveInt | None = None  # budget of one run, questions and answers


class Local(Section):
    """How hard a model on this machine is worked. Not in the digest: the same answers, sooner or later."""

    decides: ClassVar[bool] = False

    at_once: PositiveInt = 8  # questions in one batch; fewer take less memory


class Captioner(Section):
    """Who describes one side, and how it is asked."""

    backend: Literal["offline", "titles", "endpoint", "transformers"] = "offline"
    model: str = ""  # as the endpoint names it; a name of your own for local weights
    weights: Path | None = None  # folder of a transformers model
    repo: str = ""  # where `artsound models fetch` finds the weights, such as Qwen/Qwen2.5-VL-7B-Instruct
    revision: Revision = ""  # commit of `repo`; empty: the newest, which `models fetch` writes down
    precision: Literal["fp32", "bf16", "fp16"] = "bf16"  # of a transformers model
    prompt: str = ""  # packaged prompt; empty: the newest one of the side
    prompt_file: Path | None = None  # a prompt of your own, a .md file; goes before `prompt`
    reasoning: bool = False  # keep the model's steps beside the answer
    leaks: Literal["flag", "ask_again", "mask"] = "flag"  # names of artist, title, album … in it
    tries: PositiveInt = 2  # questions an item gets until the answer has the form
    seed: int = 0
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    answer_tokens: PositiveInt = 1500
    pixels: PositiveInt = 1024  # longer side of the image that is shown
    seconds: PositiveFloat = 30.0  # of audio that is played
    endpoint: Endpoint = Endpoint()
    local: Local = Local()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.backend == "endpoint" and not self.model:
            raise ValueError("backend 'endpoint' needs `model`, as the server names it")
        if self.backend == "transformers" and self.weights is None:
            raise ValueError("backend 'transformers' needs `weights`, the folder of the model")
        return self


class Captions(Section):
    """Who describes the two sides."""

    art: Captioner = Captioner()
    music: Captioner = Captioner()


class Clip(Section):
    """An open_clip model: images against the words of the other side."""

    weights: Path  # folder with open_clip_config.json and open_clip_model.safetensors, or one weights file
    model: str = ""  # open_clip's name of the architecture; needed where `weights` is one file
    pretrained: str = ""  # open_clip's tag of weights for `model`; fetched where `repo` is empty
    repo: str = ""  # where `artsound models fetch` finds the weights
    revision: Revision = ""  # commit of `repo`; empty: the newest, which `models fetch` writes down
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"


class Clap(Section):
    """A CLAP model: recordings against the words of the other side."""

    weights: (
        Path  # folder of a transformers ClapModel, safetensors; or LAION's `.pt` and roberta-base's tokenizer
    )
    library: Literal["transformers", "laion_clap"] = "transformers"  # what loads it
    repo: str = ""  # where `artsound models fetch` finds the weights
    revision: Revision = ""  # commit of `repo`; empty: the newest, which `models fetch` writes down
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    window: PositiveFloat = 10.0  # s that the model hears at a time
    hop: PositiveFloat = 10.0  # s between two windows
    pooling: Literal["mean", "middle"] = "mean"  # of the windows' vectors; middle: the middle window alone

    @model_validator(mode="after")
    def _laion_computes_in_fp32(self) -> Self:
        if self.library == "laion_clap" and self.precision != "fp32":
            raise ValueError("laion_clap makes its spectrograms in the model: precision must be 'fp32'")
        return self


class ImageBind(Section):
    """ImageBind: images against recordings, without words between. Its weights are non-commercial."""

    weights: Path  # folder of one checkpoint such as imagebind_huge.pth, or the file
    repo: str = ""  # where `artsound models fetch` finds the weights
    revision: Revision = ""  # commit of `repo`; empty: the newest, which `models fetch` writes down
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    window: PositiveFloat = 2.0  # s that the model hears at a time
    hop: PositiveFloat = 10.0  # s between two windows: three in a clip of 30 s
    pooling: Literal["mean", "middle"] = "mean"


class Embeddings(Section):
    """Who embeds what. CLIP, CLAP and ImageBind are part of a run when they are named."""

    image: str = "style"
    sentence: str = "minilm-int8"
    numbers: Literal["float32", "float16"] = "float32"  # how vectors are stored
    clip: Clip | None = None
    clap: Clap | None = None
    imagebind: ImageBind | None = None


class Matching(Section):
    """Weights of the fused score, and what a matching may do (`artsound.matching.policy`)."""

    sentence: Weight = 1.0  # cosine of the two captions
    clip: Weight = 0.0  # cosine of image and music caption in CLIP; needs `embeddings.clip`
    clap: Weight = 0.0  # cosine of recording and art caption in CLAP; needs `embeddings.clap`
    imagebind: Weight = 0.0  # cosine of image and recording in ImageBind; needs `embeddings.imagebind`
    affect: Weight = 0.2  # agreement of valence and arousal
    min_score: float | None = None  # leave the smaller side's item unmatched rather than below it
    clips_per_artwork: PositiveInt = 1
    artworks_per_clip: PositiveInt = 1
    pairs_per_artist: Annotated[int, Field(ge=0)] = 0  # 0: no limit
    forbidden: tuple[tuple[str, str], ...] = ()  # artwork_id, clip_id
    spare_clips: bool = False  # leave clips without an artwork in a split that has too few for them
    complete: bool = False  # refuse a split whose smaller side cannot be matched completely
    # stop when proved as near to the optimum, relative to the objective; 0 is exact. Only at 0 does a build
    # go on from the prices of the one before: stopped early, the pairs would depend on where it started
    gap: Weight = 0.0


class Release(Section):
    """What is published, under which name and version."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = "artsound"
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = "0.1.0"
    formats: tuple[Literal["parquet", "webdataset"], ...] = ("parquet", "webdataset")
    shard_megabytes: PositiveFloat = 500.0
    row_group_megabytes: PositiveFloat = 64.0
    tier: Literal["open", "share-alike", "non-commercial", "no-derivatives", "any"] = (
        "any"  # licences allowed
    )
    media: bool = True  # False: references only, no image or audio
    vectors: tuple[Literal["image", "sentence", "clip", "clap", "imagebind"], ...] = ()  # published, too
    latents: Path | None = None  # publish the latents of a cache that was made from the same media
    npy: bool = False  # vectors and latents also as .npy members of the tars, not in Parquet alone
    plots: bool = False  # pictures for the card; needs the extra `publish`
    creator: str = ""  # who publishes
    url: str = ""  # where it is published
    citation: str = ""  # how to cite it
    published: Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""  # day of publication
    changes: tuple[str, ...] = ()  # what is new in this version, a line each
    follows: Path | None = None  # folder of the version before; else the newest lower one beside this one


class Runtime(Section):
    """How fast, not what."""

    part_rows: PositiveInt = 1000  # rows between two safe points; a crash loses at most these
    batch_size: PositiveInt = 32
    workers: PositiveInt = os.cpu_count() or 1
    engine: Literal["auto", "blas", "faiss", "torch"] = (
        "auto"  # of exact search; auto: a GPU where there is one
    )


class Settings(Document):
    """One section a stage."""

    root: Path  # the store: tables and releases
    max_reject_share: Share = 0.05
    takedowns: Path | None = None  # register of what must not be published; see `artsound takedown`
    # what the partners of its items do: be matched anew, or stay unpaired, so that no other pair changes
    freed: Literal["rematch", "leave"] = "rematch"
    artworks: Collection
    tracks: Collection
    catalog: Catalog = Catalog()
    splits: Splits = Splits()
    captions: Captions = Captions()
    embeddings: Embeddings = Embeddings()
    matching: Matching = Matching()
    release: Release = Release()
    runtime: Runtime = Runtime()

    @model_validator(mode="after")
    def _terms_have_models(self) -> Self:
        for term in ("clip", "clap", "imagebind"):
            if getattr(self.matching, term) and not getattr(self.embeddings, term):
                raise ValueError(f"matching.{term} has a weight, but no model: set embeddings.{term}.weights")
            if term in self.release.vectors and not getattr(self.embeddings, term):
                raise ValueError(f"release.vectors has {term}, but no model: set embeddings.{term}.weights")
        return self

    def digest(self, *sections: str) -> str:
        """Identify the values of some sections, or of parts of them (`embeddings.clip`), paths left out."""
        text = json.dumps([values(attrgetter(name)(self)) for name in sections], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def first_problem(error: ValidationError) -> str:
    """Say the first problem in one line, with the key as it is written in the file."""
    one, *rest = error.errors()
    key = ".".join(str(part) for part in one["loc"]) or "settings"
    more = f" (and {len(rest)} more)" if rest else ""
    return f"{key}: {one['msg']}{more}"


def _placed(section: AnySection, folder: Path) -> AnySection:
    """Make every path of a section, and of the sections in it, relative to a folder."""
    moved = {name: folder / value for name, value in section if isinstance(value, Path)}
    inner = {name: _placed(value, folder) for name, value in section if isinstance(value, Section)}
    return section.model_copy(update=moved | inner)


def values(value: Any) -> Any:
    """Turn a setting into JSON values, without what depends on where things lie."""
    if isinstance(value, Section):
        return {name: values(inner) for name, inner in value if _decides(inner)}
    return value


def _decides(value: Any) -> bool:
    """Say whether a setting belongs into a digest."""
    return value.decides if isinstance(value, Section) else not isinstance(value, Path | Address)
