"""Both sides measured, in words, and as vectors."""

import pyarrow as pa

from artsound.contracts import TEXT, VECTOR, WEIGHTED, WORDS, column, maybe, table
from artsound.tables.columns import ARTWORK_ID, CLIP_ID, ITEM_ID, MODEL

PRINCIPLES = (
    *("balance", "harmony", "variety", "unity", "contrast"),
    *("emphasis", "proportion", "movement", "rhythm", "pattern"),
)
EMOTIONS = (
    *("amusement", "awe", "contentment", "excitement"),
    *("anger", "disgust", "fear", "sadness", "something else"),
)


ART_MEASURES = table(
    ARTWORK_ID,
    column("palette", WEIGHTED, "named colours and their share of the area, largest first; shares sum to 1"),
    column(
        "tones",
        WEIGHTED,
        "share of the area that may be called black, brown, grey or white by L*, C* and hue; they overlap",
    ),
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

_SECTION = pa.struct(
    [
        pa.field("label", TEXT, False),
        pa.field("start", pa.float64(), False),
        pa.field("end", pa.float64(), False),
        pa.field("level", pa.float32(), False),
    ]
)

MUSIC_MEASURES = table(
    CLIP_ID,
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
    column(
        "sections",
        pa.list_(_SECTION),
        "stretches that hold together: times in the clip in s, level in dBFS; one letter, one kind of music",
    ),
    column("stereo", pa.float32(), "share of the energy in which left and right differ, 0 mono to 1"),
    column("crest", pa.float32(), "peak over root mean square", unit="dB"),
    column("tags", WEIGHTED, "musicnn tags and probabilities, likeliest first"),
    column("instruments", WEIGHTED, "the tags that name an instrument, from 0.1 upwards, likeliest first"),
    column("voice", pa.float32(), "probability of the likeliest tag that names a voice"),
    column("valence", pa.float32(), "affect suggested by mode, tempo and tags, −1 to 1; a heuristic"),
    column("arousal", pa.float32(), "affect suggested by loudness, tempo and onsets, −1 to 1; a heuristic"),
    MODEL,
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
    column("leaks", WORDS, "names in the text that would give the pairing away; empty when clean"),
    column(
        "masked", WORDS, "kinds of names, such as `artist`, that are masked by an ellipsis; empty when none"
    ),
    column("faults", WORDS, "what `captions.checks` found in the text; empty when nothing"),
    column("contradictions", pa.list_(_CLAIM), "statements that differ from what was measured"),
    MODEL,
    maybe("weights", TEXT, "sha256 of the weights, where they are on this machine"),
    maybe("prompt", TEXT, "name@hash of the prompt, where a model was asked"),
    maybe(
        "sampling", TEXT, "JSON object of the sampling settings, the seed among them, and of who served it"
    ),
    maybe(
        "answer",
        TEXT,
        "the model's answer as it came; where names were to be masked in it, its form without them",
    ),
    maybe("seconds", pa.float32(), "time the answer took when it was first given", unit="s"),
    maybe("tokens", pa.int32(), "tokens of question and answer"),
)

ART_CAPTIONS = table(
    ARTWORK_ID,
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
    CLIP_ID,
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
    ITEM_ID,
    column(
        "vector",
        VECTOR,
        "one length per table; float16 where `embeddings.numbers` says so",
        unit="L2 norm = 1",
    ),
    MODEL,
    key="item_id",
    about="Embeddings of one side in one space.",
    mapped=True,
)
