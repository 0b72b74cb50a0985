"""`artsound graph`: fetch ArtGraph, put an export into a server, hold a graph against what is published."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Load ArtGraph into a Bolt server, or check it.")
Uri = Annotated[str, typer.Option(help="address; user and password: ARTSOUND_NEO4J_USER, …_PASSWORD")]
Database = Annotated[str, typer.Option(help="database on the server")]
Mirrors = Annotated[
    list[str] | None, typer.Option("--mirror", help="folder on the web that holds the same files; repeatable")
]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="TOML settings file with `mirrors`")]
RECORD = "https://zenodo.org/api/records/8172374"
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@app.command()
def fetch(
    folder: Annotated[Path, typer.Argument(help="where the files go")] = Path("data/artgraph"),
    only: Annotated[
        list[str] | None, typer.Option(help="name of a file; repeatable. Without: all of the record")
    ] = None,
    mirror: Mirrors = None,
    config: Config = None,
    record: Annotated[str, typer.Option(help="what lists the files, with their checksums")] = RECORD,
) -> None:
    """Download the dump and the images as the record lists them; run again to go on."""
    from artsound.errors import ConfigError
    from artsound.settings import Settings
    from artsound.sources.download import download, files_of_record

    files = {remote.name: remote for remote in files_of_record(record)}
    if unknown := sorted(set(only or ()) - set(files)):
        raise ConfigError(f"the record has no {unknown[0]}; it has: {', '.join(sorted(files))}")
    mirrors = [*(mirror or ()), *(Settings.load(config).artworks.mirrors if config else ())]
    for name in only or files:
        typer.echo(f"{download(files[name], folder, mirrors=mirrors)}: as published")


@app.command()
def load(
    export: Annotated[Path, typer.Argument(help="folder or zip of an export")],
    uri: Uri = "bolt://localhost:7687",
    database: Database = "neo4j",
) -> None:
    """Load an export into an empty database."""
    from artsound.sources.artgraph_load import load_export
    from artsound.sources.artgraph_server import Graph

    nodes, edges = load_export(export, Graph(uri, database))
    typer.echo(f"{nodes} nodes, {edges} relations loaded")


@app.command()
def check(
    export: Annotated[Path | None, typer.Argument(help="folder or zip of an export; else the server")] = None,
    uri: Uri = "bolt://localhost:7687",
    database: Database = "neo4j",
    as_json: Json = False,
) -> None:
    """Print nodes by label and relations by type beside the published counts; exit code 1 if any differ."""
    from artsound.sources import artgraph, artgraph_csv, artgraph_extra, artgraph_server
    from artsound.sources.artgraph_load import compare

    graph = artgraph_server.Graph(uri, database)
    nodes, edges = artgraph_csv.count_triples(export) if export else artgraph.count_triples(graph)
    more = artgraph_csv.count_extra(export) if export else artgraph_extra.count_extra(graph, nodes, edges)
    lines = compare(nodes, edges)
    different = [line for line in lines if line.differs]
    counts = {"nodes": sum(nodes.values()), "relations": sum(edges.values())}
    if as_json:
        told = [line._asdict() | {"differs": line.differs} for line in lines]
        typer.echo(json.dumps({**counts, "counts": told, "graph_extra": more}))
    else:
        for line in lines:
            published = f"{line.published or 'not':>9} published"
            typer.echo(f"{line.found:>9}  {published}  {line.what}{'  ← differs' if line.differs else ''}")
        for what, count in more.items():
            typer.echo(f"{count:>9}  in graph_extra       {what}")
        total = f"{counts['nodes']} nodes (published 135038), {counts['relations']} relations (875416)"
        typer.echo(f"{total}: {len(different)} counts differ")
    if different:
        raise typer.Exit(1)


@app.command()
def images(
    folder: Annotated[Path, typer.Argument(help="where the images go")],
    export: Annotated[Path | None, typer.Option(help="folder or zip of an export; else the server")] = None,
    uri: Uri = "bolt://localhost:7687",
    database: Database = "neo4j",
    per_host: Annotated[int, typer.Option(help="connections to one host at once")] = 2,
) -> None:
    """Fetch the images that the graph names; again: what is due. Exit code 1 if some are missing."""
    from artsound.errors import Reason
    from artsound.sources import artgraph, artgraph_csv, artgraph_server
    from artsound.sources.fetch import MODIFIERS, Manners, fetch_images
    from artsound.sources.ledger import Ledger

    graph = artgraph_server.Graph(uri, database)
    wanted = artgraph_csv.image_urls(export) if export else artgraph.image_urls(graph)
    manners = Manners(per_host=per_host, modifiers=MODIFIERS)
    rejects = fetch_images(wanted, folder, Ledger(folder / "ledger.sqlite"), manners)
    for reason, count in sorted(Counter(f"{reject.reason}: {reject.detail}" for reject in rejects).items()):
        typer.echo(f"{count:8} {reason}")
    names = {name for name, _ in wanted}
    missing = {reject.item_id for reject in rejects if reject.reason != Reason.DUPLICATE_KEY}
    typer.echo(f"{len(names - missing)} of {len(names)} images are there")
    if missing:
        raise typer.Exit(1)
