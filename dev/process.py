"""Child processes: run one to its end, start one, end one, find a free port."""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .paths import LOCAL

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run(*command: object, **options) -> str:
    """Run a command to its end and return what it wrote to standard output.

    :param options: as of `subprocess.run`; what is not captured by default may be
        redirected by `stdout` and `stderr`
    :raise SystemExit: the command failed; the message has the last lines it wrote
    """
    words = [str(word) for word in command]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    done = subprocess.run(words, text=True, **options)
    if done.returncode:
        said = ((done.stdout or "") + (done.stderr or "")).strip().splitlines()
        raise SystemExit(
            f"`{' '.join(words)[:300]}` failed with status {done.returncode}"
            + "".join(f"\n    {text}" for text in said[-15:])
        )
    return done.stdout or ""


def call(*command: object, **options) -> int:
    """Run a command in the foreground and return its status.

    Whatever ends the waiting, Ctrl-C for instance, ends the command as well.
    """
    process = start(*command, **options)
    try:
        return process.wait()
    finally:
        stop(process)


def start(*command: object, **options) -> subprocess.Popen:
    """Start a command that goes on by itself; end it with `stop`.

    It leads a process group, so that what it starts, a browser say, ends with it; and
    it ends with this process, even if that is killed.
    """
    words = [str(word) for word in command]
    return subprocess.Popen(
        words,
        text=True,
        start_new_session=True,
        preexec_fn=functools.partial(end_with_parent, os.getpid()),
        **options,
    )


def end_with_parent(parent: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Have the system end this process as soon as its parent has ended.

    :param parent: who it was when this process began: if that is over, end at once
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(how), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), how)


def stop(process: subprocess.Popen, seconds: float = 20) -> None:
    """End a process and what it has started, politely at first."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


def free_port(wanted: int = 0) -> int:
    """A free TCP port on 127.0.0.1: the wanted one if it is free, else any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Only one process of this checkout at a time does what is called `name`."""
    LOCAL.mkdir(exist_ok=True)
    with open(LOCAL / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def base_environment() -> dict[str, str]:
    """The environment for a Python child.

    Compiled files go under `.local/`: never into the repository or somebody's Odoo,
    and always somewhere, since a machine that forbids them makes each start slow.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    }
    environment["PYTHONPYCACHEPREFIX"] = str(LOCAL / "pycache")
    return environment
