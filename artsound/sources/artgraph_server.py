"""A graph on a server over Bolt: where it answers, who asks, and what its driver says of trouble.

User and password come from ARTSOUND_NEO4J_USER and ARTSOUND_NEO4J_PASSWORD, or a token from
ARTSOUND_NEO4J_TOKEN; without any, none is sent.
"""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from artsound.errors import ConfigError, MissingExtra, SourceError, extra
from artsound.progress import LOG

if TYPE_CHECKING:
    import neo4j

Rows = list[list[Any]]  # values of a query, line by line
Read = Callable[..., Any]
Take = Callable[[Iterable[Any]], Any]
SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
COMMIT_TRIES = 5
LONGEST_MESSAGE = 300  # characters of what a driver says
RETRY_SECONDS = 30.0  # how long the driver repeats a transaction before it gives up


def _all(rows: Iterable[Any]) -> Rows:
    return [[*row] for row in rows]


@dataclass(frozen=True)
class Graph:
    """Where a graph answers; holds no connection, so it goes to threads and processes as it is."""

    uri: str
    database: str = "neo4j"

    def __post_init__(self) -> None:
        if "@" in self.uri:
            raise ConfigError(
                "no password in the address: set ARTSOUND_NEO4J_USER and ARTSOUND_NEO4J_PASSWORD"
            )
        if self.uri.partition("://")[0] not in SCHEMES:
            raise ConfigError(f"{self.uri!r} is no address: it begins with one of {', '.join(SCHEMES)}")
        try:
            parts = urlsplit(self.uri)
            whole = parts.hostname and (parts.port or 1)
        except ValueError:  # a port that is no number, half an IPv6 address
            whole = None
        if not whole:
            raise ConfigError(f"{self.uri!r} is no address: write bolt://<host>:<port>, 7687 as a rule")

    def read(self, query: str, take: Take = _all, **values: Any) -> Any:
        """Run one query; as what `connected` gives."""
        with self.connected() as read:
            return read(query, take, **values)

    @contextmanager
    def connected(self) -> Iterator["Read"]:
        """Give a function, safe in threads, that runs a query in one read transaction.

        It is repeated as a whole when the connection is lost, and so is `take`, which makes of the rows what
        is wanted: without it, a list of them.

        Raises:
            SourceError: the server cannot be reached, refuses, or stays lost for `RETRY_SECONDS`.
        """
        lost = _driver_package().exceptions.IncompleteCommit

        def read(query: str, take: Take = _all, **values: Any) -> Any:
            def work(transaction: "neo4j.ManagedTransaction") -> Any:
                return take(transaction.run(query, values))

            for left in range(COMMIT_TRIES, 0, -1):
                with driver.session(**options) as session:
                    try:
                        return session.execute_read(work)
                    except lost:  # the driver repeats all but a lost commit, which a read survives
                        if left == 1:
                            raise
            return []

        with self._driver() as driver:
            options = self._options(write=False)
            yield read

    @contextmanager
    def session(self, *, write: bool) -> Iterator["neo4j.Session"]:
        """Open a session; what the driver raises becomes a SourceError."""
        with self._driver() as driver, driver.session(**self._options(write=write)) as session:
            yield session

    def _options(self, *, write: bool) -> dict[str, Any]:
        neo4j = _driver_package()
        mode = neo4j.WRITE_ACCESS if write else neo4j.READ_ACCESS
        return {"database": self.database, "default_access_mode": mode, "fetch_size": 1000}

    @contextmanager
    def _driver(self) -> Iterator["neo4j.Driver"]:
        neo4j = _driver_package()
        patience = {"max_transaction_retry_time": RETRY_SECONDS}
        try:
            with neo4j.GraphDatabase.driver(self.uri, auth=login(), **patience) as driver:
                yield driver
        except (neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError) as error:
            raise SourceError(f"the graph at {self.uri}, database {self.database}: {_told(error)}") from error


def _driver_package() -> Any:
    try:
        import neo4j  # noqa: PLC0415  # an extra, and slow to load
    except ImportError as error:
        raise MissingExtra(f"a graph over Bolt needs the extra `graph`: {extra('graph')}") from error
    logging.getLogger("neo4j.session").addFilter(_told_short)  # a second time changes nothing
    logging.getLogger("neo4j.notifications").addFilter(_asked_for)
    return neo4j


def _asked_for(_: logging.LogRecord) -> bool:
    """Leave a server's notices out, such as of labels that a graph lacks, unless all is to be logged."""
    return logging.getLogger().isEnabledFor(logging.INFO)


def _told_short(record: logging.LogRecord) -> bool:
    """Say in a short line that the driver waits: its own is long, and the error will tell the rest."""
    waits = re.search(r"will be retried in ([\d.]+)\s?s", record.getMessage())
    if waits:
        LOG.warning("the graph does not answer; asked again in %.0f s", float(waits[1]))
    return not waits


def login() -> Any:
    """Read from the environment who asks: a token, else user and password, else nobody."""
    neo4j = _driver_package()
    if token := os.environ.get("ARTSOUND_NEO4J_TOKEN"):
        return neo4j.bearer_auth(token)
    user = os.environ.get("ARTSOUND_NEO4J_USER")
    return neo4j.basic_auth(user, os.environ.get("ARTSOUND_NEO4J_PASSWORD", "")) if user else None


def _told(error: Exception) -> str:
    """Say in one line what the driver says, and what to do where it is known."""
    text = " ".join(str(getattr(error, "message", None) or error).split())[:LONGEST_MESSAGE]
    text = text or type(error).__name__
    if "SSLCertVerificationError" in text:
        return "nobody vouches for its certificate: bolt+ssc or neo4j+ssc trusts one that is self-signed"
    if "Unauthorized" in str(getattr(error, "code", "")):
        return f"{text}: set ARTSOUND_NEO4J_USER and ARTSOUND_NEO4J_PASSWORD, or ARTSOUND_NEO4J_TOKEN"
    if "Connection refused" in text or "resolve address" in text:
        return "nobody answers there: start the server, or name another address"
    if "routing information" in text or "obtain connection" in text:
        return f"{text.rstrip('.')}, there or where it points to: bolt:// asks this one server only"
    return text
