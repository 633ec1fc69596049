"""The Web API below ``/api/data/v9.x/``: which request is answered by what.

Everything here is synchronous and runs on the server's one thread, each request in a
transaction of its own (a change set in one for all its requests).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote

from . import (
    addresses,
    batch,
    csdl,
    duplicates,
    errors,
    preferences,
    query,
)
from .actions import ACTIONS, BOUND_ACTIONS, Actions
from .apply import Apply
from .elsewhere import not_here
from .faults import Faults
from .fetch import Fetch
from .files import FILE_ACTIONS, Files
from .filters import Sql
from .functions import FUNCTIONS, USER_PRIVILEGES, Functions
from .messages import Request, Response
from .metadata import SETS
from .metadata_writing import METADATA_ACTIONS, MetadataWriting
from .organization import Organization
from .query import Options
from .reader import View
from .rows import Conditions, etag
from .sales_actions import SALES_ACTIONS, SalesActions
from .schema import Table
from .sql import to_fetch
from .tokens import parse_page_token
from .values import GUID
from .webhooks import Webhooks

MAXIMUM_URL = 32_768
_SEGMENT = re.compile(r"(?P<name>[$\w.]+)(?:\((?P<key>.*)\))?", re.DOTALL)
_BULK = {
    "Microsoft.Dynamics.CRM.CreateMultiple": "_create_multiple",
    "Microsoft.Dynamics.CRM.UpdateMultiple": "_update_multiple",
    "Microsoft.Dynamics.CRM.UpsertMultiple": "_upsert_multiple",
    "Microsoft.Dynamics.CRM.DeleteMultiple": "_delete_multiple",
}


# Header -> the column of the user it names.
_IMPERSONATION = {
    "callerobjectid": "azureactivedirectoryobjectid",
    "mscrmcallerid": "systemuserid",
}


class Api:
    """``handle`` never raises for what a client can do wrong."""

    def __init__(
        self, organization: Organization, faults: Faults, webhooks: Webhooks
    ) -> None:
        self.organization = organization
        self.webhooks = webhooks
        self.faults = faults
        self.schema = organization.schema
        self.rows = organization.rows
        self.reader = organization.reader
        self.changes = organization.changes
        self.fetch = Fetch(organization.reader)
        self.apply = Apply(organization.reader)
        self.metadata = organization.metadata
        self.metadata_writing = MetadataWriting(
            organization.customization, organization.metadata
        )
        self.functions = Functions(organization)
        self.files = Files(organization.rows)
        self.actions = Actions(organization.rows, organization.reader)
        self.metadata_writing = MetadataWriting(
            organization.customization, organization.metadata
        )
        sales = SalesActions(organization.rows, organization.reader)
        # Unbound actions: what answers the request, with JSON or None for 204.
        self._messages: dict[str, Callable[[Request], dict[str, Any] | None]] = {
            **{name: partial(self.actions.run, name) for name in ACTIONS},
            **{name: partial(sales.run, name) for name in SALES_ACTIONS},
            **{name: partial(act, self.files) for name, act in FILE_ACTIONS.items()},
            **{
                name: partial(act, self.metadata_writing)
                for name, act in METADATA_ACTIONS.items()
            },
        }

    def handle(self, request: Request) -> Response:
        before = self.organization.store.version
        try:
            with self.organization.store.transaction():
                response = self._answer(self._for_another_user(request))
        except errors.DataverseError as error:
            response = Response.of_error(error, request)
        response.headers["OData-Version"] = "4.0"
        after = self.organization.store.version
        if after != before and "tag=" in request.query:
            tag = dict(parse_qsl(request.query)).get("tag", "")
            self.webhooks.tag(before, after, tag)
        return response

    def handle_batch(self, request: Request) -> Response:
        """``$batch``; each request in it is handled like one of its own."""
        try:
            outer = self._for_another_user(request)
            return batch.execute(self._handle_in_batch, self.organization.store, outer)
        except errors.DataverseError as error:
            return Response.of_error(error, request)

    def _handle_in_batch(self, request: Request) -> Response:
        url = f"{request.path}?{request.query}" if request.query else request.path
        fault = self.faults.take(request.method, url, request.body, in_batch=True)
        return (fault and fault.response()) or self.handle(request)

    def _for_another_user(self, request: Request) -> Request:
        """The request as one of the user that the headers name, if they name one."""
        for header, column in _IMPERSONATION.items():
            value = request.headers.get(header)
            if value is not None:
                if not GUID.fullmatch(value.strip("{}")):
                    raise errors.bad_request(f"The value of {header} is not a GUID.")
                actor = request.caller.behind or request.caller
                security = self.organization.security
                caller = security.impersonated(actor, column, value.strip("{}"))
                return replace(request, caller=caller)
        return request

    # -- addresses -----------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        path = unquote(request.path).rstrip("/")
        if len(path) + len(request.query) > MAXIMUM_URL:
            raise errors.DataverseError(414, "0x0", "The request URL is too long.")
        first, *rest = _segments(path)
        match = _SEGMENT.fullmatch(first)
        if first == "":
            return self._service_document(request)
        if not match:
            raise errors.segment_not_found(first)
        if first == "$metadata" and not rest:
            return self._model(request)
        if match["name"] in SETS:
            return self._metadata(request, path)
        if match["name"] in self._messages and not rest and match["key"] is None:
            _only(request, "POST")
            return _done(self._messages[match["name"]](request))
        if match["name"] in FUNCTIONS and not rest:
            _only(request, "GET")
            return self.functions.run(match["name"], request, match["key"] or "")
        table = self.schema.sets.get(match["name"])
        if table is None:
            raise not_here(match["name"])
        if match["key"] is None:
            return self._collection(request, table, rest)
        return self._row(request, table, match["key"], rest)

    def _collection(self, request: Request, table: Table, rest: list[str]) -> Response:
        if not rest:
            if request.method == "POST":
                return self._create(request, table)
            _only(request, "GET")
            return self._page(request, table)
        if rest == ["$count"]:
            _only(request, "GET")
            options, view = self._reading(request)
            source = self.changes if options.deltatoken else self.reader
            return _plain_count(source.count(table, options, view))
        if len(rest) == 1 and rest[0] in _BULK:
            _only(request, "POST")
            return getattr(self, _BULK[rest[0]])(request, table)
        raise not_here(rest[0])

    def _row(
        self, request: Request, table: Table, key_text: str, rest: list[str]
    ) -> Response:
        key = addresses.parse_key(table, key_text)
        if rest:
            return self._member(request, table, key, rest)
        if request.method == "PATCH":
            return self._upsert(request, table, key)
        row_id = self._find(table, key)
        if request.method == "GET":
            return self._retrieve(request, table, row_id)
        if request.method == "DELETE":
            self.rows.delete(table, row_id, request.caller, _conditions(request))
            return Response(204)
        raise errors.method_not_allowed(request.method)

    def _member(
        self, request: Request, table: Table, key: addresses.Key, rest: list[str]
    ) -> Response:
        """Below a row: a single property, a lookup, a collection, their ``$ref``."""
        row_id = self._find(table, key)
        match = _SEGMENT.fullmatch(rest[0])
        name, below = (match["name"] if match else rest[0]), rest[1:]
        if name == USER_PRIVILEGES and table.name == "systemuser" and not below:
            return self.functions.user_privileges(request, row_id)
        if name.startswith("Microsoft.Dynamics.CRM.") and not below:
            if (table.name, name) not in BOUND_ACTIONS:
                raise not_here(name)
            _only(request, "POST")
            return _done(self.actions.run_bound(name, table, row_id, request))
        column = table.columns.get(name)
        if column in table.file_columns:
            if below == ["$value"]:
                _only(request, "GET")
                return self.files.read(request, table, row_id, column)
            if not below and request.method == "GET":
                return self.files.read_as_json(request, table, row_id, column)
            if not below and request.method in ("PATCH", "PUT", "DELETE"):
                act = (
                    self.files.delete
                    if request.method == "DELETE"
                    else (self.files.write)
                )
                return act(request, table, row_id, column)
        if name in table.columns and not below and name not in table.navigations:
            return self._property(request, table, row_id, name)
        if name in table.columns and below == ["$value"]:
            return self._plain_property(request, table, row_id, name)
        if name in table.navigations:
            if below == ["$ref"]:
                return self._lookup_reference(request, table, row_id, name)
            if not below:
                return self._lookup_target(request, table, row_id, name)
        if name in table.collections and match:
            if not match["key"] and below in ([], ["$count"]):
                return self._related(request, table, row_id, name, bool(below))
            if below == ["$ref"]:
                return self._collection_reference(
                    request, table, row_id, name, match["key"]
                )
        raise not_here(rest[-1])

    def _find(self, table: Table, key: addresses.Key) -> str:
        if key.row_id:  # reading or writing it says whether it exists
            return key.row_id
        row_id = addresses.find(self.organization.store, table, key)
        if row_id is None:
            raise addresses.not_found(table, key)
        return row_id

    # -- reading -------------------------------------------------------------------

    def _reading(self, request: Request) -> tuple[Options, View]:
        wishes = preferences.parse(request.headers.get("prefer", ""))
        return query.parse(request.query), View(request.caller, request.api_url, wishes)

    def _page(self, request: Request, table: Table) -> Response:
        options, view = self._reading(request)
        tracking = (
            view.preferences.track_changes
            or options.deltatoken
            or (options.skiptoken and 'istracking="True"' in options.skiptoken)
        )
        if options.fetch_xml is not None:
            text = self.fetch.page(table, options, view)
        elif options.apply is not None:
            text = self.apply.page(table, options, view)
        elif options.sql is not None:
            text = self._sql_page(table, options, view)
        elif tracking:
            text = self.changes.page(table, options, view)
        else:
            text = self.reader.page(table, options, view, table.entity_set)
        return _collection(text, view)

    def _sql_page(self, table: Table, options: Options, view: View) -> str:
        token = parse_page_token(options.skiptoken) if options.skiptoken else None
        start = token.number() if token else 0
        text, following = self.fetch.sql_page(
            table, to_fetch(options.sql or ""), view, start
        )
        if following:
            link = options.link(skiptoken=following.text(table.primary_id))
            link = json.dumps(f"{view.api_url}/{table.entity_set}?{link}")
            text += f',"@odata.nextLink":{link}'
        return text + "}"

    def _retrieve(self, request: Request, table: Table, row_id: str) -> Response:
        options, view = self._reading(request)
        text, version = self.reader.one(table, row_id, options, view)
        # A conditional GET needs plain rows: no expand, no annotations.
        known = request.headers.get("if-none-match")
        plain = not (options.expand or view.preferences.annotations)
        if known == etag(version) and plain and table.optimistic_concurrency:
            return Response(304)
        return Response.of_json(text, headers={"ETag": etag(version), **_applied(view)})

    def _property(
        self, request: Request, table: Table, row_id: str, name: str
    ) -> Response:
        if request.method == "PUT":
            value = request.json().get("value")
            self.rows.update(table, row_id, {name: value}, request.caller)
            return Response(204)
        if request.method == "DELETE":
            self.rows.update(table, row_id, {name: None}, request.caller)
            return Response(204)
        _only(request, "GET")
        value = self._value(request, table, row_id, name)
        if value is None:
            return Response(204)
        context = f"{request.api_url}/$metadata#{table.entity_set}({row_id})/{name}"
        return Response.of_json(
            f'{{"@odata.context":{json.dumps(context)},"value":{_json(value)}}}'
        )

    def _plain_property(
        self, request: Request, table: Table, row_id: str, name: str
    ) -> Response:
        """A property without JSON around it."""
        _only(request, "GET")
        value = self._value(request, table, row_id, name)
        if value is None:
            return Response(204)
        return _plain_text(value if isinstance(value, str) else _json(value))

    def _value(self, request: Request, table: Table, row_id: str, name: str) -> Any:
        _, view = self._reading(request)
        text, _ = self.reader.one(table, row_id, Options(select=(name,)), view)
        return json.loads(text, parse_float=_Literal)[name]

    def _lookup_target(
        self, request: Request, table: Table, row_id: str, navigation: str
    ) -> Response:
        _only(request, "GET")
        relationship = table.navigations[navigation]
        self.organization.security.require(request.caller, table, "Read")
        row = self.organization.store.row(table, row_id)
        if row is None:
            raise errors.row_not_found(table.name, row_id)
        column = table.columns[relationship.column]
        for target in self.schema.targets(relationship):
            points = not column.type_column or row[column.type_column] == target.name
            if row[column.name] and points:
                return self._retrieve(request, target, row[column.name])
        return Response(204)

    def _related(
        self, request: Request, table: Table, row_id: str, name: str, counted: bool
    ) -> Response:
        _only(request, "GET")
        options, view = self._reading(request)
        if not self.organization.store.exists(table, row_id):
            raise errors.row_not_found(table.name, row_id)
        relationship = table.collections[name]
        source = self.schema.tables[relationship.table]
        within: Sql = self.reader.related(relationship, table, row_id)
        if counted:
            return _plain_count(self.reader.count(source, options, view, within))
        if options.fetch_xml is not None or options.sql is not None:
            raise errors.not_implemented("A query of its own for related rows")
        if options.apply is not None:
            text = self.apply.page(source, options, view, within)
        else:
            path = f"{table.entity_set}({row_id})/{name}"
            text = self.reader.page(source, options, view, path, within)
        return _collection(text, view)

    # -- writing -------------------------------------------------------------------

    def _create(self, request: Request, table: Table) -> Response:
        row_id = self.rows.create(table, request.json(), request.caller)
        self._refuse_duplicate(request, table, row_id)
        return self._written(request, table, row_id, row_id, created=True)

    def _upsert(self, request: Request, table: Table, key: addresses.Key) -> Response:
        row_id, created = self.rows.upsert(
            table, key, request.json(), request.caller, _conditions(request)
        )
        self._refuse_duplicate(request, table, row_id)
        shown = row_id if key.row_id else key.text
        return self._written(request, table, row_id, shown, created=created)

    def _refuse_duplicate(self, request: Request, table: Table, row_id: str) -> None:
        """Only who asks for it has duplicates detected; the write is then undone."""
        wish = request.headers.get("mscrm.suppressduplicatedetection", "true")
        if wish.lower() == "false":
            duplicates.refuse(self.organization.store, table, row_id)

    def _written(
        self, request: Request, table: Table, row_id: str, shown: str, *, created: bool
    ) -> Response:
        """204 with the row's address, or the row itself if the client prefers."""
        options, view = self._reading(request)
        if view.preferences.representation:
            if not created:
                options.expand = []
            text, version = self.reader.one(table, row_id, options, view)
            return Response.of_json(
                text,
                201 if created else 200,
                {"ETag": etag(version), **_applied(view, "return")},
            )
        address = f"{request.api_url}/{table.entity_set}({shown})"
        headers = {"OData-EntityId": address}
        if created:
            headers["Location"] = address
        return Response(204, headers)

    def _references_only(self, request: Request, found: Response) -> Response:
        """The rows of an answer by their addresses, as ``/$ref`` shows them."""
        if found.status != 200:
            return found
        body = json.loads(found.body)
        entity_set = re.split(r"[(/]", body["@odata.context"].rpartition("#")[2])[0]
        primary_id = self.schema.sets[entity_set].primary_id

        def reference(row: dict[str, Any]) -> dict[str, Any]:
            address = f"{request.api_url}/{entity_set}({row[primary_id]})"
            return {"@odata.id": address}

        model = f"{request.api_url}/$metadata"
        if "value" not in body:
            answer = {"@odata.context": f"{model}#$ref", **reference(body)}
        else:
            answer = {
                "@odata.context": f"{model}#Collection($ref)",
                "value": [reference(row) for row in body["value"]],
            }
            if "@odata.nextLink" in body:
                answer["@odata.nextLink"] = body["@odata.nextLink"]
        return Response.of_json(_json(answer))

    def _lookup_reference(
        self, request: Request, table: Table, row_id: str, navigation: str
    ) -> Response:
        target = None
        if request.method == "GET":
            found = self._lookup_target(request, table, row_id, navigation)
            return self._references_only(request, found)
        if request.method == "PUT":
            target = request.json().get("@odata.id")
        elif request.method != "DELETE":
            raise errors.method_not_allowed(request.method)
        body = {f"{navigation}@odata.bind": target}
        self.rows.update(table, row_id, body, request.caller)
        return Response(204)

    def _collection_reference(
        self, request: Request, table: Table, row_id: str, name: str, key: str | None
    ) -> Response:
        """Associating writes the lookup on the other side of the relationship."""
        relationship = table.collections[name]
        source = self.schema.tables[relationship.table]
        if request.method == "GET" and not key:
            found = self._related(request, table, row_id, name, counted=False)
            return self._references_only(request, found)
        if request.method == "POST" and not key:
            reference = request.json().get("@odata.id", "")
            target: str | None = f"{table.entity_set}({row_id})"
        elif request.method == "DELETE":
            identifier = dict(parse_qsl(request.query)).get("$id", "")
            reference = f"{source.entity_set}({key})" if key else identifier
            target = None
        else:
            raise errors.method_not_allowed(request.method)
        child_table, child_key = addresses.parse_reference(self.schema, reference)
        if child_table is not source:
            raise errors.bad_request(f"'{reference}' is no row of {source.entity_set}.")
        body = {f"{relationship.navigation}@odata.bind": target}
        self.rows.update(source, self._find(source, child_key), body, request.caller)
        return Response(204)

    # -- bulk messages: all or nothing ---------------------------------------------

    def _create_multiple(self, request: Request, table: Table) -> Response:
        create, caller = self.rows.create, request.caller
        ids = [create(table, target, caller) for target in _targets(request, table)]
        name = "Microsoft.Dynamics.CRM.CreateMultipleResponse"
        context = f"{request.api_url}/$metadata#{name}"
        return Response.of_json(_json({"@odata.context": context, "Ids": ids}))

    def _update_multiple(self, request: Request, table: Table) -> Response:
        for target in _targets(request, table):
            row_id = target.get(table.primary_id)
            if not isinstance(row_id, str):
                raise errors.required_column(table.primary_id)
            self.rows.update(table, row_id.lower(), target, request.caller)
        return Response(204)

    def _upsert_multiple(self, request: Request, table: Table) -> Response:
        for target in _targets(request, table):
            reference = target.get("@odata.id") or (
                f"{table.entity_set}({target.get(table.primary_id)})"
            )
            _, key = addresses.parse_reference(self.schema, reference)
            missing = addresses.find(self.organization.store, table, key) is None
            if missing and any(name in target for name, _ in key.values):
                # A key column in the address and in the body breaks the create path.
                raise errors.DataverseError(
                    400, "0x80040216", "An unexpected error occurred."
                )
            self.rows.upsert(table, key, target, request.caller)
        return Response(204)

    def _delete_multiple(self, request: Request, table: Table) -> Response:
        raise errors.DataverseError(
            400, "0x80040203", "DeleteMultiple has not yet been implemented."
        )

    # -- everything else -----------------------------------------------------------

    def _metadata(self, request: Request, path: str) -> Response:
        if request.method in ("POST", "PUT", "DELETE"):
            return self.metadata_writing.write(request, path)
        _only(request, "GET")
        options = query.parse(request.query)
        return Response.of_json(
            _json(self.metadata.read(path, options, request.api_url))
        )

    def _model(self, request: Request) -> Response:
        _only(request, "GET")
        wishes = preferences.parse(request.headers.get("prefer", ""))
        asked = dict(parse_qsl(request.query)).get("annotations") == "true"
        annotated = asked or wishes.annotations.issuperset(preferences.ANNOTATIONS)
        body = csdl.document(self.schema, annotations=annotated)
        applied = wishes.applied_header("odata.include-annotations")
        return Response(200, {"Content-Type": "application/xml", **applied}, body)

    def _service_document(self, request: Request) -> Response:
        _only(request, "GET")
        entries = [
            {"name": name, "kind": "EntitySet", "url": name}
            for name in self.schema.sets
        ]
        context = f"{request.api_url}/$metadata"
        return Response.of_json(_json({"@odata.context": context, "value": entries}))


