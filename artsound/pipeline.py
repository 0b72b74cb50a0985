"""The map of the build: every stage, in order, with the tables it reads and the one it writes.

`artsound plan` prints this; `artsound build --no-prefect` walks it; `flows/build.py` walks it under Prefect.
The only file that knows both the settings and the stages: how they are wired is read here, how a step is
brought up to date in `artsound.steps`. A stage's module is imported where the stage is wired: to see that
all is current must not wait for what would make it.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path

from artsound import steps
from artsound.errors import ConfigError
from artsound.matching.policy import Policy
from artsound.media.files import Media, fingerprint, open_media
from artsound.models import registry
from artsound.products import AuditPage, ReleaseFolder
from artsound.settings import Settings
from artsound.steps import Made, Run, Stage, Step, TableStep
from artsound.store import Store
from artsound.takedown import leave_out, read_register, register_text


def _images(settings: Settings) -> Media:
    return open_media(settings.artworks.path)


def _audio(settings: Settings) -> Media:
    return open_media(settings.tracks.path)


def _answers(settings: Settings) -> Path:
    return settings.root / "answers.sqlite"


def _art_keys(settings: Settings) -> Run:
    from artsound.sources import bolt

    return partial(bolt.read_keys, settings.artworks)


def _raw_artists(settings: Settings) -> Run:
    from artsound.sources import ARTIST_SOURCES

    return partial(ARTIST_SOURCES[settings.artworks.source], settings.artworks)


def _raw_artworks(settings: Settings) -> Run:
    from artsound.sources import ART_SOURCES

    return partial(ART_SOURCES[settings.artworks.source], settings.artworks)


def _raw_tracks(settings: Settings) -> Run:
    from artsound.sources import MUSIC_SOURCES

    return partial(MUSIC_SOURCES[settings.tracks.source], settings.tracks)


def _artworks(settings: Settings) -> Run:
    from artsound.catalog.artworks import clean_artworks

    limit, workers = settings.catalog.max_megapixels, settings.runtime.workers
    return partial(clean_artworks, media=_images(settings), max_megapixels=limit, workers=workers)


def _tracks(_: Settings) -> Run:
    from artsound.catalog.tracks import clean_tracks

    return clean_tracks


def _clips(settings: Settings) -> Run:
    from artsound.catalog.clips import check_clips

    shortest, workers = settings.catalog.min_seconds, settings.runtime.workers
    return partial(check_clips, media=_audio(settings), min_seconds=shortest, workers=workers)


def _artists(_: Settings) -> Run:
    from artsound.catalog.artists import list_artists

    return list_artists


def _duplicates(settings: Settings) -> Run:
    from artsound.catalog.duplicates import find_duplicates

    return partial(find_duplicates, near_bits=settings.catalog.near_duplicate_bits)


def _splits(settings: Settings) -> Run:
    from artsound.splits import draw_splits

    drawn = settings.splits
    draw = partial(
        draw_splits, salt=drawn.salt, shares=drawn.shares, exact_duplicates=settings.catalog.exact_duplicates
    )
    register = read_register(settings.takedowns)
    return lambda *given: leave_out(draw(*given), duplicates=given[-1], register=register)


def _taken_down(settings: Settings) -> str:
    return register_text(read_register(settings.takedowns))


def _art_measures(settings: Settings) -> Run:
    from artsound.measures.image import measure_artworks

    return partial(measure_artworks, media=_images(settings), workers=settings.runtime.workers)


def _music_measures(settings: Settings) -> Run:
    from artsound.measures.music import measure_clips

    return partial(measure_clips, media=_audio(settings), workers=settings.runtime.workers)


def _art_captions(settings: Settings) -> Run:
    from artsound.captions.artworks import caption_artworks

    return partial(
        caption_artworks,
        captioner=registry.art_captioner(settings.captions.art, answers=_answers(settings)),
        media=_images(settings),
        batch_size=settings.runtime.batch_size,
    )


def _music_captions(settings: Settings) -> Run:
    from artsound.captions.clips import caption_clips

    return partial(
        caption_clips,
        captioner=registry.music_captioner(settings.captions.music, answers=_answers(settings)),
        media=_audio(settings),
        batch_size=settings.runtime.batch_size,
    )


def _image_vectors(settings: Settings, *, space: str) -> Run:
    from artsound.embeddings import embed_artworks

    return partial(
        embed_artworks,
        encoder=registry.images_of(space, settings.embeddings),
        media=_images(settings),
        max_megapixels=settings.catalog.max_megapixels,
        batch_size=settings.runtime.batch_size,
        workers=settings.runtime.workers,
    )


def _sound_vectors(settings: Settings) -> Run:
    from artsound.embeddings import embed_clips

    encoder, runtime = registry.sounds_of(settings.embeddings), settings.runtime
    media, size = _audio(settings), runtime.batch_size
    return partial(embed_clips, encoder=encoder, media=media, batch_size=size, workers=runtime.workers)


def _word_vectors(settings: Settings, *, space: str, id_column: str) -> Run:
    """Sentence and paragraph for the sentence encoder; CLIP and CLAP read few words: the sentence alone."""
    from artsound.embeddings import embed_captions

    return partial(
        embed_captions,
        encoder=registry.texts_of(space, settings.embeddings),
        id_column=id_column,
        batch_size=settings.runtime.batch_size,
        words=("caption", "paragraph") if space == "sentence" else ("caption",),
    )


def _space(name: str) -> Callable[[Settings], str]:
    return lambda settings: registry.identity_of(name, settings.embeddings)


def _calibration(settings: Settings) -> Run:
    from artsound.matching.stage import calibrate

    return partial(calibrate, weights=_weights(settings))


def _matching(settings: Settings) -> Run:
    from artsound.matching.stage import match_splits

    return partial(match_splits, policy=_policy(settings))


def _certificates(settings: Settings) -> Run:
    from artsound.matching.stage import certify

    return partial(certify, policy=_policy(settings))


def _policy(settings: Settings) -> Policy:
    return Policy(**{field.name: getattr(settings.matching, field.name) for field in fields(Policy)})


def _pairs(_: Settings) -> Run:
    from artsound.matching.stage import explain_pairs

    return explain_pairs


def _release_rows(settings: Settings) -> Run:
    from artsound.release.plan import plan_release
    from artsound.review.reviews import stored_reviews, without_refused

    return partial(without_refused, plan_release, stored_reviews(Store(settings.root)))


def _reviews(settings: Settings) -> str:
    """Identify what people said of pairs; nothing while nobody has."""
    found = Store(settings.root).manifest("reviews")
    return found.content if found else ""


def _art_files(settings: Settings) -> str:
    return "/".join(fingerprint(place) for place in settings.artworks.places)


def _music_files(settings: Settings) -> str:
    return "/".join(fingerprint(place) for place in settings.tracks.places)


# term of the score → the table of the art side, the table of the music side; weights: [matching]
TERMS: dict[str, tuple[str, str]] = {
    "sentence": ("art_sentence_vectors", "music_sentence_vectors"),
    "clip": ("art_clip_vectors", "music_clip_vectors"),
    "clap": ("art_clap_vectors", "music_clap_vectors"),
    "affect": ("art_measures", "music_measures"),
}


def _weights(settings: Settings) -> dict[str, float]:
    given = {term: getattr(settings.matching, term) for term in TERMS}
    return {term: weight for term, weight in given.items() if weight > 0}


def _vectors(writes: str, reads: str, wire: Callable[[Settings], Run], space: str) -> Stage:
    return Stage(writes, (reads,), ("embeddings",), wire, in_parts=True, watches=_space(space))


def _words(writes: str, space: str) -> Stage:
    art = writes.startswith("art_")
    reads, key = ("art_captions", "artwork_id") if art else ("music_captions", "clip_id")
    return _vectors(writes, reads, partial(_word_vectors, space=space, id_column=key), space)


_ART_KEYS = Stage("art_keys", (), ("artworks",), _art_keys, watches=_art_files)
_RAW_ARTWORKS = Stage("raw_artworks", (), ("artworks",), _raw_artworks, watches=_art_files)
_RAW_ARTISTS = Stage("raw_artists", (), ("artworks",), _raw_artists, watches=_art_files)
# source of the artworks → the stages that read it; a server is read in windows of its keys
READ_ART: dict[str, tuple[Stage, ...]] = {
    "folder": (_RAW_ARTWORKS,),
    "artgraph-csv": (_RAW_ARTWORKS, _RAW_ARTISTS),
    "artgraph": (
        _ART_KEYS,
        Stage("raw_artworks", ("art_keys",), ("artworks",), _raw_artworks, in_parts=True, watches=_art_files),
        _RAW_ARTISTS,
    ),
}

BEFORE_MATCHING: tuple[Stage, ...] = (
    Stage("raw_tracks", (), ("tracks",), _raw_tracks, watches=_music_files),
    Stage("artworks", ("raw_artworks",), ("catalog",), _artworks, in_parts=True, watches=_art_files),
    Stage("tracks", ("raw_tracks",), (), _tracks),
    Stage("clips", ("tracks",), ("catalog",), _clips, in_parts=True, watches=_music_files),
    Stage("artists", ("artworks", "tracks"), (), _artists),
    Stage("duplicates", ("artworks", "clips"), ("catalog",), _duplicates),
    Stage(
        "splits",
        ("artworks", "tracks", "clips", "duplicates"),
        ("splits", "catalog"),
        _splits,
        watches=_taken_down,
    ),
    Stage("art_measures", ("artworks",), (), _art_measures, in_parts=True),
    Stage("music_measures", ("clips",), (), _music_measures, in_parts=True),
    Stage(
        "art_captions",
        ("artworks", "art_measures", "artists"),
        ("captions",),
        _art_captions,
        in_parts=True,
        watches=lambda settings: registry.identity("art_captioner", settings.captions.art),
    ),
    Stage(
        "music_captions",
        ("clips", "music_measures", "tracks"),
        ("captions",),
        _music_captions,
        in_parts=True,
        watches=lambda settings: registry.identity("music_captioner", settings.captions.music),
    ),
    _vectors("art_image_vectors", "artworks", partial(_image_vectors, space="image"), "image"),
    _words("art_sentence_vectors", "sentence"),
    _words("music_sentence_vectors", "sentence"),
)
SPACES: dict[str, tuple[Stage, ...]] = {  # part of a run where `embeddings` names a model for the space
    "clip": (
        _vectors("art_clip_vectors", "artworks", partial(_image_vectors, space="clip"), "clip"),
        _words("music_clip_vectors", "clip"),
    ),
    "clap": (
        _words("art_clap_vectors", "clap"),
        _vectors("music_clap_vectors", "clips", _sound_vectors, "clap"),
    ),
}

RELEASE = Stage(
    "release_rows",
    (
        *("pairs", "artworks", "artists", "tracks", "clips"),
        *("art_captions", "music_captions", "art_measures", "music_measures"),
    ),
    (),
    _release_rows,
    watches=_reviews,
)


def stages(settings: Settings) -> tuple[Stage, ...]:
    """Return every stage in order; matching reads the tables of those terms that have a weight."""
    sides = tuple(table for term in _weights(settings) for table in TERMS[term])
    scored = ("calibration", "splits", *sides)
    if settings.artworks.source not in READ_ART or settings.tracks.source not in ("folder", "fma"):
        raise ConfigError("artworks come from folder, artgraph or artgraph-csv; tracks from folder or fma")
    return (
        *READ_ART[settings.artworks.source],
        *BEFORE_MATCHING,
        *(stage for space in SPACES if getattr(settings.embeddings, space) for stage in SPACES[space]),
        Stage("calibration", ("splits", *sides), ("matching",), _calibration),
        Stage("matching", scored, ("matching",), _matching),
        Stage("certificates", ("matching", *scored), ("matching",), _certificates),
        Stage("pairs", ("matching", *scored), ("matching",), _pairs),
        RELEASE,
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
    made: dict[str, Made] = {}
    for one in all_steps(settings):
        if (found := one.current()) is None:
            return None
        made[one.name] = found
    return made


def check(settings: Settings) -> None:
    """Look up every folder and model that the settings name, before anything runs.

    Raises:
        ConfigError: one of them is not there; says which there are.
    """
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
