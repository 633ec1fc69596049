"""Chromium, which Odoo's tours run in."""

from __future__ import annotations

import os
import shutil
from subprocess import DEVNULL

from . import process, say

# In the order in which Odoo looks for them.
NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")


def provide() -> None:
    """Find a browser, or install Debian's as root; otherwise say what to install.

    :raise SystemExit: there is none. Odoo would skip its tours without a word.
    """
    if found := next(filter(None, map(shutil.which, NAMES)), None):
        say.there(f"the browser {found}")
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        apt = ("apt-get", "-qq", "-y")
        with say.step("Chromium: installed from Debian"):
            process.run(*apt, "update", env=environment, stdin=DEVNULL)
            install = ("install", "--no-install-recommends", "chromium")
            process.run(*apt, *install, env=environment, stdin=DEVNULL)
    if not any(map(shutil.which, NAMES)):
        raise SystemExit(
            "The tours need Chromium, and only root can install it: "
            "sudo apt-get install chromium"
        )
