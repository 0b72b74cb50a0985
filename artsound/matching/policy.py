"""What a matching may do, in the words of the settings; the items by their ids."""

from dataclasses import dataclass

from artsound.errors import MatchingError

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Policy:
    """The rules of a matching; the defaults pair each item of the smaller side with one of the larger."""

    min_score: float | None = None  # leave the bidding side's item unmatched rather than below it
    clips_per_artwork: int = 1
    artworks_per_clip: int = 1
    pairs_per_artist: int = 0  # 0: no limit; artists joined by a split group count as one
    forbidden: Pairs = ()  # artwork, clip
    spare_clips: bool = True  # leave clips without an artwork in a split that has too few for them
    complete: bool = False  # refuse a split whose smaller side is not matched completely
    gap: float = 0.0  # stop when proved as near to the optimum, relative to the objective

    def __post_init__(self) -> None:
        if min(self.clips_per_artwork, self.artworks_per_clip) < 1 or self.pairs_per_artist < 0:
            raise MatchingError("capacities must be 1 or more, and the limit an artist 0 (none) or more")
        if min(self.clips_per_artwork, self.artworks_per_clip) > 1:
            raise MatchingError("one of clips_per_artwork and artworks_per_clip must be 1")


def art_bids(artworks: int, clips: int, policy: Policy) -> bool:
    """Say whether the artworks bid for clips: the side with fewer places does, which keeps prices low.

    A limit an artist binds the places of artworks, so there the clips bid.
    """
    fewer = artworks * policy.clips_per_artwork <= clips * policy.artworks_per_clip
    return fewer and not policy.pairs_per_artist
