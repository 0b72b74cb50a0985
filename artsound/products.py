"""The two products at the end of the build, as steps: the release folder and the audit page beside it."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artsound import __version__, costs
from artsound.cost_sheet import cost_sheet
from artsound.errors import ConfigError, MissingExtra, StoreError, extra
from artsound.media.files import open_media
from artsound.publish.history import PlannedVersion, before, history, told_of
from artsound.receive.diff import Diff, PublishedVersion, compare
from artsound.receive.find import Published
from artsound.release.arrays import Arrays, vectors_of
from artsound.release.build import More, Release, ReleaseOptions
from artsound.release.certificate import Proof, write_certificate
from artsound.release.manifest import FileRecord, ReleaseManifest
from artsound.release.rows import StoredRows
from artsound.settings import Settings, values
from artsound.steps import Job, Made
from artsound.store import Store, disk_errors, write_whole
from artsound.tables import TABLES
from artsound.takedown import TOMBSTONES, read_register, write_register
from artsound.wiring import TERMS, policy_of, weights

if TYPE_CHECKING:
    from artsound.review.page import Page

COPIED = 2 * 10**9  # bytes of packed recordings that an audit page may copy


def release_folder(settings: Settings) -> Path:
    """Where the finished release stands."""
    return settings.root / "release" / f"{settings.release.name}-{settings.release.version}"


def audit_folder(settings: Settings) -> Path:
    """Where the audit page stands: beside the release, since it is no part of it."""
    folder = release_folder(settings)
    return folder.with_name(f"{folder.name}-audit")


PROOF = ("matching", "pairs", "splits", "calibration", "certificates")  # tables, in the order of `Proof`


@dataclass(frozen=True)
class ReleaseFolder:
    """The versioned folder of shards, tables, card and manifest; one part a shard file."""

    settings: Settings
    name: str = "release"

    @property
    def reads(self) -> tuple[str, ...]:
        """The plan, what the leak report looks at, and the vectors that are published."""
        tables = (
            "release_rows",
            "source_files",
            "artworks",
            "tracks",
            "clips",
            "duplicates",
            "chance",
            *PROOF,
        )
        return (*tables, *(table for table, _ in vector_tables(self.settings.release.vectors)))

    @cached_property
    def _before(self) -> Published | None:
        chosen = self.settings.release
        return before(release_folder(self.settings), _options(self.settings), chosen.follows)

    @cached_property
    def release(self) -> Release:
        """The release that the settings ask for; nothing of it is written yet."""
        store, chosen = Store(self.settings.root), self.settings.release
        return Release(
            release_folder(self.settings),
            StoredRows(store.path("release_rows"), _content(store, "release_rows")),
            options=_options(self.settings),
            images=open_media(self.settings.artworks.path),
            audio=open_media(self.settings.tracks.path),
            facts=_facts(self.settings, store) | {"follows": told_of(self._before)},
            arrays=[*_vectors(store, chosen.vectors), *_latents(chosen.latents)],
            costs=lambda: cost_sheet(self.settings, self.release),
        )

    def current(self) -> Made | None:
        """Return the release's facts when it was made from the present rows and settings."""
        if Store(self.settings.root).manifest("release_rows") is None:
            return None
        found = self.release.current()
        return _made(found, ran=False) if found else None

    def begin(self) -> Job:
        """One part a shard.

        Raises:
            ReleaseError: the version says less than what changed since the one before; names the right one.
        """
        history(self.release, self._before)
        return Job(self.release.digest, self.release.parts())

    def run(self, job: Job, number: int) -> None:
        """Write one shard, unless it is there."""
        if not self.release.done(number):
            with costs.counted(self.settings.root, self.name, job.digest, f"part-{number:06d}"):
                self.release.run(number)

    def finish(self, job: Job) -> Made:
        """Write what describes the shards, and put the folder in its place."""
        add = [_proof(self.settings), *_tombstones(self.settings)]
        with costs.counted(self.settings.root, self.name, job.digest, "finish"):
            changed, earlier = history(self.release, self._before)
            made = self.release.finish(add=add, changed=changed, earlier=earlier)
        costs.forget_others(self.settings.root, self.name, job.digest)
        return _made(made, ran=True)

    def changes(self) -> tuple[str, Diff]:
        """Compare what the settings would release now with the version before.

        Raises:
            ConfigError: there is none.
        """
        if self._before is None:
            raise ConfigError("no earlier version stands beside this one: name its folder as release.follows")
        version = self._before.manifest.version
        return version, compare(PublishedVersion(self._before), PlannedVersion(self.release))


