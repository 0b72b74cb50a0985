"""How every stage is wired: from the settings to a function of tables. The only file that knows both.

A function is named after the table that its stage writes. A stage's module is imported where the stage is
wired: to see that all is current must not wait for what would make it.
"""

import weakref
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from artsound.errors import Outcome, SourceError, extra
from artsound.matching.policy import Policy
from artsound.media.files import Media, fingerprint, open_media
from artsound.models import registry
from artsound.models.files import require
from artsound.progress import LOG
from artsound.settings import Settings, values
from artsound.steps import Run
from artsound.store import Store, disk_errors
from artsound.takedown import leave_out, read_register, register_text, without_held


def _images(settings: Settings) -> Media:
    return open_media(settings.artworks.path)


def _audio(settings: Settings) -> Media:
    return open_media(settings.tracks.path)


def _answers(settings: Settings) -> Path:
    return settings.root / "answers.sqlite"


def graph_counts(settings: Settings) -> Run:
    return partial(_graph_counts, settings.artworks.uri, settings.artworks.database)


def graph_state(settings: Settings) -> str:
    """Identify what the graph's server holds; while it is away, what was read of it stands."""
    return _graph_state(settings.artworks.uri, settings.artworks.database, settings.root)


@lru_cache(maxsize=1)
def _graph_counts(uri: str, database: str) -> Outcome:
    from artsound.sources import artgraph_counts, artgraph_server

    return artgraph_counts.count_graph(artgraph_server.Graph(uri, database))


@lru_cache(maxsize=1)
def _graph_state(uri: str, database: str, root: Path) -> str:
    """Ask once for all steps of a build, the counting one too; `look_again` forgets the answer."""
    from artsound.sources import artgraph_counts

    try:
        return artgraph_counts.told(_graph_counts(uri, database).rows)
    except SourceError as error:
        store = Store(root)
        if store.manifest("graph_counts") is None:
            raise
        LOG.warning("%s; what was read of it stands", error)
        return artgraph_counts.told(store.read("graph_counts"))


def look_again() -> None:
    """Let the graph be asked again."""
    _graph_counts.cache_clear()
    _graph_state.cache_clear()


def source_files(settings: Settings) -> Run:
    from artsound.sources.files import list_files

    graph = partial(graph_state, settings)
    return partial(list_files, settings.artworks, settings.tracks, graph)


def all_files(settings: Settings) -> str:
    """Identify what both sources read from disk, and the graph on a server."""
    graph = graph_state(settings) if settings.artworks.source == "artgraph" else ""
    return "/".join((art_files(settings), music_files(settings), graph))


def art_keys(settings: Settings) -> Run:
    from artsound.sources import bolt

    return partial(bolt.read_keys, settings.artworks)


def raw_artists(settings: Settings) -> Run:
    from artsound.sources.readers import ARTIST_SOURCES

    return partial(ARTIST_SOURCES[settings.artworks.source], settings.artworks)


def graph_extra(settings: Settings) -> Run:
    from artsound.sources.readers import EXTRA_SOURCES

    return partial(EXTRA_SOURCES[settings.artworks.source], settings.artworks)


def raw_artworks(settings: Settings) -> Run:
    from artsound.sources.readers import ART_SOURCES

    return partial(ART_SOURCES[settings.artworks.source], settings.artworks)


def raw_tracks(settings: Settings) -> Run:
    from artsound.sources.readers import MUSIC_SOURCES

    return partial(MUSIC_SOURCES[settings.tracks.source], settings.tracks)


def raw_musicians(settings: Settings) -> Run:
    from artsound.sources.readers import MUSICIAN_SOURCES

    return partial(MUSICIAN_SOURCES[settings.tracks.source], settings.tracks)


def albums(settings: Settings) -> Run:
    from artsound.sources.readers import ALBUM_SOURCES

    return partial(ALBUM_SOURCES[settings.tracks.source], settings.tracks)


def artworks(settings: Settings) -> Run:
    from artsound.catalog.artworks import clean_artworks

    limit, workers = settings.catalog.max_megapixels, settings.runtime.workers
    return partial(clean_artworks, media=_images(settings), max_megapixels=limit, workers=workers)


