"""The classification table: complete, and every sentence fit for a person."""

from __future__ import annotations

import json
import re

import pytest

from dataverse import FAULTS, DataverseError, classify, phrase
from dataverse.errors import MAX_RETRY_AFTER, clean, normal_code, retry_after

KINDS = {"throttle", "transient", "auth", "conflict", "permanent", "dependency"}
GUID = "2e451703-1111-2222-3333-444455556666"

#: Status, code, message -> name, kind. Codes and messages as Dataverse serves them.
ANSWERS = [
    (
        404,
        "0x80040217",
        f"account With Id = {GUID} Does Not Exist",
        "ObjectDoesNotExist",
        "conflict",
    ),
    (404, "0x80060891", "", "RecordNotFoundByEntityKey", "dependency"),
    (400, "0x80060891", "", "RecordNotFoundByEntityKey", "dependency"),
    (412, "0x80040237", "", "DuplicateRecord", "conflict"),
    (412, "0x80060892", "", "DuplicateRecordEntityKey", "permanent"),
    (412, "0x80040333", "", "DuplicateRecordsFound", "permanent"),
    (500, "0x80040333", "", "DuplicateRecordsFound", "permanent"),
    (412, "0x80060882", "", "ConcurrencyVersionMismatch", "conflict"),
    (412, "", "", "ConcurrencyVersionMismatch", "conflict"),
    (400, "0x80060883", "", "ConcurrencyVersionNotProvided", "permanent"),
    (400, "0x80060893", "", "OptimisticConcurrencyNotEnabled", "permanent"),
    (400, "0x80044352", "", "ExpiredVersionStamp", "permanent"),
    (
        400,
        "",
        "Version stamp associated with the client has expired. Please perform …",
        "ExpiredVersionStamp",
        "permanent",
    ),
    (400, "0x80072491", "", "ChangeTrackingNotEnabledForEntity", "permanent"),
    (403, "0x80040220", "", "PrivilegeDenied", "permanent"),
    (403, "", "", "PrivilegeDenied", "permanent"),
    (403, "0x80040231", "", "PrincipalPrivilegeDenied", "permanent"),
    (403, "0x80048306", "", "AccessCheckFailed", "permanent"),
    (403, "0x80040299", "", "TargetPrincipalLacksReadPrivilege", "permanent"),
    (403, "0x80048405", "", "AccessDenied", "permanent"),
    (403, "0x80072560", "", "UserNotMember", "auth"),
    (400, "0x80048d19", "", "InvalidPayload", "permanent"),
    (400, "0x80060888", "", "InvalidQuery", "permanent"),
    (404, "0x8006088a", "", "InvalidQuery", "permanent"),
    (400, "0x80044331", "", "StringLengthTooLong", "permanent"),
    (400, "0x8004431A", "", "PicklistValueOutOfRange", "permanent"),
    (400, "0x8004432F", "", "ValueOutOfRange", "permanent"),
    (400, "0x80044330", "", "ValueOutOfRange", "permanent"),
    (400, "0x80048408", "", "InvalidStateCodeStatusCode", "permanent"),
    (400, "0x80040203", "", "InvalidArgument", "permanent"),
    (400, "0x80040216", "", "UnExpected", "permanent"),
    (500, "0x80040216", "", "UnExpected", "permanent"),
    (400, "0x80040265", "", "IsvAborted", "permanent"),
    (500, "0x80040224", "", "IsvUnExpected", "permanent"),
    (400, "0x80040278", "", "InvalidCharactersInField", "permanent"),
    (500, "0x80044150", "", "GenericSqlError", "transient"),
    (500, "-2147204784", "", "GenericSqlError", "transient"),
    (503, "0x80044151", "", "SqlTimeout", "transient"),
    (500, "0x80044339", "", "LockNotObtained", "transient"),
    (400, "0x80048105", "", "CascadeOperationConcurrentRequested", "transient"),
    (400, "0x80040508", "", "PresentParentAccountAndParentContact", "permanent"),
    (400, "0x80040507", "", "AccountLoopBeingCreated", "permanent"),
    (400, "0x80043b06", "", "ProductProductNumberExists", "permanent"),
    (400, "0x8004F995", "", "ProductCanOnlyBeUpdatedInDraft", "permanent"),
    (400, "0x80048cf3", "", "DuplicateIsoCurrencyCode", "permanent"),
    (400, "0x80100010", "", "PriceListIsMandatory", "permanent"),
    (400, "0x8004E023", "", "AggregateQueryRecordLimitExceeded", "permanent"),
    (405, "0x80040227", "", "CannotDeleteDueToAssociation", "permanent"),
    (429, "0x80072322", "", "TooManyRequests", "throttle"),
    (429, "-2147015902", "", "TooManyRequests", "throttle"),
    (429, "0x80072321", "", "TooMuchExecutionTime", "throttle"),
    (429, "0x80072326", "", "TooManyConcurrentRequests", "throttle"),
    (429, "0x80072327", "", "TooManyConcurrentRequests", "throttle"),
    (429, "", "", "TooManyRequests", "throttle"),
    (429, "0x80044151", "", "SqlTimeout", "throttle"),
    (401, "", "", "Unauthorized", "auth"),
    (401, "0x80040203", "", "Unauthorized", "auth"),
    (401, "", "AADSTS7000215: Invalid client secret", "InvalidClientSecret", "auth"),
    (401, "", "AADSTS7000222: keys are expired", "ExpiredClientSecret", "auth"),
    (400, "", "AADSTS700016: not found", "UnknownApplication", "auth"),
    (400, "", "AADSTS7000229: no principal", "UnknownApplication", "auth"),
    (400, "", "AADSTS90002: Tenant not found", "UnknownTenant", "auth"),
    (400, "", "AADSTS900023: not a valid tenant", "UnknownTenant", "auth"),
    (401, "", "AADSTS700027: not registered", "CertificateNotRegistered", "auth"),
    (401, "", "AADSTS700024: not within its time", "ClockWrong", "auth"),
    (401, "", "AADSTS7000218: must contain", "CredentialMissing", "auth"),
    (401, "", "AADSTS7000112: disabled", "DisabledApplication", "auth"),
    (400, "", "AADSTS70011: scope is not valid", "InvalidScope", "auth"),
    (400, "", "AADSTS500011: principal not found", "InvalidScope", "auth"),
    (400, "", "AADSTS53003: blocked", "BlockedByPolicy", "auth"),
    (400, "", "AADSTS90033: transient", "SignInUnavailable", "transient"),
    (400, "", "AADSTS123456: something new", "SignInRefused", "auth"),
    (302, "", "", "Redirected", "permanent"),
    (400, "", "", "BadRequest", "permanent"),
    (400, "0x0", "", "BadRequest", "permanent"),
    (404, "", "", "NotFound", "permanent"),
    (405, "", "", "NotAllowed", "permanent"),
    (408, "", "", "Timeout", "transient"),
    (410, "", "", "ObjectDoesNotExist", "conflict"),
    (413, "", "", "RequestTooLarge", "permanent"),
    (414, "", "", "RequestTooLarge", "permanent"),
    (418, "", "", "BadRequest", "permanent"),
    (500, "", "", "ServerError", "transient"),
    (501, "", "", "NotImplemented", "permanent"),
    (502, "", "", "ServiceUnavailable", "transient"),
    (503, "", "", "ServiceUnavailable", "transient"),
    (503, "0x80040216", "", "ServiceUnavailable", "transient"),
    (403, "0x80041d1f", "", "UserDisabled", "auth"),
    (403, "", "The user with SystemUserId=1 is disabled", "UserDisabled", "auth"),
    (403, "0x80042f09", "", "NoUserRolesAssigned", "auth"),
    (599, "", "", "ServerError", "transient"),
]


