"""The solution that puts the button "Odoo" on the command bars of Dynamics 365.

An unmanaged solution: a web resource with the script, one with the picture, an
environment variable for Odoo's address, and a change of the ribbon of each table.
Sources: "Solution file (customizations.xml)", "Customize commands and the ribbon",
"Ribbons available", "SolutionPackager", component types of ``solutioncomponent``.

``python -m dataverse.solution FILE [TABLE ...]`` writes it.
"""

from __future__ import annotations

import io
import sys
import uuid
import zipfile
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

NAME, VERSION, PREFIX = "DataverseSyncOdoo", "1.0.0.0", "dsync"
TABLES = ("account", "contact")
SCRIPT, PICTURE = f"{PREFIX}_open_in_odoo.js", f"{PREFIX}_odoo.svg"
VARIABLE = f"{PREFIX}_OdooAddress"
FOLDER = Path(__file__).resolve().parents[1] / "static"
SOURCES = {
    SCRIPT: FOLDER / "dynamics" / "open_in_odoo.js",
    PICTURE: FOLDER / "description" / "icon.svg",
}
# webresource.webresourcetype; solutioncomponent.componenttype
WEB_RESOURCE_TYPES = {".js": 3, ".svg": 11}
ENTITY, WEB_RESOURCE, ENVIRONMENT_VARIABLE = 1, 61, 380
TEXT = 100000000  # environmentvariabledefinition.type
SHELL_ONLY = 2  # of a table: neither its columns nor its forms
ENGLISH = 1033
# The same ids each time: importing a later version replaces what is there.
_IDS = uuid.UUID("5b0c6f0e-6d0f-4f0e-9d7e-6a1c7e0d4b52")
# Where the button goes, the function behind it, what it is given, when it is enabled.
PLACES = {
    "Form": (
        "Mscrm.Form.{table}.MainTab.Save.Controls._children",
        "openForm",
        "PrimaryControl",
        '<FormStateRule State="Existing" />',
    ),
    "HomepageGrid": (
        "Mscrm.HomepageGrid.{table}.MainTab.Management.Controls._children",
        "openSelected",
        "SelectedControlSelectedItemReferences",
        '<SelectionCountRule AppliesTo="SelectedEntity" Minimum="1" Maximum="1" />',
    ),
}
_DEFINITION = "environmentvariabledefinition"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def build(tables: Iterable[str] = TABLES) -> bytes:
    """Return the solution as a zip file to be imported in Power Apps.

    :param tables: logical names of the tables whose command bars get the button
    """
    tables = tuple(tables)
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types(),
        "solution.xml": _solution(tables),
        "customizations.xml": _customizations(tables),
        f"{_DEFINITION}s/{VARIABLE}/{_DEFINITION}.xml": _variable(),
        **{_file_of(name): source.read_bytes() for name, source in SOURCES.items()},
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # A fixed time: the same sources are the same file.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _content_types() -> str:
    # The names of web resources have no extension there.
    parts = "".join(
        f'<Override PartName="/{_file_of(name)}" '
        'ContentType="application/octet-stream" />'
        for name in SOURCES
    )
    return (
        f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" '
        f'ContentType="application/octet-stream" />{parts}</Types>'
    )


def _solution(tables: tuple[str, ...]) -> str:
    components = "".join(
        f'<RootComponent type="{kind}" schemaName="{name}" behavior="{behavior}" />'
        for kind, name, behavior in (
            *((ENTITY, table, SHELL_ONLY) for table in tables),
            *((WEB_RESOURCE, name, 0) for name in SOURCES),
            (ENVIRONMENT_VARIABLE, VARIABLE, 0),
        )
    )
    return f"""{_HEAD}<ImportExportXml version="9.2.0.0" \
SolutionPackageVersion="9.2" languagecode="{ENGLISH}" generatedBy="CrmLive" {_XSI}>
<SolutionManifest>
<UniqueName>{NAME}</UniqueName>
{_localized("LocalizedNames", "LocalizedName", "Odoo")}
<Descriptions />
<Version>{VERSION}</Version>
<Managed>0</Managed>
<Publisher>
<UniqueName>{NAME.lower()}</UniqueName>
{_localized("LocalizedNames", "LocalizedName", "Dataverse synchronization of Odoo")}
<Descriptions />
<EMailAddress xsi:nil="true" />
<SupportingWebsiteUrl xsi:nil="true" />
<CustomizationPrefix>{PREFIX}</CustomizationPrefix>
<CustomizationOptionValuePrefix>47110</CustomizationOptionValuePrefix>
<Addresses />
</Publisher>
<RootComponents>{components}</RootComponents>
<MissingDependencies />
</SolutionManifest>
</ImportExportXml>
"""


