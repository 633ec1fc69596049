"""Both sides over HTTP, as any program outside sees them.

Nothing of the addon is used, so that what is found here says something about it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import (
    HTTPCookieProcessor,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

TIMEOUT = 300


class Odoo:
    """Odoo as the web client of somebody who has signed in.

    :param database: the only one that the server shows
    :raise SystemExit: Odoo refuses; the message is what a user would read
    """

    def __init__(self, url: str, database: str, login: str, password: str):
        self._url = url
        self._opener = _opener(HTTPCookieProcessor(CookieJar()))
        who = {"db": database, "login": login, "password": password}
        self._post("web/session/authenticate", who)

    def call(self, model: str, method: str, *arguments: object, **named: object) -> Any:
        """Call a public method; the first argument of most is a list of ids."""
        target = {"model": model, "method": method, "args": arguments, "kwargs": named}
        return self._post(f"web/dataset/call_kw/{model}/{method}", target)

    def read(
        self, model: str, domain: list[object], fields: list[str]
    ) -> list[dict[str, Any]]:
        """All records that a domain finds, archived ones too; references as ids."""
        return self.call(
            *(model, "search_read", domain, fields),
            load=None,
            context={"active_test": False, "lang": "en_US"},
        )

    def _post(self, path: str, parameters: Mapping[str, object]) -> Any:
        body = {"jsonrpc": "2.0", "method": "call", "params": parameters}
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self._url}/{path}", json.dumps(body).encode(), headers)
        answer = _json(self._opener, request)
        if "error" in answer:
            said = answer["error"].get("data", {}).get("message", answer["error"])
            raise SystemExit(f"Odoo, asked for {path}: {said}")
        return answer["result"]


class Dataverse:
    """The simulated Dataverse as any client of its Web API.

    :param announced: what the simulator printed when it was ready
    """

    def __init__(self, announced: Mapping[str, Any]):
        self._announced = announced
        trust = ssl.create_default_context(cafile=announced["ca"])
        self._opener = _opener(HTTPSHandler(context=trust))

    def rows(self, entity_set: str, columns: list[str]) -> Iterator[dict[str, Any]]:
        """All rows of a table, page by page."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        page = f"{self._announced['url']}/api/data/v9.2/{entity_set}"
        page += f"?$select={','.join(columns)}"
        while page:
            answer = _json(self._opener, Request(page, headers=headers))
            yield from answer["value"]
            page = answer.get("@odata.nextLink")

    def change_accounts(self, mark: str) -> None:
        """Change the phone and the city of every account, a thousand at a time."""
        ids = [row["accountid"] for row in self.rows("accounts", ["accountid"])]
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/json",
        }
        message = "accounts/Microsoft.Dynamics.CRM.UpdateMultiple"
        address = f"{self._announced['url']}/api/data/v9.2/{message}"
        for first in range(0, len(ids), 1000):
            targets = [
                {
                    "@odata.type": "Microsoft.Dynamics.CRM.account",
                    "accountid": id_,
                    "telephone1": f"+45 {mark}{number}",
                    "address1_city": f"City {mark}{number}",
                }
                for number, id_ in enumerate(ids[first : first + 1000])
            ]
            body = json.dumps({"Targets": targets}).encode()
            request = Request(address, body, headers)
            self._opener.open(request, timeout=TIMEOUT).close()

    def requests(self) -> list[dict[str, Any]]:
        """The requests that the Web API has answered since they were last asked for."""
        address = f"{self._announced['control']}/requests"
        logged = _json(self._opener, Request(address))
        self._opener.open(Request(address, method="DELETE"), timeout=TIMEOUT).close()
        return logged

    def _token(self) -> str:
        """A token of the people in Dynamics 365, not of the integration.

        (Microsoft identity platform: OAuth 2.0 client credentials flow)
        """
        form = {
            "grant_type": "client_credentials",
            "scope": f"{self._announced['url']}/.default",
            **self._announced["salesperson"],
        }
        address = f"{self._announced['authority']}/oauth2/v2.0/token"
        request = Request(address, urlencode(form).encode())
        return _json(self._opener, request)["access_token"]


def _opener(*handlers: object) -> OpenerDirector:
    """Everything is on this machine: a proxy would not find it."""
    return build_opener(ProxyHandler({}), *handlers)


def _json(opener: OpenerDirector, request: Request) -> Any:
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            return json.load(answer)
    except HTTPError as error:
        said = error.read().decode(errors="replace")[:500]
        raise SystemExit(f"{request.full_url}: {error.code} {said}") from None