@pytest.mark.parametrize(("status", "code", "message", "name", "kind"), ANSWERS)
def test_answers_are_classified(status, code, message, name, kind):
    found = classify(status, code, message)
    assert (found.name, found.kind) == (name, kind)
    assert found.sentence


def test_every_code_and_status_of_the_table_belongs_to_one_row():
    codes = [code for fault in FAULTS.values() for code in fault.codes]
    statuses = [status for fault in FAULTS.values() for status in fault.statuses]
    assert len(codes) == len(set(codes))
    assert len(statuses) == len(set(statuses))
    assert all(code == normal_code(code) for code in codes)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_rows_have_a_kind_and_sentences_for_people(fault):
    assert fault.kind in KINDS
    for sentence in fault.sentences:
        assert sentence[0].isupper() or sentence[0] in "'%"
        assert sentence.endswith((".", "%(message)s"))
        assert not re.search(r"0x|AADSTS|HTTP", sentence)
    assert "%(" not in phrase(fault.name, {})[1]


def test_every_fact_of_a_pattern_is_used_and_every_pattern_compiles():
    for fault in FAULTS.values():
        re.compile(fault.says)
        for pattern in fault.facts:
            assert re.compile(pattern).groupindex


@pytest.mark.parametrize(
    ("code", "message", "column", "sentence"),
    [
        (
            "0x80044331",
            "A validation error occurred.  The length of the 'name' attribute of the "
            "'account' entity exceeded the maximum allowed length of '160'.",
            "name",
            "'name' takes at most 160 characters. Shorten the value.",
        ),
        (
            "0x8004431A",
            "A validation error occurred.  The value 99 of 'industrycode' on record of "
            "type 'account' is outside the valid range. Accepted Values: 1,2,3",
            "industrycode",
            "'industrycode' has no option 99. Check the option mapping.",
        ),
        (
            "0x8004432f",
            "A validation error occurred.  The value of 'numberofemployees' on record "
            "of type 'account' is outside the valid range.",
            "numberofemployees",
            "'numberofemployees' does not take this value; it is out of range.",
        ),
        (
            "0x80040220",
            "Principal user (Id=1, type=8, roleCount=1) is missing prvReadAccount "
            "privilege (Id=2) on OTC=1 for entity 'account'.",
            None,
            "The application user lacks the privilege prvReadAccount. Add it to one of "
            "its security roles in Dynamics 365.",
        ),
        (
            "0x80060888",
            "Could not find a property named '_x_value' on type 'Microsoft…account'.",
            "x",
            "The table has no column 'x' that can be read. Reload the table's columns.",
        ),
        (
            "0x80048d19",
            "An undeclared property 'primarycontactid' which only has property "
            "annotations in the payload but no property value was found.",
            "primarycontactid",
            "Dynamics 365 does not accept 'primarycontactid' this way. Check that the "
            "column exists and that its type fits; reload the table's columns.",
        ),
        (
            "0x80040265",
            "Credit limit needs approval.",
            None,
            "A business rule in Dynamics 365 refused the change: Credit limit needs "
            "approval.",
        ),
        (
            "0x80048408",
            "2 is not a valid status code for state code AccountState.Active on …",
            None,
            "The status reason 2 does not belong to the status Active in Dynamics 365.",
        ),
    ],
)
def test_sentences_use_what_the_message_says(code, message, column, sentence):
    found = classify(400, code, message)
    assert (found.column, found.sentence) == (column, sentence)
    assert found.sentence == found.template % found.facts


