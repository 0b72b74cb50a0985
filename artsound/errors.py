"""What can go wrong.

* ArtSoundError
  - ConfigError      the settings file or a path in it is wrong: fix it, nothing has run
  - MissingExtra     a package of an optional extra is not installed: install it, nothing has run
  - SchemaError      a stage returned rows that its table does not allow: a bug of ours
  - SourceError      a source is unreachable or its bytes do not match: worth a retry
  - StoreError       the store is busy, full or not writable
  - TooManyRejects   more items were refused than `max_reject_share` allows
  - MatchingError    the sides cannot be matched as asked: unlike models, an empty side
  - ReleaseError     a release is damaged, or differs from what its manifest says
  - TrainingError    a training run cannot go on: the loss is not finite; what was saved is kept
  - RunnerError      what walks the steps, such as Prefect's server, is down: what was finished is kept
  - EvaluationError  systems cannot be compared as asked: unlike numbers of clips, or too few

One bad *item* is not an error: it becomes a `Reject` and the stage goes on.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # `artsound --help` must not wait for it
    import pyarrow as pa


class ArtSoundError(Exception):
    """Base of everything this library raises on purpose; its text is one line that says what to do."""


class ConfigError(ArtSoundError):
    """The settings file, or a path named in it, is wrong."""


class MissingExtra(ArtSoundError):
    """An optional package is needed; the text names the extra that brings it."""


def extra(name: str) -> str:
    """Say how an extra is installed: in the checkout, in versions that are known to work together."""
    return f".venv/bin/pip install -c configs/constraints.txt -e '.[{name}]'"


class SchemaError(ArtSoundError):
    """A table does not match its schema."""


class SourceError(ArtSoundError):
    """A source cannot be read as declared."""


class StoreError(ArtSoundError):
    """The store cannot be written or read."""


class TooManyRejects(ArtSoundError):
    """A stage refused more of its items than the settings allow."""


class MatchingError(ArtSoundError):
    """The two sides cannot be matched as asked."""


class ReleaseError(ArtSoundError):
    """A release is damaged or is not what its manifest says."""


class TrainingError(ArtSoundError):
    """A training run cannot go on; its last checkpoint is kept."""


class RunnerError(ArtSoundError):
    """What walks the steps failed, not a step; what was finished is kept."""


class EvaluationError(ArtSoundError):
    """Systems cannot be compared as asked."""


class Reason(StrEnum):
    """Why an item was refused. A closed list, so that counts compare between runs."""

    MISSING_FILE = "missing_file"  # named by the source, not on disk
    NOT_LISTED = "not_listed"  # on disk, not named by the source
    UNSAFE_PATH = "unsafe_path"  # climbs out of its folder, or is absolute
    DUPLICATE_KEY = "duplicate_key"  # the source names the same item twice
    EMPTY_FILE = "empty_file"
    UNREADABLE = "unreadable"  # is not what its name says, or is damaged
    TOO_LARGE = "too_large"  # more pixels or bytes than the settings allow
    TOO_SHORT = "too_short"
    DUPLICATE_CONTENT = "duplicate_content"  # the same bytes as an item that is kept
    FETCH_FAILED = "fetch_failed"
    OPTED_OUT = "opted_out"  # robots rules or an opt-out header forbid the fetch
    EMPTY_CAPTION = "empty_caption"
    REFUSED_CAPTION = "refused_caption"  # the captioner declined, or gave no usable answer
    NO_ANSWER = "no_answer"  # the captioner could not be asked about it: a fault of the way there
    BAD_VECTOR = "bad_vector"  # not finite, or zero
    TAKEN_DOWN = "taken_down"
    REVIEWED_OUT = "reviewed_out"  # more reviewers rejected the pair than accepted it


PASSING = frozenset({Reason.NO_ANSWER, Reason.FETCH_FAILED})  # another run may have better luck


class Reject(NamedTuple):
    """One refused item: which, why, and a line for the person who looks."""

    item_id: str
    reason: Reason
    detail: str = ""


class Outcome(NamedTuple):
    """What a stage gives back: the rows it kept and the items it refused."""

    rows: "pa.Table"
    rejects: Sequence[Reject] = ()
