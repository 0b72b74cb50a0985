"""Which models a run uses, and what would be fetched."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest

from artsound.errors import ConfigError, MissingExtra, SourceError
from artsound.models import files, registry
from artsound.models.fetch import fetch
from artsound.models.inventory import Listed, inventory
from artsound.settings import Settings


def settings(**given: Any) -> Settings:
    return Settings.model_validate({"root": "s", "artworks": {"path": "a"}, "tracks": {"path": "b"}} | given)


def named(found: list[Listed]) -> dict[str, Listed]:
    return {one.role: one for one in found}


def weights(folder: Path, card: str = "") -> Path:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    if card:
        (folder / "README.md").write_text(f"---\nlicense: {card}\ntags: [x]\n---\n# Model\nlicense: none\n")
    return folder


def test_the_default_needs_nothing_that_is_not_packaged() -> None:
    found = inventory(settings())
    assert {one.role for one in found} == {
        "art captioner",
        "music captioner",
        "sentence encoder",
        "image encoder",
    }
    for one in found:
        assert (one.state, one.download, one.non_commercial) == ("packaged", "", False)


def test_weights_on_disk_are_named_by_their_hash_and_card(tmp_path: Path) -> None:
    folder = weights(tmp_path / "clap-music", card="cc-by-nc-4.0")
    one = named(inventory(settings(embeddings={"clap": {"weights": folder}})))["CLAP"]
    assert one.state == "on disk"
    assert one.name.startswith("clap-music@")
    assert (one.licence, one.non_commercial, one.where) == ("cc-by-nc-4.0", True, str(folder))


def test_missing_weights_say_where_they_would_come_from(tmp_path: Path) -> None:
    given = {"clip": {"weights": tmp_path / "clip", "repo": "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"}}
    one = named(inventory(settings(embeddings=given)))["CLIP"]
    assert (one.state, one.download) == ("missing", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K")
    assert (one.licence, one.non_commercial) == ("MIT", False)


@pytest.mark.parametrize(
    ("model", "licence", "restricted"),
    [
        ("nvidia/music-flamingo-hf", "NVIDIA OneWay Noncommercial Licence", True),
        ("Qwen/Qwen2.5-VL-3B-Instruct", "Qwen Research Licence, non-commercial", True),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "Apache-2.0", False),
        ("Qwen/Qwen2.5-VL-32B-Instruct", "Apache-2.0", False),
        ("Qwen/Qwen2.5-VL-72B-Instruct", "Qwen Licence: a large service needs leave of its maker", None),
        ("laion/larger_clap_music", "Apache-2.0", False),
        ("laion/clap-htsat-unfused", "Apache-2.0", False),
        ("microsoft/msclap", "unknown: read the model's card", None),
        ("someone/clap", "unknown: read the model's card", None),
        ("mystery", "unknown: read the model's card", None),
    ],
)
def test_licences_of_served_models_are_said(model: str, licence: str, restricted: bool | None) -> None:
    one = named(inventory(settings(captions={"music": {"backend": "endpoint", "model": model}})))[
        "music captioner"
    ]
    assert (one.state, one.licence, one.non_commercial) == ("served", licence, restricted)


OWN = "license: other\nlicense_name: "


@pytest.mark.parametrize(
    ("head", "name", "licence", "restricted"),
    [
        (f"{OWN}qwen-research", "vl", "qwen-research", True),
        (f"{OWN}nvidia-oneway-noncommercial-license", "vl", "nvidia-oneway-noncommercial-license", True),
        (f"{OWN}'nvidia_non_commercial'  # theirs", "vl", "nvidia_non_commercial", True),
        (f"license_name: qwen\n{OWN[:14]}", "vl", "qwen", None),
        (f"{OWN}lab-nc-1", "vl", "lab-nc-1", True),
        ("license: other", "Qwen2.5-VL-3B", "Qwen Research Licence, non-commercial", True),
        ("license: other\nlicense_link: LICENSE", "Qwen2.5-VL-7B", "Apache-2.0", False),
        ("license: other\nlicense_link: LICENSE", "vl", "unknown: read the model's card", None),
        (
            "license: other\nlicense_link: https://cc.example/by-nc/4.0/",
            "vl",
            "one of its own, see https://cc.example/by-nc/4.0/",
            True,
        ),
        ("license:\n- mit", "vl", "mit", False),
        ("license: [apache-2.0]", "vl", "apache-2.0", False),
        ("license: cc-by-4.0", "vl", "cc-by-4.0", False),
        ("license: llama2", "vl", "llama2", None),
        ("tags: [x]", "Qwen2.5-VL-7B", "Apache-2.0", False),
    ],
)
def test_a_card_is_read_to_the_name_of_its_own_licence(
    tmp_path: Path, head: str, name: str, licence: str, restricted: bool | None
) -> None:
    folder = weights(tmp_path / name)
    (folder / "README.md").write_text(f"---\n{head}\nbase: x\n---\n# Model\nlicense: none\n")
    given = settings(captions={"art": {"backend": "transformers", "weights": folder}})
    one = named(inventory(given))["art captioner"]
    assert (one.licence, one.non_commercial) == (licence, restricted)


def test_offline_says_which_directory_it_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    given = settings(embeddings={"clip": {"weights": tmp_path / "clip", "repo": "laion/x"}})
    with pytest.raises(ConfigError, match=f"offline .* nothing in {tmp_path / 'clip'}"):
        list(fetch(given))


def test_without_a_repository_there_is_nothing_to_fetch_from(tmp_path: Path) -> None:
    given = settings(captions={"art": {"backend": "transformers", "weights": tmp_path / "vl"}})
    with pytest.raises(ConfigError, match="name no `repo`"):
        list(fetch(given))


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    folder = weights(tmp_path / "vl")
    given = settings(captions={"art": {"backend": "transformers", "weights": folder}})
    assert list(fetch(given)) == [f"art captioner: already in {folder}"]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"captions": {"art": {"backend": "endpoint"}}}, "needs `model`"),
        ({"captions": {"art": {"backend": "transformers"}}}, "needs `weights`"),
        ({"matching": {"clap": 1.0}}, r"embeddings\.clap\.weights"),
    ],
)
def test_incomplete_settings_are_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**chosen)


COMMITS = {"main": "b" * 40, "b" * 40: "b" * 40, "a" * 40: "a" * 40}  # what is asked for → the commit


def lfs(name: str, commit: str) -> dict[str, Any]:
    """List a large file as the hub does."""
    data = json.dumps({"file": name, "of": commit}).encode()
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}


class Hub(BaseHTTPRequestHandler):
    """A model hub of one repository with two commits, as its client speaks to it."""

    away = ""  # a file that it lists and does not have
    bent = ""  # a file of which it sends other bytes than it lists
    sent: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:4] == ["api", "models", "some", "clip"] and parts[-1] in {"clip", *COMMITS}:
            commit = COMMITS.get(parts[-1], COMMITS["main"])
            names = ("model.safetensors", "more.safetensors", "config.json", "model.bin")
            if "tree" in parts:
                sizes = {name: len(json.dumps({"file": name, "of": commit})) for name in names}
                listed = [{"type": "file", "path": n, "oid": "0" * 40, "size": s} for n, s in sizes.items()]
                self.send(listed, commit)
            else:
                large = {name: {"lfs": lfs(name, commit)} for name in names[:2]}
                siblings = [{"rfilename": name} | large.get(name, {}) for name in names]
                self.send({"id": "some/clip", "sha": commit, "siblings": siblings}, commit)
        elif parts[:3] == ["some", "clip", "resolve"] and parts[3] in COMMITS and parts[-1] != self.away:
            of = "x" * 40 if parts[-1] == self.bent else parts[3]
            self.sent += [parts[-1]] * (self.command == "GET")
            self.send({"file": parts[-1], "of": of}, parts[3])
        else:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def send(self, content: object, commit: str) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')  # noqa: S324
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pytest.importorskip("huggingface_hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    Hub.sent.clear()
    yield
    server.shutdown()
    server.server_close()


def clip_at(folder: Path, revision: str = "", repo: str = "some/clip") -> Settings:
    return settings(embeddings={"clip": {"weights": folder, "repo": repo, "revision": revision}})


@pytest.mark.usefixtures("hub")
def test_fetching_pins_the_commit_and_writes_it_down(tmp_path: Path) -> None:
    (line,) = fetch(clip_at(tmp_path / "new"))
    assert line == f"CLIP: fetched some/clip at {'b' * 40} into {tmp_path / 'new'}"
    list(fetch(clip_at(tmp_path / "old", "a" * 40)))
    for name, commit in (("new", "b" * 40), ("old", "a" * 40)):
        there = json.loads((tmp_path / name / "model.safetensors").read_text())
        assert there == {"file": "model.safetensors", "of": commit}
        assert not (tmp_path / name / "model.bin").exists()  # a pickle
        given = clip_at(tmp_path / name, commit)
        assert f"{name}:{commit}@" in registry.identity_of("clip", given.embeddings)
        assert named(inventory(given))["CLIP"].name == registry.identity_of("clip", given.embeddings)


@pytest.mark.usefixtures("hub")
def test_weights_of_another_revision_than_the_settings_name_are_refused(tmp_path: Path) -> None:
    list(fetch(clip_at(tmp_path / "clip", "a" * 40)))
    other = clip_at(tmp_path / "clip", "b" * 40)
    for look in (lambda: list(fetch(other)), lambda: registry.identity_of("clip", other.embeddings)):
        with pytest.raises(ConfigError, match=f"holds revision {'a' * 40}, the settings name {'b' * 40}"):
            look()
    assert registry.identity_of("clip", clip_at(tmp_path / "clip", "a" * 7).embeddings)


@pytest.mark.usefixtures("hub")
def test_what_the_hub_does_not_know_is_said_so_and_leaves_nothing(tmp_path: Path) -> None:
    for given in (clip_at(tmp_path / "clip", "c" * 40), clip_at(tmp_path / "clip", repo="some/other")):
        with pytest.raises(SourceError, match="cannot fetch some/"):
            list(fetch(given))
    assert named(inventory(clip_at(tmp_path / "clip")))["CLIP"].state == "missing"


@pytest.mark.usefixtures("hub")
def test_a_download_that_was_interrupted_is_not_taken_for_whole_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = clip_at(tmp_path / "clip")
    monkeypatch.setattr(Hub, "away", "more.safetensors")
    with pytest.raises(SourceError, match="cannot fetch some/clip"):
        list(fetch(given))
    assert (tmp_path / "clip" / "model.safetensors").exists()
    assert named(inventory(given))["CLIP"].state == "missing"
    with pytest.raises(ConfigError, match="interrupted: run `artsound models fetch` again"):
        registry.identity_of("clip", given.embeddings)
    monkeypatch.setattr(Hub, "away", "")
    Hub.sent.clear()
    (line,) = fetch(given)
    assert line.startswith("CLIP: fetched")
    assert Hub.sent == ["more.safetensors"]
    assert named(inventory(given))["CLIP"].state == "on disk"


@pytest.mark.usefixtures("hub")
def test_other_bytes_than_the_hub_lists_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = clip_at(tmp_path / "clip")
    monkeypatch.setattr(Hub, "bent", "model.safetensors")
    with pytest.raises(SourceError, match=r"model\.safetensors came with other bytes"):
        list(fetch(given))
    assert not (tmp_path / "clip" / "model.safetensors").exists()
    monkeypatch.setattr(Hub, "bent", "")
    assert len(list(fetch(given))) == 1
    assert named(inventory(given))["CLIP"].state == "on disk"


@pytest.mark.usefixtures("hub")
def test_a_repository_without_safe_weights_is_said_so_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artsound.models.files.SAFE", ("*.gguf",))
    with pytest.raises(ConfigError, match=r"some/clip at b+ has no \*\.gguf"):
        list(fetch(clip_at(tmp_path / "clip")))
    assert not (tmp_path / "clip").exists()


def test_a_single_file_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wants a folder"):
        list(fetch(clip_at(tmp_path / "clip.safetensors")))


def test_a_hub_that_is_away_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(SourceError, match="cannot fetch some/clip"):
        list(fetch(clip_at(tmp_path / "clip")))


def test_missing_packages_are_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = weights(tmp_path / "model")
    spaces = {
        "clip": {"weights": folder},
        "clap": {"weights": folder, "library": "laion_clap"},
        "imagebind": {"weights": folder},
    }
    local = {"backend": "transformers", "weights": folder}
    given = settings(embeddings=spaces, captions={"music": local})

    def lacks(package: str) -> Callable[[str], object]:
        return lambda name: None if name == package else find_spec(name)

    for space, package, install in (
        ("clip", "open_clip", r"\[models\]"),
        ("clip", "torch", r"\[models\]"),
        ("clap", "laion_clap", "laion-clap=="),
        ("imagebind", "imagebind", "imagebind-unofficial=="),
    ):
        monkeypatch.setattr(files, "find_spec", lacks(package))
        for ask in (registry.identity_of, registry.texts_of):
            with pytest.raises(MissingExtra, match=f"needs {package}: .*{install}"):
                ask(space, given.embeddings)
    monkeypatch.setattr(files, "find_spec", lacks("transformers"))
    with pytest.raises(MissingExtra, match=r"local captioner needs transformers: .*\[models\]"):
        registry.identity("music_captioner", given.captions.music)
    assert len(inventory(given)) == 7  # nothing has to be installed to be listed


def test_a_branch_is_no_revision(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="revision"):
        clip_at(tmp_path, "main")


def test_a_damaged_note_of_the_source_is_said_so(tmp_path: Path) -> None:
    folder = weights(tmp_path / "clip")
    (folder / "artsound-source.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"artsound-source\.json is damaged"):
        registry.identity_of("clip", clip_at(folder).embeddings)


def test_a_tag_of_open_clip_says_what_to_fetch(tmp_path: Path) -> None:
    if not find_spec("open_clip"):
        pytest.skip("needs the extra `models`")

    def tagged(tag: str) -> Settings:
        clip = {"weights": tmp_path / "clip", "model": "ViT-B-32", "pretrained": tag}
        return settings(embeddings={"clip": clip})

    one = named(inventory(tagged("laion2b_s34b_b79k")))["CLIP"]
    assert (one.state, one.download) == ("missing", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K")
    with pytest.raises(ConfigError, match=r"no weights 'no_such_tag' .* tags: .*openai"):
        inventory(tagged("no_such_tag"))
