"""What the sources say, what of it is usable, and how it is split."""

import pyarrow as pa

from artsound.contracts import TEXT, WORDS, column, maybe, table
from artsound.tables.columns import (
    ARTWORK_ID,
    CLIP_ID,
    CREDITS,
    EXTRA,
    FILE,
    ITEM_ID,
    KNOWN,
    LICENCE,
    LIFE,
    MAKER,
    SIDE,
    SPLIT,
    TRACK_ID,
    WHEN,
)

RAW_ARTWORKS = table(
    ARTWORK_ID,
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
    *KNOWN,
    EXTRA,
    key="artwork_id",
    about="Artworks as their source names them; nothing is checked yet.",
)

SOURCE_FILES = table(
    SIDE,
    column("name", TEXT, "of the file in its collection; of a graph on a server, that of its database"),
    maybe("bytes", pa.int64(), "size; null of a graph on a server", unit="B"),
    maybe("sha256", TEXT, "of its bytes, or of the state of a graph; null of archives of media"),
    maybe("published", TEXT, "checksum that its publisher states, such as sha1:0123…"),
    key="side,name",
    about="What the sources were read from beside the media, whose hashes stand in `artworks` and `clips`.",
)

GRAPH_COUNTS = table(
    column("kind", TEXT, "label or type"),
    column("name", TEXT, "of a label or a type of relation; empty of nodes without a label"),
    column("count", pa.int64(), "nodes or relations"),
    column(
        "digest",
        TEXT,
        "of all nodes of a label with their properties; of a type, by the tails of its relations, "
        "of emotions by their heads, and of those in `graph_extra`",
    ),
    key="kind,name",
    about="What a graph on a server holds: asked before every build, so that a changed one is read anew.",
)

GRAPH_EXTRA = table(
    column("label", TEXT, "of the node, or of the one that the relation leads from; empty without one"),
    column("name", TEXT, "of that node; empty where it has none"),
    column("type", TEXT, "of the relation; empty of a node"),
    column("tail_label", TEXT, "of the node that the relation leads to; empty of a node"),
    column("tail", TEXT, "name of that node; empty where it has none, and of a node"),
    column("number", pa.int32(), "tells rows apart that are alike in all of these; from 0"),
    column(
        "properties",
        TEXT,
        "JSON object of the properties that no other table has; a server's numbers are numbers, those of a "
        "CSV, which does not tell them from texts, are texts",
    ),
    key="label,name,type,tail_label,tail,number",
    about="What a graph holds beyond the columns of other tables: other properties, nodes and relations.",
)

ART_KEYS = table(
    ARTWORK_ID,
    maybe("image_path", TEXT, "relative to the source's root; null where no image is clearly its own"),
    key="artwork_id",
    about="The artworks of a graph, in the order of its comparisons; windows of it are read one by one.",
)

RAW_ARTISTS = table(
    SIDE,
    column("artist_key", TEXT, "key of the artist in the source: ArtGraph's slug, FMA's artist id"),
    maybe("name", TEXT, "printed name"),
    *LIFE,
    EXTRA,
    key="side,artist_key",
    about="Artists as their source knows them.",
)

ALBUMS = table(
    column("album_id", TEXT, "as in `tracks`; for FMA the album id"),
    maybe("title", TEXT, "title"),
    MAKER,
    maybe("album_type", TEXT, "album, single, live performance, radio program and so on"),
    *WHEN,
    maybe("producer", TEXT, "as the source writes it"),
    maybe("engineer", TEXT, "as the source writes it"),
    maybe("information", TEXT, "free text, without its HTML"),
    column("tags", WORDS, "tags; may be empty"),
    maybe("url", TEXT, "page of the album"),
    EXTRA,
    key="album_id",
    about="Albums as the source of the tracks knows them.",
)

RAW_TRACKS = table(
    TRACK_ID,
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
    *CREDITS,
    EXTRA,
    key="track_id",
    about="Tracks as their source names them; nothing is checked yet.",
)

ARTISTS = table(
    column("artist_id", TEXT, "side:slug; `side:?item` stands for the unknown artist of one item"),
    SIDE,
    maybe("name", TEXT, "printed name; null when unknown"),
    column("items", pa.int32(), "artworks or tracks by this artist"),
    *LIFE,
    key="artist_id",
    about="Who made the artworks and the tracks, and what the source knows of them; splits divide none.",
)

