"""What musicnn's tags mean in a sentence, and which genre names are places. Keys are lower-case."""

INSTRUMENTS = {
    **{
        name: name for name in ("guitar", "drums", "piano", "violin", "sitar", "harpsichord", "flute", "harp")
    },
    "cello": "cello",
    "strings": "strings",
    "synth": "synthesizer",
    "choir": "choir",
    "choral": "choir",
}
VOICES = {  # the first that is likely decides
    "opera": "operatic vocals",
    "choir": "choral voices",
    "female vocal": "female vocals",
    "female voice": "female vocals",
    "female vocals": "female vocals",
    "female vocalists": "female vocals",
    "female vocalist": "female vocals",
    "woman": "female vocals",
    "male vocal": "male vocals",
    "male voice": "male vocals",
    "male vocalists": "male vocals",
    "man": "male vocals",
    "singing": "sung vocals",
    "vocals": "vocals",
    "vocal": "vocals",
    "voice": "vocals",
    "no vocals": "no vocals",
    "no vocal": "no vocals",
    "no voice": "no vocals",
    "instrumental": "no vocals",
}
GENRES = {
    **{
        name: name
        for name in (
            *(
                "classical",
                "techno",
                "electronic",
                "rock",
                "ambient",
                "opera",
                "dance",
                "country",
                "metal",
                "pop",
            ),
            *("alternative", "indie", "jazz", "soul", "electronica", "folk", "punk", "blues", "hard rock"),
            *("funk", "electro", "heavy metal", "progressive rock", "indie pop", "indie rock", "house"),
        )
    },
    "indian": "Indian",
    "new age": "new-age",
    "hip-hop": "hip-hop",
    "rnb": "R&B",
    "oldies": "vintage",
}
MOODS = {
    "soft": "soft",
    "loud": "forceful",
    "weird": "strange",
    "beautiful": "lyrical",
    "mellow": "mellow",
    "chill": "relaxed",
    "chillout": "relaxed",
    "sad": "sorrowful",
    "happy": "happy",
    "party": "festive",
    "catchy": "catchy",
    "easy listening": "easy-going",
    "sexy": "sultry",
    "quiet": "hushed",
}
PLACES = {  # genre names of world-music collections that are places → how one says "from" them
    **{
        name.lower(): name
        for name in (
            *(
                "Africa",
                "Asia",
                "Australia",
                "Brazil",
                "China",
                "Cuba",
                "Europe",
                "France",
                "Germany",
                "Greece",
            ),
            *(
                "India",
                "Indonesia",
                "Ireland",
                "Italy",
                "Japan",
                "Korea",
                "Latin America",
                "Mexico",
                "Poland",
            ),
            *("North Africa", "Oceania", "Portugal", "Russia", "Scotland", "Scotland and Ireland", "Spain"),
            *("South America", "Turkey"),
        )
    },
    "caribbean": "the Caribbean",
    "middle east": "the Middle East",
    "balkan": "the Balkans",
    "united kingdom": "the United Kingdom",
    "usa": "the United States",
    "united states of america": "the United States",
    "united states": "the United States",
}
CAPITAL = frozenset(
    {"african", "american", "asian", "brazilian", "british", "celtic", "european", "french"}
) | {
    *("german", "idm", "indian", "irish", "italian", "japanese", "latin", "rnb", "romany", "turkish", "uk"),
}
