"""A made-up ArtGraph of any size: the real labels, relations and their distribution, seeded.

At 116,475 artworks it has exactly the published counts, unless dirty cases are asked for.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64

from artsound.sources.artgraph_model import EMOTION, NODE_COUNTS, RELATIONS, Relation

Scheme = Literal["f2", "2.0"]
GENRES = {
    "portrait": 20_736, "landscape": 18_359, "genre painting": 16_194, "abstract": 10_450,
    "religious painting": 8_604, "cityscape": 6_340, "sketch and study": 5_430, "illustration": 4_715,
    "still life": 3_447, "figurative": 3_278, "symbolic painting": 3_140, "nude painting (nu)": 2_892,
    "design": 2_745, "marina": 2_340, "mythological painting": 2_278, "self-portrait": 1_855,
    "animal painting": 1_846, "flower painting": 1_826,
}  # fmt: skip
STYLES = ("impressionism", "realism", "romanticism", "expressionism", "naïve art (primitivism)", "baroque")
EMOTIONS = (
    *("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness"),
    "something else",
)
DATED = 89_772 / 116_475  # share of artworks with a date
ODD_DATES = ("c.{0}", "{0} - {1}", "{0} ; {1}", "{0}s", "c.{0} - c.{1}", "{0} May")  # 29 % of the dates
TITLES = (
    "Meadow",
    "Harbour",
    "Portrait of a Lady",
    "Still Life",
    "Bread & Wine",
    "Nocturne",
    "Self-portrait",
)


@dataclass
class Graph:
    """Nodes by label, as properties; edges by (head label, type, tail label), as positions in those lists."""

    nodes: dict[str, list[dict[str, Any]]]
    edges: dict[tuple[str, str, str], Int64[np.ndarray, "edge 2"]]
    arousal: Int64[np.ndarray, " edge"]  # of the emotion edges, in their order

    def edge_rows(self) -> Iterator[tuple[str, str, str, str, str, str]]:
        """Give every edge as head label, head, type, tail label, tail, arousal."""
        for (head, kind, tail), ends in self.edges.items():
            heads, tails = self.nodes[head], self.nodes[tail]
            for number, (left, right) in enumerate(ends.tolist()):
                felt = str(self.arousal[number]) if tail == "Emotion" else ""
                yield head, heads[left]["name"], kind, tail, tails[right]["name"], felt


def make_graph(artworks: int, *, seed: int = 0, scheme: Scheme = "2.0", dirty: bool = False) -> Graph:
    """Make up a graph.

    Args:
        artworks: how many; everything else follows in proportion, at least one of each.
        seed: same seed, same graph.
        scheme: names of the relations; only 2.0 has emotions.
        dirty: plant what the real one has: names percent-encoded, not detected or with more underscores,
            HTML entities in titles, an artwork without an artist.
    """
    rng = np.random.default_rng(seed)
    nodes = {label: _nodes(label, _scaled(count, artworks)) for label, count in NODE_COUNTS.items()}
    edges: dict[tuple[str, str, str], Int64[np.ndarray, "edge 2"]] = {}
    for relation in RELATIONS:
        kind = relation.new if scheme == "2.0" else relation.old
        edges[relation.head, kind, relation.tail] = _edges(relation, nodes, artworks, rng)
    authors = edges["Artwork", "createdBy" if scheme == "2.0" else "Author", "Artist"][:, 1]
    nodes["Artwork"] = list(
        _artworks([nodes["Artist"][author]["name"] for author in authors], rng, dirty=dirty)
    )
    arousal = np.empty(0, dtype=np.int64)
    if scheme == "2.0":
        nodes["Emotion"] = [{"name": name} for name in EMOTIONS]
        felt = _pairs(int(217_131 / 116_475 * artworks), artworks, len(EMOTIONS), rng)
        edges["Artwork", EMOTION.new, "Emotion"], arousal = felt, rng.integers(1, 9, len(felt))
    if dirty:
        _orphan(edges)
    return Graph(nodes, edges, arousal)


def write_csv(graph: Graph, folder: Path) -> None:
    """Write `nodes.csv` and `edges.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted({name for nodes in graph.nodes.values() for node in nodes for name in node} - {"name"})
    with (folder / "nodes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["label", "name", *names])
        writer.writeheader()
        for label, nodes in graph.nodes.items():
            writer.writerows({"label": label, **node} for node in nodes)
    with (folder / "edges.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["head_label", "head", "type", "tail_label", "tail", "arousal"])
        lines.writerows(graph.edge_rows())


def write_neo4j2raw(graph: Graph, folder: Path) -> None:
    """Write the layout of artgraph-neo4j2raw: names and edges only, no titles or dates."""
    (folder / "mapping").mkdir(parents=True, exist_ok=True)
    for label, nodes in graph.nodes.items():
        with (folder / "mapping" / f"{label.lower()}_entidx2name.csv").open("w", newline="") as file:
            csv.writer(file).writerows((number, node["name"]) for number, node in enumerate(nodes))
    for triple, ends in graph.edges.items():
        place = folder / "raw" / "relations" / "___".join(triple).lower()
        place.mkdir(parents=True, exist_ok=True)
        with (place / "edge.csv").open("w", newline="") as file:
            csv.writer(file).writerows(ends.tolist())
        (place / "num-edge-list.csv").write_text(str(len(ends)))


def _scaled(count: int, artworks: int) -> int:
    return max(1, round(count * artworks / NODE_COUNTS["Artwork"]))


def _nodes(label: str, count: int) -> list[dict[str, Any]]:
    if label == "Genre":
        return [{"name": name} for name in GENRES]
    if label == "Style":
        return [{"name": STYLES[n] if n < len(STYLES) else f"style {n}"} for n in range(NODE_COUNTS["Style"])]
    if label == "Artist":
        return [_artist(number) for number in range(count)]
    return [{"name": f"{label.lower()} {number}"} for number in range(count)]


def _artist(number: int) -> dict[str, Any]:
    born = 1300 + number * 7 % 650
    return {
        "name": f"artist-{number}",
        "printed_name": f"Ärtist {number}",
        "birth_date": str(born),
        "death_date": f"c.{born + 60}",
        "birth_place": f"town {number % 9}",
        "gender": ("female", "male")[number % 2],
        "biography": f'Painter, "the {number}th",\nof town {number % 9}.',
    }


def _edges(
    relation: Relation, nodes: dict[str, list[dict[str, Any]]], artworks: int, rng: np.random.Generator
) -> Int64[np.ndarray, "edge 2"]:
    heads, tails = len(nodes[relation.head]), len(nodes[relation.tail])
    if relation.role in ("artist", "genre", "style"):
        weights = (
            np.array(list(GENRES.values())) if relation.role == "genre" else 1 / np.arange(10, 10 + tails)
        )
        chosen = rng.choice(tails, heads, p=weights / weights.sum())
        return np.stack([np.arange(heads), chosen], axis=1)
    return _pairs(_scaled(relation.published, artworks), heads, tails, rng)


def _pairs(count: int, heads: int, tails: int, rng: np.random.Generator) -> Int64[np.ndarray, "edge 2"]:
    """Draw distinct pairs; fewer where there are no more."""
    count = min(count, heads * tails)
    codes = (
        rng.choice(heads * tails, count, replace=False)
        if heads * tails < 1 << 20
        else _sparse(count, heads * tails, rng)
    )
    return np.stack(np.divmod(np.sort(codes), tails), axis=1)


def _sparse(count: int, codes: int, rng: np.random.Generator) -> Int64[np.ndarray, " code"]:
    found = np.unique(rng.integers(0, codes, count * 2))
    while len(found) < count:
        found = np.unique(np.concatenate([found, rng.integers(0, codes, count)]))
    return rng.choice(found, count, replace=False)


def _artworks(artists: list[str], rng: np.random.Generator, *, dirty: bool) -> Iterator[dict[str, Any]]:
    dated, odd = rng.random(len(artists)) < DATED, rng.random(len(artists)) < 0.29
    years = rng.integers(1300, 2020, len(artists)).tolist()
    for number, artist in enumerate(artists):
        title, year = TITLES[number % len(TITLES)], years[number]
        slug = title.lower().replace(" ", "-").replace("&", "and")
        node = {"name": f"{artist}_{slug}-{number}-{year}.jpg", "title": f"{title} {number}"}
        if dated[number]:
            form = ODD_DATES[number % len(ODD_DATES)] if odd[number] else "{0}"
            node["date"] = form.format(year // 10 * 10 if form == "{0}s" else year, year + number % 9)
        if number % 3 == 0:
            node["dimensions"] = f"{40 + number % 60} x {30 + number % 40} cm"
        node["image_url"] = f"https://uploads.example.org/{number}.jpg"
        yield _soiled(node, artist, number) if dirty else node


def _soiled(node: dict[str, Any], artist: str, number: int) -> dict[str, Any]:
    match number % 50:
        case 1:
            return {**node, "name": f"{artist}_caf%C3%A9-{number}.jpg"}
        case 2:
            return {**node, "name": f"{artist}_not_detected_{number}.jpg"}
        case 3:
            return {**node, "name": f"{artist}_one_more_{number}.jpg"}
        case 4:
            return {**node, "title": "Bread &amp; <b>Wine</b> &quot;" + str(number) + "&quot;"}
        case 5:
            return {key: value for key, value in node.items() if key not in ("title", "date")}
        case _:
            return node


def _orphan(edges: dict[tuple[str, str, str], Int64[np.ndarray, "edge 2"]]) -> None:
    """Take the artist from the last artwork."""
    author = next(triple for triple in edges if triple[0] == "Artwork" and triple[2] == "Artist")
    edges[author] = edges[author][:-1]
