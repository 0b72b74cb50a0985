"""How much memory programs hold: seen in programs of their own, since it is set at their start."""

import os
import subprocess
import sys

import pytest

THREADS = """
import ctypes, threading
from artsound import memory

memory.lean()
import pyarrow

together = threading.Barrier(8)

def work():
    together.wait()
    held = bytearray(100_000)
    together.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
c = ctypes.CDLL(None)
c.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(c.fopen(b"/dev/stdout", b"w"))
c.malloc_info(0, file)
c.fclose(file)
print(pyarrow.default_memory_pool().backend_name)
"""
POOL, ARENAS = "ARROW_DEFAULT_MEMORY_POOL", "MALLOC_ARENA_MAX"


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
@pytest.mark.parametrize(
    ("chosen", "pool", "arenas"), [({}, "system", 2), ({ARENAS: "4", POOL: "mimalloc"}, "mimalloc", 4)]
)
def test_threads_share_few_arenas_unless_the_user_chose(
    chosen: dict[str, str], pool: str, arenas: int
) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in (POOL, ARENAS)}
    command = [sys.executable, "-c", THREADS]
    said = subprocess.run(command, env=clean | chosen, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == pool
    assert said.count("<heap nr=") == arenas
