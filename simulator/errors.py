"""The errors Dataverse answers with: one function for each, in one place.

Status, code and message follow "Web service error codes" and "Compose HTTP requests
and handle errors" of the Dataverse documentation and answers recorded from live
organizations.
"""

from __future__ import annotations

import json
from collections.abc import Set

# Annotations of errors.
OPERATION_STATUS = "Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus"
SUB_ERROR_CODE = "Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode"
HELP_LINK = "Microsoft.PowerApps.CDS.HelpLink"
INNER_ERROR = "Microsoft.PowerApps.CDS.InnerError.Message"
PLUG_IN_ABORTED = "0x80040265"
PAYLOAD_HELP = "https://go.microsoft.com/fwlink/?linkid=2195293"


class DataverseError(Exception):
    """An error answer: HTTP ``status``, Dataverse ``code`` and ``message``."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self, annotations: Set[str] = frozenset()) -> bytes:
        """The JSON body, ``{"error": {"code": ..., "message": ...}}``, and of its
        ``details`` those whose names are among ``annotations``."""
        error = {"code": self.code, "message": self.message}
        details = self.details()
        error.update((f"@{n}", details[n]) for n in details if n in annotations)
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    def details(self) -> dict[str, str]:
        """What a client can ask for; status and sub-code belong to plug-ins alone.

        Source: "Compose HTTP requests: include more details with errors".
        """
        help_link = (
            "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm."
            f"CrmException%3a{self.code.removeprefix('0x')}&client=platform"
        )
        found = {HELP_LINK: help_link, INNER_ERROR: self.message}
        if self.code == PLUG_IN_ABORTED:
            found = {OPERATION_STATUS: "0", SUB_ERROR_CODE: "-2146233088", **found}
        return found


# -- rows --------------------------------------------------------------------------


def row_not_found(table: str, row_id: str) -> DataverseError:
    return DataverseError(
        404, "0x80040217", f"{table} With Id = {row_id} Does Not Exist"
    )


def key_row_not_found(table: str, status: int = 404) -> DataverseError:
    return DataverseError(
        status,
        "0x80060891",
        f"A record with the specified key values does not exist in {table} entity",
    )


def duplicate_row() -> DataverseError:
    return DataverseError(
        412, "0x80040237", "A record with matching key values already exists."
    )


def duplicate_key(key: str, columns: str) -> DataverseError:
    return DataverseError(
        412,
        "0x80060892",
        f"Entity Key {key} violated. A record with the same value for {columns} "
        "already exists. A duplicate record cannot be created. Select one or more "
        "unique values and try again.",
    )


def invalid_key(table: str) -> DataverseError:
    return DataverseError(
        400,
        "0x8006088a",
        "Bad Request - Error in query syntax. The key in the request URI is not valid "
        f"for resource 'Microsoft.Dynamics.CRM.{table}'.",
    )


def version_mismatch() -> DataverseError:
    return DataverseError(
        412,
        "0x80060882",
        "The version of the existing record doesn't match the RowVersion property "
        "provided.",
    )


def optimistic_concurrency_off(table: str) -> DataverseError:
    return DataverseError(
        400,
        "0x80060893",
        f"Optimistic concurrency isn't enabled for entity type {table}. The "
        "IfVersionMatches value of ConcurrencyBehavior can only be used if optimistic "
        "concurrency is enabled.",
    )


def delete_restricted() -> DataverseError:
    return DataverseError(
        405,
        "0x80040227",
        "The object you tried to delete is associated with another object and cannot "
        "be deleted.",
    )


def two_parents() -> DataverseError:
    return DataverseError(
        400,
        "0x80040508",
        "A contact cannot have both a parent account and a parent contact.",
    )


def account_loop() -> DataverseError:
    return DataverseError(
        400,
        "0x80040507",
        "Creating this parental association would create a loop in Accounts hierarchy.",
    )


def duplicate_found() -> DataverseError:
    return DataverseError(
        412,
        "0x80040333",
        "A record was not created or updated because a duplicate of the current record "
        "already exists.",
    )


def state_set_by_action(table: str, state: str, message: str) -> DataverseError:
    """The opportunity's code is documented; the other tables' is the general one."""
    return DataverseError(
        400,
        "0x80100005" if table == "opportunity" else "0x80040203",
        f"This message can not be used to set the state of {table} to {state}. In "
        f"order to set state of {table} to {state}, use the {message} message instead.",
    )


def message_not_supported(message: str, table: str) -> DataverseError:
    return DataverseError(
        400,
        "0x80040800",
        f"The '{message}' method does not support entities of type '{table}'. "
        "MessageProcessorCache returned MessageProcessor.Empty.",
    )


def product_without_number() -> DataverseError:
    return DataverseError(400, "0x80043b05", "The product number can not be null.")


def product_number_exists() -> DataverseError:
    return DataverseError(
        400,
        "0x80043b06",
        "The specified product ID conflicts with the product ID of an existing record. "
        "Specify a different product ID and try again.",
    )


def product_without_unit_group() -> DataverseError:
    return DataverseError(
        400, "0x80043b13", "The unit schedule id of the product is missing."
    )


def product_not_in_draft() -> DataverseError:
    return DataverseError(
        400,
        "0x8004F995",
        "Product, product family and bundle can only be updated in draft state.",
    )


# (state before, state after) -> (code, message); 0 active, 1 retired, 2 draft.
PRODUCT_STATE_CHANGES = {
    (0, 2): ("0x8004F912", "You can't set a published product to the draft state."),
    (1, 2): (
        "0x8004F979",
        "It is not possible to move product from Retired to Draft State.",
    ),
    (2, 1): (
        "0x8004F978",
        "You can't retire this product because {0} is in draft state. A product should "
        "be in Active/ Under Revision state for retiring.",
    ),
    (1, 3): ("0x8004F913", "You can't revise a draft or a retired product."),
    (2, 3): ("0x8004F913", "You can't revise a draft or a retired product."),
}


def product_state_change(before: int, after: int, name: str) -> DataverseError:
    code, message = PRODUCT_STATE_CHANGES[before, after]
    return DataverseError(400, code, message.format(name))


def merge_with_itself() -> DataverseError:
    return DataverseError(
        400,
        "0x80045305",
        "Merge cannot be performed on master and sub-entities that are identical.",
    )


def merge_of_inactive() -> DataverseError:
    return DataverseError(
        400, "0x80045304", "Merge cannot be performed on entity that is inactive."
    )


def merge_makes_circle() -> DataverseError:
    return DataverseError(400, "0x80045300", "Merge could create cyclical parenting.")


def merge_changes_parent() -> DataverseError:
    return DataverseError(
        400,
        "0x80045316",
        "Merge warning: sub-entity will be differently parented.",
    )


def closing_without_row(table: str) -> DataverseError:
    """Only the opportunity has a code of its own."""
    code = "0x80043b15" if table == "opportunity" else "0x80040203"
    return DataverseError(400, code, f"The {table} id is missing or invalid.")


def already_closed(table: str, state: int) -> DataverseError:
    """Only the opportunity has a code of its own."""
    if table == "opportunity":
        return DataverseError(400, "0x80040515", "The opportunity is already closed.")
    return DataverseError(
        400, "0x80040203", f"The {table} cannot be closed in its state {state}."
    )


def opportunity_has_open_quotes() -> DataverseError:
    return DataverseError(400, "0x80040516", "The opportunity cannot be closed.")


def quote_has_open_revision() -> DataverseError:
    return DataverseError(
        400,
        "0x80048d00",
        "Quote cannot be revised as there already exists another quote in Draft/Active "
        "state and with same quote number.",
    )


def quote_not_active() -> DataverseError:
    """The documentation has no code for it; this is the general one."""
    return DataverseError(
        400, "0x80040203", "Only an active or won quote can be converted to an order."
    )


def lead_already_closed() -> DataverseError:
    return DataverseError(400, "0x80040519", "The lead is already closed.")


# -- values ------------------------------------------------------------------------


def string_too_long(table: str, column: str, limit: int) -> DataverseError:
    return DataverseError(
        400,
        "0x80044331",
        f"A validation error occurred.  The length of the '{column}' attribute of the "
        f"'{table}' entity exceeded the maximum allowed length of '{limit}'.",
    )


def option_out_of_range(
    table: str, column: str, value: object, accepted: str
) -> DataverseError:
    return DataverseError(
        400,
        "0x8004431A",
        f"A validation error occurred. The value {value} of '{column}' on record of "
        f"type '{table}' is outside the valid range. Accepted Values: {accepted}",
    )


def number_out_of_range(
    table: str, column: str, value: object, *, integer: bool
) -> DataverseError:
    return DataverseError(
        400,
        "0x8004432F" if integer else "0x80044330",
        f"A validation error occurred. The value {value} of '{column}' on record of "
        f"type '{table}' is outside the valid range.",
    )


def invalid_characters(table: str, column: str) -> DataverseError:
    return DataverseError(
        400,
        "0x80040278",
        f"Invalid character in field '{column}' of entity '{table}': hexadecimal "
        "control characters are not valid.",
    )


def unsupported_media_type(given: str) -> DataverseError:
    return DataverseError(
        415,
        "0x80060888",
        f"The content type '{given}' is not application/octet-stream.",
    )


def file_too_big() -> DataverseError:
    return DataverseError(400, "0x80044a02", "Attachment file size is too big.")


def image_refused(reason: str) -> DataverseError:
    return DataverseError(
        400, "0x80072553", f"Error occured when processing image. Reason: {reason}"
    )


def not_the_primary_image(table: str, column: str) -> DataverseError:
    return DataverseError(
        400,
        "0x80090487",
        f"Non-primary image attribute {column} of entity {table} is not allowed to "
        "upload during Create operation.",
    )


def date_out_of_range(value: str) -> DataverseError:
    return DataverseError(
        400,
        "0x80040239",
        "DateTime is less than minumum value supported by CrmDateTime. Actual value: "
        f"{value}, Minimum value supported: 01/01/1753 00:00:00",
    )


def required_column(column: str) -> DataverseError:
    return DataverseError(400, "0x80040203", f"Attribute '{column}' cannot be NULL")


def state_status_mismatch(
    status: int, table: str, state_label: str, row_id: str
) -> DataverseError:
    return DataverseError(
        400,
        "0x80048408",
        f"{status} is not a valid status code for state code "
        f"{table.capitalize()}State.{state_label} on {table} with Id {row_id}.",
    )


def plug_in_abort(message: str) -> DataverseError:
    return DataverseError(400, PLUG_IN_ABORTED, message)


def plug_in_crash() -> DataverseError:
    return DataverseError(
        500, "0x80040224", "An unexpected error occurred from ISV code."
    )


def generic_sql_error() -> DataverseError:
    return DataverseError(500, "0x80044150", "Generic SQL error.")


# -- payloads and addresses --------------------------------------------------------


def payload(entity_set: str, reason: str) -> DataverseError:
    """A body the OData reader refuses; ``reason`` is the reader's own sentence."""
    return DataverseError(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}',"
        " For more information on this error please follow this help link "
        f"{PAYLOAD_HELP}  ---->  InnerException : Microsoft.OData.ODataException: "
        f"{reason}",
    )


