"""Properties of table definitions that say the same of every table here.

They decide nothing in the simulator; clients select and show them. Values follow the
metadata export of account and contact of a live organization.
"""

from __future__ import annotations

from typing import Any

from .metadata_columns import managed

Json = dict[str, Any]

_TRUE = (
    "AutoCreateAccessTeams CanTriggerWorkflow HasActivities HasNotes IsAIRUpdated "
    "IsAvailableOffline IsBusinessProcessEnabled IsEnabledForCharts "
    "IsEnabledForExternalChannels IsImportable IsInteractionCentricEnabled "
    "IsQuickCreateEnabled IsReadingPaneEnabled IsStateModelAware "
    "IsValidForAdvancedFind SyncToExternalSearchIndex".split()
)
_FALSE = (
    "AutoRouteToOwnerQueue EnforceStateTransitions EntityHelpUrlEnabled "
    "HasEmailAddresses HasFeedback IsActivityParty IsArchivalEnabled IsBPFEntity "
    "IsChildEntity IsDocumentManagementEnabled IsDocumentRecommendationsEnabled "
    "IsEnabledForTrace IsKnowledgeManagementEnabled IsMSTeamsIntegrationEnabled "
    "IsOneNoteIntegrationEnabled IsRetentionEnabled IsRetrieveAuditEnabled "
    "IsRetrieveMultipleAuditEnabled IsSLAEnabled IsSolutionAware "
    "UsesBusinessDataLabelTable".split()
)
_EMPTY = (
    "DataSourceId EntityColor EntityHelpUrl ExternalCollectionName ExternalName "
    "IconLargeName IconMediumName IconSmallName IconVectorName MobileOfflineFilters "
    "RecurrenceBaseEntityLogicalName".split()
)
# Managed property -> its value, and its logical name where that is another word.
_MANAGED: dict[str, tuple[bool, str]] = {
    "CanBeInCustomEntityAssociation": (True, ""),
    "CanBeInManyToMany": (True, ""),
    "CanBePrimaryEntityInRelationship": (True, ""),
    "CanBeRelatedEntityInRelationship": (True, ""),
    "CanChangeHierarchicalRelationship": (True, ""),
    "CanCreateAttributes": (True, ""),
    "CanCreateCharts": (True, ""),
    "CanCreateForms": (True, ""),
    "CanCreateViews": (True, ""),
    "CanEnableSyncToExternalSearchIndex": (True, ""),
    "CanModifyAdditionalSettings": (True, ""),
    "IsConnectionsEnabled": (True, "canmodifyconnectionsettings"),
    "IsCustomizable": (True, ""),
    "IsMailMergeEnabled": (True, "canmodifymailmergesettings"),
    "IsMappable": (True, ""),
    "IsOfflineInMobileClient": (True, "canmodifymobileclientoffline"),
    "IsReadOnlyInMobileClient": (False, "canmodifymobileclientreadonly"),
    "IsRenameable": (True, ""),
    "IsValidForQueue": (False, "canmodifyqueuesettings"),
    "IsVisibleInMobile": (True, "canmodifymobilevisibility"),
    "IsVisibleInMobileClient": (True, "canmodifymobileclientvisibility"),
}

SWITCHES: Json = {
    "ActivityTypeMask": 0,
    "CreatedOn": "1900-01-01T00:00:00Z",
    "ModifiedOn": "1900-01-01T00:00:00Z",
    "DaysSinceRecordLastModified": 0,
    "OwnerIdType": 8,
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_EMPTY),
    **{
        name: managed(value, logical_name or name.lower())
        for name, (value, logical_name) in _MANAGED.items()
    },
    "Privileges": [],
    "Settings": [],
}