def _customizations(tables: tuple[str, ...]) -> str:
    return f"""{_HEAD}<ImportExportXml {_XSI}>
<Entities>{"".join(map(_entity, tables))}</Entities>
<Roles />
<Workflows />
<FieldSecurityProfiles />
<Templates />
<EntityMaps />
<EntityRelationships />
<OrganizationSettings />
<optionsets />
<WebResources>{"".join(map(_web_resource, SOURCES))}</WebResources>
<CustomControls />
<EntityDataProviders />
<Languages><Language>{ENGLISH}</Language></Languages>
</ImportExportXml>
"""


def _entity(table: str) -> str:
    title = table.capitalize()
    return f"""
<Entity>
<Name LocalizedName="{title}" OriginalName="{title}">{title}</Name>
<EntityInfo><entity Name="{title}" unmodified="1"><attributes /></entity></EntityInfo>
<RibbonDiffXml>
<CustomActions>{_each(_button, table)}</CustomActions>
<Templates><RibbonTemplates Id="Mscrm.Templates" /></Templates>
<CommandDefinitions>{_each(_command, table)}</CommandDefinitions>
<RuleDefinitions>
<TabDisplayRules />
<DisplayRules />
<EnableRules>{_each(_rule, table)}</EnableRules>
</RuleDefinitions>
<LocLabels />
</RibbonDiffXml>
</Entity>"""


def _each(part, table: str) -> str:
    """A part of the ribbon for each place of a table."""
    return "".join(part(table, place, f"{PREFIX}.{table}.{place}") for place in PLACES)


def _button(table: str, place: str, name: str) -> str:
    location = PLACES[place][0].format(table=table)
    return (
        f'<CustomAction Id="{name}.OpenInOdoo.Action" Location="{location}" '
        'Sequence="900"><CommandUIDefinition>'
        f'<Button Id="{name}.OpenInOdoo.Button" Command="{name}.OpenInOdoo.Command" '
        'LabelText="Odoo" Alt="Odoo" ToolTipTitle="Odoo" '
        'ToolTipDescription="Open the record in Odoo that this row is coupled to" '
        f'ModernImage="$webresource:{PICTURE}" TemplateAlias="o1" Sequence="900" />'
        "</CommandUIDefinition></CustomAction>"
    )


def _command(_table: str, place: str, name: str) -> str:
    _location, function, parameter, _rule = PLACES[place]
    return (
        f'<CommandDefinition Id="{name}.OpenInOdoo.Command">'
        f'<EnableRules><EnableRule Id="{name}.OneRow" /></EnableRules><DisplayRules />'
        f'<Actions><JavaScriptFunction FunctionName="DataverseSync.{function}" '
        f'Library="$webresource:{SCRIPT}"><CrmParameter Value="{parameter}" />'
        "</JavaScriptFunction></Actions></CommandDefinition>"
    )


def _rule(_table: str, place: str, name: str) -> str:
    return f'<EnableRule Id="{name}.OneRow">{PLACES[place][3]}</EnableRule>'


def _web_resource(name: str) -> str:
    kind = WEB_RESOURCE_TYPES[Path(name).suffix]
    return f"""
<WebResource>
<WebResourceId>{{{_id(name)}}}</WebResourceId>
<Name>{name}</Name>
<DisplayName>{name}</DisplayName>
<WebResourceType>{kind}</WebResourceType>
<IntroducedVersion>{VERSION}</IntroducedVersion>
<IsEnabledForMobileClient>1</IsEnabledForMobileClient>
<IsAvailableForMobileOffline>0</IsAvailableForMobileOffline>
<IsCustomizable>1</IsCustomizable>
<CanBeDeleted>1</CanBeDeleted>
<IsHidden>0</IsHidden>
<FileName>/{_file_of(name)}</FileName>
</WebResource>"""


def _variable() -> str:
    text = (
        "Where Odoo opens a row: the address that the form of the connection in Odoo "
        "shows."
    )
    return f"""{_HEAD}<environmentvariabledefinition schemaname="{VARIABLE}">
<displayname default="Odoo Address">
<label description="Odoo Address" languagecode="{ENGLISH}" />
</displayname>
<description default={quoteattr(text)}>
<label description={quoteattr(text)} languagecode="{ENGLISH}" />
</description>
<introducedversion>{VERSION}</introducedversion>
<iscustomizable>1</iscustomizable>
<isrequired>0</isrequired>
<secretstore>0</secretstore>
<type>{TEXT}</type>
</environmentvariabledefinition>
"""


def _localized(many: str, one: str, text: str) -> str:
    label = f"<{one} description={quoteattr(text)} languagecode='{ENGLISH}' />"
    return f"<{many}>{label}</{many}>"


def _id(name: str) -> uuid.UUID:
    return uuid.uuid5(_IDS, name)


def _file_of(name: str) -> str:
    """Where the content of a web resource lies in the zip file."""
    return f"WebResources/{name.replace('.', '')}{str(_id(name)).upper()}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(build(sys.argv[2:] or TABLES))
