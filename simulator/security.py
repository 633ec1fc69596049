"""Who calls, and what that application user may do with which table.

An application user is a ``systemuser`` row with an ``applicationid``; its rights are
a depth (None, User, BusinessUnit, Organization) for each table and access right, and
Organization everywhere until the control API says otherwise.
An application user may act for another user, with the rights that both have.
Source: "Security roles and privileges", "Use OAuth with Dataverse: application user",
"Impersonate another user using the Web API".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from . import errors
from .schema import Table
from .store import Store

# The last one is a right on the table of users: to impersonate them.
ACCESS_RIGHTS = ("Create", "Read", "Write", "Delete", "ActOnBehalfOfAnother")
DEPTHS = ("None", "User", "BusinessUnit", "Organization")
# What the enumeration PrivilegeDepth calls them.
_DEPTH_NAMES = {"User": "Basic", "BusinessUnit": "Local", "Organization": "Global"}
_PRIVILEGE_NAMES = {"systemuser": "User"}


def _privilege(table: Table, access: str) -> str:
    return f"prv{access}{_PRIVILEGE_NAMES.get(table.name, table.schema_name)}"


@dataclass(frozen=True)
class Caller:
    """The user a request counts for; ``behind`` is the application user that acts for
    this one, None if they are the same."""

    client_id: str
    user_id: str
    business_unit_id: str
    behind: Caller | None = None


class Security:
    """Privileges by client id; everything not mentioned is allowed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._users = store.schema.tables["systemuser"]
        self._depths: dict[tuple[str, str, str], str] = {}

    def caller(self, client_id: str) -> Caller:
        """The enabled application user of ``client_id``. Raises DataverseError."""
        found = self._store.execute(
            "SELECT systemuserid, businessunitid, isdisabled FROM systemuser "
            "WHERE applicationid = ?",
            (client_id,),
        ).fetchone()
        if not found:
            raise errors.not_a_member()
        user_id, business_unit_id, disabled = found
        if disabled:
            raise errors.user_disabled(user_id)
        return Caller(client_id, user_id, business_unit_id)

    def impersonated(self, caller: Caller, column: str, value: str) -> Caller:
        """The user whose ``column`` is ``value``, with ``caller`` behind.

        Raises DataverseError: no right to impersonate, no such user, disabled.
        """
        self.require(caller, self._users, "ActOnBehalfOfAnother")
        found = self._store.execute(
            "SELECT systemuserid, businessunitid, isdisabled, applicationid "
            f"FROM systemuser WHERE {column} = ?",
            (value.lower(),),
        ).fetchone()
        if not found:
            raise errors.no_such_user(column, value)
        user_id, business_unit_id, disabled, client_id = found
        if disabled:
            raise errors.user_disabled(user_id)
        return Caller(client_id or "", user_id, business_unit_id, caller)

    def depth(self, caller: Caller, table: Table, access: str) -> str:
        key = (caller.client_id, table.name, access)
        own = self._depths.get(key, "Organization")
        if caller.behind is None:
            return own
        return min(own, self.depth(caller.behind, table, access), key=DEPTHS.index)

    def set_depth(self, client_id: str, table: str, access: str, depth: str) -> None:
        self._depths[client_id, table, access] = depth

    def reset(self) -> None:
        self._depths.clear()

    def privileges(self, caller: Caller) -> list[dict[str, str]]:
        """What a user's roles give, as ``RetrieveUserPrivileges`` answers."""
        granted = []
        for table in self._store.schema.tables.values():
            for access in ACCESS_RIGHTS[:4]:
                depth = self.depth(caller, table, access)
                if depth != "None":
                    name = _privilege(table, access)
                    granted.append(
                        {
                            "Depth": _DEPTH_NAMES[depth],
                            "PrivilegeId": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
                            "BusinessUnitId": caller.business_unit_id,
                            "PrivilegeName": name,
                        }
                    )
        return granted

    def require(
        self,
        caller: Caller,
        table: Table,
        access: str,
        depths: tuple[str, ...] = ("User", "BusinessUnit", "Organization"),
    ) -> None:
        """Raise the documented 403 unless ``caller`` has ``access`` to ``table``."""
        if self.depth(caller, table, access) not in depths:
            privilege = _privilege(table, access)
            raise errors.privilege_denied(
                caller.user_id,
                privilege,
                str(uuid.uuid5(uuid.NAMESPACE_OID, privilege)),
                table.name,
                table.code,
            )

    def require_row(
        self, caller: Caller, table: Table, access: str, row: dict[str, Any]
    ) -> None:
        """``require``, and that ``row`` lies within the granted depth."""
        self.require(caller, table, access)
        restriction = self._restriction(caller, table, access)
        if restriction and row.get(restriction[0]) != restriction[1]:
            raise errors.row_access_denied(
                caller.user_id, table.name, row[table.primary_id]
            )

    def read_filter(self, caller: Caller, table: Table) -> tuple[str, str] | None:
        """``(column, value)`` that readable rows have, None for every row."""
        self.require(caller, table, "Read")
        return self._restriction(caller, table, "Read")

    def _restriction(
        self, caller: Caller, table: Table, access: str
    ) -> tuple[str, str] | None:
        depth = self.depth(caller, table, access)
        if depth == "Organization" or table.ownership != "UserOwned":
            return None
        if depth == "User":
            return "ownerid", caller.user_id
        return "owningbusinessunit", caller.business_unit_id
