"""Requests to ClickHouse over HTTP, by its official client. For any number of threads."""

import contextlib
import io
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

from prisme.runtime.clickhouse_types import Endpoint
from prisme.runtime.config import Config
from prisme.store.clickhouse.errors import CREDENTIALS, UnansweredError, UnreachableError, make_error, shorten
from prisme.store.errors import StoreError

_buffer_size = io.DEFAULT_BUFFER_SIZE
try:
    import clickhouse_connect
    from clickhouse_connect.driver import exceptions
    from clickhouse_connect.driver.client import Client as Driver
    from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
except ImportError as error:
    raise StoreError(
        "to store in ClickHouse, Prisme needs its client: install it with `pip install 'prisme[clickhouse]'`"
    ) from error

# Importing the client makes whatever reads compressed files in this process read 32 times as much at once.
io.DEFAULT_BUFFER_SIZE = _buffer_size  # type: ignore[misc]  # a constant to type checkers
# All that they log is in the errors.
for _name in ("clickhouse_connect", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

# After no host could be reached: thousands of segments may be waiting, and each would take the time of another try.
_PAUSE: Final = 1.0  # seconds
# Whatever the client lets through.
_FAILURES: Final = (exceptions.ClickHouseError, exceptions.StreamFailureError, HTTPError, OSError)
_Result = TypeVar("_Result")


class Stream(Protocol):
    """The body of an answer."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at its end."""


class UnsentError(Exception):
    """A host that answered earlier accepts no connection any more; another one may."""


class Access(NamedTuple):
    """How to reach ClickHouse: the endpoints, of which one is used as long as it answers; timeouts in seconds.

    User and password are read from files whenever a connection is opened; without files, it is the user `default`
    without a password. `ca_file` has the certificates to trust, by default those that the system trusts.
    """

    endpoints: Sequence[Endpoint]
    user_file: Path | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    connect_timeout: float = 5.0
    timeout: float = 30.0


class Client:
    """Requests go to the first endpoint that answers. Raises StoreError: `ServerError` if it refuses a request.

    If it cannot be reached any more, the request goes to the next one; if it does not answer, only the next request,
    as this one may have been carried out (`UnansweredError`). An error of the server is the same on every host.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._driver: Driver | None = None
        self._place = 0  # of the endpoint in use, or to be tried first
        self._password = ""
        self._unreachable: tuple[float, str] = (0.0, "")  # until when, and why

    def query(
        self, query: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of a query; `{name:Type}` in it is a parameter's value."""
        result = self._ask(lambda driver: driver.query(query, dict(parameters or {}), dict(settings or {})))
        return [tuple(row) for row in result.result_rows]

    def stream(
        self, query: str, form: str, settings: Mapping[str, Any], take: Callable[["Stream"], _Result]
    ) -> _Result:
        """What `take` makes of the bytes of a query's rows, in one of ClickHouse's formats, as they come."""

        def request(driver: Driver) -> _Result:
            stream = cast(io.RawIOBase, driver.raw_stream(query, settings=dict(settings), fmt=form))
            with contextlib.closing(stream):
                return take(cast(Stream, stream))

        return self._ask(request)

    def execute(
        self, statement: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Run a statement without rows."""
        # Unlike the driver's `command`, it does not put long parameters into the URL.
        self._ask(lambda driver: driver.raw_query(statement, dict(parameters or {}), dict(settings or {})))

    def insert(self, table: str, body: bytes, form: str, settings: Mapping[str, Any]) -> None:
        """Insert rows in one of ClickHouse's formats. The body comes with its length, so that it is not cut off."""
        self._ask(lambda driver: driver.raw_insert(table, None, body, dict(settings), form))

    def fetch(
        self,
        query: str,
        form: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The rows of a query in one of ClickHouse's formats."""
        return self._ask(lambda driver: driver.raw_query(query, dict(parameters or {}), dict(settings or {}), form))

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._forget(self._driver)

    def _ask(self, request: Callable[[Driver], _Result]) -> _Result:
        """The result of a request, from the first endpoint that can be reached."""
        failed: UnsentError | None = None
        for _ in self._access.endpoints:
            try:
                driver, endpoint = self._connected()
            except UnreachableError as error:
                if failed is None:
                    raise
                # Its connection was closed: by a server that may have had the request.
                raise UnansweredError(str(error)) from None
            try:
                with self._explaining(driver, endpoint):
                    return request(driver)
            except UnsentError as error:
                failed = error
        raise UnansweredError(str(failed))

    @contextlib.contextmanager
    def _explaining(self, driver: Driver, endpoint: Endpoint) -> Iterator[None]:
        """Turn the client's errors into ours; a connection that failed is given up."""
        try:
            yield
        except _FAILURES as error:
            code = _find_code(error)
            is_of_server = isinstance(error, exceptions.Error) and not isinstance(error, exceptions.OperationalError)
            if not code and not is_of_server:
                with self._lock:
                    if self._driver is driver:
                        self._forget(driver)
                        self._place += 1
                text = f"ClickHouse at {endpoint} does not answer: {shorten(self._hide(_find_reason(error)))}"
                raise (UnsentError if _was_refused(error) else UnansweredError)(text) from None
            if code in CREDENTIALS:
                with self._lock:
                    self._forget(driver)  # the files may have others by now
            raise make_error(str(endpoint), code, self._hide(str(error))) from None

    def _connected(self) -> tuple[Driver, Endpoint]:
        """A driver that is connected, or was: connecting asks for the server's version and settings."""
        with self._lock:
            endpoints = self._access.endpoints
            if self._driver is not None:
                return self._driver, endpoints[self._place % len(endpoints)]
            until, why = self._unreachable
            if time.monotonic() < until:
                raise UnreachableError(why)
            reasons = []
            for _ in endpoints:
                endpoint = endpoints[self._place % len(endpoints)]
                try:
                    self._driver = self._connect(endpoint)
                except _FAILURES as error:
                    if code := _find_code(error):
                        raise make_error(str(endpoint), code, self._hide(str(error))) from None
                    reasons.append(f"{endpoint}: {shorten(self._hide(_find_reason(error)))}")
                    self._place += 1
                else:
                    return self._driver, endpoint
            why = f"ClickHouse cannot be reached, is it running? {'; '.join(reasons)}"
            self._unreachable = time.monotonic() + _PAUSE, why
            raise UnreachableError(why)

    def _connect(self, endpoint: Endpoint) -> Driver:
        access = self._access
        user = _read_secret(access.user_file, "clickhouse_user_file") or "default"
        self._password = _read_secret(access.password_file, "clickhouse_password_file")
        return clickhouse_connect.get_client(
            host=endpoint.address,
            port=endpoint.port,
            interface="https" if endpoint.is_tls else "http",
            username=user,
            password=self._password,
            ca_cert=str(access.ca_file) if access.ca_file else None,
            connect_timeout=access.connect_timeout,
            send_receive_timeout=access.timeout,
            compress=False,
            autogenerate_session_id=False,  # requests with the same one exclude each other
            query_retries=0,
            client_name="prisme",
        )

    def _forget(self, driver: Driver | None) -> None:
        if driver is not None:
            with contextlib.suppress(Exception):
                driver.close_connections()
        if self._driver is driver:
            self._driver = None

    def _hide(self, text: str) -> str:
        """A text without the password, whatever the driver may put into an error."""
        return text.replace(self._password, "***") if self._password else text


def make_access(config: Config, timeout: float) -> Access:
    """How to reach the ClickHouse of a configuration; `timeout` in seconds."""
    return Access(
        config.clickhouse_url,
        config.clickhouse_user_file,
        config.clickhouse_password_file,
        config.clickhouse_ca_file,
        timeout=timeout,
    )


def _read_secret(path: Path | None, option: str) -> str:
    """The text of a file, without the line feed at its end. Raises StoreError."""
    if path is None:
        return ""
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StoreError(f"{path} of {option} cannot be read: {reason}") from None


def _find_code(error: Exception) -> int:
    """The server's code of an error; 0 if it is not the server's."""
    return (error.code or 0) if isinstance(error, exceptions.Error) else 0


def _was_refused(error: BaseException) -> bool:
    """Whether a connection could not be opened, by what led to an error."""
    return any(isinstance(cause, NewConnectionError | ConnectTimeoutError) for cause in _list_causes(error))


def _find_reason(error: BaseException) -> str:
    """What the system says of a connection that failed, such as `Connection refused`; else the error's own text."""
    reasons = (cause.strerror or str(cause) for cause in _list_causes(error) if isinstance(cause, OSError))
    return next(reasons, "") or str(error)


def _list_causes(error: BaseException) -> list[BaseException]:
    """An error and what led to it, the first cause first."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            waiting += [cause.__context__, cause.__cause__, getattr(cause, "reason", None)]
    return found[::-1]
