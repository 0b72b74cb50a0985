"""ArtGraph over Bolt: windows of keys against the bare driver that streams the same rows.

`python -m bench.graph [artworks] [window] [heap]`; loads a made-up graph of that size into the tests' server.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import neo4j

from artsound.sources.artgraph import Graph, _links, find_kinds, read_keys, read_window
from artsound.sources.artgraph_counts import count_graph
from artsound.sources.artgraph_load import load_export
from artsound.sources.synthetic_artgraph import make_graph, write_csv
from tests.servers import PASSWORD, USER, bolt

TURNS = 3


def bare(uri: str) -> int:
    """Stream the same values in one go by the driver alone, and drop them."""
    _, links = _links("Artwork", find_kinds(Graph(uri)))
    with (
        neo4j.GraphDatabase.driver(uri, auth=(USER, PASSWORD)) as driver,
        driver.session(database="neo4j", default_access_mode=neo4j.READ_ACCESS, fetch_size=1000) as session,
    ):
        answer = session.run(f"MATCH (a:Artwork) RETURN [a.name, properties(a), {links}]")
        return sum(1 for _ in answer)


def windows(uri: str, size: int) -> int:
    """Read what a build reads: keys, then windows, as rows of the table; each is let go when it is made."""
    graph = Graph(uri)
    keys, kinds = read_keys(graph).rows, find_kinds(graph)
    starts = range(0, len(keys), size)
    return sum(len(read_window(keys.slice(n, size), graph=graph, kinds=kinds).rows) for n in starts)


def measured(name: str, uri: str, window: int) -> None:
    """Run once in this process; prints rows, seconds of the wall and of this process, and its peak memory."""
    wall, cpu = time.perf_counter(), time.process_time()
    rows = {
        "bare driver": lambda: bare(uri),
        "artsound, windows": lambda: windows(uri, window),
        "artsound, counts": lambda: len(count_graph(Graph(uri)).rows),
    }[name]()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    memory = int(peak[1]) / 1024 if peak else 0.0
    rate = rows / wall
    print(f"{name:20}{rows:8} rows {wall:6.1f} s {rate:8.0f} rows/s {cpu:6.1f} CPU s {memory:5.0f} MB")


def main(artworks: int = 116_475, window: int = 5_000, heap: str = "2g") -> None:
    """Load, warm up, measure in turn; each in a process of its own, for its own memory."""
    os.environ |= {"ARTSOUND_NEO4J_USER": USER, "ARTSOUND_NEO4J_PASSWORD": PASSWORD}
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        write_csv(make_graph(artworks), Path(place, "export"))
        with bolt(Path(place, "server"), heap=heap) as server:
            began = time.perf_counter()
            nodes, edges = load_export(Path(place, "export"), Graph(server.uri))
            took = time.perf_counter() - began
            print(f"loaded {nodes} nodes, {edges} relations in {took:.0f} s", flush=True)
            for name in ("bare driver", *(("bare driver", "artsound, windows") * TURNS), "artsound, counts"):
                command = [sys.executable, "-m", "bench.graph", name, server.uri, str(window)]
                line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
                print(line, flush=True)
                rates.setdefault(name, []).append(float(re.findall(r"([\d.]+) rows/s", line)[0]))
    bare_rate = statistics.median(rates["bare driver"][1:])  # the first warms the server up
    print(f"artsound over bare, medians: {statistics.median(rates['artsound, windows']) / bare_rate:.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[2].startswith("bolt"):
        measured(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        given = sys.argv[1:]
        main(*map(int, given[:2]), *given[2:])
