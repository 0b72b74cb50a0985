"""ArtGraph over Bolt: windows of keys against the bare driver that streams the same rows.

`python -m bench.graph [artworks] [window]`; loads a made-up graph of that size into the tests' server first.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import neo4j
import pyarrow as pa

from artsound.sources.artgraph import Graph, _kinds, _links, read_keys, read_window
from artsound.sources.artgraph_load import load_export
from artsound.sources.synthetic_artgraph import make_graph, write_csv
from tests.servers import PASSWORD, USER, bolt


def bare(uri: str) -> int:
    """Stream the same values by the driver alone, and drop them."""
    _, links = _links("Artwork", _kinds(Graph(uri)))
    with (
        neo4j.GraphDatabase.driver(uri, auth=(USER, PASSWORD)) as driver,
        driver.session(database="neo4j", default_access_mode=neo4j.READ_ACCESS, fetch_size=1000) as session,
    ):
        answer = session.run(f"MATCH (a:Artwork) RETURN a.name, properties(a), {links}")
        return sum(1 for _ in answer)


def windows(uri: str, size: int) -> int:
    """Read what a build reads: keys, then windows, as rows of the table; each is let go when it is made."""
    graph = Graph(uri)
    keys = read_keys(graph).rows
    return sum(len(read_window(keys.slice(n, size), graph=graph).rows) for n in range(0, len(keys), size))


def timed(run: Callable[[], int]) -> dict[str, float]:
    """Run once; returns rows, seconds of the wall and of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    rows = run()
    wall = time.perf_counter() - wall
    return {
        "rows": rows,
        "wall_s": wall,
        "rows_per_s": rows / wall,
        "client_cpu_s": time.process_time() - cpu,
    }


def main(artworks: int = 116_475, window: int = 5_000) -> None:
    """Load, warm up, measure in turn."""
    os.environ |= {"ARTSOUND_NEO4J_USER": USER, "ARTSOUND_NEO4J_PASSWORD": PASSWORD}
    with tempfile.TemporaryDirectory() as place:
        write_csv(make_graph(artworks), Path(place, "export"))
        with bolt(Path(place, "server")) as server:
            began = time.perf_counter()
            nodes, edges = load_export(Path(place, "export"), Graph(server.uri))
            print(f"loaded {nodes} nodes, {edges} relations in {time.perf_counter() - began:.0f} s")
            bare(server.uri)  # warm
            for name, run in (
                ("bare driver", lambda: bare(server.uri)),
                ("windows", lambda: windows(server.uri, window)),
                ("bare driver", lambda: bare(server.uri)),
            ):
                figures = timed(run)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(name, json.dumps({key: round(value, 2) for key, value in figures.items()}))
                print(
                    f"  client peak so far {peak:.0f} MB, Arrow {pa.total_allocated_bytes() / 2**20:.0f} MB"
                )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
