"""What holds for every test: no network but this machine's own, and one profile of generated examples."""

import gc
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.amount import amount
from tests.fakes import FakeClock

# The same examples each time: a failure that a busy machine cannot repeat helps nobody.
settings.register_profile(
    "project",
    derandomize=True,
    deadline=None,
    max_examples=amount(30, 400),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")

# Nobody outside is called, so nobody outside is trusted: the authorities of a machine take each client of an SDK, and
# each gateway, longer to read than all else that it does. The key of this certificate was never kept.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody.pem"))

LOCAL = ("127.", "localhost", "::1", "::ffff:127.", "0.0.0.0")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector, which many tests call, need not look through it each time."""
    gc.collect()
    gc.freeze()


class NetworkUsed(AssertionError):
    """A test tried to leave this machine."""


def _is_local(host: object) -> bool:
    return host in {None, "", b""} or str(host).startswith(LOCAL)


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guard(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not _is_local(address[0]):
            raise NetworkUsed(f"connect to {address}")
        return connect(self, address)

    return guard


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loopback answers. Other names do not resolve, as on a machine without network; other addresses fail."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in str(host) else socket.AF_INET, str(host))
        except OSError:
            if not _is_local(host):
                raise socket.gaierror(socket.EAI_NONAME, f"tests have no network: {host}") from None
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)), raising=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
