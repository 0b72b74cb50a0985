"""Every table of the build, in one place: columns, types, units, meaning.

A stage returns rows; `conform` is the only gate between a stage and the disk.
`schemas/*.json` are written from here by `make schemas` and reviewed like code.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from artsound import contracts
from artsound.contracts import TEXT, VECTOR, WEIGHTED, WORDS, column, maybe, table

PRINCIPLES = (
    *("balance", "harmony", "variety", "unity", "contrast"),
    *("emphasis", "proportion", "movement", "rhythm", "pattern"),
)
EMOTIONS = (
    *("amusement", "awe", "contentment", "excitement"),
    *("anger", "disgust", "fear", "sadness", "something else"),
)

_ARTWORK_ID = column("artwork_id", TEXT, "key of the artwork in its source; for ArtGraph `Artwork.name`")
_TRACK_ID = column("track_id", TEXT, "key of the track in its source; for FMA the track id")
_CLIP_ID = column("clip_id", TEXT, "key of the clip; one clip a track, so it equals the track's")
_EXTRA = column("extra", TEXT, "JSON object of what else the source says; nothing is dropped silently")
_SIDE = column("side", TEXT, "art or music")
_ITEM_ID = column("item_id", TEXT, "artwork_id or clip_id, by side")
_SPLIT = column("split", TEXT, "train, val or test; drawn by group before matching")
_MODEL = column("model", TEXT, "name@revision of what made it; the revision identifies the weights")

_WHEN = (
    maybe("date", TEXT, "as the source writes it"),
    maybe("year_from", pa.int32(), "first year the date allows; negative before the common era", unit="year"),
    maybe("year_to", pa.int32(), "last year the date allows", unit="year"),
    maybe("circa", pa.bool_(), "the source marks the date as approximate"),
)
_LICENCE = (
    column(
        "licence", TEXT, "SPDX id, or LicenseRef-… where SPDX has none; LicenseRef-unknown, never guessed"
    ),
    maybe("licence_text", TEXT, "as the source writes it"),
    maybe("licence_url", TEXT, "where the source links the licence"),
    maybe("source_url", TEXT, "page of the item at its source"),
)
_FILE = (
    column("sha256", TEXT, "of the original bytes"),
    column("bytes", pa.int64(), "size of the original file", unit="B"),
)

_MAKER = maybe("artist", TEXT, "printed name of the artist; null when unknown")
_KNOWN = (
    maybe("dimensions", TEXT, "as the source writes them"),
    maybe("image_url", TEXT, "where the source links the image"),
    maybe("period", TEXT, "period of the artist's work"),
    maybe("series", TEXT, "series the artwork belongs to"),
    maybe("gallery", TEXT, "who holds it"),
    maybe("city", TEXT, "where it was made"),
    maybe("country", TEXT, "where it was made"),
    column("emotions", WEIGHTED, "emotions named by annotators and how many named them; may be empty"),
)

RAW_ARTWORKS = table(
    _ARTWORK_ID,
    column("image_path", TEXT, "relative to the source's root"),
    maybe("title", TEXT, "title"),
    maybe("artist", TEXT, "printed name"),
    maybe("artist_key", TEXT, "key of the artist in the source; for ArtGraph the WikiArt slug"),
    maybe("date", TEXT, "free text"),
    maybe("licence", TEXT, "free text"),
    maybe("licence_url", TEXT, "link to the licence"),
    maybe("source_url", TEXT, "page of the artwork"),
    maybe("medium", TEXT, "materials and technique"),
    maybe("culture", TEXT, "culture or country of origin"),
    maybe("style", TEXT, "style"),
    maybe("genre", TEXT, "genre"),
    column("tags", WORDS, "subjects; may be empty"),
    *_KNOWN,
    maybe("gallery_city", TEXT, "where the gallery is"),
    maybe("gallery_country", TEXT, "where the gallery is"),
    _EXTRA,
    key="artwork_id",
    about="Artworks as their source names them; nothing is checked yet.",
)

ART_KEYS = table(
    _ARTWORK_ID,
    key="artwork_id",
    about="The artworks of a graph, in the order of its comparisons; windows of it are read one by one.",
)

RAW_ARTISTS = table(
    column("artist_key", TEXT, "key of the artist in the source; for ArtGraph the WikiArt slug"),
    maybe("name", TEXT, "printed name"),
    maybe("birth_date", TEXT, "as the source writes it"),
    maybe("death_date", TEXT, "as the source writes it"),
    maybe("birth_year", pa.int32(), "null when the date allows several", unit="year"),
    maybe("death_year", pa.int32(), "null when the date allows several", unit="year"),
    maybe("birth_place", TEXT, "as the source writes it"),
    maybe("death_place", TEXT, "as the source writes it"),
    maybe("gender", TEXT, "as the source writes it"),
    maybe("biography", TEXT, "free text"),
    maybe("image_url", TEXT, "portrait"),
    maybe("wikipedia_url", TEXT, "page of the artist"),
    maybe("dbpedia_url", TEXT, "page of the artist"),
    column("movements", WORDS, "movements; may be empty"),
    column("fields", WORDS, "fields of work; may be empty"),
    column("schools", WORDS, "schools, and persons that the source mixes with them; may be empty"),
    column("teachers", WORDS, "artist keys; may be empty"),
    column("patrons", WORDS, "patrons; may be empty"),
    column("subjects", WORDS, "categories of encyclopaedias; may be empty"),
    _EXTRA,
    key="artist_key",
    about="Artists as the graph knows them.",
)

RAW_TRACKS = table(
    _TRACK_ID,
    column("audio_path", TEXT, "relative to the source's root"),
    maybe("title", TEXT, "title"),
    maybe("artist", TEXT, "printed name"),
    maybe("artist_key", TEXT, "key of the artist in the source; for FMA the artist id"),
    maybe("album", TEXT, "album"),
    maybe("album_key", TEXT, "key of the album in the source; for FMA the album id"),
    maybe("date", TEXT, "free text"),
    maybe("licence", TEXT, "free text"),
    maybe("licence_url", TEXT, "link to the licence"),
    maybe("source_url", TEXT, "page of the track"),
    column("genres", WORDS, "genres; may be empty"),
    column("tags", WORDS, "tags; may be empty"),
    maybe("description", TEXT, "free text"),
    maybe("language", TEXT, "ISO 639-1 code of the vocals"),
    _EXTRA,
    key="track_id",
    about="Tracks as their source names them; nothing is checked yet.",
)

ARTISTS = table(
    column("artist_id", TEXT, "side:slug; `side:?item` stands for the unknown artist of one item"),
    _SIDE,
    maybe("name", TEXT, "printed name; null when unknown"),
    column("items", pa.int32(), "artworks or tracks by this artist"),
    key="artist_id",
    about="Who made the artworks and the tracks; splits never divide an artist.",
)

ARTWORKS = table(
    _ARTWORK_ID,
    column("artist_id", TEXT, "row of `artists`"),
    _MAKER,
    maybe("title", TEXT, "title"),
    *_WHEN,
    maybe("medium", TEXT, "materials and technique"),
    maybe("culture", TEXT, "culture or country of origin"),
    maybe("style", TEXT, "style"),
    maybe("genre", TEXT, "genre"),
    column("tags", WORDS, "subjects; may be empty"),
    *_KNOWN,
    *_LICENCE,
    column("image_path", TEXT, "relative to the source's root"),
    *_FILE,
    column("format", TEXT, "lower-case file extension of the decoded format: jpg, png, webp, tiff"),
    column("width", pa.int32(), "after EXIF orientation", unit="px"),
    column("height", pa.int32(), "after EXIF orientation", unit="px"),
    column("phash", TEXT, "64-bit perceptual hash (DCT), 16 hex digits"),
    key="artwork_id",
    about="Artworks whose image decodes fully, cleaned.",
)

TRACKS = table(
    _TRACK_ID,
    column("artist_id", TEXT, "row of `artists`"),
    _MAKER,
    maybe("title", TEXT, "title"),
    maybe("album", TEXT, "album"),
    maybe("album_id", TEXT, "the same for all tracks of an album; splits never divide an album"),
    *_WHEN,
    column("genres", WORDS, "genres; may be empty"),
    column("tags", WORDS, "tags; may be empty"),
    maybe("description", TEXT, "free text"),
    maybe("language", TEXT, "ISO 639-1 code of the vocals"),
    *_LICENCE,
    column("audio_path", TEXT, "relative to the source's root"),
    key="track_id",
    about="Tracks, cleaned; their audio is checked in `clips`.",
)

CLIPS = table(
    _CLIP_ID,
    _TRACK_ID,
    column("audio_path", TEXT, "relative to the source's root"),
    *_FILE,
    column("format", TEXT, "lower-case extension of the decoded container: mp3, ogg, flac, wav"),
    column("duration", pa.float64(), "decoded length", unit="s"),
    column("sample_rate", pa.int32(), "of the original", unit="Hz"),
    column("channels", pa.int32(), "of the original"),
    column("peak", pa.float32(), "largest absolute sample of the mono mix; 1 is full scale"),
    column("rms", pa.float32(), "of the mono mix; −120 and below is written as −120", unit="dBFS"),
    column("clipped", pa.float32(), "share of samples of the mono mix at full scale, 0 to 1"),
    column("silent", pa.float32(), "share of the time below −60 dBFS, in steps of 0.1 s, 0 to 1"),
    column("constant", pa.bool_(), "all samples of the mono mix are equal"),
    key="clip_id",
    about="Clips that decode and last at least `catalog.min_seconds`.",
)

DUPLICATES = table(
    _SIDE,
    _ITEM_ID,
    column("cluster_id", TEXT, "smallest item_id of the cluster"),
    column("kind", TEXT, "exact (same bytes) or near (perceptual hash)"),
    column("keeper", pa.bool_(), "the one item of an exact cluster that goes on when others are refused"),
    key="side,item_id,kind",
    about="Clusters of two or more items with equal or nearly equal content.",
)

SPLITS = table(
    _SIDE,
    _ITEM_ID,
    column("group_id", TEXT, "connected component over artist, album and duplicate cluster"),
    _SPLIT,
    key="side,item_id",
    about="The split of every usable item, drawn by group hash before matching.",
)

ART_MEASURES = table(
    _ARTWORK_ID,
    column("palette", WEIGHTED, "named colours and their share of the area, largest first; shares sum to 1"),
    column("lightness", pa.float32(), "mean CIE L*, 0 to 100"),
    column("contrast", pa.float32(), "standard deviation of L*"),
    column("saturation", pa.float32(), "mean CIE chroma C*ab"),
    column("warmth", pa.float32(), "chroma-weighted mean of cos(hue − 60°), −1 cold to 1 warm"),
    column("edge_density", pa.float32(), "share of pixels on an edge, 0 to 1"),
    column("symmetry", pa.float32(), "correlation with the left-right mirror image, −1 to 1"),
    column("thirds_energy", pa.float32(), "share of edge energy near the lines of thirds; 0.36 when even"),
    column("balance", pa.float32(), "1 when what stands out is centred left to right, 0 when at a border"),
    column("harmony", pa.float32(), "share of chroma in 60° of hue and the 60° opposite, 1/3 to 1"),
    column("variety", pa.float32(), "entropy of the palette over its maximum, 0 to 1"),
    column("unity", pa.float32(), "mean overlap of the palettes of 4 × 4 parts with the whole's, 0 to 1"),
    column(
        "emphasis", pa.float32(), "0: what stands out is evenly spread; 1: all in a sixteenth of the area"
    ),
    column("proportion", pa.float32(), "share of the area that differs from the border's colour, 0 to 1"),
    column("movement", pa.float32(), "share of edge energy on diagonals, 0 to 1; 0.5 when all ways alike"),
    column("rhythm", pa.float32(), "autocorrelation of accents across or down, 0 to 1"),
    column("pattern", pa.float32(), "autocorrelation of detail beyond its own size, 0 to 1"),
    column("valence", pa.float32(), "affect suggested by colour, −1 to 1; a heuristic"),
    column("arousal", pa.float32(), "affect suggested by colour and edges, −1 to 1; a heuristic"),
    key="artwork_id",
    about="What can be measured on an image: colour and composition.",
)

_CHORD = pa.struct(
    [
        pa.field("name", TEXT, False),
        pa.field("start", pa.float64(), False),
        pa.field("end", pa.float64(), False),
    ]
)

MUSIC_MEASURES = table(
    _CLIP_ID,
    column("tempo", pa.float32(), "estimated; 0 when no beat was found", unit="BPM"),
    column("tempo_confidence", pa.float32(), "correlation of the onsets one beat later, 0 to 1"),
    maybe("key", TEXT, "tonic and mode, such as `A minor`; null when no key stands out"),
    column("key_confidence", pa.float32(), "margin of the best key profile over the second, 0 to 1"),
    column("beats", pa.list_(pa.float64()), "times in the clip; empty without a tempo", unit="s"),
    column(
        "chords", pa.list_(_CHORD), "major and minor triads, such as `F#m`, with times in the clip", unit="s"
    ),
    column("loudness", pa.float32(), "integrated, ITU-R BS.1770-4; −70 is silence", unit="LUFS"),
    column("loudness_range", pa.float32(), "EBU Tech 3342", unit="LU"),
    column("dynamics", pa.float32(), "90th minus 10th percentile of the level in steps of 0.1 s", unit="dB"),
    column("brightness", pa.float32(), "mean spectral centroid, weighted by energy", unit="Hz"),
    column("bandwidth", pa.float32(), "spread of the spectrum about its centroid, likewise", unit="Hz"),
    column("noisiness", pa.float32(), "flatness of the amplitude spectrum, likewise; 0 tonal to 1 noise"),
    column("onset_rate", pa.float32(), "note onsets", unit="1/s"),
    column("tags", WEIGHTED, "musicnn tags and probabilities, likeliest first"),
    column("instruments", WEIGHTED, "the tags that name an instrument, from 0.1 upwards, likeliest first"),
    column("voice", pa.float32(), "probability of the likeliest tag that names a voice"),
    column("valence", pa.float32(), "affect suggested by mode, tempo and tags, −1 to 1; a heuristic"),
    column("arousal", pa.float32(), "affect suggested by loudness, tempo and onsets, −1 to 1; a heuristic"),
    _MODEL,
    key="clip_id",
    about="What can be measured on the middle 30 s of a clip: tempo, key, loudness, timbre, tags.",
)

_PRINCIPLE = pa.struct([pa.field("present", pa.bool_(), False), pa.field("words", TEXT, False)])
_CLAIM = pa.struct([pa.field(name, TEXT, False) for name in ("field", "stated", "measured")])
_AFFECT = (
    maybe("mood", TEXT, "mood"),
    maybe("valence", pa.float32(), "unpleasant −1 to pleasant 1"),
    maybe("arousal", pa.float32(), "calm −1 to excited 1"),
)
_CAPTION = (
    column("caption", TEXT, "one English sentence"),
    column("paragraph", TEXT, "a few English sentences"),
    maybe("reasoning", TEXT, "the model's steps, where it was asked for them"),
    column("leaks", WORDS, "names of artist, title or album that stand in the text; empty when clean"),
    column("faults", WORDS, "what `captions.checks` found in the text; empty when nothing"),
    column("contradictions", pa.list_(_CLAIM), "statements that differ from what was measured"),
    _MODEL,
    maybe("weights", TEXT, "sha256 of the weights, where they are on this machine"),
    maybe("prompt", TEXT, "name@hash of the prompt, where a model was asked"),
    maybe("sampling", TEXT, "JSON object of the sampling settings, the seed among them"),
    maybe("answer", TEXT, "the model's answer as it came"),
    maybe("seconds", pa.float32(), "time the answer took when it was first given", unit="s"),
    maybe("tokens", pa.int32(), "tokens of question and answer"),
)

ART_CAPTIONS = table(
    _ARTWORK_ID,
    maybe("subject", TEXT, "what is shown"),
    maybe("composition", TEXT, "how it is laid out"),
    maybe("colour", TEXT, "colour and light"),
    maybe("technique", TEXT, "materials and handling"),
    *(
        maybe(name, _PRINCIPLE, f"{name}, one of the ten Principles of Art; null where not judged")
        for name in PRINCIPLES
    ),
    *_AFFECT,
    maybe("emotion", TEXT, f"one of the nine ArtEmis classes: {', '.join(EMOTIONS)}"),
    *_CAPTION,
    key="artwork_id",
    about="Artworks in words, by fields.",
)

MUSIC_CAPTIONS = table(
    _CLIP_ID,
    maybe("genre", TEXT, "genre"),
    maybe("tempo", TEXT, "tempo in words and BPM"),
    maybe("bpm", pa.float32(), "tempo as stated", unit="BPM"),
    maybe("key", TEXT, "tonic and mode"),
    maybe("chords", TEXT, "chords or harmony"),
    maybe("instruments", TEXT, "instruments and voices"),
    maybe("timbre", TEXT, "colour of the sound"),
    maybe("structure", TEXT, "how it unfolds"),
    maybe("dynamics", TEXT, "loudness and its range"),
    maybe("production", TEXT, "recording and mix"),
    maybe("vocals", TEXT, "voices, or that there are none"),
    maybe("language", TEXT, "ISO 639-1 code of the vocals"),
    *_AFFECT,
    maybe("context", TEXT, "cultural context"),
    *_CAPTION,
    key="clip_id",
    about="Clips in words, by fields.",
)

VECTORS = table(
    _ITEM_ID,
    column("vector", VECTOR, "one length per table", unit="L2 norm = 1"),
    _MODEL,
    key="item_id",
    about="Embeddings of one side in one space.",
    mapped=True,
)

CALIBRATION = table(
    column("term", TEXT, "name of the term of the score"),
    column("weight", pa.float64(), "of the calibrated term in the score"),
    column("mean", pa.float64(), "of the cosine over the sample"),
    column("spread", pa.float64(), "standard deviation of the cosine over the sample"),
    column("pairs", pa.int64(), "pairs in the sample; drawn by hash"),
    column("inputs", TEXT, "first 16 hex digits of the sha256 of the term's items and vectors"),
    key="term",
    about="What brings the terms of the score to one scale: weight × (cosine − mean) / spread.",
)

MATCHING = table(
    _SIDE,
    _ITEM_ID,
    _SPLIT,
    column("partners", WORDS, "items of the other side that this one is paired with; empty when unmatched"),
    maybe(
        "reason",
        TEXT,
        "why it is unmatched: no_counterpart, outnumbered, below_min_score, artist_limit, forbidden",
    ),
    column("price", pa.float64(), "dual price, in units of the score"),
    key="side,item_id",
    about="The optimal matching inside each split, with the prices that prove it.",
)

CERTIFICATES = table(
    _SPLIT,
    column("artworks", pa.int64(), "in the split"),
    column("clips", pa.int64(), "in the split"),
    column("pairs", pa.int64(), "matched"),
    column("unmatched_artworks", pa.int64(), "without a partner"),
    column("unmatched_clips", pa.int64(), "without a partner"),
    column(
        "floor", pa.float64(), "what an item of the bidding (smaller) side counts when it is left unmatched"
    ),
    column(
        "primal", pa.float64(), "sum of the quantised scores of the pairs, and of the floor where unmatched"
    ),
    column("bound", pa.float64(), "no matching of all pairs of the split can exceed it; from the prices"),
    column("gap", pa.float64(), "(bound − primal) / |primal|; 0 proves the matching optimal"),
    column("violated", pa.int64(), "bidders whose price is not the best they could do at the others' prices"),
    key="split",
    about="Proof of optimality, recomputed from vectors, pairs and prices alone.",
)

PAIRS = table(
    column("pair_id", TEXT, "first 16 hex digits of sha256(artwork_id, newline, clip_id)"),
    _ARTWORK_ID,
    _CLIP_ID,
    _SPLIT,
    column("score", pa.float64(), "fused similarity, quantised to 1e-6"),
    column("terms", WEIGHTED, "weighted terms; they sum to the score up to rounding"),
    column("clip_rank", pa.int32(), "rank of this clip for the artwork, within the split; 1 is best"),
    column("artwork_rank", pa.int32(), "rank of this artwork for the clip, within the split; 1 is best"),
    maybe("clip_margin", pa.float64(), "score minus the best score of another clip for the artwork"),
    maybe("artwork_margin", pa.float64(), "score minus the best score of another artwork for the clip"),
    column("other_clips", WEIGHTED, "best other clips for the artwork and their scores, best first"),
    column("other_artworks", WEIGHTED, "best other artworks for the clip and their scores, best first"),
    column("artwork_price", pa.float64(), "dual price of the artwork"),
    column("clip_price", pa.float64(), "dual price of the clip"),
    column("hubness", pa.int32(), "artworks of the split that have the clip among their ten best"),
    key="pair_id",
    about="The one-to-one matching inside each split.",
)

RELEASE_ROWS = table(
    column("pair_id", TEXT, "row of `pairs`"),
    _SPLIT,
    _ARTWORK_ID,
    _CLIP_ID,
    column(
        "tier", TEXT, "licence tier of the pair, by its more restricted side; see `catalog.licences.Tier`"
    ),
    column("score", pa.float64(), "fused similarity, quantised to 1e-6"),
    maybe("art_title", TEXT, "title"),
    maybe("art_artist", TEXT, "printed name"),
    column("art_licence", TEXT, "SPDX id or LicenseRef"),
    column("art_caption", TEXT, "one English sentence"),
    maybe("music_title", TEXT, "title"),
    maybe("music_artist", TEXT, "printed name"),
    column("music_licence", TEXT, "SPDX id or LicenseRef"),
    column("music_caption", TEXT, "one English sentence"),
    column("image_path", TEXT, "relative to the art source's root"),
    column("image_sha256", TEXT, "of the image's bytes"),
    column("image_bytes", pa.int64(), "size of the image", unit="B"),
    column("image_format", TEXT, "extension in the shards"),
    column("audio_path", TEXT, "relative to the music source's root"),
    column("audio_sha256", TEXT, "of the audio's bytes"),
    column("audio_bytes", pa.int64(), "size of the audio", unit="B"),
    column("audio_format", TEXT, "extension in the shards"),
    column("meta", TEXT, "JSON object, keys sorted: titles, artists, licences, captions, scores, provenance"),
    key="pair_id",
    about="The canonical plan of a release, in its order; both formats are written from it.",
)

REJECTS = table(
    column("stage", TEXT, "table whose stage refused the item"),
    _ITEM_ID,
    column("reason", TEXT, "one of the closed list in `artsound.errors.Reason`"),
    column("detail", TEXT, "for the person who looks"),
    key="",
    about="Items that were refused, and why.",
)

REVIEWS = table(
    column("pair_id", TEXT, "the pair that was judged; need not be in the present release"),
    column("reviewer", TEXT, "as the reviewer wrote it"),
    _ARTWORK_ID,
    _CLIP_ID,
    column("verdict", TEXT, "accept, unsure or reject; empty for a note alone"),
    column("note", TEXT, "may be empty"),
    key="pair_id,reviewer",
    about="What people say of pairs; read from the audit page's CSV by `artsound review import`.",
)

TABLES: dict[str, pa.Schema] = {
    "art_keys": ART_KEYS,
    "raw_artists": RAW_ARTISTS,
    "raw_artworks": RAW_ARTWORKS,
    "raw_tracks": RAW_TRACKS,
    "artworks": ARTWORKS,
    "tracks": TRACKS,
    "clips": CLIPS,
    "artists": ARTISTS,
    "duplicates": DUPLICATES,
    "splits": SPLITS,
    "art_measures": ART_MEASURES,
    "music_measures": MUSIC_MEASURES,
    "art_captions": ART_CAPTIONS,
    "music_captions": MUSIC_CAPTIONS,
    "art_image_vectors": VECTORS,
    "art_sentence_vectors": VECTORS,
    "art_clip_vectors": VECTORS,
    "art_clap_vectors": VECTORS,
    "music_sentence_vectors": VECTORS,
    "music_clip_vectors": VECTORS,
    "music_clap_vectors": VECTORS,
    "calibration": CALIBRATION,
    "matching": MATCHING,
    "certificates": CERTIFICATES,
    "pairs": PAIRS,
    "release_rows": RELEASE_ROWS,
    "reviews": REVIEWS,
    "rejects": REJECTS,
}


def rows_of(name: str, kept: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Build a table from row dictionaries; see `contracts.rows_of`."""
    return contracts.rows_of(name, TABLES[name], kept)


def conform(name: str, rows: pa.Table) -> pa.Table:
    """Cast rows to their table's schema and check it; see `contracts.conform`."""
    return contracts.conform(name, TABLES[name], rows)


def contract(name: str) -> dict[str, Any]:
    """Describe a table for readers outside Python; the content of `schemas/<name>.json`."""
    return contracts.contract(name, TABLES[name])
