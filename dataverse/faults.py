"""The table of everything that can go wrong on the wire.

Each row says what a failure is called, what to do about it (its kind) and which
sentence a person needs. Error codes, HTTP statuses, Entra ID (AADSTS) codes, network
failures and the client's own refusals are all rows; ``errors`` looks them up.

Kinds:

========== ==============================================================
throttle   nothing was executed; pause the whole connection, then repeat
transient  repeat the same operation later
auth       the connection does not work until somebody changes a setting
conflict   the row is not what was planned on; read it again and re-plan
dependency another row must exist first
permanent  this value, row or setting must change before it can succeed
========== ==============================================================

Codes, names and messages: Microsoft, "Web service error codes" and "Compose HTTP
requests and handle errors"; Entra ID, "Authentication and authorization error codes".
"""

# This room knows no Odoo environment: the addon translates when it shows a sentence.
# pylint: disable=prefer-env-translation

from __future__ import annotations

from dataclasses import dataclass


def _(sentence: str) -> str:
    """Mark a sentence for Odoo's translation exporter; returns it unchanged."""
    return sentence


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    ``sentences`` are %-templates, the most precise first; the first whose
    placeholders are all known is used, the last needs none but ``message``.
    ``codes`` are Dataverse codes in lower case or ``aadsts…``; ``says`` recognises
    the message of answers that carry no code; ``facts`` are regular expressions
    whose named groups fill the placeholders.
    """

    name: str
    kind: str
    sentences: tuple[str, ...]
    codes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    says: str = ""
    facts: tuple[str, ...] = ()


_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OUT_OF_RANGE = (
    r"value (?:'?(?P<value>[^ ']*)'? )?of '(?P<column>\w+)'"
    r" on record of type '(?P<table>\w+)' is outside the valid range"
    r"(?:\.? Accepted Values: (?P<accepted>[^.]+))?"
)

_TABLE = (
    # --- sign-in (Microsoft Entra ID) -------------------------------------------
    Fault(
        "InvalidClientSecret",
        "auth",
        (
            _(
                "The client secret is wrong. Enter the secret's value (not its ID) "
                "from the app registration."
            ),
        ),
        codes=("aadsts7000215",),
    ),
    Fault(
        "ExpiredClientSecret",
        "auth",
        (
            _(
                "The client secret has expired. Create a new one in the app "
                "registration and enter it here."
            ),
        ),
        codes=("aadsts7000222",),
    ),
    Fault(
        "UnknownApplication",
        "auth",
        (
            _(
                "The tenant knows no application with this client ID. Check the "
                "client ID and the tenant."
            ),
        ),
        codes=("aadsts700016", "aadsts7000229"),
    ),
    Fault(
        "DisabledApplication",
        "auth",
        (
            _(
                "The application is disabled in Microsoft Entra ID. Ask its "
                "administrator to enable it."
            ),
        ),
        codes=("aadsts7000112",),
    ),
    Fault(
        "UnknownTenant",
        "auth",
        (_("The tenant does not exist. Check the tenant ID or its domain name."),),
        codes=("aadsts90002", "aadsts900021", "aadsts900023"),
    ),
    Fault(
        "CertificateNotRegistered",
        "auth",
        (
            _(
                "The app registration does not know this certificate. Upload the "
                "certificate there, or use the one that is registered."
            ),
        ),
        codes=("aadsts700027", "aadsts7000214"),
    ),
    Fault(
        "ClockWrong",
        "auth",
        (
            _(
                "Microsoft Entra ID finds the sign-in request outdated. Set the "
                "clock of this server."
            ),
        ),
        codes=("aadsts700024",),
    ),
    Fault(
        "CredentialMissing",
        "auth",
        (_("The sign-in carried no credential. Enter a secret or a certificate."),),
        codes=("aadsts7000216", "aadsts7000218"),
    ),
    Fault(
        "InvalidScope",
        "auth",
        (
            _(
                "The tenant knows no environment with this address. Check the "
                "environment URL and the tenant."
            ),
        ),
        codes=("aadsts70011", "aadsts500011", "aadsts1002012"),
    ),
    Fault(
        "BlockedByPolicy",
        "auth",
        (
            _(
                "A conditional access policy blocks the application. Ask the "
                "administrator of the tenant to allow it."
            ),
        ),
        codes=("aadsts53003", "aadsts530003"),
    ),
    Fault(
        "SignInUnavailable",
        "transient",
        (_("Microsoft's sign-in service has a passing problem."),),
        codes=("aadsts90033", "aadsts90055", "aadsts50196"),
    ),
    Fault(
        "SignInRefused",
        "auth",
        (
            _("Microsoft Entra ID refused the sign-in: %(message)s"),
            _("Microsoft Entra ID refused the sign-in."),
        ),
    ),
    Fault(
        "UnreadableCredential",
        "auth",
        (
            _(
                "The certificate or its private key cannot be read. Both must be in "
                "PEM format, and the passphrase must fit."
            ),
        ),
    ),
    Fault(
        "AuthorityElsewhere",
        "auth",
        (
            _("The sign-in service points to another host, %(host)s; not followed."),
            _("The sign-in service points to another host; not followed."),
        ),
    ),
    # --- the connection ----------------------------------------------------------
    Fault(
        "Unauthorized",
        "auth",
        (
            _(
                "Dynamics 365 does not accept the sign-in. Check that the environment "
                "URL belongs to the tenant."
            ),
        ),
        statuses=(401,),
        codes=("0x8005f101",),
    ),
    Fault(
        "UserNotMember",
        "auth",
        (
            _(
                "The environment has no application user for this client ID. Add one, "
                "with a security role, in the Power Platform admin center."
            ),
        ),
        codes=("0x80072560",),
        says=r"user is not a member of the organization",
    ),
    Fault(
        "UserDisabled",
        "auth",
        (
            _(
                "The application user is disabled in the environment. Enable it in "
                "the Power Platform admin center."
            ),
        ),
        codes=("0x80041d1f", "0x80040225"),
        says=r"user.+ is disabled",
    ),
    Fault(
        "NoUserRolesAssigned",
        "auth",
        (
            _(
                "The application user has no security role. Give it one in the Power "
                "Platform admin center."
            ),
        ),
        codes=("0x80042f09",),
    ),
    Fault(
        "Unreachable",
        "transient",
        (
            _("Cannot reach %(host)s. Check the address and the network."),
            _("Cannot reach the server. Check the address and the network."),
        ),
    ),
    Fault(
        "CertificateNotTrusted",
        "transient",
        (
            _(
                "The TLS certificate of %(host)s is not trusted by this server. Check "
                "the address and the certificate authority."
            ),
            _("The server's TLS certificate is not trusted."),
        ),
    ),
    Fault(
        "UnreadableAuthorities",
        "auth",
        (
            _(
                "The file of certificate authorities, %(path)s, cannot be read on "
                "this server."
            ),
            _("The file of certificate authorities cannot be read on this server."),
        ),
    ),
    Fault(
        "Timeout",
        "transient",
        (
            _("%(host)s did not answer in time."),
            _("The server did not answer in time."),
        ),
        statuses=(408,),
    ),
    Fault(
        "NoResponse",
        "transient",
        (
            _("%(host)s ended the connection without a complete answer."),
            _("The server gave no complete answer."),
        ),
    ),
    Fault(
        "NotSent",
        "transient",
        (_("Not sent, because an operation before it failed."),),
    ),
    Fault(
        "UnreadableAnswer",
        "transient",
        (
            _("%(host)s answered something that is not Dataverse."),
            _("The server answered something that is not Dataverse."),
        ),
    ),
    Fault(
        "UnexpectedValue",
        "permanent",
        (
            _(
                "Dynamics 365 sent a value that does not fit its column. Reload the "
                "table's columns."
            ),
        ),
    ),
    Fault(
        "AnswerTooLarge",
        "permanent",
        (_("The answer is larger than this connection accepts."),),
    ),
    Fault(
        "EndlessPaging",
        "permanent",
        (_("The server sends the same page again and again."),),
    ),
    Fault(
        "LinkElsewhere",
        "permanent",
        (
            _(
                "A link leads outside the environment's Web API. It was not followed, "
                "so that nothing is disclosed."
            ),
        ),
    ),
    Fault(
        "Redirected",
        "permanent",
        (
            _(
                "The server redirects to another address. Enter the environment URL "
                "as the Power Platform admin center shows it."
            ),
        ),
    ),
    # --- service protection ------------------------------------------------------
    Fault(
        "TooManyRequests",
        "throttle",
        (
            _(
                "Dynamics 365 asks for a pause: too many requests in five minutes. "
                "The synchronization goes on by itself."
            ),
        ),
        codes=("0x80072322",),
        statuses=(429,),
    ),
    Fault(
        "TooMuchExecutionTime",
        "throttle",
        (
            _(
                "Dynamics 365 asks for a pause: too much processing time in five "
                "minutes. The synchronization goes on by itself."
            ),
        ),
        codes=("0x80072321",),
    ),
    Fault(
        "TooManyConcurrentRequests",
        "throttle",
        (
            _(
                "Dynamics 365 asks for a pause: too many requests at once. The "
                "synchronization goes on by itself."
            ),
        ),
        codes=("0x80072326", "0x80072327"),
    ),
    # --- rows: existence and versions --------------------------------------------
    Fault(
        "ObjectDoesNotExist",
        "conflict",
        (
            _("The row %(id)s of the table '%(table)s' does not exist any more."),
            _("The row does not exist any more in Dynamics 365."),
        ),
        codes=("0x80040217",),
        statuses=(410,),
        says=r"With Ids? = .+ Does Not Exist",
        facts=(rf"(?P<table>\w+)'? With Ids? = (?P<id>{_GUID}) Does Not Exist",),
    ),
    Fault(
        "RecordNotFoundByEntityKey",
        "dependency",
        (
            _("No row of the table '%(table)s' has the key that was given."),
            _("No row has the key that was given."),
        ),
        codes=("0x80060891",),
        facts=(r"does not exist in (?P<table>\w+) entity",),
    ),
    Fault(
        "ConcurrencyVersionMismatch",
        "conflict",
        (_("The row was changed in Dynamics 365 in the meantime."),),
        codes=("0x80060882",),
        statuses=(412,),
    ),
    Fault(
        "ConcurrencyVersionNotProvided",
        "permanent",
        (_("Dynamics 365 requires the version of the row for this change."),),
        codes=("0x80060883",),
    ),
    Fault(
        "OptimisticConcurrencyNotEnabled",
        "permanent",
        (_("The table does not support conditional changes in Dynamics 365."),),
        codes=("0x80060893",),
    ),
    Fault(
        "DuplicateRecord",
        "conflict",
        (_("A row with this ID already exists in Dynamics 365."),),
        codes=("0x80040237",),
    ),
    Fault(
        "DuplicateRecordEntityKey",
        "permanent",
        (
            _(
                "Another row in Dynamics 365 already has this value for %(column)s. "
                "Each row needs its own."
            ),
            _("Another row in Dynamics 365 already has the same key values."),
        ),
        codes=("0x80060892",),
        facts=(r"same value for (?P<column>.+?) already exists",),
    ),
    Fault(
        "DuplicateRecordsFound",
        "permanent",
        (
            _(
                "A duplicate detection rule in Dynamics 365 found a similar row. "
                "Couple the record with that row, or change it."
            ),
        ),
        codes=("0x80040333",),
    ),
    Fault(
        "ExpiredVersionStamp",
        "permanent",
        (
            _(
                "Dynamics 365 no longer knows the changes since the last "
                "synchronization. A full synchronization is needed."
            ),
        ),
        codes=("0x80044352",),
        says=r"Version stamp .* has expired",
    ),
    Fault(
        "ChangeTrackingNotEnabledForEntity",
        "permanent",
        (
            _(
                "Change tracking is off for this table. Turn on 'Track changes' in "
                "the table's properties in Power Apps."
            ),
        ),
        codes=("0x80072491",),
        says=r"isn't enabled for change tracking",
    ),
    Fault(
        "UnknownTable",
        "permanent",
        (
            _("The environment has no table '%(table)s'."),
            _("The environment has no such table."),
        ),
    ),
    # --- rights ------------------------------------------------------------------
    Fault(
        "PrivilegeDenied",
        "permanent",
        (
            _(
                "The application user lacks the privilege %(privilege)s. Add it to "
                "one of its security roles in Dynamics 365."
            ),
            _(
                "The application user lacks a privilege. Check its security roles in "
                "Dynamics 365."
            ),
        ),
        codes=("0x80040220",),
        statuses=(403,),
        facts=(
            r"missing (?P<privilege>prv\w+) privilege",
            r"for entity '(?P<table>\w+)'",
        ),
    ),
    Fault(
        "PrincipalPrivilegeDenied",
        "permanent",
        (
            _(
                "The owner of the row lacks a privilege in Dynamics 365. Give the "
                "owner a security role for this table, or choose another owner."
            ),
        ),
        codes=("0x80040231",),
    ),
    Fault(
        "AccessCheckFailed",
        "permanent",
        (
            _(
                "The application user may not change this row. Check the access "
                "level of its security roles in Dynamics 365."
            ),
        ),
        codes=("0x80048306",),
    ),
    Fault(
        "TargetPrincipalLacksReadPrivilege",
        "permanent",
        (
            _(
                "The new owner may not read this table in Dynamics 365. Give the "
                "owner a security role, or choose another owner."
            ),
        ),
        codes=("0x80040299",),
    ),
    Fault(
        "AccessDenied",
        "permanent",
        (_("Dynamics 365 denies the application user access."),),
        codes=("0x80048405",),
    ),
    # --- requests that the server does not understand ----------------------------
    Fault(
        "InvalidPayload",
        "permanent",
        (
            _(
                "Dynamics 365 does not accept '%(column)s' this way. Check that the "
                "column exists and that its type fits; reload the table's columns."
            ),
            _("Dynamics 365 does not accept the data: %(message)s"),
            _("Dynamics 365 does not accept the data."),
        ),
        codes=("0x80048d19",),
        facts=(
            r"undeclared property '(?P<column>[\w.@]+)'",
            r"property named '(?P<column>\w+)'",
            r"(?:property|parameter) '(?P<column>\w+)'",
        ),
    ),
    Fault(
        "InvalidQuery",
        "permanent",
        (
            _(
                "The table has no column '%(column)s' that can be read. Reload the "
                "table's columns."
            ),
            _("Dynamics 365 does not understand the request: %(message)s"),
            _("Dynamics 365 does not understand the request."),
        ),
        codes=("0x80060888", "0x8006088a"),
        facts=(r"property named '(?P<column>\w+)'",),
    ),
    Fault(
        "InvalidArgument",
        "permanent",
        (
            _("'%(column)s' cannot hold this value: %(message)s"),
            _("Dynamics 365 does not accept a value: %(message)s"),
            _("Dynamics 365 does not accept a value."),
        ),
        codes=("0x80040203",),
    ),
    # --- values ------------------------------------------------------------------
    Fault(
        "ImageFormatNotSupported",
        "permanent",
        (
            _(
                "'%(column)s' takes pictures in the formats PNG, JPEG, GIF, TIFF and "
                "BMP. Save this one as PNG or JPEG."
            ),
            _("A picture has a format that Dynamics 365 does not take."),
        ),
    ),
    Fault(
        "ImageTooLarge",
        "permanent",
        (
            _(
                "'%(column)s' takes a picture of at most %(maximum)s; this one has "
                "%(size)s. Make it smaller, or raise the column's limit in Power Apps."
            ),
            _("A picture is too large for Dynamics 365. Make it smaller."),
        ),
    ),
    Fault(
        "ProcessImageFailure",
        "permanent",
        (
            _(
                "Dynamics 365 does not take a picture. Save it as PNG or JPEG, and not "
                "too large: %(message)s"
            ),
            _("Dynamics 365 does not take a picture. Save it as PNG or JPEG."),
        ),
        codes=("0x80072553",),
        facts=(r"attribute: (?P<column>\w+)",),
    ),
    Fault(
        "StringLengthTooLong",
        "permanent",
        (
            _(
                "'%(column)s' takes at most %(maximum)s characters; this value has "
                "%(length)s."
            ),
            _("'%(column)s' takes at most %(maximum)s characters. Shorten the value."),
            _("A text is too long for its column in Dynamics 365. Shorten it."),
        ),
        codes=("0x80044331",),
        facts=(
            r"length of the '(?P<column>\w+)' attribute of the '(?P<table>\w+)' entity"
            r" exceeded the maximum allowed length of '(?P<maximum>\d+)'",
        ),
    ),
    Fault(
        "PicklistValueOutOfRange",
        "permanent",
        (
            _("'%(column)s' has no option %(value)s. Check the option mapping."),
            _("'%(column)s' has no such option. Check the option mapping."),
            _("An option does not exist in Dynamics 365. Check the option mapping."),
        ),
        codes=("0x8004431a",),
        facts=(_OUT_OF_RANGE,),
    ),
    Fault(
        "ValueOutOfRange",
        "permanent",
        (
            _(
                "'%(column)s' takes values from %(minimum)s to %(maximum)s; this "
                "value is %(value)s."
            ),
            _("'%(column)s' does not take the value %(value)s; it is out of range."),
            _("'%(column)s' does not take this value; it is out of range."),
            _("A value is out of its column's range in Dynamics 365."),
        ),
        codes=("0x8004432f", "0x80044330"),
        facts=(_OUT_OF_RANGE,),
    ),
    Fault(
        "InvalidStateCodeStatusCode",
        "permanent",
        (
            _(
                "The status reason %(value)s does not belong to the status "
                "%(state)s in Dynamics 365."
            ),
            _("The status reason does not belong to the status in Dynamics 365."),
        ),
        codes=("0x80048408",),
        facts=(
            r"(?P<value>\d+) is not a valid status code for state code"
            r" (?:\w+\.)?(?P<state>\w+)",
        ),
    ),
    Fault(
        "InvalidCharactersInField",
        "permanent",
        (
            _(
                "'%(column)s' contains characters that cannot be stored. Remove "
                "control characters from the text."
            ),
            _(
                "A text contains characters that cannot be stored. Remove control "
                "characters from it."
            ),
        ),
        codes=("0x80040278",),
        facts=(r"field '(?P<column>\w+)'",),
    ),
    Fault(
        "RequiredColumn",
        "permanent",
        (
            _("'%(column)s' must have a value in Dynamics 365."),
            _("A required column has no value."),
        ),
    ),
    Fault(
        "ReadOnlyColumn",
        "permanent",
        (
            _("'%(column)s' cannot be written; Dynamics 365 sets it itself."),
            _("A column cannot be written; Dynamics 365 sets it itself."),
        ),
    ),
    Fault(
        "UnknownColumn",
        "permanent",
        (
            _("The table '%(table)s' has no column '%(column)s'."),
            _("The table has no such column."),
        ),
    ),
    # --- business rules ----------------------------------------------------------
    Fault(
        "IsvAborted",
        "permanent",
        (
            _("A business rule in Dynamics 365 refused the change: %(message)s"),
            _("A business rule in Dynamics 365 refused the change."),
        ),
        codes=("0x80040265",),
    ),
    Fault(
        "IsvUnExpected",
        "permanent",
        (
            _("A plug-in in Dynamics 365 failed: %(message)s"),
            _("A plug-in in Dynamics 365 failed."),
        ),
        codes=("0x80040224",),
    ),
    Fault(
        "PresentParentAccountAndParentContact",
        "permanent",
        (_("A contact belongs to a company or to a contact, not to both."),),
        codes=("0x80040508",),
    ),
    Fault(
        "AccountLoopBeingCreated",
        "permanent",
        (_("The parent company is below this company; the hierarchy has a loop."),),
        codes=("0x80040507",),
    ),
    Fault(
        "ProductProductNumberExists",
        "permanent",
        (_("Another product in Dynamics 365 has the same product number."),),
        codes=("0x80043b06",),
    ),
    Fault(
        "ProductCanOnlyBeUpdatedInDraft",
        "permanent",
        (
            _(
                "An active product cannot be changed in Dynamics 365. Choose "
                "'Revise' there first."
            ),
        ),
        codes=("0x8004f995",),
    ),
    Fault(
        "DuplicateIsoCurrencyCode",
        "permanent",
        (_("The currency already exists in Dynamics 365."),),
        codes=("0x80048cf3",),
    ),
    Fault(
        "PriceListIsMandatory",
        "permanent",
        (_("A price list is required. Choose one on the record."),),
        codes=("0x80100010",),
    ),
    Fault(
        "AggregateQueryRecordLimitExceeded",
        "permanent",
        (_("The table has too many rows to be counted in one request."),),
        codes=("0x8004e023",),
    ),
    Fault(
        "CannotDeleteDueToAssociation",
        "permanent",
        (
            _(
                "The row cannot be deleted, because other rows in Dynamics 365 "
                "refer to it."
            ),
        ),
        codes=("0x80040227",),
    ),
    # --- passing troubles inside Dataverse ---------------------------------------
    Fault(
        "GenericSqlError",
        "transient",
        (_("The database of Dynamics 365 was busy. It is tried again."),),
        codes=("0x80044150",),
    ),
    Fault(
        "SqlTimeout",
        "transient",
        (_("The database of Dynamics 365 took too long. It is tried again."),),
        codes=("0x80044151",),
    ),
    Fault(
        "LockNotObtained",
        "transient",
        (_("Dynamics 365 was changing the same rows. It is tried again."),),
        codes=("0x80044339", "0x8004ed47"),
    ),
    Fault(
        "CascadeOperationConcurrentRequested",
        "transient",
        (_("Dynamics 365 is still passing on an earlier change. It is tried again."),),
        codes=("0x80048105",),
    ),
    # --- by HTTP status alone ----------------------------------------------------
    Fault(
        "UnExpected",
        "permanent",
        (
            _("Dynamics 365 reports an unexpected error: %(message)s"),
            _("Dynamics 365 reports an unexpected error."),
        ),
        codes=("0x80040216",),
    ),
    Fault(
        "BadRequest",
        "permanent",
        (
            _("Dynamics 365 refused the request: %(message)s"),
            _("Dynamics 365 refused the request."),
        ),
        statuses=(400,),
    ),
    Fault(
        "NotFound",
        "permanent",
        (
            _("Dynamics 365 does not know what was asked for: %(message)s"),
            _("Dynamics 365 does not know what was asked for."),
        ),
        statuses=(404,),
    ),
    Fault(
        "NotAllowed",
        "permanent",
        (
            _("Dynamics 365 does not allow this: %(message)s"),
            _("Dynamics 365 does not allow this."),
        ),
        statuses=(405,),
    ),
    Fault(
        "RequestTooLarge",
        "permanent",
        (_("The request is too large for Dynamics 365."),),
        statuses=(413, 414),
    ),
    Fault(
        "NotImplemented",
        "permanent",
        (_("Dynamics 365 does not support this operation for the table."),),
        statuses=(501,),
    ),
    Fault(
        "ServiceUnavailable",
        "transient",
        (_("Dynamics 365 is not available at the moment. It is tried again."),),
        statuses=(502, 503, 504),
    ),
    Fault(
        "ServerError",
        "transient",
        (_("Dynamics 365 had an internal error. It is tried again."),),
        statuses=(500,),
    ),
)

#: The table by name; names are Microsoft's where Microsoft has one.
FAULTS: dict[str, Fault] = {fault.name: fault for fault in _TABLE}
BY_CODE = {code: fault for fault in _TABLE for code in fault.codes}
BY_STATUS = {status: fault for fault in _TABLE for status in fault.statuses}
