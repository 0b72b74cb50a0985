"""Helpers of the tests that build: settings of the sample, the command line, a tree's bytes."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

HERE = Path(__file__).parent.parent


def sample_config(folder: Path, more: str = "") -> Path:
    """Write settings like configs/demo.toml with the store in `folder`."""
    text = (HERE / "configs" / "demo.toml").read_text(encoding="utf-8")
    text = text.replace("../build/demo", "store").replace("../data", str(HERE / "data"))
    path = folder / "demo.toml"
    path.write_text(text + "\n" + more, encoding="utf-8")
    return path


def artsound(
    *arguments: str, env: Mapping[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own and check its exit code."""
    command = [sys.executable, "-m", "artsound.cli", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def bytes_of(folder: Path) -> dict[str, str]:
    """Map every file below a folder to its hash; the lock is no content, and what a build took differs."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    files = [path for path in files if "costs" not in path.parts and path.name != "costs.json"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def painting(path: Path, hue: int) -> None:
    """Write a small picture of one colour."""
    Image.fromarray(np.full((48, 64, 3), [hue, 120, 255 - hue], np.uint8)).save(path)


def tone(path: Path, seconds: float) -> None:
    """Write a tone whose height is the length of the file's name."""
    time_axis = np.arange(int(seconds * 22_050)) / 22_050
    samples = np.sin(2 * np.pi * (220 + 40 * len(path.name)) * time_axis)
    soundfile.write(path, 0.3 * samples.astype(np.float32), 22_050)
