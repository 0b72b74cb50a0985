"""Which version a release must have, by what it changes; the rule is that of Croissant.

A version that rises by more than what changed needs is let pass: its publisher promises less. One that does
not rise, or by less, is refused.
"""

from typing import Literal, get_args

from artsound.errors import ReleaseError
from artsound.receive.diff import Diff, PublishedVersion, Version, compare
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
    return checked(PublishedVersion(before), PublishedVersion(after))


def checked(before: Version, after: Version) -> Diff:
    """Do the same for a version that need not be written yet."""
    found = compare(before, after)
    refuse_lower(before.made.version, after.made.version, found)
    return found


def refuse_lower(old: str, new: str, found: Diff) -> None:
    """Refuse a version that says less than what changed.

    Raises:
        ReleaseError: names the right one.
    """
    right = proposed(old, found.bump())
    if numbers(new) < numbers(right):
        what = f"what changed since {old} ({told(found)})"
        raise ReleaseError(f"{new} is not a version for {what}: make it {right}")


def told(found: Diff) -> str:
    """Say in a line what changed."""
    return ", ".join(f"{count} {name}" for name, count in found.counts().items() if count) or "packaging"


def numbers(version: str) -> tuple[int, ...]:
    """Take a version apart, for comparing."""
    return tuple(int(part) for part in version.split("."))
