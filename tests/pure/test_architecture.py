"""The parts of the addon import only what the architecture lets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.architecture import RULES, violations

ROOT = Path(__file__).resolve().parents[2]


def found(tmp_path: Path, file: str, code: str) -> list[str]:
    """The violations in a tree that consists of one file."""
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    return violations(tmp_path)


def test_the_addon_keeps_the_rules():
    assert violations(ROOT) == []


def test_every_part_of_the_addon_is_looked_at():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"dev", "tests"} <= set(RULES)


@pytest.mark.parametrize(
    ("file", "code", "complaint"),
    [
        ("dataverse/client.py", "import odoo", "odoo"),
        ("dataverse/client.py", "from odoo.tools import config", "odoo"),
        ("dataverse/client.py", "import httpx", "httpx"),
        ("dataverse/client.py", "from ..sync import plan", "sync/"),
        ("dataverse/client.py", "from .. import models", "models/"),
        ("dataverse/client.py", "import sync.plan", "sync"),
        ("dataverse/client.py", "def f():\n    import odoo", "odoo"),
        ("sync/plan.py", "import requests", "requests"),
        ("sync/plan.py", "import random", "random"),
        ("sync/plan.py", "from time import monotonic", "time"),
        ("sync/plan.py", "import urllib.request", "urllib.request"),
        ("sync/plan.py", "import dataverse", "dataverse"),
        ("sync/plan.py", "from datetime import date\ndate.today()", "today()"),
        ("sync/plan.py", "import uuid\nuuid.uuid4()", "uuid4()"),
        ("sync/deep/plan.py", "from ...engine import run", "engine/"),
        ("engine/run.py", "import requests", "requests"),
        ("engine/run.py", "from ..wizards import x", "wizards/"),
        ("engine/run.py", "from odoo.addons.dataverse_sync.models import x", "models/"),
        ("engine/run.py", "from odoo.addons.dataverse_sync import models", "models/"),
        ("models/connection.py", "from ..engine import run", "engine/"),
        ("models/connection.py", "import requests", "requests"),
        ("models/connection.py", "from http import client", "http.client"),
        ("wizards/setup.py", "from socket import create_connection", "socket"),
        ("wizards/setup.py", "import odoo.addons.dataverse_sync.engine.run", "engine/"),
        ("controllers/webhook.py", "import requests", "requests"),
        ("simulator/app.py", "import odoo", "odoo"),
        ("simulator/app.py", "from dataverse import client", "dataverse"),
        ("simulator/app.py", "from ..sync import plan", "sync/"),
    ],
)
def test_what_is_forbidden_is_found(tmp_path, file, code, complaint):
    [violation] = found(tmp_path, file, code)
    assert violation.startswith(f"{file}:")
    assert violation.endswith(complaint)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("dataverse/client.py", "import json, requests\nfrom . import errors"),
        ("dataverse/auth.py", "import msal\nfrom .errors import kind"),
        ("sync/plan.py", "from datetime import date\nfrom .values import same"),
        ("sync/plan.py", "import uuid\nuuid.UUID(text)"),
        ("engine/run.py", "from odoo import models\nfrom ..sync import plan"),
        ("engine/run.py", "from odoo.addons.dataverse_sync.dataverse import client"),
        ("models/connection.py", "from odoo.addons.base.models.res_partner import x"),
        ("models/connection.py", "from urllib.parse import urlsplit"),
        ("controllers/webhook.py", "from odoo import http\nimport hmac"),
        ("simulator/app.py", "import starlette\nfrom simulator.store import Store"),
    ],
)
def test_what_is_allowed_is_not_found(tmp_path, file, code):
    assert found(tmp_path, file, code) == []
