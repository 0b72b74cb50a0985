"""What a release says of itself in words: shared by the dataset card, its datasheet and `croissant.json`."""

from collections.abc import Iterator, Sequence

from artsound.release.attribution import escape
from artsound.release.layout import ReleaseOptions
from artsound.release.manifest import ReleaseManifest

RULE = (
    "packaging is a patch, additions are a minor, edits, removals and moves between splits are a major "
    "version; "
    "a published version never changes."
)
_SPDX = "https://spdx.org/licenses/"


def summary(made: ReleaseManifest) -> str:
    """Say in a few sentences what it is."""
    return (
        f"{made.pairs} pairs of an artwork and a music clip, with captions of both sides, scores, "
        f"licences and "
        f"provenance. {_partners(made)} Splits were drawn by artist, album and duplicate before matching."
    )


def _partners(made: ReleaseManifest) -> str:
    """Say how many pairs an item may stand in, which the settings of the matching decide."""
    if made.most_pairs == (1, 1):
        return "Pairs are matched one to one inside each split."
    artwork, clip = made.most_pairs
    return (
        f"Pairs are matched inside each split: an artwork stands in at most {artwork} of them, "
        f"a clip in at most {clip}."
    )


def changelog(made: ReleaseManifest, options: ReleaseOptions, changed: Sequence[str], earlier: str) -> str:
    """Say what is new in this version and what it holds, above what was said of the versions before.

    Args:
        made: the version.
        options: what its publisher says of it.
        changed: how it differs from the version before.
        earlier: `entries` of that one's changelog.
    """
    day = f" ({options.published})" if options.published else ""
    splits = ", ".join(f"{pairs} {split}" for split, pairs in made.splits.items())
    lines = [*options.changes, *changed, f"{made.pairs} pairs: {splits}."]
    listed = "\n".join(f"- {escape(line)}" for line in lines)
    newest = f"{_ENTRY}{made.version}{day}\n\n{listed}\n"
    told = "\n".join([newest, earlier] if earlier else [newest])
    return f"# Changelog\n\nVersions follow this rule: {RULE}\n\n{told}"


def entries(text: str) -> str:
    """Take the entries out of a changelog, the newest first."""
    return text[text.index(_ENTRY) :] if _ENTRY in text else ""


CHANGELOG = "CHANGELOG.md"
_ENTRY = "## "


def licence_links(made: ReleaseManifest) -> list[str]:
    """Link the licences of a release's items; what SPDX does not list is named."""
    names = sorted({name for side in made.licences.values() for name in side})
    return [name if name.startswith("LicenseRef") else f"{_SPDX}{name}" for name in names]


def responsible(made: ReleaseManifest) -> dict[str, str]:
    """Fill the fields of the Croissant vocabulary for responsible AI."""
    media = "Image and audio files with the metadata of their collections; " + (
        "media are released with their original bytes." if made.media else "the files are not released."
    )
    chosen = "Media bytes are not changed. Pairs are chosen by an optimal assignment over similarity scores. "
    return RESPONSIBLE | {
        "dataCollectionRawData": media,
        "dataManipulationProtocol": chosen + _partners(made),
    }


# What is true of every release of the build.
RESPONSIBLE = {
    "dataCollection": "Artworks and recordings are taken from existing collections with their metadata; "
    "nothing "
    "was commissioned. The manifest names tables, settings and content hashes.",
    "dataCollectionType": "Secondary data analysis",
    "dataCollectionMissingData": "Items that do not decode, are too short, too large or exact "
    "duplicates are left "
    "out and counted by reason. Unknown values are null, never guessed.",
    "dataCollectionTimeframe": "Works are of the dates that each pair's metadata states.",
    "dataImputationProtocol": "None: what is not known stays null.",
    "dataPreprocessingProtocol": "Full decoding as a check, content hashes, licence texts mapped to "
    "SPDX ids, years "
    "read from free text, duplicate clusters, splits by hash of artist, album and duplicate group.",
    "dataAnnotationProtocol": "Captions and measures are computed from media and metadata by the models "
    "that each "
    "caption names.",
    "dataAnnotationPlatform": "ArtSound builder",
    "dataAnnotationAnalysis": "Captions are checked against what they may claim; reviewers can accept "
    "or reject "
    "pairs on the audit page.",
    "annotationsPerItem": "One caption set for each artwork and each clip",
    "annotatorDemographics": "Not applicable: annotations are made by machines",
    "machineAnnotationTools": "The models named in each caption's and measure's `model`",
    "dataReleaseMaintenancePlan": f"Semantic versions: {RULE}",
    "personalSensitiveInformation": "Names of artists as published by the collections. Artworks may "
    "depict people.",
    "dataSocialImpact": "Models trained on it can make music from pictures; they can imitate styles of "
    "living "
    "artists and carry the collections' view of what art and music are.",
    "dataBiases": "The collections over-represent western, male and canonical art, and freely licensed "
    "popular "
    "music; captions follow the biases of the models that wrote them.",
    "dataLimitations": "Pairs are computed, not chosen by people; a score is a similarity of machine-made "
    "descriptions and no judgement of quality.",
    "dataUseCases": "Research on cross-modal retrieval and on music generation from images; not suited "
    "to judge "
    "artists, cultures or emotions of people.",
}


def known_limits(made: ReleaseManifest) -> Iterator[str]:
    """Say what to know before using a release: what holds of all of them, and what its own numbers say."""
    yield from (RESPONSIBLE[name] for name in ("dataLimitations", "dataBiases", "dataSocialImpact"))
    if not made.media:
        yield "No image or recording is in it; links may have gone since, or lead to something else."
    if unknown := made.tiers.get("unknown", 0):
        yield f"The licence of at least one side of {unknown} pairs is not known."
    tables = made.facts.get("tables", {})
    for name, what in (("artworks", "artworks"), ("clips", "recordings")):
        if refused := sum(tables.get(name, {}).get("rejects", {}).values()):
            yield f"{refused} {what} of the sources were unusable and left out; the manifest says why."
    for row in made.facts.get("chance", ()):
        if row["beaten"] > _CHANCE:
            yield (
                f"In {row['split']}, {row['beaten']:.0%} of the shuffles score as high as the pairs: "
                "they are too few, or too alike, to tell matching from chance."
            )
    small = [split for split, pairs in made.splits.items() if pairs < _FEW]
    if small:
        yield f"Too few pairs for an evaluation: {', '.join(small)} (fewer than {_FEW})."


_CHANCE = 0.05  # share of shuffles as good as the pairs that is worth saying
_FEW = 100  # pairs of a split


def datasheet(made: ReleaseManifest) -> dict[str, str]:
    """Answer the sections of a datasheet (Gebru et al. 2021, arXiv:1803.09010)."""
    told = responsible(made)
    return {
        "Motivation": "Made for research on relations between visual art and music, above all retrieval "
        "across the two and generation of music from images.",
        "Composition": "Each instance is one artwork and one music clip with their metadata, captions, "
        f"measures and scores. {_partners(made)} Labels are machine-made. "
        + told["dataCollectionMissingData"],
        "Collection": told["dataCollection"],
        "Preprocessing": told["dataPreprocessingProtocol"] + " " + told["dataManipulationProtocol"],
        "Uses": told["dataUseCases"],
        "Distribution": "Every item keeps the licence of its source; `ATTRIBUTION.md` names maker, source "
        "and licence of each. Use a pair only as both of its licences allow.",
        "Maintenance": told["dataReleaseMaintenancePlan"],
    }