class _Literal(float):
    """A number that keeps the digits it was written with."""

    def __new__(cls, text: str) -> _Literal:
        number = super().__new__(cls, text)
        number.text = text  # type: ignore[attr-defined]
        return number


def _json(value: Any) -> str:
    if isinstance(value, _Literal):
        return value.text  # type: ignore[attr-defined]
    return json.dumps(value, ensure_ascii=False)


def _done(result: dict[str, Any] | None) -> Response:
    """The answer of an action, with or without a value."""
    return Response(204) if result is None else Response.of_json(_json(result))


def _segments(path: str) -> list[str]:
    """``path`` cut at slashes, not inside the quotes or brackets of a key."""
    parts, start, depth, quoted = [], 0, 0, False
    for position, character in enumerate(path):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if character == "/" and depth == 0:
                parts.append(path[start:position])
                start = position + 1
    return [*parts, path[start:]]


def _only(request: Request, method: str) -> None:
    if request.method != method:
        raise errors.method_not_allowed(request.method)


def _conditions(request: Request) -> Conditions:
    headers = request.headers
    return Conditions(headers.get("if-match"), headers.get("if-none-match"))


def _applied(view: View, *names: str) -> dict[str, str]:
    return view.preferences.applied_header(
        "odata.maxpagesize", "odata.include-annotations", "odata.track-changes", *names
    )


def _collection(text: str, view: View) -> Response:
    response = Response.of_json(text, headers=_applied(view))
    response.is_collection = True
    return response


def _plain_count(count: int) -> Response:
    """A number as text, with the byte order mark that Dataverse puts before it."""
    return _plain_text(f"\ufeff{count}")


def _plain_text(text: str) -> Response:
    return Response(200, {"Content-Type": "text/plain"}, text.encode())


def _targets(request: Request, table: Table) -> list[dict[str, Any]]:
    targets = request.json().get("Targets")
    if not isinstance(targets, list) or not targets:
        raise errors.payload(table.entity_set, "The parameter 'Targets' is missing.")
    wanted = f"Microsoft.Dynamics.CRM.{table.name}"
    for target in targets:
        kind = target.get("@odata.type") if isinstance(target, dict) else None
        if not isinstance(kind, str) or kind.lstrip("#") != wanted:
            raise errors.payload(
                table.entity_set,
                "A type named in '@odata.type' is required for each of the Targets: "
                f"'{wanted}' expected, '{kind}' found.",
            )
    return targets