def unknown_annotated_property(entity_set: str, name: str) -> DataverseError:
    """An ``x@odata.bind`` whose ``x`` is no navigation property (case counts)."""
    return payload(
        entity_set,
        f"An undeclared property '{name}' which only has property annotations in the "
        "payload but no property value was found in the payload. In OData, only "
        "declared navigation properties and declared named streams can be represented "
        "as properties without values.",
    )


def unknown_property(entity_set: str, name: str) -> DataverseError:
    return payload(
        entity_set,
        f"Invalid property '{name}': Does not support untyped value in non-open type.",
    )


def unreadable_nested(entity_set: str, name: str) -> DataverseError:
    return payload(
        entity_set, f"The value of the navigation property '{name}' cannot be read."
    )


def deep_update(name: str) -> DataverseError:
    return bad_request(
        f"Deep update of navigation properties is not allowed. Navigation: '{name}'."
    )


def too_deep() -> DataverseError:
    return bad_request("The related rows of the payload are nested too deeply.")


def wrong_type(entity_set: str, value: object, expected: str) -> DataverseError:
    return payload(
        entity_set,
        f"Cannot convert the literal '{value}' to the expected type '{expected}'.",
    )


def lookup_value_written() -> DataverseError:
    return bad_request(
        "CRM do not support direct update of Entity Reference properties, Use "
        "Navigation properties instead."
    )


