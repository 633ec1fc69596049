"""Random requests for the simulator: nearly right ones, and what becomes of them.

Each request is made from its number alone, so that one that fails can be made again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from simulator.schema import Column, Schema, Table

_OPERATORS = "eq ne lt le gt ge in has add and or not".split()
_FUNCTIONS = (
    "contains startswith endswith tolower length Microsoft.Dynamics.CRM.In "
    "Microsoft.Dynamics.CRM.Between Microsoft.Dynamics.CRM.LastXDays "
    "Microsoft.Dynamics.CRM.EqualUserId Microsoft.Dynamics.CRM.On "
    "Microsoft.Dynamics.CRM.OlderThanXYears Microsoft.Dynamics.CRM.ThisMonth"
).split()
_FETCH_OPERATORS = (
    "eq ne lt gt like not-like in between null on today last-x-days eq-userid "
    "olderthan-x-years last-month next-x-weeks x"
).split()
_OPTIONS = (
    "$select $filter $orderby $top $expand $count $skiptoken $deltatoken $apply "
    "$skip fetchXml sql tag @p1 $format"
).split()
_ACTIONS = "CreateMultiple UpdateMultiple UpsertMultiple DeleteMultiple Nothing".split()
_BULK = "Microsoft.Dynamics.CRM."
_ROOTS = (
    "WhoAmI RetrieveCurrentOrganization(AccessType='Default') Merge BulkDelete "
    "RetrieveTotalRecordCount(EntityNames=['account']) EntityDefinitions $metadata "
    "WinOpportunity QualifyLead CreateEntities RelationshipDefinitions "
    "GlobalOptionSetDefinitions RetrieveMetadataChanges(Query=@p1) nothing"
).split()
_CHARACTERS = "'\"()[]{}$@%/\\,;:=&?<>!*#-_. aZ0\x00\x1f\u00e9\u20ac\U0001f600\ud7ff"


@dataclass
class Wish:
    """A request, before anybody is known to make it."""

    method: str
    path: str
    query: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Maker:
    """Makes requests about the rows whose ids, by table, are in ``known``."""

    def __init__(
        self, schema: Schema, known: dict[str, list[str]], number: int
    ) -> None:
        self._schema = schema
        self._known = known
        self._random = random.Random(number)
        self._one = self._random.choice

    def wish(self) -> Wish:
        kinds: list[Callable[[], Wish]] = [
            self._reading,
            self._reading,
            self._writing,
            self._sensible_writing,
            self._sensible_writing,
            self._metadata,
            self._batch,
            self._definition,
            self._sales_message,
            self._file,
        ]
        wish = self._one(kinds)()
        if self._chance(0.15):
            wish.path = self._spoiled(wish.path)
        if self._chance(0.2):
            wish.query = self._spoiled(wish.query)
        if self._chance(0.1):
            wish.body = self._spoiled(wish.body.decode()).encode()
        # A client library escapes what no address may contain.
        wish.path = quote(wish.path, safe="/()$=,'*+!@%;&:")
        wish.query = quote(wish.query, safe="/()$=,'*+!@%;&:?")
        return wish

    # -- kinds ---------------------------------------------------------------------

    def _reading(self) -> Wish:
        path = self._one([self._address, self._row_address, self._below])()
        names = self._random.sample(_OPTIONS, self._random.randint(0, 3))
        pairs = [(name, self._option(name)) for name in names]
        headers = {}
        if self._chance(0.5):
            headers["prefer"] = self._one(
                [
                    "odata.maxpagesize=2",
                    "odata.track-changes",
                    'odata.include-annotations="*"',
                    "return=representation,odata.maxpagesize=0",
                    self._garbage(),
                ]
            )
        if self._chance(0.2):
            headers["if-none-match"] = self._one(['W/"1"', "null", "*", "W/x"])
        return Wish("GET", path, urlencode(pairs, quote_via=quote), headers)

    def _writing(self) -> Wish:
        method = self._one(["POST", "PATCH", "PUT", "DELETE"])
        addresses = [self._address, self._row_address, self._below, self._bulk]
        path = self._one([*addresses, lambda: self._one(_ROOTS)])()
        headers = {}
        if self._chance(0.3):
            headers["if-match"] = self._one(["*", 'W/"1000001"', "W/1", "null"])
        if self._chance(0.2):
            headers["if-none-match"] = self._one(["*", "null", 'W/"1"'])
        if self._chance(0.2):
            headers["prefer"] = "return=representation"
        if self._chance(0.1):
            headers["mscrm.suppressduplicatedetection"] = "false"
        if self._chance(0.05):
            name = self._one(["mscrmcallerid", "callerobjectid"])
            headers[name] = self._guid()
        body = self._targets() if "Multiple" in path else self._row(self._table())
        return Wish(method, path, "", headers, json.dumps(body).encode())

    def _sensible_writing(self) -> Wish:
        """What may well succeed: known rows, values of the right type."""
        table = self._schema.tables[self._one(["account", "contact", "task"])]
        row = {table.primary_name: "A"} if table.name != "contact" else {}
        for column in self._random.sample(list(table.columns.values()), 3):
            row[column.wire] = self._value_for(column)
        row = {name: value for name, value in row.items() if value is not None}
        if self._chance(0.3):
            navigation = self._one(list(table.navigations.values()))
            target = self._schema.targets(navigation)[0]
            bound = f"/{target.entity_set}({self._guid(target.name)})"
            row[f"{navigation.navigation}@odata.bind"] = self._one([bound, None])
        address = f"{table.entity_set}({self._guid(table.name)})"
        method, path = self._one(
            [
                ("POST", table.entity_set),
                ("PATCH", address),
                ("PATCH", address),
                ("DELETE", address),
                ("POST", f"{table.entity_set}/{_BULK}{self._one(_ACTIONS)}"),
            ]
        )
        body: Any = row
        if _BULK in path:
            kind = {"@odata.type": f"Microsoft.Dynamics.CRM.{table.name}"}
            key = {table.primary_id: self._guid(table.name)}
            body = {"Targets": [{**kind, **row}, {**kind, **key, **row}]}
        headers = self._one([{}, {}, {"prefer": "return=representation"}])
        return Wish(method, path, "", dict(headers), json.dumps(body).encode())

    def _value_for(self, column: Column) -> Any:
        if column.type in ("String", "Memo"):
            return "A" * self._random.randint(0, min(column.max_length, 50))
        if column.options and column.type not in ("Boolean", "MultiSelectPicklist"):
            return self._one(list(column.options))
        if column.type == "Boolean":
            return self._chance(0.5)
        if column.type in ("Integer", "Money", "Decimal", "Double"):
            return self._random.randint(0, 9)
        if column.type == "DateTime" and column.behavior == "DateOnly":
            return "2024-02-29"
        return "2024-02-29T12:00:00Z" if column.type == "DateTime" else None

    def _metadata(self) -> Wish:
        table = self._table()
        column = self._one(list(table.columns))
        path = self._one(
            [
                "EntityDefinitions",
                f"EntityDefinitions(LogicalName='{table.name}')",
                f"EntityDefinitions({self._guid()})/Attributes",
                f"EntityDefinitions(LogicalName='{table.name}')/Attributes",
                f"EntityDefinitions(LogicalName='{table.name}')/Attributes"
                f"(LogicalName='{column}')",
                f"EntityDefinitions(LogicalName='{table.name}')/Attributes/"
                "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
                f"EntityDefinitions(LogicalName='{table.name}')/Keys",
                f"EntityDefinitions(LogicalName='{table.name}')/ManyToOneRelationships",
                *_ROOTS,
            ]
        )
        query = self._one(
            [
                "",
                "$select=LogicalName,SchemaName",
                "$filter=LogicalName eq 'account'",
                "$filter=ChangeTrackingEnabled eq true and not (IsManaged eq false)",
                "$filter=CanChangeTrackingBeEnabled/Value eq true",
                "$filter=LogicalName/Value eq 1",
                "$expand=Attributes($select=LogicalName),Keys",
                "$expand=OptionSet($select=Options)",
                f"$filter={self._condition(table, 2)}",
                "@p1=" + json.dumps({"Criteria": self._json(2)}),
            ]
        )
        return Wish("GET", path, query)

    # -- definitions, documents, files -----------------------------------------------

    def _definition(self) -> Wish:
        """A table, a column, a key, a relationship, an option set: made or removed."""
        table = self._table()
        if self._chance(0.5):  # what was made before
            made = [t for t in self._schema.tables.values() if t.custom]
            table = self._one(made) if made else table
        name = self._one(["new_A", "new_B", "new_C", "new_Long_Name", "x", "new_"])
        column = self._column(name)
        options = {"Options": [{"Value": self._random.randint(0, 3)}]}
        entity = {
            "SchemaName": name,
            "OwnershipType": self._one(["UserOwned", "OrganizationOwned", "x"]),
            "Attributes": [
                {**self._column("new_Name"), "IsPrimaryName": self._chance(0.9)},
                *[self._column(n) for n in ("new_X", "new_Y")],
            ],
            "ChangeTrackingEnabled": self._chance(0.5),
        }
        relationship = {
            "@odata.type": f"{_BULK}OneToManyRelationshipMetadata",
            "SchemaName": name,
            "ReferencedEntity": self._table().name,
            "ReferencingEntity": table.name,
            "Lookup": self._column("new_Link"),
            "CascadeConfiguration": {"Delete": self._one(["Cascade", "Restrict", "x"])},
        }
        key = {"SchemaName": name, "KeyAttributes": [self._one(list(table.columns))]}
        base = f"EntityDefinitions(LogicalName='{table.name}')"
        method, path, body = self._one(
            [
                ("POST", "EntityDefinitions", entity),
                ("POST", "CreateEntities", {"Entities": [entity]}),
                ("POST", f"{base}/Attributes", column),
                ("POST", f"{base}/Attributes", column),
                ("POST", f"{base}/Keys", key),
                ("POST", "RelationshipDefinitions", relationship),
                ("POST", "GlobalOptionSetDefinitions", {"Name": name, **options}),
                ("PUT", base, entity),
                (
                    "PUT",
                    f"{base}/Attributes(LogicalName='{self._one(list(table.columns))}')",
                    column,
                ),
                (
                    "DELETE",
                    f"{base}/Attributes(LogicalName='{self._one(list(table.columns))}')",
                    {},
                ),
                ("DELETE", base, {}),
                (
                    "POST",
                    self._one(["InsertOptionValue", "DeleteOptionValue"]),
                    {
                        "EntityLogicalName": table.name,
                        "AttributeLogicalName": self._one(list(table.columns)),
                        "Value": self._one([1, 2, "x", None]),
                    },
                ),
            ]
        )
        if self._chance(0.2) and isinstance(body, dict) and body:
            body[self._one(list(body))] = self._json(2)
        return Wish(method, path, "", {}, json.dumps(body).encode())

    def _column(self, name: str) -> dict[str, Any]:
        kind = self._one(
            "String Memo Integer BigInt Decimal Double Money DateTime Boolean Picklist "
            "MultiSelectPicklist File Image Lookup Nothing".split()
        )
        options = [{"Value": value} for value in range(self._random.randint(0, 3))]
        return {
            "@odata.type": f"{_BULK}{kind}AttributeMetadata",
            "SchemaName": name,
            "OptionSet": {"Options": options},
            "MaxLength": self._one([1, 100, None, "x"]),
            "MaxSizeInKB": self._one([1, 100, None]),
            "MinValue": self._one([0, -5.5, None]),
            "RequiredLevel": {"Value": self._one(["None", "SystemRequired"])},
        }

    def _sales_message(self) -> Wish:
        name = self._one(
            "GenerateQuoteFromOpportunity GenerateInvoiceFromOpportunity ReviseQuote "
            "ConvertQuoteToSalesOrder ConvertSalesOrderToInvoice LockInvoicePricing "
            "GetQuoteProductsFromOpportunity".split()
        )
        if self._chance(0.5):
            return self._line()
        body = {
            "OpportunityId": self._guid("opportunity"),
            "QuoteId": self._guid("quote"),
            "SalesOrderId": self._guid("salesorder"),
            "InvoiceId": self._guid("invoice"),
            "ColumnSet": self._one(
                [{"AllColumns": True}, {"Columns": ["name"]}, {}, self._json(1)]
            ),
        }
        wanted = {
            "Generate": ("OpportunityId", "ColumnSet"),
            "ReviseQu": ("QuoteId", "ColumnSet"),
            "ConvertQ": ("QuoteId", "ColumnSet"),
            "ConvertS": ("SalesOrderId", "ColumnSet"),
            "LockInvo": ("InvoiceId",),
            "GetQuote": ("OpportunityId", "QuoteId"),
        }[name[:8]]
        if self._chance(0.9):
            body = {key: value for key, value in body.items() if key in wanted}
        return Wish("POST", name, "", {}, json.dumps(body).encode())

    def _line(self) -> Wish:
        document, table = self._one(
            [
                ("opportunities", "opportunityproduct"),
                ("quotes", "quotedetail"),
                ("salesorders", "salesorderdetail"),
                ("invoices", "invoicedetail"),
            ]
        )
        if self._chance(0.3):
            body: dict[str, Any] = {"name": "D", "discountpercentage": 50}
            account = self._guid("account")
            body["customerid_account@odata.bind"] = f"/accounts({account})"
            return Wish("POST", document, "", {}, json.dumps(body).encode())
        lines = self._schema.tables[table]
        parent = {
            "opportunities": "opportunity",
            "quotes": "quote",
            "salesorders": "salesorder",
            "invoices": "invoice",
        }[document]
        numbers = [None, 0, 1.5, -3, 10**9, 922337203685477]
        row = {
            "quantity": self._one([*numbers, 100_000_000_000]),
            "priceperunit": self._one(numbers),
            "manualdiscountamount": self._one(numbers),
            "tax": self._one(numbers),
            f"{parent}id@odata.bind": f"/{document}({self._guid(parent)})",
        }
        row = {name: value for name, value in row.items() if value is not None}
        return Wish("POST", lines.entity_set, "", {}, json.dumps(row).encode())

    def _file(self) -> Wish:
        made = [t for t in self._schema.tables.values() if t.file_columns]
        table = self._one(made) if made else self._table()
        columns = table.file_columns or tuple(table.columns.values())
        column = self._one([*columns]).name
        address = f"{table.entity_set}({self._guid(table.name)})/{column}"
        target = {
            "@odata.type": f"{_BULK}{table.name}",
            table.primary_id: self._guid(table.name),
        }
        headers = {
            "content-type": self._one(["application/octet-stream", "text/plain"]),
            "x-ms-file-name": self._one(["a.txt", "", "%C3%A6", "\u00e6"]),
        }
        if self._chance(0.3):
            headers["x-ms-transfer-mode"] = "chunked"
        if self._chance(0.3):
            headers["content-range"] = self._one(["bytes 0-3/4", "bytes 9-1/4", "x"])
        spans = {"range": self._one(["bytes=0-3", "bytes=9-1", "x", "bytes=-5"])}
        message = {
            "Target": target,
            "FileAttributeName": column,
            "FileName": self._one(["a", None, 1]),
            "FileContinuationToken": self._one(["x", None, []]),
        }
        return self._one(
            [
                Wish("PATCH", address, "", headers, b"abcd"),
                Wish("PATCH", address, "sessiontoken=x", headers, b"abcd"),
                Wish("GET", f"{address}/$value", "", spans),
                Wish("DELETE", address, ""),
                Wish(
                    "POST",
                    self._one(
                        [
                            "InitializeFileBlocksUpload",
                            "InitializeFileBlocksDownload",
                            "UploadBlock",
                            "CommitFileBlocksUpload",
                            "DownloadBlock",
                            "DeleteFile",
                        ]
                    ),
                    "",
                    {},
                    json.dumps(message).encode(),
                ),
            ]
        )

    def _apply(self, table: Table) -> str:
        column = self._property(table)
        function = self._one(["sum", "average", "min", "max", "countdistinct", "x"])
        aggregate = self._one(
            [f"{self._property(table)} with {function} as a", "$count as n", "x"]
        )
        group = self._one([column, f"{column}/name", "statecode"])
        text = self._one(
            [
                f"groupby(({group}))",
                f"groupby(({group}),aggregate({aggregate}))",
                f"aggregate({aggregate},$count as m)",
            ]
        )
        if self._chance(0.3):
            text = f"filter({self._condition(table, 2)})/{text}"
        return text

    def _batch(self) -> Wish:
        mark = self._one(["b", "batch_1", "changeset_x"])
        parts = []
        for _ in range(self._random.randint(0, 3)):
            if self._chance(0.3):
                inner = "".join(self._part("cs") for _ in range(2)) + "--cs--\r\n"
                parts.append(
                    f"--{mark}\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n"
                    f"{inner}"
                )
            else:
                parts.append(self._part(mark))
        body = "".join(parts) + f"--{mark}--\r\n"
        if self._chance(0.3):
            body = self._spoiled(body)
        headers = {"content-type": f'multipart/mixed; boundary="{mark}"'}
        if self._chance(0.3):
            headers["prefer"] = "odata.continue-on-error"
        return Wish("POST", "$batch", "", headers, body.encode())

    def _part(self, mark: str) -> str:
        wish = self._one([self._reading, self._writing])()
        url = f"{quote(wish.path)}?{wish.query}" if wish.query else quote(wish.path)
        url = self._one(["", "/api/data/v9.2/", "https://x/api/data/v9.2/"]) + url
        if self._chance(0.1):
            url = self._one(["$1", "$2/name", "[::1", "//"])
        head = "".join(f"{name}: {value}\r\n" for name, value in wish.headers.items())
        return (
            f"--{mark}\r\nContent-Type: application/http\r\n"
            f"Content-ID: {self._random.randint(1, 2)}\r\n\r\n"
            f"{wish.method} {url} HTTP/1.1\r\n{head}\r\n{wish.body.decode()}\r\n"
        )

    # -- addresses -----------------------------------------------------------------

    def _table(self) -> Table:
        usual = ("account", "contact", "task")
        names = usual if self._chance(0.6) else list(self._schema.tables)
        return self._schema.tables[self._one(names)]

    def _address(self) -> str:
        return self._table().entity_set

    def _row_address(self) -> str:
        table = self._table()
        key = self._one(
            [
                self._guid(),
                f"{table.primary_name}='{self._garbage()}'",
                f"{self._one(list(table.columns))}={self._literal()}",
                self._garbage(),
            ]
        )
        return f"{table.entity_set}({key})"

    def _below(self) -> str:
        table = self._table()
        names = [*table.columns, *table.navigations, *table.collections, "$count"]
        path = f"{self._one([self._address, self._row_address])()}/{self._one(names)}"
        return path + self._one(["", "", "/$ref", "/$count", f"({self._guid()})/$ref"])

    def _bulk(self) -> str:
        return f"{self._address()}/Microsoft.Dynamics.CRM.{self._one(_ACTIONS)}"

    def _guid(self, table: str | None = None) -> str:
        known = self._known.get(table or self._one(list(self._known)))
        if known and self._chance(0.8):
            return self._one(known)
        return self._one(["00000000-0000-0000-0000-000000000001", "x", "{1}"])

    # -- options -------------------------------------------------------------------

    def _option(self, name: str) -> str:
        table = self._table()
        if self._chance(0.05):
            return self._garbage()
        if name == "$filter":
            text = self._condition(table, 4)
            return self._spoiled(text) if self._chance(0.2) else text
        if name in ("$select", "$orderby"):
            words = [self._property(table) for _ in range(self._random.randint(1, 3))]
            return self._one([",", ", ", " desc,"]).join(words)
        if name == "$expand":
            return self._expand(table, 2)
        if name == "$apply":
            text = self._apply(table)
            return self._spoiled(text) if self._chance(0.2) else text
        if name == "$top":
            return self._one(["0", "1", "5000", "-1", "99999999999999999999", "\u0663"])
        if name == "$count":
            return self._one(["true", "false", "1"])
        if name == "fetchXml":
            text = self._fetch(table)
            return self._spoiled(text) if self._chance(0.2) else text
        if name == "sql":
            text = self._sql(table)
            return self._spoiled(text) if self._chance(0.2) else text
        if name == "$deltatoken":
            number = self._one(["1", "-1", "9" * 30, "x", "\u0663"])
            return number + self._one(["!01/01/2030 00:00:00", "!x", ""])
        if name == "$skiptoken":
            last = self._one([self._garbage(), "1", "9" * 30, self._guid()])
            inner = f'<cookie page="1" last="{last}" />'
            tracking = self._chance(0.5)
            if tracking:
                since = self._one(["1", "9" * 30])
                part = self._one(["all", "deleted", "rows", "x"])
                inner += f'<window since="{since}" until="{since}" part="{part}" />'
            return (
                f'<cookie pagenumber="{self._one(["2", "9" * 30])}" '
                f'pagingcookie="{quote(quote(inner))}" istracking="{tracking}" />'
            )
        return self._literal()

    def _property(self, table: Table) -> str:
        names = [*table.by_wire, *table.navigations]
        return self._one(names) if self._chance(0.9) else self._garbage()

    def _expand(self, table: Table, depth: int) -> str:
        navigation = self._one([*table.navigations, *table.collections, "nothing"])
        inner = self._one(
            [
                "",
                "($select=createdon)",
                f"($filter={self._condition(table, 1)};$top=1)",
                "($orderby=createdon desc",
            ]
        )
        if depth and self._chance(0.2):
            inner = f"($expand={self._expand(self._table(), depth - 1)})"
        return navigation + inner

    def _condition(self, table: Table, depth: int) -> str:
        roll = self._random.random()
        if depth and roll < 0.3:
            left, right = (self._condition(table, depth - 1) for _ in range(2))
            return f"({left} {self._one(['and', 'or'])} {right})"
        if depth and roll < 0.4:
            return f"not {self._condition(table, depth - 1)}"
        if roll < 0.6:
            arguments = self._one(
                [
                    f"{self._property(table)},{self._literal()}",
                    f"PropertyName='{self._property(table)}',"
                    f"PropertyValue={self._literal()}",
                    f"PropertyName='{self._property(table)}',"
                    f"PropertyValues=[{self._literal()},{self._literal()}]",
                    self._property(table),
                    "",
                ]
            )
            return f"{self._one(_FUNCTIONS)}({arguments})"
        if roll < 0.7 and table.collections:
            name = self._one(list(table.collections))
            word = self._one(["any", "all"])
            return f"{name}/{word}(o:o/{self._property(self._table())} eq 1)"
        left = self._property(table)
        if self._chance(0.2):
            left = f"{left}/{self._property(self._table())}"
        return f"{left} {self._one(_OPERATORS)} {self._literal()}"

    def _literal(self) -> str:
        return self._one(
            [
                "1",
                "-1.5",
                "'A'",
                "'%a_[^b]%'",
                "'O''Hara'",
                "null",
                "true",
                "2020-02-30",
                "2023-01-01T00:00:00Z",
                "1e400",
                "9" * 25,
                self._guid(),
                f"'{self._garbage()}'",
                f"'{'%a' * 30}'",
            ]
        )

    def _fetch(self, table: Table) -> str:
        return (
            f"<fetch {self._attributes('top count page distinct aggregate')}>"
            f"<entity name='{table.name}'>{self._inside(table, 2)}</entity></fetch>"
        )

    def _inside(self, table: Table, depth: int) -> str:
        def column() -> str:
            return self._one([*table.columns, "nothing"])

        parts = []
        for _ in range(self._random.randint(0, 3)):
            parts.append(
                self._one(
                    [
                        f"<attribute name='{column()}' "
                        f"{self._attributes('alias aggregate groupby distinct')}/>",
                        "<all-attributes/>",
                        f"<order attribute='{column()}' descending='true'/>",
                        f"<order alias='{self._one(['a', 'b'])}'/>",
                        f"<filter type='{self._one(['and', 'or', 'x'])}'>"
                        f"<condition attribute='{column()}' "
                        f"operator='{self._one(_FETCH_OPERATORS)}' "
                        f"{self._attributes('value valueof entityname')}/></filter>",
                    ]
                )
            )
        if depth and self._chance(0.4):
            other = self._table()
            parts.append(
                f"<link-entity name='{other.name}' from='{other.primary_id}' "
                f"to='{column()}' link-type='{self._one(['inner', 'outer', 'any'])}' "
                f"{self._attributes('alias')}>{self._inside(other, depth - 1)}"
                "</link-entity>"
            )
        return "".join(parts)

    def _attributes(self, names: str) -> str:
        values = (
            "true 1 2 a b sum avg count countcolumn max name account contact x 2020 %"
        ).split()
        return " ".join(
            f"{name}='{self._one(values)}'"
            for name in names.split()
            if self._chance(0.3)
        )

    def _sql(self, table: Table) -> str:
        def column() -> str:
            return self._one([*table.columns, "a.name", "nothing"])

        parts = ["SELECT", self._one(["", "TOP 2", "DISTINCT", "TOP 0"])]
        items = [column(), f"COUNT({column()}) AS n", f"MAX({column()}) m", "COUNT(*)"]
        parts.append(", ".join(self._random.sample(items, self._random.randint(1, 3))))
        parts.append(f"FROM {table.name}")
        other = self._table()
        join = f"JOIN {other.name} a ON a.{other.primary_id} = {column()}"
        literal = self._one(["1", "'a'", "'%'", "1.5", "NULL", column()])
        where = self._one(["=", "<>", "LIKE", "IN (1,", "BETWEEN 1 AND", "IS NOT"])
        for clause in (
            self._one(["", "LEFT "]) + join,
            f"WHERE {column()} {where} {literal}",
            f"GROUP BY {column()}",
            f"ORDER BY {column()} DESC",
            "OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY",
        ):
            if self._chance(0.4):
                parts.append(clause)
        return " ".join(parts)

    # -- bodies --------------------------------------------------------------------

    def _targets(self) -> Any:
        table = self._table()
        targets = []
        for _ in range(self._random.randint(0, 3)):
            target = self._row(table)
            if isinstance(target, dict) and self._chance(0.9):
                target["@odata.type"] = f"Microsoft.Dynamics.CRM.{table.name}"
            if isinstance(target, dict) and self._chance(0.5):
                target[table.primary_id] = self._guid()
            targets.append(target)
        return {"Targets": targets} if self._chance(0.9) else self._json(2)

    def _row(self, table: Table) -> Any:
        if self._chance(0.1):
            return self._json(3)
        row: dict[str, Any] = {}
        for _ in range(self._random.randint(0, 4)):
            name = self._one(
                [
                    *table.by_wire,
                    *table.navigations,
                    *table.collections,
                    *(f"{name}@odata.bind" for name in table.navigations),
                    "@odata.id",
                    "@odata.type",
                    "value",
                    self._garbage(),
                ]
            )
            row[name] = self._value()
        return row

    def _value(self) -> Any:
        target = f"/{self._table().entity_set}({self._guid()})"
        values = ["A", "", 1, -1, 1.5, True, None, 10**30, 1e300, "2020-01-01", target]
        values += [self._guid(), "x" * 300, self._garbage(), "2020-01-01T00:00:00Z"]
        return self._one(values) if self._chance(0.85) else self._json(2)

    def _json(self, depth: int) -> Any:
        if depth == 0 or self._chance(0.3):
            return self._one([None, 1, "a", True, [], {}, 1.5, self._garbage()])
        children = [self._json(depth - 1) for _ in range(self._random.randint(0, 3))]
        if self._chance(0.5):
            return children
        names = ["Target", "Entities", "QuerySet", "value", "@odata.type", "Status"]
        return {self._one(names): child for child in children}

    # -- chance --------------------------------------------------------------------

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _garbage(self) -> str:
        length = self._random.randint(0, 6)
        return "".join(self._one(_CHARACTERS) for _ in range(length))

    def _spoiled(self, text: str) -> str:
        """``text`` with a piece lost, doubled, or replaced."""
        start = self._random.randint(0, len(text))
        end = min(start + self._random.randint(0, 5), len(text))
        piece = self._one(["", text[start:end] * 2, self._garbage()])
        return text[:start] + piece + text[end:]
