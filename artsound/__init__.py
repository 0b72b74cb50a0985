"""ArtSound builder: pairs artworks with music, publishes the pairs, trains a generator on them."""

__version__ = "0.1.0"
