"""ArtGraph over Bolt: windows of keys against the bare driver that streams the same rows in one go.

`python -m bench.graph [artworks] [window] [heap] [turns]`; loads a made-up graph of that size into the tests'
server. The clients: `bench.graph_client`.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from artsound.sources.artgraph import artworks_of, find_kinds
from artsound.sources.artgraph_load import load_export
from artsound.sources.artgraph_server import Graph
from artsound.sources.synthetic_artgraph import make_graph, write_csv
from tests.servers import PASSWORD, USER, bolt

RIVALS = ("bare driver", "artsound, windows")


def main(artworks: str = "116475", window: str = "5000", heap: str = "2g", turns: str = "3") -> None:
    """Load, warm up, measure in turn; each in a process of its own, for its own memory."""
    os.environ |= {"ARTSOUND_NEO4J_USER": USER, "ARTSOUND_NEO4J_PASSWORD": PASSWORD}
    with tempfile.TemporaryDirectory() as place:
        write_csv(make_graph(int(artworks)), Path(place, "export"))
        with bolt(Path(place, "server"), heap=heap) as server:
            began = time.perf_counter()
            nodes, edges = load_export(Path(place, "export"), Graph(server.uri))
            took = time.perf_counter() - began
            print(f"loaded {nodes} nodes, {edges} relations in {took:.0f} s", flush=True)
            compared(server.uri, window, int(turns))


def compared(uri: str, window: str, turns: int) -> None:
    """Measure a graph that is loaded: the server warmed up by each client, then in turn."""
    _, query = artworks_of(find_kinds(Graph(uri)))
    costs: dict[str, list[tuple[float, float]]] = {}
    for turn, name in enumerate([*(RIVALS * (turns + 1)), "artsound, counts"]):
        command = [sys.executable, "-m", "bench.graph_client", name, uri, window, query]
        line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
        print(
            line, f"load {os.getloadavg()[0]:.1f}", "" if turn >= len(RIVALS) else "(not counted)", flush=True
        )
        wall, cpu = re.findall(r"([\d.]+) (?:CPU )?s\b", line)[:2]
        costs.setdefault(name, []).append((float(wall), float(cpu)))
    bare, ours = (list(zip(*costs[name][1:], strict=True)) for name in RIVALS)
    told = (f"{median(theirs) / median(own):.2f}" for theirs, own in zip(bare, ours, strict=True))
    print("artsound over the bare driver, medians: {} by the wall, {} by CPU".format(*told))


if __name__ == "__main__":
    main(*sys.argv[1:])
