"""`make screenshots`: the tours' pictures, for the README and the store page."""

from __future__ import annotations

from pathlib import Path

from . import process, say, testing
from .paths import ADDON, ROOT, SCREENSHOTS
from .python_env import PYTHON

PICTURES = ROOT / "static" / "description"
PREFIX = "picture_"

# Pillow is one of Odoo's libraries. A screen has few colours: an eighth of the size.
SHRINK = """
import sys
from PIL import Image
_program, taken, kept = sys.argv
with Image.open(taken) as picture:
    colours = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours.save(kept, optimize=True)
"""


def run() -> int:
    """Run the tours, and put the pictures that they took into `static/description/`.

    :return: 0 if the tours passed and took at least one picture
    """
    if status := testing.run(f"/{ADDON}:TestTour"):
        return status
    taken = sorted(SCREENSHOTS.rglob(f"{PREFIX}*.png"))
    for file in taken:
        kept = PICTURES / f"{_name(file)}.png"
        process.run(PYTHON, "-c", SHRINK, file, kept)
        say.line(f"{kept.relative_to(ROOT)}: {kept.stat().st_size // 1024} KB")
    return int(not taken)


def _name(file: Path) -> str:
    """What the tour calls its picture, before the date, the time and the test."""
    name, _date, _time, _fraction, _test = file.stem.rsplit("_", 4)
    return name.removeprefix(PREFIX)
