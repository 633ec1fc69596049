"""OPPORTUNITY: the pipeline.

Won and lost are actions on both sides, and the value of a row may be in another
currency than the company's: see `engine/behavior_opportunity.py`.
"""

from .rows import column_constant, constant, matched, option, owner, pair

OPPORTUNITY = {
    "name": "OPPORTUNITY",
    "sequence": 80,
    "model": "crm.lead",
    "integration_table": "opportunity",
    "filter_domain": "[('type', '=', 'opportunity')]",
    "fields": matched(
        [
            constant("type", "opportunity"),
            pair("name", "name", required=True),
            pair("partner_id", "customerid"),
            pair("expected_revenue", "estimatedvalue,transactioncurrencyid"),
            # Otherwise Dataverse puts the sum of the lines in place of the estimate.
            column_constant("isrevenuesystemcalculated", "False"),
            pair("date_deadline", "estimatedclosedate"),
            pair("description", "description"),
            pair(
                "stage_id",
                "salesstage",
                options=(
                    option(0, "Qualify", "crm.stage_lead1"),
                    option(1, "Develop", "crm.stage_lead2"),
                    option(2, "Propose", "crm.stage_lead3"),
                    option(3, "Close", "crm.stage_lead4"),
                ),
            ),
            pair(
                "won_status",
                "statuscode",
                options=(
                    option(1, "In Progress", "pending"),
                    option(2, "On Hold", "pending"),
                    option(3, "Won", "won"),
                    option(4, "Canceled", "lost"),
                    option(5, "Out-Sold", "lost"),
                ),
            ),
            owner("user_id"),
        ],
        name=1,
        partner_id=1,
    ),
}

MAPPINGS = (OPPORTUNITY,)
