"""The source's own titles as captions: for collections whose titles say what there is to say."""

from collections.abc import Sequence

from artsound.models.protocols import Answer, Item

TITLES = "titles@1"


class Titles:
    """One answer an item, its title; an item without one is refused."""

    name = TITLES

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        """Return one answer an item."""
        return [_answer(item) for item in items]


def _answer(item: Item) -> Answer:
    title = item.facts.get("title")
    if not title:
        return Answer(refused="the source gives no title")
    affect = {name: item.measures[name] for name in ("valence", "arousal")}
    return Answer({"caption": title, "paragraph": title, **affect})
