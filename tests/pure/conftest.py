"""What holds for every test without Odoo: no network beyond this machine, no luck."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(__file__).parents[2] / ".local" / "hypothesis")
# The same examples each time; `make stress` is where new ones are looked for.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True, scope="session")
def _only_this_machine():
    """Refuse connections to anywhere but the loopback interface."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address):
        internet = self.family in (socket.AF_INET, socket.AF_INET6)
        if internet and not _is_loopback(address[0]):
            raise AssertionError(f"a test wants to connect to {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
