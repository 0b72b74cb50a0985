"""Run every measurement of this folder, one after another: `python -m bench`."""

import importlib
import pkgutil

import bench


def main() -> None:
    """Run each module that has a `main`."""
    for found in pkgutil.iter_modules(bench.__path__):
        module = importlib.import_module(f"bench.{found.name}")
        if found.name != "__main__" and hasattr(module, "main"):
            print(f"\n== {found.name}", flush=True)
            module.main()


if __name__ == "__main__":
    main()
