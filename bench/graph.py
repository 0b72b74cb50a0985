"""ArtGraph over Bolt: windows of keys against the bare driver that streams the same rows.

`python -m bench.graph [artworks] [window] [heap]`; loads a made-up graph of that size into the tests' server.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import neo4j

from artsound.sources.artgraph import PIECE, WINDOW, Graph, _links, find_kinds, read_keys, read_window
from artsound.sources.artgraph_counts import count_graph
from artsound.sources.artgraph_load import load_export
from artsound.sources.synthetic_artgraph import make_graph, write_csv
from tests.servers import PASSWORD, USER, bolt

TURNS = 3
FEW = 200  # rows that a process reads before the clock runs
RIVALS = ("bare driver", "bare, same windows", "artsound, windows")
PLAIN = (
    "-c",
    "import sys; from bench import graph; graph.measured(*sys.argv[1:])",
)


def bare(uri: str, most: int) -> int:
    """Stream the same values in one go by the driver alone, and drop them."""
    _, links = _links("Artwork", find_kinds(Graph(uri)))
    with (
        neo4j.GraphDatabase.driver(uri, auth=(USER, PASSWORD)) as driver,
        driver.session(database="neo4j", default_access_mode=neo4j.READ_ACCESS, fetch_size=1000) as session,
    ):
        names = sum(1 for _ in session.run(f"MATCH (a:Artwork) RETURN a.name LIMIT {most}"))
        answer = session.run(f"MATCH (a:Artwork) RETURN [a.name, properties(a), {links}] LIMIT {names}")
        return sum(1 for _ in answer)


def bare_windows(uri: str, size: int, most: int) -> int:
    """Put by the driver alone the questions that a build puts, one after another; drop what comes."""
    _, links = _links("Artwork", find_kinds(Graph(uri)))
    query = WINDOW.format(links=links)
    with (
        neo4j.GraphDatabase.driver(uri, auth=(USER, PASSWORD)) as driver,
        driver.session(database="neo4j", default_access_mode=neo4j.READ_ACCESS, fetch_size=1000) as session,
    ):
        names = sorted(name for (name,) in session.run("MATCH (a:Artwork) RETURN a.name"))[:most]
        pieces = (names[start : start + size] for start in range(0, len(names), size))
        return sum(sum(1 for _ in session.run(query, low=piece[0], high=piece[-1])) for piece in pieces)


def windows(uri: str, size: int, most: int) -> int:
    """Read what a build reads: keys, then windows, as rows of the table; each is let go when it is made."""
    graph = Graph(uri)
    keys, kinds = read_keys(graph).rows[:most], find_kinds(graph)
    starts = range(0, len(keys), size)
    return sum(len(read_window(keys.slice(n, size), graph=graph, kinds=kinds).rows) for n in starts)


def measured(name: str, uri: str, window: str) -> None:
    """Run in this process, after a start with few rows that brings the imports; prints rates and memory."""
    runs: dict[str, Callable[[int], int]] = {
        "bare driver": lambda most: bare(uri, most),
        "bare, same windows": lambda most: bare_windows(uri, PIECE, most),
        "artsound, windows": lambda most: windows(uri, int(window), most),
        "artsound, counts": lambda _: len(count_graph(Graph(uri)).rows),
    }
    began = time.process_time()
    runs[name](FEW)
    started, before = time.process_time() - began, memory("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    rows = runs[name](1 << 30)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{name:20}{rows:8} rows {wall:6.1f} s {rows / wall:8.0f} rows/s {cpu:6.2f} CPU s "
        f"(start {started:.1f}) {memory('VmHWM'):5.0f} MB (start {before:.0f})"
    )


def memory(kind: str) -> float:
    """Return the memory of this process, now (VmRSS) or at most (VmHWM), MB."""
    found = re.search(rf"{kind}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def main(artworks: str = "116475", window: str = "5000", heap: str = "2g") -> None:
    """Load, warm up, measure in turn; each in a process of its own, for its own memory."""
    os.environ |= {"ARTSOUND_NEO4J_USER": USER, "ARTSOUND_NEO4J_PASSWORD": PASSWORD}
    costs: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        write_csv(make_graph(int(artworks)), Path(place, "export"))
        with bolt(Path(place, "server"), heap=heap) as server:
            began = time.perf_counter()
            nodes, edges = load_export(Path(place, "export"), Graph(server.uri))
            took = time.perf_counter() - began
            print(f"loaded {nodes} nodes, {edges} relations in {took:.0f} s", flush=True)
            for name in ("bare driver", *(RIVALS * TURNS), "artsound, counts"):
                command = [sys.executable, *PLAIN, name, server.uri, window]
                line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
                print(line, flush=True)
                wall, cpu = re.findall(r"([\d.]+) (?:CPU )?s\b", line)[:2]
                costs.setdefault(name, []).append((float(wall), float(cpu)))
    costs["bare driver"].pop(0)  # it warms the server up
    wall, cpu = zip(*costs["artsound, windows"], strict=True)
    for rival in RIVALS[:-1]:
        its_wall, its_cpu = zip(*costs[rival], strict=True)
        told = (
            f"{median(its_wall) / median(wall):.2f} by the wall, {median(its_cpu) / median(cpu):.2f} by CPU"
        )
        print(f"artsound over {rival}, medians: {told}")


if __name__ == "__main__":
    main(*sys.argv[1:])
