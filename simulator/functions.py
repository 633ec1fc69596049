"""Unbound functions: what a client asks of the organization as a whole.

Source: the Web API function reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote

from . import errors, metadata_query, preferences
from .messages import Request, Response
from .organization import Organization
from .reader import View

VERSION = "9.2.24051.00184"


class Functions:
    """``arguments`` are what stands between the brackets. Raises DataverseError."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization

    def run(self, name: str, request: Request, arguments: str) -> Response:
        return FUNCTIONS[name](self, request, arguments)

    def _metadata_changes(self, request: Request, arguments: str) -> Response:
        """All definitions the query finds: no deltas, so a client stamp is ignored."""
        given = dict(parse_qsl(request.query))
        name = re.search(r"\bQuery\s*=\s*(@\w+)", unquote(arguments))
        asked = metadata_query.parse(given.get(name[1]) if name else None)
        stamp = f"{self.organization.store.version}!{self.organization.clock.text()}"
        answer = self.organization.metadata.changes(asked, stamp, request.api_url)
        return Response.of_json(json.dumps(answer))

    def _answer(self, request: Request, function: str, **values: Any) -> Response:
        kind = f"Microsoft.Dynamics.CRM.{function}Response"
        context = f"{request.api_url}/$metadata#{kind}"
        return Response.of_json(json.dumps({"@odata.context": context, **values}))

    def _who_am_i(self, request: Request, arguments: str) -> Response:
        return self._answer(
            request,
            "WhoAmI",
            BusinessUnitId=request.caller.business_unit_id,
            UserId=request.caller.user_id,
            OrganizationId=self.organization.id,
        )

    def user_privileges(self, request: Request, user_id: str) -> Response:
        """Source: "RetrieveUserPrivileges Function". Of other users only what every
        application user has by itself is known here: of whoever calls."""
        if request.method != "GET":
            raise errors.method_not_allowed(request.method)
        if user_id != request.caller.user_id:
            raise errors.bad_request("Only one's own privileges are simulated.")
        granted = self.organization.rows.security.privileges(request.caller)
        return self._answer(request, "RetrieveUserPrivileges", RolePrivileges=granted)

    def _current_organization(self, request: Request, arguments: str) -> Response:
        root = request.api_url.partition("/api/data")[0]
        services = f"{root}/XRMServices/2011"
        detail = {
            "OrganizationId": self.organization.id,
            "FriendlyName": self.organization.name,
            "UniqueName": "simulator",
            "UrlName": "simulator",
            "OrganizationVersion": VERSION,
            "EnvironmentId": self.organization.id,
            "TenantId": self.organization.tenant,
            "State": "Enabled",
            "Endpoints": _collection(
                {
                    "WebApplication": f"{root}/",
                    "OrganizationService": f"{services}/Organization.svc",
                    "OrganizationDataService": f"{services}/OrganizationData.svc",
                }
            ),
        }
        return self._answer(request, "RetrieveCurrentOrganization", Detail=detail)

    def _version(self, request: Request, arguments: str) -> Response:
        return self._answer(request, "RetrieveVersion", Version=VERSION)

    def _total_record_count(self, request: Request, arguments: str) -> Response:
        given = f"{arguments} {unquote(request.query)}"
        quoted = re.findall(r"(?P<quote>['\"])(\w+)(?P=quote)", given)
        names = [name for _, name in quoted]
        organization = self.organization
        tables = organization.schema.tables
        unknown = [name for name in names if name not in tables]
        if unknown or not names:
            raise errors.bad_request(f"Unknown entity names: {', '.join(unknown)}")
        view = View(request.caller, request.api_url, preferences.parse(""))
        counts = {}
        for name in names:
            organization.reader.visible(tables[name], view)
            found = organization.store.execute(f"SELECT count(*) FROM {name}")
            counts[name] = found.fetchone()[0]
        return self._answer(
            request,
            "RetrieveTotalRecordCount",
            EntityRecordCountCollection=_collection(counts),
        )

    def _languages(
        self, request: Request, arguments: str, *, function: str, result: str
    ) -> Response:
        """The language of the organization; no others are installed."""
        rows = self.organization.store.execute("SELECT languagecode FROM organization")
        codes = [code for (code,) in rows] if "Depro" not in function else []
        return self._answer(request, function, **{result: codes})


def _collection(entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "Count": len(entries),
        "IsReadOnly": False,
        "Keys": list(entries),
        "Values": list(entries.values()),
    }


# Function -> the name of the list in its answer.
_LANGUAGES = {
    "RetrieveAvailableLanguages": "LocaleIds",
    "RetrieveDeprovisionedLanguages": "RetrieveDeprovisionedLanguages",
    "RetrieveProvisionedLanguages": "RetrieveProvisionedLanguages",
}

# A function of one user, which is called below their address.
USER_PRIVILEGES = "Microsoft.Dynamics.CRM.RetrieveUserPrivileges"

FUNCTIONS: dict[str, Callable[[Functions, Request, str], Response]] = {
    "WhoAmI": Functions._who_am_i,
    "RetrieveVersion": Functions._version,
    **{
        name: partial(Functions._languages, function=name, result=result)
        for name, result in _LANGUAGES.items()
    },
    "RetrieveCurrentOrganization": Functions._current_organization,
    "RetrieveTotalRecordCount": Functions._total_record_count,
    "RetrieveMetadataChanges": Functions._metadata_changes,
}