def unknown_query_property(name: str, table: str) -> DataverseError:
    return bad_request(
        f"Could not find a property named '{name}' on type "
        f"'Microsoft.Dynamics.CRM.{table}'."
    )


def no_entity(name: str) -> DataverseError:
    return DataverseError(
        404,
        "0x80041102",
        f"The entity with a name = '{name}' with namemapping = 'Logical' was not found "
        "in the MetadataCache.",
    )


def no_attribute(table: str, name: str) -> DataverseError:
    return DataverseError(
        400,
        "0x80041103",
        f"'{table}' entity doesn't contain attribute with Name = '{name}' and "
        "NameMapping = 'Logical'.",
    )


def too_many_conditions() -> DataverseError:
    return DataverseError(
        400, "0x8004430C", "Number of conditions in query exceeded maximum limit."
    )


def invalid_aggregate(function: str, kind: str) -> DataverseError:
    return DataverseError(
        400,
        "0x8004112F",
        f"Aggregate {function} is not supported for attribute of type {kind}.",
    )


def arithmetic_overflow() -> DataverseError:
    return DataverseError(
        400, "0x80044150", "Generic SQL error: arithmetic overflow error."
    )


def too_many_to_aggregate() -> DataverseError:
    return DataverseError(
        400,
        "0x8004E023",
        "AggregateQueryRecordLimit exceeded. Cannot perform this operation.",
    )


