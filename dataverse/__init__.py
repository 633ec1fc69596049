"""A client of the Dataverse Web API, on requests and msal; knows nothing of Odoo.

In short: a TokenProvider signs in with a credential, a Client talks to one environment,
a Table describes its rows, an Operation is one change, and DataverseError is the only
exception that leaves the package besides ValueError for wrong arguments.
"""

from . import batch, query
from .auth import CertificateCredential, SecretCredential, TokenProvider
from .batch import Operation, Outcome
from .changes import ChangePage
from .client import Client, TableSummary, WhoAmI
from .errors import Classification, DataverseError, classify, phrase
from .faults import FAULTS, Fault
from .filters import Filter, FilterError
from .filters import read as read_filter
from .metadata import Column, Picture, Problem, Row, Table, check
from .transport import Response

__all__ = [
    "FAULTS",
    "CertificateCredential",
    "ChangePage",
    "Classification",
    "Client",
    "Column",
    "DataverseError",
    "Fault",
    "Filter",
    "FilterError",
    "Operation",
    "Outcome",
    "Picture",
    "Problem",
    "Response",
    "Row",
    "SecretCredential",
    "Table",
    "TableSummary",
    "TokenProvider",
    "WhoAmI",
    "batch",
    "check",
    "classify",
    "phrase",
    "query",
    "read_filter",
]
