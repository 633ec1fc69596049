"""Unbound functions: what a client asks of the organization as a whole.

Source: the Web API function reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote

from . import errors, metadata_query, preferences
from .messages import Request, Response
from .organization import Organization
from .reader import View


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

    def _who_am_i(self, request: Request, arguments: str) -> Response:
        name = "Microsoft.Dynamics.CRM.WhoAmIResponse"
        return Response.of_json(
            json.dumps(
                {
                    "@odata.context": f"{request.api_url}/$metadata#{name}",
                    "BusinessUnitId": request.caller.business_unit_id,
                    "UserId": request.caller.user_id,
                    "OrganizationId": self.organization.id,
                }
            )
        )

    def _current_organization(self, request: Request, arguments: str) -> Response:
        name = "Microsoft.Dynamics.CRM.RetrieveCurrentOrganizationResponse"
        root = request.api_url.partition("/api/data")[0]
        return Response.of_json(
            json.dumps(
                {
                    "@odata.context": f"{request.api_url}/$metadata#{name}",
                    "Detail": {
                        "OrganizationId": self.organization.id,
                        "FriendlyName": self.organization.name,
                        "UniqueName": "simulator",
                        "UrlName": "simulator",
                        "OrganizationVersion": "9.2.24051.00184",
                        "EnvironmentId": self.organization.id,
                        "TenantId": self.organization.tenant,
                        "State": "Enabled",
                        "Endpoints": {
                            "Count": 1,
                            "IsReadOnly": False,
                            "Keys": ["WebApplication"],
                            "Values": [f"{root}/"],
                        },
                    },
                }
            )
        )

    def _total_record_count(self, request: Request, arguments: str) -> Response:
        names = re.findall(r"'(\w+)'", f"{arguments} {unquote(request.query)}")
        organization = self.organization
        tables = organization.schema.tables
        unknown = [name for name in names if name not in tables]
        if unknown or not names:
            raise errors.bad_request(f"Unknown entity names: {', '.join(unknown)}")
        view = View(request.caller, request.api_url, preferences.parse(""))
        counts = []
        for name in names:
            organization.reader.visible(tables[name], view)
            found = organization.store.execute(f"SELECT count(*) FROM {name}")
            counts.append(found.fetchone()[0])
        context = "Microsoft.Dynamics.CRM.RetrieveTotalRecordCountResponse"
        return Response.of_json(
            json.dumps(
                {
                    "@odata.context": f"{request.api_url}/$metadata#{context}",
                    "EntityRecordCountCollection": {
                        "Count": len(names),
                        "IsReadOnly": False,
                        "Keys": names,
                        "Values": counts,
                    },
                }
            )
        )


FUNCTIONS: dict[str, Callable[[Functions, Request, str], Response]] = {
    "WhoAmI": Functions._who_am_i,
    "RetrieveCurrentOrganization": Functions._current_organization,
    "RetrieveTotalRecordCount": Functions._total_record_count,
    "RetrieveMetadataChanges": Functions._metadata_changes,
}