def tracks(_: Settings) -> Run:
    from artsound.catalog.tracks import clean_tracks

    return clean_tracks


def clips(settings: Settings) -> Run:
    from artsound.catalog.clips import check_clips

    shortest, workers = settings.catalog.min_seconds, settings.runtime.workers
    return partial(check_clips, media=_audio(settings), min_seconds=shortest, workers=workers)


def artists(_: Settings) -> Run:
    from artsound.catalog.artists import list_artists

    return list_artists


def fingerprints(settings: Settings) -> Run:
    from artsound.catalog.fingerprints import fingerprint_clips

    return partial(fingerprint_clips, media=_audio(settings), workers=settings.runtime.workers)


def chromaprint(_: Settings) -> str:
    """Name what makes the fingerprints, or say how to install it."""
    from artsound.catalog.fingerprints import identity

    return identity()


def duplicates(settings: Settings) -> Run:
    from artsound.catalog.duplicates import find_duplicates

    catalog = settings.catalog
    return partial(
        find_duplicates, near_bits=catalog.near_duplicate_bits, near_errors=catalog.near_duplicate_errors
    )


def splits(settings: Settings) -> Run:
    from artsound.splits import draw_splits

    drawn = settings.splits
    draw = partial(
        draw_splits, salt=drawn.salt, shares=drawn.shares, exact_duplicates=settings.catalog.exact_duplicates
    )
    register = read_register(settings.takedowns) if settings.freed == "rematch" else []
    return lambda *given: leave_out(draw(*given), duplicates=given[-1], register=register)


def taken_down(settings: Settings) -> str:
    return _register(settings, "rematch")


def art_measures(settings: Settings) -> Run:
    from artsound.measures.image import measure_artworks

    return partial(measure_artworks, media=_images(settings), workers=settings.runtime.workers)


def music_measures(settings: Settings) -> Run:
    from artsound.measures.music import measure_clips

    return partial(measure_clips, media=_audio(settings), workers=settings.runtime.workers)


def art_captions(settings: Settings) -> Run:
    from artsound.captions.artworks import caption_artworks

    return partial(
        caption_artworks,
        captioner=registry.art_captioner(settings.captions.art, answers=_answers(settings)),
        media=_images(settings),
        batch_size=settings.runtime.batch_size,
    )


def music_captions(settings: Settings) -> Run:
    from artsound.captions.clips import caption_clips

    return partial(
        caption_clips,
        captioner=registry.music_captioner(settings.captions.music, answers=_answers(settings)),
        media=_audio(settings),
        batch_size=settings.runtime.batch_size,
    )


def image_vectors(settings: Settings, *, space: str) -> Run:
    from artsound.embeddings import embed_artworks, in_numbers

    run = partial(
        embed_artworks,
        encoder=registry.images_of(space, settings.embeddings),
        media=_images(settings),
        max_megapixels=settings.catalog.max_megapixels,
        batch_size=settings.runtime.batch_size,
        workers=settings.runtime.workers,
    )
    return in_numbers(run, settings.embeddings.numbers)


def sound_vectors(settings: Settings, *, space: str) -> Run:
    from artsound.embeddings import embed_clips, in_numbers

    encoder, runtime = registry.sounds_of(space, settings.embeddings), settings.runtime
    media, size = _audio(settings), runtime.batch_size
    run = partial(embed_clips, encoder=encoder, media=media, batch_size=size, workers=runtime.workers)
    return in_numbers(run, settings.embeddings.numbers)


def word_vectors(settings: Settings, *, space: str, id_column: str) -> Run:
    """Sentence and paragraph for the sentence encoder; CLIP and CLAP read few words: the sentence alone."""
    from artsound.embeddings import embed_captions, in_numbers

    run = partial(
        embed_captions,
        encoder=registry.texts_of(space, settings.embeddings),
        id_column=id_column,
        batch_size=settings.runtime.batch_size,
        words=("caption", "paragraph") if space == "sentence" else ("caption",),
    )
    return in_numbers(run, settings.embeddings.numbers)


def space(name: str) -> Callable[[Settings], str]:
    return lambda settings: registry.identity_of(name, settings.embeddings)


