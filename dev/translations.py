"""`make pot`: the terms of the addon, for translators."""

from __future__ import annotations

from . import database, environment, say, server
from .paths import ADDON, ROOT

FILE = ROOT / "i18n" / f"{ADDON}.pot"

EXPORT = f"""
import io
from odoo.tools.translate import trans_export
terms = io.BytesIO()
trans_export(None, ["{ADDON}"], terms, "po", env)
print(terms.getvalue().decode())
"""


def run() -> int:
    """Write every translatable term into `i18n/`, without dates: only a changed term
    changes the file."""
    name = database.named("pot")
    with environment.ready(tours=False) as template:
        database.clone_with_addon(template, name)
        try:
            terms = server.run_odoo_script(name, EXPORT)
        finally:
            database.drop(name)
    lines = terms[terms.index("# Translation of") :].splitlines()
    kept = [line for line in lines if "-Date: " not in line]
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("\n".join(kept).rstrip() + "\n")
    say.line(f"{FILE.relative_to(ROOT)}: {terms.count('msgid ') - 1} terms")
    return 0