@dataclass(frozen=True)
class AuditPage:
    """A page that shows every pair; opens from disk."""

    settings: Settings
    name: str = "audit"
    reads: tuple[str, ...] = ("release_rows",)

    def current(self) -> Made | None:
        """Return the page's facts when it shows the present rows."""
        marker = audit_folder(self.settings) / ".made-from"
        found = Store(self.settings.root).manifest("release_rows")
        if found is None or not marker.exists() or marker.read_text() != self._digest(found.content):
            return None
        return Made(marker.read_text(), found.rows, {}, ran=False)

    def begin(self) -> Job:
        """One part for some hundred pairs."""
        from artsound.review.page import part_rows

        found = Store(self.settings.root).manifest("release_rows")
        if found is None:
            raise StoreError("release_rows is not built yet: run `artsound build`")
        return Job(self._digest(found.content), max(1, -(-found.rows // part_rows())))

    def run(self, job: Job, number: int) -> None:
        """Write a part into a folder that is not the page's yet, unless it is there."""
        from artsound.review.page import Sources, part_rows

        start = number * part_rows()
        rows = Store(self.settings.root).slice("release_rows", start, part_rows())
        sources = Sources(open_media(self.settings.artworks.path), open_media(self.settings.tracks.path))
        with disk_errors(self._staging(job)):
            self._page(job).write(rows, start, sources, workers=self.settings.runtime.workers)

    def finish(self, job: Job) -> Made:
        """Write the index, and put the folder in its place."""
        folder, staging = audit_folder(self.settings), self._staging(job)
        with disk_errors(staging):
            (staging / "data").mkdir(parents=True, exist_ok=True)
            self._page(job).finish()
            write_whole(staging / ".made-from", lambda part: part.write_text(job.digest))
            shutil.rmtree(folder, ignore_errors=True)
            staging.rename(folder)
            for left in folder.parent.glob(f".{folder.name}.*"):  # of other rows
                shutil.rmtree(left, ignore_errors=True)
        rows = Store(self.settings.root).manifest("release_rows")
        return Made(job.digest, rows.rows if rows else 0, {}, ran=True)

    def _staging(self, job: Job) -> Path:
        folder = audit_folder(self.settings)
        return folder.with_name(f".{folder.name}.{job.digest[:16]}")

    def _page(self, job: Job) -> "Page":
        """Prepare the page; sounds that cannot be linked, and are many, are served from the shards."""
        from artsound.review.page import PLAN, Page

        plan = Store(self.settings.root).read("release_rows", [*PLAN, "audio_bytes"])
        packed = not self.settings.tracks.path.is_dir()
        shards = packed and sum(plan["audio_bytes"].to_pylist()) > COPIED
        title = f"{self.settings.release.name} {self.settings.release.version}"
        return Page(self._staging(job), plan, title, shards)

    def _digest(self, content: str) -> str:
        chosen = self.settings.release
        return hashlib.sha256(
            f"{content}/{chosen.name}/{chosen.version}/{__version__}/3".encode()
        ).hexdigest()


def _options(settings: Settings) -> ReleaseOptions:
    given = values(settings.release)
    return ReleaseOptions(**{name: value for name, value in given.items() if name not in _PLACES})


_PLACES = ("latents", "follows")  # settings of a release that say where something lies


def _made(found: ReleaseManifest, *, ran: bool) -> Made:
    return Made(found.made_from, found.pairs, {}, ran)


def vector_tables(spaces: Iterable[str]) -> list[tuple[str, str]]:
    """Name the tables of some spaces, each with the column of the plan that its items stand in."""
    sides = (("art", "artwork_id"), ("music", "clip_id"))
    named = [(f"{side}_{space}_vectors", key) for space in spaces for side, key in sides]
    return [(table, key) for table, key in named if table in TABLES]


def _vectors(store: Store, spaces: Iterable[str]) -> Iterator[Arrays]:
    for table, key in vector_tables(spaces):
        yield vectors_of(store.read(table), table.removesuffix("_vectors"), key, _content(store, table))


def _latents(cache: Path | None) -> Iterator[Arrays]:
    if cache is None:
        return
    try:
        from artsound.train.latents import latents_of
    except ImportError as error:
        raise MissingExtra(f"release.latents needs the extra `train`: {extra('train')}") from error
    yield latents_of(cache)


def _content(store: Store, name: str) -> str:
    found = store.manifest(name)
    if found is None:
        raise StoreError(f"{name} is not built yet: run `artsound build`")
    return found.content


def _tombstones(settings: Settings) -> list[More]:
    """Keep in the release what was taken down, so that holders of older copies learn of it."""
    register = read_register(settings.takedowns)

    def add(folder: Path) -> Sequence[FileRecord]:
        write_register(register, folder / TOMBSTONES)
        return ()

    return [add] if register else []


def _proof(settings: Settings) -> More:
    """Keep in the release what proves its matching."""
    store = Store(settings.root)
    proof = Proof(**{name: store.read(name) for name in PROOF}, policy=policy_of(settings))
    terms = [term for term in weights(settings) if TERMS[term][0].endswith("_vectors")]
    if not set(terms) <= set(settings.release.vectors):
        return lambda folder: write_certificate(folder, proof)
    from artsound.matching.stage import fused_splits

    sides = (store.read(table) for term in weights(settings) for table in TERMS[term])
    dense = partial(fused_splits, proof.calibration, proof.splits, *sides)
    return lambda folder: write_certificate(folder, proof._replace(fused=dense))


def _facts(settings: Settings, store: Store) -> dict[str, Any]:
    """Gather what the manifest and the card tell of the build, beside the rows themselves."""
    listed = (path.stem for path in sorted((settings.root / "tables").glob("*.json")))
    built = (name for name in listed if name != "reviews")  # handed in by people, not built
    found = {name: manifest for name in built if (manifest := store.manifest(name))}
    from artsound.provenance import told_sources
    from artsound.splits import leak_report

    read = store.read
    told = {name: value for name, value in values(settings.release).items() if name not in _PLACES}
    return {
        "code_version": __version__,
        "settings": {k: v for k, v in values(settings).items() if k != "runtime"} | {"release": told},
        "tables": {name: asdict(manifest) for name, manifest in found.items()},
        "models": _models(store, found),
        "sources": told_sources(settings, store),
        "matching": read("certificates").to_pylist(),
        "chance": read("chance").to_pylist(),
        "leaks": leak_report(read("splits"), read("artworks"), read("tracks"), read("duplicates")),
    }


def _models(store: Store, built: Iterable[str]) -> dict[str, list[str]]:
    """Name the models of each table, as its rows tell them."""
    told = (name for name in built if "model" in TABLES[name].names)
    return {name: sorted(store.read(name, ["model"])["model"].unique().to_pylist()) for name in told}
