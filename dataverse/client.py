"""The Dataverse Web API of one environment; every request passes ``Client.request``.

Sources: Dataverse Web API, "Compose HTTP requests and handle errors", "Service
protection API limits", "Use bulk operation messages".
"""

from __future__ import annotations

import logging
import random as _random
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from . import batch, changes, exactjson, metadata, query
from .auth import TokenProvider
from .batch import ANNOTATIONS, Operation, Outcome
from .changes import ChangePage
from .errors import DataverseError
from .metadata import Row, Table
from .transport import MAX_BYTES, Response, Transport

_logger = logging.getLogger(__name__)

#: The largest page, and the largest number ``$count`` returns.
PAGE_SIZE = 5000
#: The longest pause of our own choice between two attempts, in seconds.
MAX_BACKOFF = 30.0
_TARGETS_PER_REQUEST = 30


@dataclass(frozen=True)
class WhoAmI:
    """Who the connection is, to Dataverse; three lower-case guids."""

    user_id: str
    business_unit_id: str
    organization_id: str


@dataclass(frozen=True)
class TableSummary:
    """A table in a list to choose from."""

    name: str
    label: str
    entity_set: str
    change_tracking: bool


class Client:
    """A connection to one environment; not meant for several threads at once.

    ``requests`` (attempts sent), ``seconds`` (spent waiting for answers) and
    ``throttled`` (answers with status 429) count from its creation on.
    """

    def __init__(
        self,
        environment_url: str,
        tokens: TokenProvider,
        *,
        verify: bool | str = True,
        timeout: tuple[float, float] = (10, 120),
        user_agent: str = "dataverse_sync",
        max_attempts: int = 5,
        max_wait: float = 60.0,
        max_bytes: int = MAX_BYTES,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = _random.random,
        api_version: str = "v9.2",
    ):
        """``environment_url``: "https://org.crm4.dynamics.com"; ValueError for anything
        but an https origin. ``timeout``: (connect, read) seconds. One call of
        :meth:`request` makes at most ``max_attempts`` attempts and pauses at most
        ``max_wait`` seconds in all."""
        self._origin = _https_origin(environment_url)
        if not re.fullmatch(r"v\d+\.\d+", api_version):
            raise ValueError(f"{api_version!r} is not a version of the Web API")
        self._root = f"/api/data/{api_version}/"
        self._tokens = tokens
        self._timeout = timeout
        self._user_agent = user_agent
        self._max_attempts = max_attempts
        self._max_wait = max_wait
        self._sleep = sleep
        self._clock = clock
        self._random = random
        self._transport = Transport(
            self._origin, verify, max_bytes=max_bytes, clock=clock
        )
        self.requests = 0
        self.seconds = 0.0
        self.throttled = 0

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._transport.close()

    # --- the choke point ------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        table: Table | None = None,
        row_id: str | None = None,
    ) -> Response:
        """Send a request and return its answer (status below 300, or 304).

        ``path``: below ".../api/data/v9.2/", or an absolute link (next link, delta
        link) that must lead there; ``params``: query options, encoded here; ``body``:
        JSON values, or bytes; ``repeatable``: whether it may be sent again although
        it may have been executed (None: decided by :func:`batch.is_repeatable`);
        ``table`` and ``row_id``: what it is about, for the sentence of an error.

        Repeated, with pauses: what was throttled, whatever the method (it was not
        executed); what certainly never left; and, if repeatable, what failed in
        passing. A 401 is repeated once with a new token. Raises DataverseError.
        """
        url = self._url(path, params)
        relative = url[len(self._origin) + len(self._root) :]
        headers = dict(headers or {})
        if repeatable is None:
            repeatable = batch.is_repeatable(method, relative, headers)
        content = _content(body, headers)
        attempt, waited = 1, 0.0
        refresh = refreshed = False
        while True:
            try:
                return self._attempt(
                    method, url, headers, content, refresh, table, row_id
                )
            except DataverseError as error:
                if error.name == "Unauthorized" and not refreshed:
                    refresh = refreshed = True
                    continue
                pause = self._pause_before_repeating(error, attempt, repeatable)
                if (
                    pause is None
                    or attempt >= self._max_attempts
                    or waited + pause > self._max_wait
                ):
                    raise
            refresh = False
            attempt += 1
            waited += pause
            self._sleep(pause)

    def _attempt(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        refresh: bool,
        table: Table | None,
        row_id: str | None,
    ) -> Response:
        try:
            token = self._tokens.token(refresh=refresh)
        except DataverseError as error:
            error.sent = False
            raise
        request_id = str(uuid.uuid4())
        sent_headers = {
            "Accept": "application/json",
            "OData-MaxVersion": "4.0",
            "OData-Version": "4.0",
            "User-Agent": self._user_agent,
            "x-ms-client-request-id": request_id,
            **({"If-None-Match": "null"} if method == "GET" else {}),
            **headers,
            "Authorization": f"Bearer {token}",
        }
        self.requests += 1
        begun = self._clock()
        status: int | str = "no answer"
        try:
            response = self._transport.send(
                method, url, sent_headers, content, self._timeout
            )
            status = response.status
        finally:
            seconds = self._clock() - begun
            self.seconds += seconds
            _logger.debug(
                "%s %s: %s in %.3f s (%s)",
                method,
                urlsplit(url).path,
                status,
                seconds,
                request_id,
            )
        if response.status == 429:
            self.throttled += 1
        if response.status < 300 or response.status == 304:
            return response
        raise DataverseError.from_answer(
            response.status,
            response.headers,
            response.body,
            labels=table.labels if table else None,
            row_id=row_id,
            secrets=(token,),
        )

    def _pause_before_repeating(
        self, error: DataverseError, attempt: int, repeatable: bool
    ) -> float | None:
        """Seconds to wait before the next attempt; None: do not repeat."""
        harmless = error.kind == "throttle" or error.sent is False or repeatable
        if error.kind not in ("throttle", "transient") or not harmless:
            return None
        if error.retry_after is not None:
            return error.retry_after
        # Full jitter: several workers that failed together do not return together.
        return self._random() * min(MAX_BACKOFF, 2.0 ** (attempt - 1))

    def _url(self, path: str, params: Mapping[str, Any] | None) -> str:
        """Return the absolute address; "LinkElsewhere" if it is not below our root."""
        url = path if "://" in path.split("?")[0] else self._address + path
        if params:
            url += ("&" if "?" in url else "?") + _query_string(params)
        if not self._is_ours(url):
            raise DataverseError("LinkElsewhere", sent=False)
        return url

    @property
    def _address(self) -> str:
        return self._origin + self._root

    def _is_ours(self, url: str) -> bool:
        """Whether the address is below our Web API by anybody's way of reading it."""
        if re.search(r"[^\x21-\x7e]|[\\#]", url):
            return False
        if not url.startswith(self._address):
            return False
        path = unquote(urlsplit(url).path)
        segments = path.split("/")
        return not (
            re.search(r"\\|%[0-9a-fA-F]{2}|//", path)
            or "." in segments
            or ".." in segments
            or path.count("/") != urlsplit(url).path.count("/")
        )

    def _get(self, path: str, **options: Any) -> dict:
        return self.request("GET", path, **options).json()

    # --- the environment ------------------------------------------------------------

    def reach(self) -> None:
        """Ask the environment without signing in: it must be there, and refuse.

        Raises DataverseError: "Unreachable" and the like, "UnreadableAnswer" when
        what answers is no Dataverse.
        """
        self.requests += 1
        answer = self._transport.send(
            "GET", self._origin + self._root + "WhoAmI", {}, None, self._timeout
        )
        if answer.status != 401:
            raise DataverseError("UnreadableAnswer", sent=True)

    def sign_in(self) -> None:
        """Get a new access token, whatever is still valid. Raises DataverseError."""
        self._tokens.token(refresh=True)

    def privileges(self, user_id: str) -> set[str]:
        """Return the names of the privileges that a user's roles give, lower case:
        "prvreadaccount". (Web API: "RetrieveUserPrivileges Function")"""
        function = "Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
        answer = self._get(f"systemusers({query.guid(user_id)})/{function}")
        return {
            row["PrivilegeName"].lower()
            for row in answer.get("RolePrivileges") or ()
            if row.get("PrivilegeName")
        }

    def who_am_i(self) -> WhoAmI:
        """Return who the connection is."""
        answer = self._get("WhoAmI")
        try:
            return WhoAmI(
                query.guid(answer.get("UserId")),
                query.guid(answer.get("BusinessUnitId")),
                query.guid(answer.get("OrganizationId")),
            )
        except ValueError:
            raise DataverseError("UnreadableAnswer", sent=True) from None

    def organization(self) -> dict[str, Any]:
        """Return the environment's own row: ``id``, ``name``, ``language`` (LCID),
        ``base_currency_id`` and ``base_currency`` (ISO code)."""
        answer = self._get(
            "organizations",
            params={
                "$select": "organizationid,name,languagecode,_basecurrencyid_value",
                "$expand": "basecurrencyid($select=isocurrencycode)",
            },
        )
        rows = answer.get("value") or [{}]
        row = rows[0]
        return {
            "id": row.get("organizationid"),
            "name": row.get("name"),
            "language": row.get("languagecode"),
            "base_currency_id": row.get("_basecurrencyid_value"),
            "base_currency": (row.get("basecurrencyid") or {}).get("isocurrencycode"),
        }

    def user_name(self, id: str) -> str | None:
        """Return the full name of a user; None if it has none."""
        path = f"systemusers({query.guid(id)})"
        return self._get(path, params={"$select": "fullname"}).get("fullname")

    def app_modules(self) -> list[dict[str, str]]:
        """Return the model-driven apps as dicts of ``id``, ``unique_name``, ``name``;
        links into Dynamics 365 open in one of them."""
        answer = self._get(
            "appmodules", params={"$select": "appmoduleid,uniquename,name"}
        )
        return [
            {
                "id": row.get("appmoduleid"),
                "unique_name": row.get("uniquename"),
                "name": row.get("name"),
            }
            for row in answer.get("value") or ()
        ]

    # --- metadata -------------------------------------------------------------------

    def tables(self) -> list[TableSummary]:
        """Return the environment's tables that have a Web API, sorted by label."""
        answer = self._get(
            "EntityDefinitions",
            params={
                "$select": "LogicalName,EntitySetName,PrimaryIdAttribute,DisplayName,"
                "ChangeTrackingEnabled",
            },
        )
        with _readable():
            found = [
                metadata.read_table(raw, (), {})
                for raw in answer.get("value") or ()
                if raw.get("EntitySetName")
            ]
        summaries = [
            TableSummary(t.name, t.label, t.entity_set, t.change_tracking)
            for t in found
        ]
        return sorted(summaries, key=lambda t: (t.label.casefold(), t.name))

    def table(self, name: str) -> Table:
        """Load the definition of one table: about six requests.

        Raises DataverseError "UnknownTable" if the environment has none such.
        """
        facts = {"table": name}
        try:
            path = f"EntityDefinitions(LogicalName={query.quote(query.name(name))})"
            definition = self._metadata(path, _TABLE_OPTIONS)
        except ValueError:
            raise DataverseError("UnknownTable", facts=facts, sent=False) from None
        except DataverseError as error:
            if error.status != 404:
                raise
            raise DataverseError(
                "UnknownTable", facts=facts, status=404, sent=True
            ) from None
        with _readable():
            columns = self._columns(path, definition)
            targets = {target for column in columns for target in column.targets}
            entity_sets = self._entity_sets(targets)
            return metadata.read_table(definition, columns, entity_sets)

    def _columns(
        self, path: str, definition: Mapping[str, Any]
    ) -> list[metadata.Column]:
        attributes = self._metadata(f"{path}/Attributes").get("value") or []
        attributes = [raw for raw in attributes if metadata.is_column(raw)]
        options = self._option_sets(path, attributes)
        navigation: dict[str, dict[str, str]] = {}
        for relationship in definition.get("ManyToOneRelationships") or ():
            navigation.setdefault(relationship["ReferencingAttribute"], {})[
                relationship["ReferencedEntity"]
            ] = relationship["ReferencingEntityNavigationPropertyName"]
        return [
            metadata.read_column(
                raw,
                options.get(raw["LogicalName"]),
                navigation.get(raw["LogicalName"]),
            )
            for raw in attributes
        ]

    def _option_sets(
        self, path: str, attributes: Iterable[Mapping[str, Any]]
    ) -> dict[str, dict]:
        """Logical name -> OptionSet: one cast request per kind of choice there is."""
        present = {str(raw.get("@odata.type")).rpartition(".")[2] for raw in attributes}
        found = {}
        for cast in _CHOICE_CASTS:
            if cast in present:
                answer = self._metadata(
                    f"{path}/Attributes/Microsoft.Dynamics.CRM.{cast}",
                    {"$select": "LogicalName", "$expand": "OptionSet($select=Options)"},
                )
                for raw in answer.get("value") or ():
                    found[raw["LogicalName"]] = raw.get("OptionSet") or {}
        return found

    def _entity_sets(self, names: Iterable[str]) -> dict[str, str]:
        """Table -> entity set, for lookups: they are written by entity set."""
        ordered, found = sorted(names), {}
        for start in range(0, len(ordered), _TARGETS_PER_REQUEST):
            wanted = ordered[start : start + _TARGETS_PER_REQUEST]
            answer = self._metadata(
                "EntityDefinitions",
                {
                    "$select": "LogicalName,EntitySetName",
                    "$filter": " or ".join(
                        f"LogicalName eq {query.quote(name)}" for name in wanted
                    ),
                },
            )
            for raw in answer.get("value") or ():
                if raw.get("EntitySetName"):
                    found[raw["LogicalName"]] = raw["EntitySetName"]
        return found

    def _metadata(self, path: str, params: Mapping[str, str] | None = None) -> dict:
        # "Strong" reads past a cache of 30 s: whoever has just added a column in
        # Power Apps expects to see it.
        return self._get(path, params=params, headers={"Consistency": "Strong"})

    # --- reading --------------------------------------------------------------------

    def retrieve(self, table: Table, id: str, columns: Iterable[str]) -> Row:
        """Return one row; "ObjectDoesNotExist" if there is none."""
        operation = batch.retrieve(table, id, columns)
        answer = self._get(
            operation.path,
            headers=operation.headers,
            table=table,
            row_id=operation.row_id,
        )
        return changes.decode_row(table, answer)

    def image(self, table: Table, id: str, column: str) -> bytes | None:
        """Return the image in ``column`` of a row, in full where it is kept so, else
        its thumbnail; None if there is none. "ObjectDoesNotExist" if there is no row.
        (Web API: "Use image column data")"""
        path = f"{table.entity_set}({query.guid(id)})/{query.name(column)}/$value"
        sizes = ("?size=full", "") if table.column(column).full_image else ("",)
        for size in sizes:
            answer = self.request(
                "GET",
                path + size,
                headers={"Accept": "application/octet-stream"},
                table=table,
                row_id=query.guid(id),
            )
            if answer.body:
                return answer.body
        return None

    def query(
        self,
        table: Table,
        columns: Iterable[str],
        *,
        filter: str | None = None,
        order_by: str | None = None,
        page_size: int = PAGE_SIZE,
        top: int | None = None,
    ) -> Iterator[list[Row]]:
        """Yield the rows that satisfy ``filter`` (see the module ``query``), page by
        page. ``order_by``: "name asc"; the primary key is added, so that pages neither
        overlap nor miss rows. ``top``: at most that many rows."""
        if top is not None and top <= 0:
            return
        params = {"$select": ",".join(table.select(columns))}
        if filter:
            params["$filter"] = filter
        if order_by:
            params["$orderby"] = _with_primary_key(order_by, table)
        prefer = ANNOTATIONS
        if top is not None and top <= page_size:
            params["$top"] = str(top)  # ignored together with maxpagesize
        else:
            prefer = f"odata.maxpagesize={page_size},{ANNOTATIONS}"

        def fetch(link: str) -> dict:
            return self._get(link, headers={"Prefer": prefer}, table=table)

        left = top
        first = f"{table.entity_set}?{_query_string(params)}"
        for page in changes.follow(fetch, first):
            rows = changes.rows_of(table, page)[:left]
            yield rows
            if left is not None:
                left -= len(rows)
                if left <= 0:
                    return

    def count(self, table: Table, filter: str | None = None) -> int:
        """Return how many rows satisfy ``filter``, exactly. ``$count`` stops at 5,000;
        beyond, the primary keys are read and counted."""
        params = {"$filter": filter} if filter else None
        answer = self.request(
            "GET",
            f"{table.entity_set}/$count",
            params=params,
            table=table,
        )
        try:
            counted = int(answer.body.decode("utf-8-sig"))
        except ValueError:
            raise DataverseError(
                "UnreadableAnswer", facts={"host": answer.host}, sent=True
            ) from None
        if counted < PAGE_SIZE:
            return counted
        return sum(len(rows) for rows in self.query(table, (), filter=filter))

    def changes(
        self,
        table: Table,
        columns: Iterable[str],
        link: str | None = None,
        *,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[ChangePage]:
        """Yield what changed. Without ``link``: all rows, and at the end a delta link;
        with a stored next link or delta link: from there on.

        ``columns`` count only without ``link``; a link keeps the columns it was made
        with. Raises "ExpiredVersionStamp" when the link is too old (start again, and
        find deleted rows by comparing), "ChangeTrackingNotEnabledForEntity", and
        "LinkElsewhere" before the page whose link leads away.
        """
        prefer = f"odata.track-changes,odata.maxpagesize={page_size},{ANNOTATIONS}"

        def fetch(link: str) -> dict:
            return self._get(link, headers={"Prefer": prefer}, table=table)

        selected = _query_string({"$select": ",".join(table.select(columns))})
        for answer in changes.follow(fetch, link or f"{table.entity_set}?{selected}"):
            page = changes.change_page(table, answer)
            # Whoever keeps a link must be able to follow it tomorrow.
            self._url(page.next_link or page.delta_link, None)
            yield page

    # --- writing --------------------------------------------------------------------

    def batch(
        self, operations: Sequence[Operation], *, size: int = 100
    ) -> list[Outcome]:
        """Execute the operations, each for itself, and return their outcomes in order.

        Sent in ``$batch`` requests of at most ``size`` (up to 1,000). Raises
        DataverseError if the first request as a whole fails, or if the sign-in stops
        being valid. When a later request fails, its error is the outcome of its
        operations, and the ones after it are "NotSent" (``sent`` False).
        """
        if not 1 <= size <= batch.MAX_SIZE:
            raise ValueError(f"size must be between 1 and {batch.MAX_SIZE}")
        outcomes: list[Outcome] = []
        for start in range(0, len(operations), size):
            chunk = operations[start : start + size]
            try:
                outcomes += self._one_batch(chunk)
            except DataverseError as error:
                if not outcomes or error.kind == "auth":
                    raise
                outcomes += [Outcome(error=error)] * len(chunk)
                unsent = len(operations) - len(outcomes)
                not_sent = DataverseError(
                    "NotSent",
                    kind=error.kind,
                    retry_after=error.retry_after,
                    sent=False,
                )
                return outcomes + [Outcome(error=not_sent)] * unsent
        return outcomes

    def _one_batch(self, operations: Sequence[Operation]) -> list[Outcome]:
        content_type, body = batch.encode(operations, self._root)
        answer = self.request(
            "POST",
            "$batch",
            body=body,
            headers={
                "Content-Type": content_type,
                "Accept": "multipart/mixed",
                "Prefer": "odata.continue-on-error",
            },
            repeatable=all(operation.repeatable for operation in operations),
        )
        return batch.decode(answer, operations)

    def create_multiple(
        self, table: Table, rows: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[str]:
        """Create all ``rows`` (guid, plain values) in one transaction, or none; return
        their guids. An error does not tell which row it is about."""
        answer = self._bulk(table, "CreateMultiple", rows).json()
        ids = answer.get("Ids")
        if not isinstance(ids, list) or len(ids) != len(rows):
            raise DataverseError("UnreadableAnswer")
        return [query.guid(id) for id in ids]

    def update_multiple(
        self, table: Table, rows: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> None:
        """Change all ``rows`` (guid, plain values) in one transaction, or none. There
        is no condition: a change made meanwhile in the same columns is overwritten."""
        self._bulk(table, "UpdateMultiple", rows)

    def _bulk(
        self,
        table: Table,
        message: str,
        rows: Iterable[tuple[str, Mapping[str, Any]]],
    ) -> Response:
        targets = [
            {
                "@odata.type": f"Microsoft.Dynamics.CRM.{table.name}",
                table.primary_id: query.guid(id),
                **table.encode(values),
            }
            for id, values in rows
        ]
        return self.request(
            "POST",
            f"{table.entity_set}/Microsoft.Dynamics.CRM.{message}",
            body={"Targets": targets},
            table=table,
        )


_TABLE_OPTIONS = {
    "$select": "LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,"
    "DisplayName,ObjectTypeCode,ChangeTrackingEnabled,IsOptimisticConcurrencyEnabled",
    "$expand": "ManyToOneRelationships($select=ReferencingAttribute,ReferencedEntity,"
    "ReferencingEntityNavigationPropertyName)",
}
_CHOICE_CASTS = (
    "PicklistAttributeMetadata",
    "MultiSelectPicklistAttributeMetadata",
    "StateAttributeMetadata",
    "StatusAttributeMetadata",
)


@contextmanager
def _readable() -> Iterator[None]:
    """Definitions that lack what every definition has are no answer of Dataverse."""
    try:
        yield
    except (AttributeError, ArithmeticError, KeyError, TypeError, ValueError):
        raise DataverseError("UnreadableAnswer", sent=True) from None


def _https_origin(url: str) -> str:
    """Return "https://host[:port]" in lower case; ValueError for anything more."""
    text = url[:-1] if url.endswith("/") else url
    if not re.fullmatch(r"https://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?", text, re.I):
        raise ValueError("the environment URL must be https://host, nothing more")
    return text.lower().removesuffix(":443")


def _content(body: Any, headers: dict[str, str]) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    headers.setdefault("Content-Type", "application/json")
    return exactjson.dumps(body).encode("ascii")


def _query_string(params: Mapping[str, Any]) -> str:
    return "&".join(
        f"{key}={quote(str(value), safe='$,()/:@*=;')}" for key, value in params.items()
    )


def _with_primary_key(order_by: str, table: Table) -> str:
    named = {part.split()[0] for part in order_by.split(",") if part.strip()}
    return order_by if table.primary_id in named else f"{order_by},{table.primary_id}"
