"""The clients of `bench.graph`, each measured in a process of its own, which imports no more than it needs.

`python -m bench.graph_client <name> <uri> <window> <query>`; user and password are read from the environment.
"""

import os
import re
import sys
import time
from pathlib import Path

from artsound import memory

FEW = 200  # rows that a process reads before the clock runs


def bare(uri: str, query: str, most: int) -> int:
    """Stream what a build reads in one go by the driver alone, and drop it."""
    import neo4j

    auth = (os.environ["ARTSOUND_NEO4J_USER"], os.environ["ARTSOUND_NEO4J_PASSWORD"])
    with (
        neo4j.GraphDatabase.driver(uri, auth=auth) as driver,
        driver.session(database="neo4j", default_access_mode=neo4j.READ_ACCESS, fetch_size=1000) as session,
    ):
        names = sum(1 for _ in session.run(f"MATCH (a:Artwork) RETURN a.name LIMIT {most}"))
        return sum(1 for _ in session.run(f"MATCH (a:Artwork) RETURN {query} LIMIT {names}"))


def windows(uri: str, size: int, most: int) -> int:
    """Read what a build reads: keys, then windows, as rows of the table; each is let go when it is made."""
    from artsound.sources.artgraph import find_kinds, read_keys, read_window
    from artsound.sources.artgraph_server import Graph

    graph = Graph(uri)
    keys, kinds = read_keys(graph).rows[:most], find_kinds(graph)
    starts = range(0, len(keys), size)
    return sum(len(read_window(keys.slice(n, size), graph=graph, kinds=kinds).rows) for n in starts)


def counts(uri: str) -> int:
    """Count and hash the graph, as before every build."""
    from artsound.sources.artgraph_counts import count_graph
    from artsound.sources.artgraph_server import Graph

    return len(count_graph(Graph(uri)).rows)


def main(name: str, uri: str, window: str, query: str) -> None:
    """Run once with few rows, which brings the imports, then by the clock; prints rates and memory."""
    runs = {
        "bare driver": lambda most: bare(uri, query, most),
        "artsound, windows": lambda most: windows(uri, int(window), most),
        "artsound, counts": lambda _: counts(uri),
    }
    memory.lean()  # as the command line does
    began = time.process_time()
    runs[name](FEW)
    started, before = time.process_time() - began, resident("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    rows = runs[name](1 << 30)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{name:20}{rows:8} rows {wall:6.2f} s {rows / wall:8.0f} rows/s {cpu:6.2f} CPU s "
        f"(start {started:.1f}) {resident('VmHWM'):5.0f} MB (start {before:.0f})"
    )


def resident(kind: str) -> float:
    """Return the memory of this process, now (VmRSS) or at most (VmHWM), MB."""
    found = re.search(rf"{kind}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main(*sys.argv[1:])