ARTWORKS = table(
    ARTWORK_ID,
    column("artist_id", TEXT, "row of `artists`"),
    MAKER,
    maybe("title", TEXT, "title"),
    *WHEN,
    maybe("medium", TEXT, "materials and technique"),
    maybe("culture", TEXT, "culture or country of origin"),
    maybe("style", TEXT, "style"),
    maybe("genre", TEXT, "genre"),
    column("tags", WORDS, "subjects; may be empty"),
    *KNOWN,
    *LICENCE,
    column("image_path", TEXT, "relative to the source's root"),
    *FILE,
    column("format", TEXT, "lower-case file extension of the decoded format: jpg, png, webp, tiff"),
    column("width", pa.int32(), "after EXIF orientation", unit="px"),
    column("height", pa.int32(), "after EXIF orientation", unit="px"),
    column("phash", TEXT, "64-bit perceptual hash (DCT), 16 hex digits"),
    key="artwork_id",
    about="Artworks whose image decodes fully, cleaned.",
)

TRACKS = table(
    TRACK_ID,
    column("artist_id", TEXT, "row of `artists`"),
    MAKER,
    maybe("title", TEXT, "title"),
    maybe("album", TEXT, "album"),
    maybe("label", TEXT, "record labels, as the source writes them"),
    maybe("album_id", TEXT, "the same for all tracks of an album; splits never divide an album"),
    *WHEN,
    column("genres", WORDS, "genres; may be empty"),
    column("tags", WORDS, "tags; may be empty"),
    maybe("description", TEXT, "free text"),
    maybe("language", TEXT, "ISO 639-1 code of the vocals"),
    *CREDITS,
    *LICENCE,
    column("audio_path", TEXT, "relative to the source's root"),
    key="track_id",
    about="Tracks, cleaned; their audio is checked in `clips`.",
)

CLIPS = table(
    CLIP_ID,
    TRACK_ID,
    column("audio_path", TEXT, "relative to the source's root"),
    *FILE,
    column("format", TEXT, "lower-case extension of the decoded container: mp3, ogg, flac, wav"),
    column("duration", pa.float64(), "decoded length", unit="s"),
    column("sample_rate", pa.int32(), "of the original", unit="Hz"),
    column("channels", pa.int32(), "of the original"),
    column("bit_rate", pa.int64(), "all bytes of the file over the decoded length", unit="bit/s"),
    column("peak", pa.float32(), "largest absolute sample of the mono mix; 1 is full scale"),
    column("rms", pa.float32(), "of the mono mix; −120 and below is written as −120", unit="dBFS"),
    column("clipped", pa.float32(), "share of samples of the mono mix at full scale, 0 to 1"),
    column("silent", pa.float32(), "share of the time below −60 dBFS, in steps of 0.1 s, 0 to 1"),
    column("constant", pa.bool_(), "all samples of the mono mix are equal"),
    key="clip_id",
    about="Clips that decode and last at least `catalog.min_seconds`.",
)

FINGERPRINTS = table(
    CLIP_ID,
    column(
        "fingerprint",
        pa.list_(pa.uint32()),
        "Chromaprint's values, one every 0.1238 s; empty for less than 3 s",
    ),
    key="clip_id",
    about="What each clip sounds like; part of a build where `catalog.fingerprints` is on.",
    mapped=True,
)

DUPLICATES = table(
    SIDE,
    ITEM_ID,
    column("cluster_id", TEXT, "smallest item_id of the cluster"),
    column("kind", TEXT, "exact (same bytes) or near (perceptual hash; audio fingerprint)"),
    column("keeper", pa.bool_(), "the one item of an exact cluster that goes on when others are refused"),
    key="side,item_id,kind",
    about="Clusters of two or more items with equal or nearly equal content.",
)

SPLITS = table(
    SIDE,
    ITEM_ID,
    column("group_id", TEXT, "connected component over artist, album and duplicate cluster"),
    SPLIT,
    key="side,item_id",
    about="The split of every usable item, drawn by group hash before matching.",
)