def calibration(settings: Settings) -> Run:
    from artsound.matching.stage import calibrate

    return partial(calibrate, weights=weights(settings))


def matching(settings: Settings) -> Run:
    from artsound.matching.history import write_history
    from artsound.matching.stage import match_splits

    store = Store(settings.root)
    previous = store.read("matching") if store.manifest("matching") else None
    return partial(
        match_splits,
        policy=policy_of(settings),
        previous=previous,
        engine=settings.runtime.engine,
        note=partial(write_history, settings.root, settings=values(settings.matching)),
    )


def certificates(settings: Settings) -> Run:
    from artsound.matching.stage import certify

    return partial(certify, policy=policy_of(settings))


def policy_of(settings: Settings) -> Policy:
    """Gather what a matching may do."""
    return Policy(**{field.name: getattr(settings.matching, field.name) for field in fields(Policy)})


def chance(_: Settings) -> Run:
    from artsound.matching.report import against_chance

    return against_chance


def pairs(_: Settings) -> Run:
    from artsound.matching.stage import explain_pairs

    return explain_pairs


def release_rows(settings: Settings) -> Callable[[int, int], Outcome]:
    """Lay the release out piece by piece; meanwhile its tables lie in their new order among the parts."""
    from artsound.release.plan import READS, plan_release
    from artsound.review.reviews import stored_reviews, without_refused

    store = Store(settings.root)
    register = read_register(settings.takedowns) if settings.freed == "leave" else []

    def choose(pairs: pa.Table) -> Outcome:
        kept = without_refused(stored_reviews(store), pairs)
        left = without_held(store.read("duplicates"), register, kept.rows) if register else Outcome(kept.rows)
        return Outcome(left.rows, [*kept.rejects, *left.rejects])

    parts = settings.root / "parts" / "release_rows"
    with disk_errors(parts):
        parts.mkdir(parents=True, exist_ok=True)
        scratch = TemporaryDirectory(prefix="ordered-", dir=parts, ignore_cleanup_errors=True)
        sources = {name: store.path(name) for name in READS}
        planner = plan_release(sources, Path(scratch.name), choose)
    weakref.finalize(planner, scratch.cleanup)
    return planner


def kept_out(settings: Settings) -> str:
    """Identify what keeps pairs out of a release: reviews, takedowns; nothing while there are none."""
    found = Store(settings.root).manifest("reviews")
    return (found.content if found else "") + _register(settings, "leave")


def _register(settings: Settings, freed: str) -> str:
    """Write the register for a stage that applies it where what it frees is to be dealt with so."""
    return register_text(read_register(settings.takedowns)) if settings.freed == freed else ""


def art_files(settings: Settings) -> str:
    return "/".join(fingerprint(place) for place in settings.artworks.places)


def check_sources(settings: Settings) -> None:
    """Look at the headers of what the sources read.

    Raises:
        ConfigError: a column or file is missing; says which.
    """
    from artsound.sources.readers import ART_CHECKS, MUSIC_CHECKS

    for checks, collection in ((ART_CHECKS, settings.artworks), (MUSIC_CHECKS, settings.tracks)):
        if look := checks.get(collection.source):
            look(collection)


def check_release(settings: Settings) -> None:
    """See to it that a release which may come hours later can be made.

    Raises:
        MissingExtra: pictures are asked for, and nothing draws them.
    """
    if settings.release.plots:
        require("release.plots", ("matplotlib",), extra("publish"))


def music_files(settings: Settings) -> str:
    return "/".join(fingerprint(place) for place in settings.tracks.places)


# term of the score → the table of the art side, the table of the music side; weights: [matching]
TERMS: dict[str, tuple[str, str]] = {
    "sentence": ("art_sentence_vectors", "music_sentence_vectors"),
    "clip": ("art_clip_vectors", "music_clip_vectors"),
    "clap": ("art_clap_vectors", "music_clap_vectors"),
    "imagebind": ("art_imagebind_vectors", "music_imagebind_vectors"),
    "affect": ("art_measures", "music_measures"),
}


def weights(settings: Settings) -> dict[str, float]:
    given = {term: getattr(settings.matching, term) for term in TERMS}
    return {term: weight for term, weight in given.items() if weight > 0}