def too_many_links() -> DataverseError:
    return DataverseError(
        400, "0x8004430D", "Number of link entities in query exceeded maximum limit."
    )


def segment_not_found(segment: str) -> DataverseError:
    return DataverseError(
        404, "0x8006088a", f"Resource not found for the segment '{segment}'."
    )


def bad_request(message: str) -> DataverseError:
    return DataverseError(400, "0x80060888", message)


def method_not_allowed(method: str) -> DataverseError:
    return DataverseError(
        405, "0x0", f"The requested resource does not support http method '{method}'."
    )


# -- definitions -------------------------------------------------------------------


def invalid_argument(message: str) -> DataverseError:
    return DataverseError(400, "0x80040203", message)


def duplicate_name(name: str) -> DataverseError:
    return DataverseError(
        400, "0x80047010", f"An object with the specified name already exists: {name}"
    )


def duplicate_column(table: str, column: str) -> DataverseError:
    return DataverseError(
        400,
        "0x80047013",
        f"An attribute with the name '{column}' already exists on '{table}'.",
    )


def cannot_delete_component(name: str, reason: str) -> DataverseError:
    return DataverseError(400, "0x80047001", f"'{name}' cannot be deleted: {reason}.")


def component_in_use(kind: str, name: str) -> DataverseError:
    return DataverseError(
        400,
        "0x8004F01F",
        f"The {kind}({name}) component cannot be deleted because it is referenced by "
        "other components. For a list of referenced components, use the "
        "RetrieveDependenciesForDeleteRequest.",
    )


def not_implemented(what: str) -> DataverseError:
    """Real Dataverse can do this, the simulator cannot yet: never a silent guess."""
    return DataverseError(
        501, "0x80060885", f"{what} is not supported by this simulator."
    )


# -- service protection ------------------------------------------------------------


def too_many_requests(limit: int, window: int, wait: int) -> DataverseError:
    return DataverseError(
        429,
        "0x80072322",
        f"Number of requests exceeded the limit of {limit} over time window of "
        f"{window} seconds.",
        {"Retry-After": str(wait)},
    )


def too_much_time(limit: float, window: int, wait: int) -> DataverseError:
    return DataverseError(
        429,
        "0x80072321",
        "Combined execution time of incoming requests exceeded limit of "
        f"{limit * 1000:,.0f} milliseconds over time window of {window} seconds. "
        "Decrease number of concurrent requests or reduce the duration of requests "
        "and try again later.",
        {"Retry-After": str(wait)},
    )


def too_many_at_once(limit: int) -> DataverseError:
    return DataverseError(
        429,
        "0x80072326",
        f"Number of concurrent requests exceeded the limit of {limit}.",
        {"Retry-After": "1"},
    )


def no_metadata(key: str) -> DataverseError:
    return DataverseError(
        404, "0x80040217", f"Could not find a metadata definition with the key {key}."
    )


# -- change tracking ---------------------------------------------------------------


def change_tracking_off(table: str) -> DataverseError:
    return DataverseError(
        400, "0x80072491", f"Entity {table} isn't enabled for change tracking."
    )


def option_with_change_tracking(option: str) -> DataverseError:
    return bad_request(
        f'The "{option}" query parameter isn\'t supported when Change Tracking is '
        "enabled."
    )


def expired_version_stamp() -> DataverseError:
    return DataverseError(
        400,
        "0x80044352",
        "Version stamp associated with the client has expired. Please perform a full "
        "sync.",
    )


# -- who may what ------------------------------------------------------------------


def not_a_member() -> DataverseError:
    return DataverseError(
        403, "0x80072560", "The user is not a member of the organization."
    )


def no_such_user(column: str, value: str) -> DataverseError:
    """A directory object that is nobody here, or a user id that does not exist."""
    if column == "systemuserid":
        return row_not_found("systemuser", value)
    return not_a_member()


def user_disabled(user_id: str) -> DataverseError:
    return DataverseError(
        403,
        "0x80041d1f",
        f"The specified user(Id = {user_id}) is disabled. Consider enabling this user.",
    )


def privilege_denied(
    user_id: str, privilege: str, privilege_id: str, table: str, code: int
) -> DataverseError:
    return DataverseError(
        403,
        "0x80040220",
        f"Principal user (Id={user_id}, type=8, roleCount=1, privilegeCount=1, "
        f"accessMode=4) is missing {privilege} privilege (Id={privilege_id}) on "
        f"OTC={code} for entity '{table}'. context.Caller={user_id}.",
    )


def row_access_denied(user_id: str, table: str, row_id: str) -> DataverseError:
    return DataverseError(
        403,
        "0x80048306",
        f"SecLib::AccessCheckEx failed. Principal user (Id={user_id}) does not have "
        f"the access right on {table} with Id {row_id}.",
    )
