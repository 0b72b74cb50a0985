"""One module of a package, without what the package's own `__init__` drags in.

`import laion_clap` asks the hub for three tokenizers, and `import imagebind` wants torchaudio and a video
library; their model classes need none of it.
"""

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from artsound.errors import MissingExtra, extra

# how the packages come that declare what they do not need
LAION_CLAP = f"{extra('clap')} && .venv/bin/pip install --no-deps laion-clap==1.1.7"
IMAGEBIND = f"{extra('imagebind')} && .venv/bin/pip install --no-deps imagebind-unofficial==0.1.1"


def module_of(package: str, inner: str, *, install: str) -> ModuleType:
    """Import `package.inner` and leave the `__init__` of every package above it alone.

    Args:
        package: as one imports it.
        inner: dotted path of the module inside it.
        install: the command that brings the package, for the error.

    Raises:
        MissingExtra: the package, or something that the module needs, is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(f"the package {package.replace('_', '-')} is not installed: {install}")
    name, folders, stood_in = package, list(spec.submodule_search_locations), []
    for part in inner.split("."):
        if name not in sys.modules:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__path__ = folders
            stood_in.append(name)
        name, folders = f"{name}.{part}", [f"{folder}/{part}" for folder in folders]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages that no longer change
            return import_module(name)
    except ImportError as error:
        raise MissingExtra(f"{name} lacks a package ({error}): {install}") from error
    finally:
        for one in stood_in:  # whoever wants the whole package later gets the real one
            del sys.modules[one]
