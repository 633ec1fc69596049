"""The pages of Microsoft Learn that the facts come from: path -> title.

Paths begin below `/power-apps/developer/data-platform/` (`entra/` below the root).
"""

PAGES = {
    "api-limits": "Service protection API limits",
    "authenticate-oauth": "Use OAuth authentication with Microsoft Dataverse",
    "behavior-format-date-time-attribute": (
        "Behavior and format of the date and time column"
    ),
    "bulk-operations": "Use bulk operation messages",
    "cache-schema-data": "Cache schema data",
    "calculated-rollup-attributes": "Calculated and rollup columns",
    "configure-entity-relationship-cascading-behavior": (
        "Configure table relationship cascading behavior"
    ),
    "define-alternate-keys-entity": "Define alternate keys for a table",
    "delete-data-bulk": "Delete data in bulk",
    "entra/identity-platform/reference-error-codes": (
        "Microsoft Entra authentication and authorization error codes"
    ),
    "entity-attribute-metadata": "Column definitions",
    "fetchxml/aggregate-data": "Aggregate data using FetchXML",
    "fetchxml/count-rows": "Count rows using FetchXML",
    "fetchxml/filter-rows": "Filter rows using FetchXML",
    "fetchxml/join-tables": "Join tables using FetchXML",
    "fetchxml/order-rows": "Order rows using FetchXML",
    "fetchxml/page-results": "Page results using FetchXML",
    "fetchxml/reference/operators": "Condition operators",
    "fetchxml/retrieve-data": "Retrieve data using FetchXML",
    "fetchxml/select-columns": "Select columns using FetchXML",
    "image-column-data": "Use image column data",
    "optional-parameters": "Use optional parameters",
    "reference/entities/account": "Account table/entity reference",
    "reference/entities/activitypointer": "Activity table/entity reference",
    "reference/entities/contact": "Contact table/entity reference",
    "reference/entities/invoice": "Invoice table/entity reference",
    "reference/entities/product": "Product table/entity reference",
    "reference/entities/quote": "Quote table/entity reference",
    "reference/web-service-error-codes": "Web service error codes",
    "send-parallel-requests": "Send parallel requests",
    "transaction-currency-currency-entity": "TransactionCurrency (Currency) table",
    "use-alternate-key-reference-record": "Use an alternate key to reference a record",
    "use-change-tracking-synchronize-data-external-systems": (
        "Use change tracking to synchronize data with external systems"
    ),
    "use-single-tenant-server-server-authentication": (
        "Use single-tenant server-to-server authentication"
    ),
    "use-upsert-insert-update-record": "Use Upsert to create or update a record",
    "webapi/associate-disassociate-entities-using-web-api": (
        "Associate and disassociate table rows using the Web API"
    ),
    "webapi/compose-http-requests-handle-errors": (
        "Compose HTTP requests and handle errors"
    ),
    "webapi/create-entity-web-api": "Create a table row using the Web API",
    "webapi/execute-batch-operations-using-web-api": (
        "Execute batch operations using the Web API"
    ),
    "webapi/impersonate-another-user-web-api": (
        "Impersonate another user using the Web API"
    ),
    "webapi/manage-duplicate-detection-create-update": (
        "Detect duplicate data using the Web API"
    ),
    "webapi/merge-entity-using-web-api": "Merge table rows using the Web API",
    "webapi/multitable-lookups": "Multi-table lookups",
    "webapi/perform-conditional-operations-using-web-api": (
        "Perform conditional operations using the Web API"
    ),
    "webapi/query-metadata-web-api": "Query table definitions using the Web API",
    "webapi/query/count-rows": "Count number of rows using OData",
    "webapi/query/filter-rows": "Filter rows using OData",
    "webapi/query/join-tables": "Join tables using OData",
    "webapi/query/order-rows": "Order rows using OData",
    "webapi/query/overview": "Query data using the Web API",
    "webapi/query/page-results": "Page results using OData",
    "webapi/query/select-columns": "Select columns using OData",
    "webapi/reference/about": "Web API reference",
    "webapi/retrieve-entity-using-web-api": "Retrieve a table row using the Web API",
    "webapi/update-delete-entities-using-web-api": (
        "Update and delete table rows using the Web API"
    ),
    "webapi/use-web-api-actions": "Use Web API actions",
    "webapi/use-web-api-functions": "Use Web API functions",
    "webapi/web-api-basic-operations-sample": "Web API basic operations sample",
    "webapi/web-api-functions-actions-sample": ("Web API functions and actions sample"),
    "webapi/web-api-query-data-sample": "Web API query data sample",
    "webapi/web-api-service-documents": "Web API service documents",
    "webapi/web-api-types-operations": "Web API types and operations",
}
