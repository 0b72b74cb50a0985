"""The matching and its proof, the plan of a release, and what was refused or reviewed."""

import pyarrow as pa

from artsound.contracts import TEXT, WEIGHTED, WORDS, column, maybe, table
from artsound.tables.columns import ARTWORK_ID, CLIP_ID, ITEM_ID, SIDE, SPLIT

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
    SIDE,
    ITEM_ID,
    SPLIT,
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
    SPLIT,
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

CHANCE = table(
    SPLIT,
    column("pairs", pa.int64(), "matched"),
    column("mean", pa.float64(), "mean score of the pairs"),
    column("worst_decile", pa.float64(), "mean score of the lowest tenth"),
    column("chance_mean", pa.float64(), "mean score over all shuffles of the partners inside the split"),
    column("chance_low", pa.float64(), "2.5th percentile of the shuffles' means"),
    column("chance_high", pa.float64(), "97.5th percentile of the shuffles' means"),
    column("beaten", pa.float64(), "share of shuffles with a mean at least as high"),
    column("shuffles", pa.int64(), "drawn by hash"),
    key="split",
    about="How far the scores of the pairs are from those of the same items paired by chance.",
)

PAIRS = table(
    column("pair_id", TEXT, "first 16 hex digits of sha256(artwork_id, newline, clip_id)"),
    ARTWORK_ID,
    CLIP_ID,
    SPLIT,
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
    SPLIT,
    ARTWORK_ID,
    CLIP_ID,
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
    group_rows=1000,
)

REJECTS = table(
    column("stage", TEXT, "table whose stage refused the item"),
    ITEM_ID,
    column("reason", TEXT, "one of the closed list in `artsound.errors.Reason`"),
    column("detail", TEXT, "for the person who looks"),
    key="",
    about="Items that were refused, and why.",
)

REVIEWS = table(
    column("pair_id", TEXT, "the pair that was judged; need not be in the present release"),
    column("reviewer", TEXT, "as the reviewer wrote it"),
    ARTWORK_ID,
    CLIP_ID,
    column("verdict", TEXT, "accept, unsure or reject; empty for a note alone"),
    column("note", TEXT, "may be empty"),
    key="pair_id,reviewer",
    about="What people say of pairs; read from the audit page's CSV by `artsound review import`.",
)
