"""Every point at which a worker may die, wrapped around the engine from outside.

What a worker leaves behind changes in two ways only: a transaction is committed, a
request is executed. So there is a point on both sides of each of these, named by the
engine's method that asked for it; and, because someone may one day commit elsewhere,
on both sides of the methods that act.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from odoo import sql_db
from odoo.modules.registry import Registry

from odoo.addons.dataverse_sync.dataverse.transport import Transport

METHODS = {
    "integration.engine.capture": ("_capture_dataverse", "_capture_odoo", "_observe"),
    "integration.engine.plan": ("_plan",),
    "integration.engine.pull": (
        *("_create", "_create_records", "_write", "_change_records", "_remember"),
    ),
    "integration.engine.push": ("_reserve", "_send", "_settle", "_recover"),
    "integration.engine.bulk": ("_create",),
    "integration.engine.remember": ("_remember",),
    "integration.inbox": ("_put_rows", "_done"),
    "integration.journal": ("_forget_own",),
    "integration.checkpoint": ("_acquire", "_release"),
}


def watch(registry: Registry, pass_by: Callable[[str], None]) -> None:
    """Have `pass_by` called with the name of each point that this process passes.

    For good: the process is not used for anything else.
    """
    for model, names in METHODS.items():
        for name in names:
            _wrap(registry[model], name, pass_by, f"{model.rpartition('.')[2]}.{name}")
    _wrap(sql_db.Cursor, "commit", pass_by, lambda *_: f"commit in {_engine_method()}")
    _wrap(Transport, "send", pass_by, _request)


def _wrap(owner: type, name: str, pass_by: Callable, label: Any) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        what = label if isinstance(label, str) else label(*args)
        pass_by(f"before {what}")
        result = original(*args, **kwargs)
        pass_by(f"after {what}")
        return result

    setattr(owner, name, wrapped)


def _request(_transport: Transport, method: str, url: str, *_rest: Any) -> str:
    path = urlsplit(url).path.rpartition("/")[2].partition("(")[0]
    return f"{method} {path} in {_engine_method()}"


def _engine_method() -> str:
    """The innermost method of the engine at work, but for its common ones."""
    frame = sys._getframe(1)
    while frame:
        code = frame.f_code
        if "/engine/" in code.co_filename and code.co_name not in (
            "_commit",
            "_end_transaction",
            "wrapped",
        ):
            module = code.co_filename.rpartition("/")[2].removesuffix(".py")
            return f"{module}.{code.co_name}"
        frame = frame.f_back
    return "the caller"
