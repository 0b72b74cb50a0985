"""The compose file: no engine runs it here, so what it says is held against what it names."""

import re
from pathlib import Path
from typing import Any

import yaml

COMPOSE: dict[str, Any] = yaml.safe_load(Path("docker/compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_every_service_has_an_image_or_a_build_that_is_there() -> None:
    for service in SERVICES.values():
        assert ("image" in service) != ("build" in service)
        if build := service.get("build"):
            context = Path("docker") / build["context"]
            assert (context / build["dockerfile"]).is_file()
    for line in re.findall(r"^COPY (.+) \S+$", Path("docker/Dockerfile").read_text(encoding="utf-8"), re.M):
        assert all(Path(source).exists() for source in line.split())


def test_services_and_volumes_that_are_named_are_declared() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source.startswith(("../", "./")) or source in COMPOSE["volumes"]


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


def test_the_graph_is_restored_by_the_version_that_its_dump_was_made_for() -> None:
    neo4j, restore = SERVICES["neo4j"], SERVICES["restore"]
    assert neo4j["image"] == restore["image"] == "neo4j:4.4.47-community"
    assert neo4j["volumes"][0] in restore["volumes"]
    assert restore["profiles"] == ["restore"]
    assert "neo4j-admin load --from=/dump/artgraph2.0.dump --database=neo4j --force" in restore["command"]
    assert "../data/artgraph:/dump:ro" in restore["volumes"]


def test_the_commands_in_the_guide_name_services_that_there_are() -> None:
    guide = Path("data/README.md").read_text(encoding="utf-8")
    asked = re.findall(r"docker compose -f docker/compose\.yaml \w+(?: -?-\w+)* (\w+)", guide)
    assert asked
    assert set(asked) <= set(SERVICES)
