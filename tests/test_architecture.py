"""The arrows of the architecture, checked: no Prefect in the library, no stage inside another."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

STAGES = [
    *(
        path
        for folder in ("catalog", "measures", "captions")
        for path in sorted(Path(f"artsound/{folder}").glob("*.py"))
    ),
    Path("artsound/embeddings.py"),
    Path("artsound/splits.py"),
]
ABOVE = {
    "artsound.pipeline",
    "artsound.wiring",
    "artsound.steps",
    "artsound.store",
    "artsound.products",
    "artsound.cli",
}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", sorted(Path("artsound").rglob("*.py")), ids=str)
def test_library_stands_without_prefect(path: Path) -> None:
    assert not {name for name in imports(path) if name.split(".")[0] in {"prefect", "flows"}}


@pytest.mark.parametrize("path", STAGES, ids=str)
def test_a_stage_knows_neither_the_store_nor_the_pipeline(path: Path) -> None:
    assert not imports(path) & ABOVE


@pytest.mark.parametrize("path", sorted(Path("flows").glob("*.py")), ids=str)
def test_a_flow_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def test_help_starts_without_the_heavy_packages() -> None:
    code = (
        "import sys\nfrom artsound.cli import app\n"
        "heavy = {'torch', 'librosa', 'onnxruntime', 'prefect', 'pandas', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
