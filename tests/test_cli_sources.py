"""`artsound graph` and `artsound fma`."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from artsound.cli import app
from artsound.sources.synthetic_artgraph import make_graph, write_csv
from artsound.sources.synthetic_fma import make_fma
from tests.sources.test_artgraph_csv import beyond


def test_graph_check_tells_what_differs_from_the_published_counts(tmp_path: Path) -> None:
    write_csv(make_graph(50), tmp_path)
    plain = CliRunner().invoke(app, ["graph", "check", str(tmp_path)])
    assert plain.exit_code == 1
    assert "       50     116475 published  Artwork  ← differs" in plain.stdout.splitlines()
    assert "        9        not published  emotion" in plain.stdout.splitlines()
    told = json.loads(CliRunner().invoke(app, ["graph", "check", str(tmp_path), "--json"]).stdout)
    artworks = {"what": "Artwork", "published": 116_475, "found": 50, "differs": True}
    assert artworks in told["counts"]
    assert told["graph_extra"] == {}


def test_graph_check_counts_what_no_column_is_for(tmp_path: Path) -> None:
    export = beyond(tmp_path / "g")
    plain = CliRunner().invoke(app, ["graph", "check", str(export)])
    assert "        1  in graph_extra       Style.summary" in plain.stdout.splitlines()
    told = json.loads(CliRunner().invoke(app, ["graph", "check", str(export), "--json"]).stdout)
    assert told["graph_extra"]["Place → Auction (isNear)"] == 1


@pytest.mark.slow
def test_fma_check_holds_the_clips_against_the_known_counts(tmp_path: Path) -> None:
    make_fma(tmp_path, 10, faults=True)
    archive = str(tmp_path / "fma_large.zip")
    plain = CliRunner().invoke(app, ["fma", "check", archive, "--checksums"])
    assert plain.exit_code == 1
    assert [line.split() for line in plain.stdout.splitlines()[:5]] == [
        ["kept", "6", "known", "105884", "←", "differs"],
        ["failed", "2", "known", "162", "←", "differs"],
        ["short", "1", "known", "528", "←", "differs"],
        ["clips", "9", "known", "106574", "←", "differs"],
        ["copies", "1", "known", "?"],
    ]
    assert "archive: differs from the published SHA-1" in plain.stdout
    full = CliRunner().invoke(app, ["fma", "check", archive, "--subset", "full", "--json"])
    assert full.exit_code == 1
    told = json.loads(full.stdout)
    assert (told["kept"], told["counts"]["kept"]) == (6, {"found": 6, "known": None})
    assert told["counts"]["clips"] == {"found": 9, "known": 106_574}


def test_graph_images_says_how_many_are_there(tmp_path: Path) -> None:
    graph = make_graph(3)
    graph.nodes["Artwork"] = [
        {**node, "image_url": "http://127.0.0.1:1/x.jpg"} for node in graph.nodes["Artwork"]
    ]
    write_csv(graph, tmp_path / "export")
    done = CliRunner().invoke(
        app, ["graph", "images", str(tmp_path / "in"), "--export", str(tmp_path / "export")]
    )
    assert done.exit_code == 1
    assert "0 of 3 images are there" in done.stdout
    assert "3 fetch_failed: ConnectionError" in done.stdout


def test_a_run_that_is_interrupted_says_how_to_go_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"bolt://127.0.0.1:{silent.getsockname()[1]}"
        command = [
            sys.executable,
            "-c",
            "from artsound.cli import main; main()",
            "graph",
            "check",
            "--uri",
            uri,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            connection, _ = silent.accept()
            with connection:
                running.send_signal(signal.SIGINT)
                stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[-1].startswith("stopped; what was finished is kept, run the same command")
