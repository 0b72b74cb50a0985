"""What the README shows is true: its Python runs as written, its commands are there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from artsound.products import release_folder
from artsound.settings import Settings
from tests.builds import artsound

README = Path("README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split("\n")[0])
def test_its_python_runs(code: str, demo: Path, tmp_path: Path) -> None:
    code = code.replace("build/demo/release/artsound-sample-0.1.0", str(release_folder(Settings.load(demo))))
    env = {
        "HF_DATASETS_CACHE": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr


def test_its_commands_exist() -> None:
    help_text = artsound("--help").stdout
    targets = Path("Makefile").read_text(encoding="utf-8")
    for line in "\n".join(blocks("sh")).splitlines():
        if used := re.match(r"(?:\.venv/bin/artsound|make) ([a-z-]+)", line):
            assert used[1] in help_text or re.search(rf"^{used[1]}:", targets, re.MULTILINE), line


def test_its_files_exist() -> None:
    named = re.findall(
        r"\]\(([\w/.-]+)\)|`((?:artsound|flows|configs|bench|docker|data|tests|schemas)/[\w/.-]*)`", README
    )
    missing = [path for pair in named for path in pair if path and not Path(path).exists()]
    assert missing == []
