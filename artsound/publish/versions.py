"""Which version a release must have, by what it changes; the rule is that of Croissant."""

from typing import Literal, get_args

from artsound.errors import ReleaseError
from artsound.receive.diff import Diff, diff
from artsound.receive.find import Published

Step = Literal["major", "minor", "patch"]
STEPS: tuple[Step, ...] = get_args(Step)  # from large to small


def proposed(before: str, needed: Step) -> str:
    """Name the next version.

    Examples:
        >>> proposed("1.4.2", "minor")
        '1.5.0'
    """
    numbers = [int(part) for part in before.split(".")]
    place = STEPS.index(needed)
    return ".".join(str(n) for n in [*numbers[:place], numbers[place] + 1, *[0] * (2 - place)])


def check_bump(before: Published, after: Published) -> Diff:
    """Compare two releases and refuse a version of the later one that says less than what changed.

    Raises:
        ReleaseError: the version does not rise, or not enough; names the right one.
    """
    found = diff(before, after)
    old, new = before.manifest.version, after.manifest.version
    right = proposed(old, found.bump())
    if _numbers(new) < _numbers(right):
        changed = {name: value for name, value in found.summary().items() if value and name in _TOLD}
        what = ", ".join(f"{count} {name}" for name, count in changed.items()) or "packaging"
        raise ReleaseError(f"{new} is not a version for what changed since {old} ({what}): make it {right}")
    return found


_TOLD = ("added", "removed", "rematched", "recaptioned", "rescored", "moved")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
