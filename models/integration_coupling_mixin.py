"""What a synchronized model shows of its couplings."""

from datetime import timedelta

from babel.dates import format_timedelta

from odoo import api, fields, models
from odoo.tools.misc import get_lang

STATES = [
    ("in_sync", "In Sync"),
    ("waiting", "Waiting"),
    ("conflict", "Conflict"),
    ("error", "Error"),
    ("suspended", "Outside the Filter"),
    ("not_coupled", "Not Coupled"),
]
OF_COUPLING = {
    "coupled": "in_sync",
    "pending": "waiting",
    "conflict": "conflict",
    "error": "error",
    "suspended": "suspended",
}


class IntegrationCouplingMixin(models.AbstractModel):
    """Inherit this in a model to show the state and the actions on its screens.

    Synchronization itself needs no mixin: it works for every mapped model. The
    hooks at the end are for what mapping rows cannot say.
    """

    _name = "integration.coupling.mixin"
    _description = "Coupled Record"

    coupling_ids = fields.One2many(
        "integration.coupling",
        "res_id",
        string="Couplings",
        domain=lambda self: [("res_model", "=", self._name)],
        bypass_search_access=True,
        copy=False,
        groups="dataverse_sync.group_user",
    )
    coupled_to_dataverse = fields.Boolean(
        compute="_compute_dataverse_state",
        search="_search_coupled_to_dataverse",
        compute_sudo=True,
    )
    dataverse_sync_state = fields.Selection(
        STATES,
        string="Dataverse",
        compute="_compute_dataverse_state",
        search="_search_dataverse_sync_state",
        compute_sudo=True,
    )
    dataverse_sync_label = fields.Char(
        compute="_compute_dataverse_sync_label", compute_sudo=True
    )
    dataverse_mapped = fields.Boolean(
        compute="_compute_dataverse_mapped", compute_sudo=True
    )
    dataverse_error_kind = fields.Char(
        compute="_compute_dataverse_error",
        compute_sudo=True,
        groups="dataverse_sync.group_user",
        help="Kind of the latest open error of the record.",
    )
    dataverse_message = fields.Text(
        compute="_compute_dataverse_error",
        compute_sudo=True,
        groups="dataverse_sync.group_user",
        help="What the latest open error of the record says.",
    )

    @api.depends("coupling_ids.state")
    def _compute_dataverse_state(self):
        changed = self.env["integration.journal"]._changed(self._name, self.ids)
        for record in self:
            couplings = record.coupling_ids
            record.coupled_to_dataverse = bool(couplings)
            if not couplings:
                record.dataverse_sync_state = "not_coupled"
                continue
            states = set(couplings.mapped("state"))
            state = next(
                name
                for name in ("error", "conflict", "suspended", "pending", "coupled")
                if name in states
            )
            record.dataverse_sync_state = (
                "waiting"
                if state == "coupled" and record.id in changed
                else OF_COUPLING[state]
            )

    @api.depends("dataverse_sync_state", "coupling_ids.last_synch")
    def _compute_dataverse_sync_label(self):
        labels = dict(
            self._fields["dataverse_sync_state"]._description_selection(self.env)
        )
        for record in self:
            label = labels.get(record.dataverse_sync_state, "")
            last = max(
                record.coupling_ids.filtered("last_synch").mapped("last_synch"),
                default=None,
            )
            if record.dataverse_sync_state == "in_sync" and last:
                label = f"{label} · {self._ago(last)}"
            record.dataverse_sync_label = label

    @api.model
    def _ago(self, moment):
        past = moment - fields.Datetime.now()
        if past > timedelta(minutes=-1):
            return self.env._("just now")
        return format_timedelta(
            past, add_direction=True, format="short", locale=get_lang(self.env).code
        )

    @api.depends("coupling_ids")
    def _compute_dataverse_mapped(self):
        """Whether a mapping covers the record, or did when it was coupled."""
        covered = self.filtered("coupling_ids")
        for mapping in self.env["integration.table.mapping"].search(
            [("model", "=", self._name)]
        ):
            covered |= (self - covered).filtered_domain(mapping._scope_domain())
        for record in self:
            record.dataverse_mapped = record in covered

    @api.depends("coupling_ids.state", "coupling_ids.error_ids.state")
    def _compute_dataverse_error(self):
        errors = self._open_dataverse_errors()
        latest = {error.res_id: error for error in reversed(errors)}
        for record in self:
            error = latest.get(record.id, errors.browse())
            record.dataverse_error_kind = error.kind
            record.dataverse_message = error.message

    def _open_dataverse_errors(self):
        return self.env["sync.error"].search(
            [
                ("res_model", "=", self._name),
                ("res_id", "in", self.ids),
                ("state", "in", ("open", "retrying")),
            ]
        )

    def _search_coupled_to_dataverse(self, operator, value):
        if operator != "in":
            return NotImplemented
        return self._coupled_domain([], True in value, False in value)

    def _search_dataverse_sync_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        states = [state for state, shown in OF_COUPLING.items() if shown in value]
        uncoupled = "not_coupled" in value or False in value
        return self._coupled_domain([("state", "in", states)], bool(states), uncoupled)

    def _coupled_domain(self, domain, coupled, uncoupled):
        """Records with a coupling of that kind, and/or records without any."""
        of_model = [("res_model", "=", self._name)]
        couplings = self.env["integration.coupling"].sudo()
        result = fields.Domain.FALSE
        if coupled:
            query = couplings._search(of_model + domain)
            result |= fields.Domain("id", "in", query.subselect("res_id"))
        if uncoupled:
            query = couplings._search(of_model)
            result |= fields.Domain("id", "not in", query.subselect("res_id"))
        return result

    # -- actions ----------------------------------------------------------------------

    def action_set_up_coupling(self):
        """Couple the record to a Dataverse row, existing or new."""
        return self.env["integration.coupling"].action_set_up_coupling_of(self)

    def action_synchronize_now(self):
        """Synchronize the coupled ones among the records."""
        return self.env["integration.coupling"].action_synchronize_now_of(self)

    def action_delete_coupling(self):
        """Delete the couplings of the records; the records stay."""
        return self.env["integration.coupling"].action_delete_coupling_of(self)

    def action_match_based_coupling(self):
        """Find Dataverse rows that belong to the records."""
        return self.env["integration.coupling"].action_match_based_coupling_of(self)

    def action_open_in_dataverse(self):
        """Open the row in Dynamics 365."""
        return self.env["integration.coupling"].action_open_in_dataverse_of(self)

    def action_open_dataverse_errors(self):
        """The open errors of the records; a single one in its own form."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.sync_error_action"
        )
        errors = self._open_dataverse_errors()
        if len(errors) == 1:
            return action | {"res_id": errors.id, "views": [(False, "form")]}
        return action | {
            "domain": [("res_model", "=", self._name), ("res_id", "in", self.ids)],
            "context": {"search_default_open": 1},
        }

    def action_retry_dataverse_errors(self):
        """Let the next run look at the records again."""
        return self._open_dataverse_errors().action_retry()

    def action_restore_in_dataverse(self):
        """Create the deleted rows of the records anew."""
        return self._open_dataverse_errors().action_restore_record()

    def action_synchronization_log(self):
        """What happened to the records."""
        return self.env["integration.coupling"].action_synchronization_log_of(self)

    # -- hooks ------------------------------------------------------------------------

    @api.model
    def _integration_domain(self):
        """Records of the model that may take part at all, whatever a mapping says."""
        return fields.Domain.TRUE

    @api.model
    def _integration_context_fields(self):
        """Names of fields that :meth:`_integration_skipped_fields` looks at."""
        return []

    @api.model
    def _integration_skipped_fields(self, row):
        """Names of fields that take no part in the synchronization of one record.

        :param row: canonical values of the record's mapped fields and of
            :meth:`_integration_context_fields`; of a record to be created, what is
            known of it
        """
        return set()

    def _integration_completed(self, vals):
        """The values to write to the record when ``vals`` arrived from Dataverse, with
        what keeps Odoo from drawing conclusions of its own."""
        return vals
