"""The solution for Dynamics 365 is whole: everything that is named is there, once."""

from __future__ import annotations

import io
import re
import zipfile
from xml.etree import ElementTree

import pytest

from dataverse import solution


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(solution.build())) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def tree(files: dict[str, bytes], name: str) -> ElementTree.Element:
    return ElementTree.fromstring(files[name])


def test_every_xml_file_is_well_formed(files):
    names = [name for name in files if name.endswith(".xml")]
    assert {"[Content_Types].xml", "solution.xml", "customizations.xml"} <= {*names}
    for name in names:
        tree(files, name)


def test_it_is_unmanaged_and_names_its_components(files):
    manifest = tree(files, "solution.xml").find("SolutionManifest")
    assert manifest.findtext("Managed") == "0"
    prefix = manifest.findtext("Publisher/CustomizationPrefix")
    components = {
        (component.get("type"), component.get("schemaName"))
        for component in manifest.iter("RootComponent")
    }
    assert components == {
        ("1", "account"),
        ("1", "contact"),
        ("61", f"{prefix}_open_in_odoo.js"),
        ("61", f"{prefix}_odoo.svg"),
        ("380", f"{prefix}_OdooAddress"),
    }


def test_web_resources_have_their_content(files):
    resources = list(tree(files, "customizations.xml").iter("WebResource"))
    contents = {
        resource.findtext("Name"): files[resource.findtext("FileName").lstrip("/")]
        for resource in resources
    }
    assert contents == {
        name: source.read_bytes() for name, source in solution.SOURCES.items()
    }
    ids = {resource.findtext("WebResourceId") for resource in resources}
    assert len(ids) == len(resources)
    assert all(re.fullmatch(r"\{[0-9a-f-]{36}\}", id_) for id_ in ids)


@pytest.mark.parametrize("table", solution.TABLES)
def test_each_button_leads_to_a_function_of_the_script(files, table):
    (ribbon,) = [
        entity.find("RibbonDiffXml")
        for entity in tree(files, "customizations.xml").iter("Entity")
        if entity.findtext("Name").lower() == table
    ]
    script = solution.SOURCES[solution.SCRIPT].read_text()
    commands = {c.get("Id"): c for c in ribbon.iter("CommandDefinition")}
    rules = {r.get("Id") for r in ribbon.findall("RuleDefinitions/EnableRules/*")}
    buttons = list(ribbon.iter("Button"))
    locations = {action.get("Location") for action in ribbon.iter("CustomAction")}
    assert {location.split(".")[1] for location in locations} == {
        "Form",
        "HomepageGrid",
    }
    assert all(f".{table}.MainTab." in location for location in locations)
    assert len(buttons) == len(commands) == len(locations) == len(rules)
    for button in buttons:
        command = commands[button.get("Command")]
        function = command.find("Actions/JavaScriptFunction")
        name, _, method = function.get("FunctionName").partition(".")
        assert f"var {name} =" in script and f"{method}(" in script
        assert function.get("Library") == f"$webresource:{solution.SCRIPT}"
        assert button.get("ModernImage") == f"$webresource:{solution.PICTURE}"
        assert {rule.get("Id") for rule in command.iter("EnableRule")} <= rules


def test_the_script_asks_for_the_variable_of_the_solution(files):
    (name,) = [name for name in files if name.startswith("environmentvariable")]
    assert tree(files, name).get("schemaname") == solution.VARIABLE
    assert f'"{solution.VARIABLE}"' in solution.SOURCES[solution.SCRIPT].read_text()


def test_ids_are_unique_and_the_file_is_always_the_same(files):
    ids = re.findall(
        rb'<(?:CustomAction|Button|CommandDefinition) Id="([^"]+)"',
        files["customizations.xml"],
    )
    assert len(ids) == len(set(ids)) == 12
    assert solution.build() == solution.build()
