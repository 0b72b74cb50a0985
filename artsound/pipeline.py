"""The map of the build: every stage, in order, with the tables it reads and the one it writes.

`artsound plan` prints this; `artsound build --no-prefect` walks it; `flows/build.py` walks it under Prefect.
How a stage is wired to the settings is read in `artsound.wiring`, how a step is brought up to date in
`artsound.steps`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from artsound import steps, wiring
from artsound.errors import ConfigError
from artsound.models import registry
from artsound.products import AuditPage, ReleaseFolder
from artsound.settings import Settings
from artsound.steps import Made, Run, Stage, Step, TableStep
from artsound.store import Store


def _vectors(writes: str, reads: str, wire: Callable[[Settings], Run], space: str) -> Stage:
    sections = (f"embeddings.{space}", "embeddings.numbers")  # another space leaves the vectors as they are
    return Stage(writes, (reads,), sections, wire, in_parts=True, watches=wiring.space(space))


def _words(writes: str, space: str) -> Stage:
    art = writes.startswith("art_")
    reads, key = ("art_captions", "artwork_id") if art else ("music_captions", "clip_id")
    return _vectors(writes, reads, partial(wiring.word_vectors, space=space, id_column=key), space)


def _images(space: str) -> Stage:
    return _vectors(f"art_{space}_vectors", "artworks", partial(wiring.image_vectors, space=space), space)


def _sounds(space: str) -> Stage:
    made = _vectors(f"music_{space}_vectors", "clips", partial(wiring.sound_vectors, space=space), space)
    return replace(made, revision=3)


_RAW_ARTWORKS = Stage(
    "raw_artworks", (), ("artworks",), wiring.raw_artworks, watches=wiring.art_files, revision=2
)
_RAW_ARTISTS = Stage("raw_artists", (), ("artworks",), wiring.raw_artists, watches=wiring.art_files)
# source of the artworks → the stages that read it; a server is read in windows of its keys
READ_ART: dict[str, tuple[Stage, ...]] = {
    "folder": (_RAW_ARTWORKS,),
    "artgraph-csv": (
        _RAW_ARTWORKS,
        _RAW_ARTISTS,
        Stage("graph_extra", (), ("artworks",), wiring.graph_extra, watches=wiring.art_files),
    ),
    "artgraph": (
        Stage("graph_counts", (), ("artworks",), wiring.graph_counts, watches=wiring.graph_state),
        Stage("art_keys", ("graph_counts",), ("artworks",), wiring.art_keys, watches=wiring.art_files),
        Stage(
            "raw_artworks",
            ("art_keys", "graph_counts"),
            ("artworks",),
            wiring.raw_artworks,
            in_parts=True,
            watches=wiring.art_files,
            revision=3,
        ),
        Stage("raw_artists", ("graph_counts",), ("artworks",), wiring.raw_artists),
        Stage("graph_extra", ("graph_counts",), ("artworks",), wiring.graph_extra),
    ),
}

_RAW_TRACKS = Stage("raw_tracks", (), ("tracks",), wiring.raw_tracks, watches=wiring.music_files, revision=3)
# source of the tracks → the stages that read it
READ_MUSIC: dict[str, tuple[Stage, ...]] = {
    "folder": (_RAW_TRACKS,),
    "fma": (
        _RAW_TRACKS,
        Stage("raw_musicians", (), ("tracks",), wiring.raw_musicians, watches=wiring.music_files),
        Stage("albums", (), ("tracks",), wiring.albums, watches=wiring.music_files),
    ),
}

BEFORE_MATCHING: tuple[Stage, ...] = (
    Stage("source_files", (), ("artworks", "tracks"), wiring.source_files, watches=wiring.all_files),
    Stage(
        "artworks",
        ("raw_artworks",),
        ("catalog",),
        wiring.artworks,
        in_parts=True,
        watches=wiring.art_files,
        revision=2,
    ),
    Stage("tracks", ("raw_tracks",), (), wiring.tracks, revision=3),
    Stage(
        "clips",
        ("tracks",),
        ("catalog",),
        wiring.clips,
        in_parts=True,
        watches=wiring.music_files,
        revision=4,
    ),
    Stage("artists", ("artworks", "tracks"), (), wiring.artists, also=("raw_artists", "raw_musicians")),
    Stage(
        "fingerprints",
        ("clips",),
        (),
        wiring.fingerprints,
        in_parts=True,
        watches=wiring.chromaprint,
        revision=2,
    ),
    Stage("duplicates", ("artworks", "clips"), ("catalog",), wiring.duplicates, also=("fingerprints",)),
    Stage(
        "splits",
        ("artworks", "tracks", "clips", "duplicates"),
        ("splits", "catalog"),
        wiring.splits,
        watches=wiring.taken_down,
    ),
    Stage("art_measures", ("artworks",), (), wiring.art_measures, in_parts=True),
    Stage("music_measures", ("clips",), (), wiring.music_measures, in_parts=True, revision=3),
    Stage(
        "art_captions",
        ("artworks", "art_measures", "artists"),
        ("captions",),
        wiring.art_captions,
        in_parts=True,
        watches=lambda settings: registry.identity("art_captioner", settings.captions.art),
        revision=4,
    ),
    Stage(
        "music_captions",
        ("clips", "music_measures", "tracks"),
        ("captions",),
        wiring.music_captions,
        in_parts=True,
        watches=lambda settings: registry.identity("music_captioner", settings.captions.music),
        revision=4,
    ),
    _images("image"),
    _words("art_sentence_vectors", "sentence"),
    _words("music_sentence_vectors", "sentence"),
)
SPACES: dict[str, tuple[Stage, ...]] = {  # part of a run where `embeddings` names a model for the space
    "clip": (
        _images("clip"),
        _words("music_clip_vectors", "clip"),
    ),
    "clap": (
        _words("art_clap_vectors", "clap"),
        _sounds("clap"),
    ),
    "imagebind": (_images("imagebind"), _sounds("imagebind")),
}

RELEASE = Stage(
    "release_rows",
    (
        *("pairs", "artworks", "artists", "tracks", "clips"),
        *("art_captions", "music_captions", "art_measures", "music_measures"),
    ),
    (),
    wiring.release_rows,
    revision=2,
    in_parts=True,
    from_disk=True,
    watches=wiring.kept_out,
)


def stages(settings: Settings) -> tuple[Stage, ...]:
    """Return every stage in order; matching reads the tables of those terms that have a weight."""
    sides = tuple(table for term in wiring.weights(settings) for table in wiring.TERMS[term])
    scored = ("calibration", "splits", *sides)
    if settings.artworks.source not in READ_ART or settings.tracks.source not in READ_MUSIC:
        raise ConfigError("artworks come from folder, artgraph or artgraph-csv; tracks from folder or fma")
    left_out = set() if settings.catalog.fingerprints else {"fingerprints"}
    listed = (
        *READ_ART[settings.artworks.source],
        *READ_MUSIC[settings.tracks.source],
        *(stage for stage in BEFORE_MATCHING if stage.writes not in left_out),
        *(stage for space in SPACES if getattr(settings.embeddings, space) for stage in SPACES[space]),
        Stage("calibration", ("splits", *sides), ("matching",), wiring.calibration),
        Stage("matching", scored, ("matching",), wiring.matching, revision=2),
        Stage("certificates", ("matching", *scored), ("matching",), wiring.certificates),
        Stage("chance", ("matching", *scored), ("matching",), wiring.chance),
        Stage("pairs", ("matching", *scored), ("matching",), wiring.pairs),
        RELEASE,
    )
    written = {stage.writes for stage in listed}
    return tuple(
        replace(stage, reads=(*stage.reads, *(name for name in stage.also if name in written)))
        for stage in listed
    )


def all_steps(settings: Settings) -> tuple[Step, ...]:
    """Return the whole build in order: the tables, the release made of them, the audit page beside it."""
    tables = (TableStep(stage, settings) for stage in stages(settings))
    return (*tables, ReleaseFolder(settings), AuditPage(settings))


def step(settings: Settings, name: str) -> Step:
    """Find one step by name.

    Raises:
        ConfigError: no step of that name; lists those there are.
    """
    found = {one.name: one for one in all_steps(settings)}
    if name not in found:
        raise ConfigError(f"no step {name!r}; there are: {', '.join(found)}")
    return found[name]


def standing(settings: Settings) -> dict[str, Made] | None:
    """Return what every step left behind when all are up to date, else None. Touches nothing."""
    wiring.look_again()
    made: dict[str, Made] = {}
    for one in all_steps(settings):
        if (found := one.current()) is None:
            return None
        made[one.name] = found
    return made


def check(settings: Settings) -> None:
    """Look up every folder, table and model that the settings name, before anything runs.

    Raises:
        ConfigError: one of them is not there, or lacks what is needed; says which there are.
        MatchingError: the rules of the matching contradict each other.
        MissingExtra: a package that will be needed is not installed.
    """
    wiring.look_again()
    wiring.policy_of(settings)
    wiring.check_release(settings)
    wiring.check_sources(settings)
    for stage in stages(settings):
        if stage.watches:
            stage.watches(settings)


def walk(settings: Settings) -> Iterator[tuple[str, Made]]:
    """Bring every step up to date, in order; yields each with what came out and whether it ran.

    Raises:
        ArtSoundError: the first step that fails; what was finished is kept, run again to go on.
    """
    check(settings)
    store = Store(settings.root)
    with store.writing():
        for one in all_steps(settings):
            yield one.name, steps.bring_up_to_date(one)
        store.clear_parts()


def build(config: Path) -> dict[str, Made]:
    """Walk the whole build in this process, without Prefect."""
    return dict(walk(Settings.load(config)))