def answer_error(status=400, code="", message="", headers=None, **options):
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return DataverseError.from_answer(status, headers or {}, body, **options)


def test_an_error_carries_what_support_asks_for():
    error = answer_error(
        412,
        "0X80060882",
        "The version …",
        {"x-ms-service-request-id": "r-1", "Retry-After": "7"},
    )
    assert str(error) == error.sentence
    assert (error.status, error.code, error.request_id) == (412, "0x80060882", "r-1")
    assert (error.retry_after, error.sent, error.detail) == (7, True, "The version …")
    assert "ConcurrencyVersionMismatch" in repr(error)


def test_labels_name_the_column_as_people_know_it():
    message = (
        "The length of the 'name' attribute of the 'account' entity exceeded the "
        "maximum allowed length of '160'."
    )
    error = answer_error(400, "0x80044331", message, labels={"name": "Account Name"})
    assert error.sentence.startswith("'Account Name' takes at most 160")
    assert error.column == "name"


def test_a_missing_other_row_is_a_dependency():
    message = f"Entity 'contact' With Id = {GUID} Does Not Exist"
    own = answer_error(404, "0x80040217", message, row_id=GUID)
    other = answer_error(404, "0x80040217", message, row_id="0" * 36)
    assert (own.kind, other.kind) == ("conflict", "dependency")
    assert other.facts["table"] == "contact"
    assert other.facts["id"] == GUID


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"error":null}',
        b'{"error":{}}',
        b"\xff",
        b'{"error":{"code":5,"message":{"a":1}}}',
        b"[" * 100_000,
    ],
)
def test_any_body_gives_an_error(body):
    error = DataverseError.from_answer(400, {}, body)
    assert error.kind == "permanent"
    assert error.sentence


def test_details_are_one_short_printable_line():
    error = answer_error(400, "", "a\r\nINFO forged\x00\x1b[31m\u2028" + "x" * 9999)
    assert not re.search(r"[\x00-\x1f\u2028]", error.detail + error.sentence)
    assert len(error.detail) <= 1000
    assert clean("a\nb") == "a b"


def test_secrets_are_cut_out_of_the_servers_words():
    error = answer_error(400, "", "you sent hunter2!", secrets=("hunter2", ""))
    assert "hunter2" not in error.detail + error.sentence
    assert "***" in error.detail


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("17", 17.0),
        (" 1.5 ", 1.5),
        ("-3", 0.0),
        ("999999", MAX_RETRY_AFTER),
        ("inf", MAX_RETRY_AFTER),
        ("nan", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", MAX_RETRY_AFTER),
        ("Thu, 99 Foo 1970 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    """sync-bugs 67."""
    assert retry_after(header, now=lambda: 100.0) == seconds


@pytest.mark.parametrize(
    ("code", "normal"),
    [
        ("0X8004431A", "0x8004431a"),
        ("-2147220969", "0x80040217"),
        ("0x0", ""),
        ("", ""),
        (None, ""),
        ("AADSTS50011", "aadsts50011"),
        ("drop table", ""),
    ],
)
def test_codes_have_one_form(code, normal):
    assert normal_code(code) == normal
