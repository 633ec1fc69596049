"""Integration table mapping: which model goes with which Dataverse table, and how."""

import json
from ast import literal_eval
from collections import defaultdict
from datetime import timedelta

from babel.dates import format_date

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools.misc import get_lang

from .default_mappings import DEFAULT_MAPPINGS
from .words import DIRECTIONS

# Records of these models carry rights or configuration: they are never synchronized,
# whoever asks.
FORBIDDEN_MODELS = ("res.groups", "res.company")
# Who is who is known of these; nothing of them is ever created, changed or removed.
ONLY_COUPLED_MODELS = ("res.users",)
FORBIDDEN_PREFIXES = ("ir.", "base.", "bus.", "integration.", "auth.", "mail.")

# With another value here, records may take part, or values travel, that no link and no
# journal tells of: what happened before is looked at once more.
WIDENING = {
    "active",
    "connection_id",
    "direction",
    "drift_policy",
    "filter_domain",
    "integration_filter",
    "model_id",
    "synch_only_coupled",
}
# The overview's graph shows so many days.
DAYS = 7

# Entries of the Action menu that every mapped model gets: name, method, sequence.
ACTION_MENU = (
    ("Set Up Coupling", "action_set_up_coupling", "form"),
    ("Synchronize Now", "action_synchronize_now", "list,form"),
    ("Match-Based Coupling", "action_match_based_coupling", "list"),
    ("Open in Dataverse", "action_open_in_dataverse", "form"),
    ("Synchronization Log", "action_synchronization_log", "list,form"),
    ("Delete Coupling", "action_delete_coupling", "list,form"),
)


class IntegrationTableMapping(models.Model):
    _name = "integration.table.mapping"
    _description = "Integration Table Mapping"
    _order = "sequence, name, id"

    name = fields.Char(required=True)
    sequence = fields.Integer(
        default=50, help="Mappings run in this order; parents before children."
    )
    active = fields.Boolean(default=True)
    connection_id = fields.Many2one(
        "integration.connection", required=True, ondelete="cascade", index=True
    )
    connection_state = fields.Selection(related="connection_id.state")
    company_id = fields.Many2one(related="connection_id.company_id", store=True)
    model_id = fields.Many2one(
        "ir.model",
        string="Odoo Model",
        required=True,
        ondelete="cascade",
        domain=[("transient", "=", False), ("abstract", "=", False)],
    )
    model = fields.Char("Model Name", related="model_id.model", store=True, index=True)
    integration_table = fields.Char(
        "Dataverse Table", required=True, help="Logical name, for instance account."
    )
    direction = fields.Selection(DIRECTIONS, required=True, default="bidirectional")
    synch_only_coupled = fields.Boolean(
        "Synch. Only Coupled Records",
        default=True,
        help="Off: records that are missing on one side are created there.",
    )
    filter_domain = fields.Char(
        "Odoo Filter", default="[]", help="Which Odoo records take part."
    )
    integration_filter = fields.Char(
        "Dataverse Filter",
        help="Which Dataverse rows take part, as an OData filter: "
        "for instance customertypecode eq 3",
    )
    update_conflict_policy = fields.Selection(
        [
            ("manual", "Ask: the record waits for a decision"),
            ("send", "Send data update to Dataverse: Odoo wins"),
            ("get", "Get data update from Dataverse: Dataverse wins"),
        ],
        string="Resolve Update Conflicts",
        required=True,
        default="manual",
        help="When the same field was changed on both sides. Changes of different "
        "fields are merged without asking.",
    )
    deletion_policy = fields.Selection(
        [
            ("manual", "Ask"),
            ("restore", "Restore the record"),
            ("uncouple", "Delete the coupling"),
            ("deactivate", "Archive the other record"),
            ("delete", "Delete the other record"),
        ],
        string="Resolve Deletion Conflicts",
        required=True,
        default="deactivate",
        help="When one of two coupled records was deleted. What cannot be archived, an "
        "opportunity in Dataverse for instance, is left as it is, and its coupling is "
        "deleted.",
    )
    drift_policy = fields.Selection(
        [
            ("keep", "Leave it until the source changes"),
            ("revert", "Put the source's value back"),
            ("report", "Report it"),
        ],
        string="Changes Against the Direction",
        required=True,
        default="keep",
        help="When somebody edits the side of a one-way field that only receives.",
    )
    initial_policy = fields.Selection(
        [
            ("manual", "Ask: the record waits for a decision"),
            ("send", "Use the Odoo data"),
            ("get", "Use the Dataverse data"),
        ],
        string="Differences When Coupling",
        required=True,
        default="manual",
        help="When two records are coupled that both hold a value, and not the same. "
        "An empty value never replaces one that is there.",
    )
    guard_deletions = fields.Integer(
        "Deleted Records",
        default=10,
        help="When more records than this were deleted on one side at once, and more "
        "than the percentage, nothing is done before an administrator has confirmed.",
    )
    guard_deletions_share = fields.Integer("Deleted Records in %", default=5)
    guard_changes = fields.Integer(
        "Overwritten Records",
        default=100,
        help="When more records than this would be overwritten at once, and more than "
        "the percentage, nothing is done before an administrator has confirmed.",
    )
    guard_changes_share = fields.Integer("Overwritten Records in %", default=50)
    compare_nightly = fields.Boolean(
        "Nightly Full Compare",
        default=True,
        help="Every night all records of both sides are compared: it finds what no "
        "journal tells, such as computed fields and writes past Odoo.",
    )
    synch_interval = fields.Integer(
        "Synchronize Every",
        help="Minutes between two scheduled synchronizations. 0: each time the "
        "scheduled action runs.",
    )
    event_driven = fields.Boolean(
        "When Something Changed",
        default=True,
        help="A change in Odoo is sent as soon as it is saved, and one in Dataverse "
        "fetched as soon as Dataverse calls, without waiting for the interval.",
    )
    ask_less_often = fields.Boolean(
        "Ask Less Often When Quiet",
        default=True,
        help="While nothing changes for hours, Dataverse is asked less and less often, "
        "but at least every hour. What changes in Odoo, a call of Dataverse and your "
        "own requests are answered at once, and the usual pace begins anew.",
    )
    asked_at = fields.Datetime(readonly=True, copy=False)
    quiet_since = fields.Datetime(readonly=True, copy=False)
    next_synch = fields.Datetime("Next Synchronization", readonly=True, copy=False)
    needed_mapping_ids = fields.Many2many(
        "integration.table.mapping",
        string="Runs After",
        compute="_compute_needed_mapping_ids",
        help="The lookups among the fields point to records of these mappings.",
    )
    field_mapping_ids = fields.One2many(
        "integration.field.mapping", "mapping_id", string="Fields", copy=True
    )
    problem = fields.Text(
        compute="_compute_problem", help="What does not go together, as you choose."
    )
    template_ids = fields.One2many(
        "integration.template", "mapping_id", string="Default Values", copy=True
    )
    coupling_ids = fields.One2many(
        "integration.coupling", "mapping_id", string="Couplings"
    )
    job_ids = fields.One2many("integration.sync.job", "mapping_id", string="Jobs")
    error_ids = fields.One2many("sync.error", "mapping_id", string="Errors")
    coupling_count = fields.Integer(compute="_compute_counts")
    conflict_count = fields.Integer(compute="_compute_counts")
    error_count = fields.Integer(compute="_compute_counts")
    waiting_count = fields.Integer(compute="_compute_counts")
    last_synch = fields.Datetime("Last Synchronization", compute="_compute_counts")
    rests = fields.Boolean(
        compute="_compute_rests", help="Its full synchronization is paused."
    )
    last_days = fields.Text(
        compute="_compute_last_days", help="What the graph of the overview shows."
    )

    _name_uniq = models.Constraint(
        "UNIQUE (connection_id, name)",
        "This connection has a table mapping of that name already.",
    )

    # -- fields -----------------------------------------------------------------------

    def _compute_counts(self):
        couplings = dict(
            self.env["integration.coupling"]._read_group(
                [("mapping_id", "in", self.ids)], ["mapping_id"], ["__count"]
            )
        )
        conflicts = dict(
            self.env["integration.coupling"]._read_group(
                [("mapping_id", "in", self.ids), ("state", "=", "conflict")],
                ["mapping_id"],
                ["__count"],
            )
        )
        errors = dict(
            self.env["sync.error"]._read_group(
                [
                    ("mapping_id", "in", self.ids),
                    ("state", "in", ("open", "retrying")),
                ],
                ["mapping_id"],
                ["__count"],
            )
        )
        waiting = self.env["integration.inbox"]._counts(self)
        finished = dict(
            self.env["integration.sync.job"]._read_group(
                [
                    ("mapping_id", "in", self.ids),
                    ("state", "in", ("done", "partial")),
                    ("kind", "!=", "uncoupling"),
                ],
                ["mapping_id"],
                ["finished_at:max"],
            )
        )
        for mapping in self:
            mapping.coupling_count = couplings.get(mapping, 0)
            mapping.conflict_count = conflicts.get(mapping, 0)
            mapping.error_count = errors.get(mapping, 0)
            mapping.last_synch = finished.get(mapping, False)
            mapping.waiting_count = waiting.get(mapping.id, 0)

    def _compute_rests(self):
        paused = (
            self.env["integration.full.sync"]
            .sudo()
            .search([("mapping_id", "in", self.ids), ("state", "=", "paused")])
        )
        for mapping in self:
            mapping.rests = mapping in paused.mapping_id

    def _compute_last_days(self):
        """Records created, changed or removed on each of the last days."""
        today = fields.Date.context_today(self)
        days = [today - timedelta(days=past) for past in range(DAYS - 1, -1, -1)]
        done = defaultdict(int)
        for mapping, day, *numbers in self.env["integration.sync.job"]._read_group(
            [
                ("mapping_id", "in", self.ids),
                ("started_at", ">=", fields.Datetime.to_datetime(days[0])),
            ],
            ["mapping_id", "started_at:day"],
            ["inserted:sum", "modified:sum", "deleted:sum"],
        ):
            done[mapping.id, fields.Date.to_date(day)] += sum(numbers)
        for mapping in self:
            mapping.last_days = json.dumps(
                [
                    {
                        "key": self.env._("Records synchronized"),
                        "values": [
                            {
                                "label": format_date(
                                    day, "EEE", get_lang(self.env).code
                                ),
                                "value": done[mapping.id, day],
                                "type": "future" if day == today else "past",
                            }
                            for day in days
                        ],
                    }
                ]
            )

    @api.depends("field_mapping_ids.field_name", "field_mapping_ids.enabled", "model")
    def _compute_needed_mapping_ids(self):
        for mapping in self:
            others = self.search([("connection_id", "=", mapping.connection_id.id)])
            mapping.needed_mapping_ids = (
                self.env["integration.engine.run"]._needed_by(mapping._origin, others)
                if mapping._origin
                else False
            )

    @api.depends("field_mapping_ids.problem")
    def _compute_problem(self):
        for mapping in self:
            problems = mapping.field_mapping_ids.filtered("problem").mapped("problem")
            mapping.problem = "\n".join(dict.fromkeys(problems))

    @api.constrains("synch_interval")
    def _check_synch_interval(self):
        if any(mapping.synch_interval < 0 for mapping in self):
            raise ValidationError(self.env._("An interval cannot be negative."))

    @api.constrains("model_id")
    def _check_model(self):
        for mapping in self:
            if mapping.model in FORBIDDEN_MODELS or mapping.model.startswith(
                FORBIDDEN_PREFIXES
            ):
                raise ValidationError(
                    self.env._(
                        "%s carries access rights or configuration of Odoo and "
                        "cannot be synchronized.",
                        mapping.model_id.name,
                    )
                )
            model = self.env.get(mapping.model)
            if model is None or not model._auto or model._transient:
                raise ValidationError(
                    self.env._(
                        "%s has no records of its own in the database and cannot "
                        "be synchronized.",
                        mapping.model_id.name,
                    )
                )

    @api.constrains("filter_domain", "model_id")
    def _check_filter_domain(self):
        for mapping in self:
            try:
                mapping._scope_domain().validate(self.env[mapping.model])
            except Exception as error:
                raise ValidationError(
                    self.env._(
                        "The Odoo filter of %(mapping)s cannot be read: %(error)s",
                        mapping=mapping.name,
                        error=error,
                    )
                ) from error

    @api.constrains("integration_filter", "integration_table", "connection_id")
    def _check_with_table(self):
        """Refuse what cannot work, as far as it is known without asking Dataverse."""
        for mapping in self:
            self.env["integration.engine.schema"]._check(mapping)

    def _check_coupled(self, vals):
        """Couplings mean nothing in another model, table or organization."""
        for mapping in self.filtered("coupling_ids"):
            moved = [
                name
                for name, value in (
                    ("model_id", mapping.model_id.id),
                    ("integration_table", mapping.integration_table),
                    ("connection_id", mapping.connection_id.id),
                )
                if vals.get(name, value) != value
            ]
            if moved:
                raise ValidationError(
                    self.env._(
                        "Delete the couplings of %(mapping)s before its %(field)s "
                        "changes.",
                        mapping=mapping.name,
                        field=self._fields[moved[0]]._description_string(self.env),
                    )
                )

    def _check_one_writer(self, lines, targets):
        """Refuse two field mappings that write the same field or column."""
        seen = set()
        for line in lines:
            for target in targets(line):
                if target in seen:
                    raise ValidationError(
                        self.env._(
                            "Two field mappings of %(mapping)s write '%(target)s'. "
                            "Disable one, or give it the other direction.",
                            mapping=self.name,
                            target=target,
                        )
                    )
                seen.add(target)

    # -- life cycle -------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        mappings = super().create(vals_list)
        mappings._follow_model()
        return mappings

    def write(self, vals):
        self._check_coupled(vals)
        before = set(self.mapped("model"))
        result = super().write(vals)
        if {"active", "model_id", "event_driven"} & vals.keys():
            self._follow_model(before)
        if WIDENING & vals.keys():
            self._request_full_synchronization()
        return result

    def unlink(self):
        before = set(self.mapped("model"))
        result = super().unlink()
        self._follow_model(before)
        return result

    def copy_data(self, default=None):
        return [
            dict(vals, name=self.env._("%s (copy)", mapping.name), active=False)
            for mapping, vals in zip(self, super().copy_data(default), strict=True)
        ]

    def _follow_model(self, also=()):
        """Journal and Action menu exist for exactly the models with a mapping."""
        models_now = set(self.exists().mapped("model")) | set(also)
        journal = self.env["integration.journal"]
        for model_name in models_now:
            if self.sudo().search_count([("model", "=", model_name)], limit=1):
                journal._create_triggers(model_name)
                self._create_action_menu(model_name)
            else:
                journal._drop_triggers([model_name])
                self._remove_action_menus(model_name)
        self.env.registry.clear_cache()

    @api.model
    def _create_action_menu(self, model_name):
        model = self.env["ir.model"]._get(model_name)
        group = self.env.ref("dataverse_sync.group_user")
        actions = self.env["ir.actions.server"].sudo()
        existing = self._action_menus(model_name).mapped("code")
        for sequence, (name, method, views) in enumerate(ACTION_MENU):
            code = f"action = env['integration.coupling'].{method}_of(records)"
            if code not in existing:
                actions.create(
                    {
                        "name": name,
                        "model_id": model.id,
                        "binding_model_id": model.id,
                        "binding_view_types": views,
                        "state": "code",
                        "code": code,
                        "sequence": 100 + sequence,
                        "group_ids": [(6, 0, group.ids)],
                    }
                )

    @api.model
    def _remove_action_menus(self, model_name=None):
        self._action_menus(model_name).unlink()

    @api.model
    def _action_menus(self, model_name=None):
        domain = [
            ("code", "=like", "action = env['integration.coupling'].action_%"),
            ("binding_model_id", "!=", False),
        ]
        if model_name:
            domain.append(("model_id.model", "=", model_name))
        return self.env["ir.actions.server"].sudo().search(domain)

    @api.model
    def _model_names(self):
        """The names of all models that have a mapping, also a paused one."""
        mappings = self.sudo().with_context(active_test=False)
        return {name for (name,) in mappings._read_group([], ["model"])}

    # -- default setup ----------------------------------------------------------------

    @api.model
    def _defaults(self, connection):
        """The default mappings that this database can have and the connection lacks.

        :return: list of complete definitions, see `integration.engine.mapping.set`
        """
        existing = set(connection._all_mappings().mapped("name"))
        return [
            definition
            for definition in self._all_defaults(connection)
            if definition["name"] not in existing
        ]

    @api.model
    def _all_defaults(self, connection, names=None):
        """The default mappings that this database can have, as complete definitions.

        :param names: only these of them; then lookups between them alone are made
        """
        chosen = [
            definition
            for definition in DEFAULT_MAPPINGS
            if definition["model"] in self.env
            and definition.get("needs_field", "id")
            in self.env[definition["model"]]._fields
            and (names is None or definition["name"] in names)
        ]
        mapped = {definition["model"] for definition in chosen} | set(
            connection._all_mappings().mapped("model")
        )
        complete = self.env["integration.engine.mapping.set"]._complete
        return [complete(connection, definition, mapped) for definition in chosen]

    @api.model
    def _create_defaults(self, connection, names=None):
        """Create the default mappings that this connection lacks.

        :param names: only these of them
        :return: the new mappings
        """
        existing = set(connection._all_mappings().mapped("name"))
        return self.env["integration.engine.mapping.set"]._apply(
            connection,
            [
                definition
                for definition in self._all_defaults(connection, names)
                if definition["name"] not in existing
            ],
        )

    # -- what takes part --------------------------------------------------------------

    def _scope_domain(self):
        """The Odoo records that take part, as a :class:`Domain`.

        :raise ValueError: when the filter cannot be read
        """
        self.ensure_one()
        domain = Domain(literal_eval(self.filter_domain or "[]"))
        model = self.env[self.model]
        if hasattr(model, "_integration_domain"):
            domain &= model._integration_domain()
        if self.company_id and "company_id" in model._fields:
            domain &= Domain("company_id", "in", [self.company_id.id, False])
        return domain

    def _records(self):
        """The model of the mapping, as the synchronization user sees it.

        Archived records are visible; nobody is mailed, subscribed or logged about
        records that synchronization creates.
        """
        self.ensure_one()
        connection = self.sudo().connection_id
        return (
            self.env[self.model]
            .sudo(False)
            .with_user(connection.user_id)
            .with_company(connection.company_id or connection.user_id.company_id)
            .with_context(
                active_test=False,
                lang="en_US",
                mail_create_nolog=True,
                mail_create_nosubscribe=True,
                mail_auto_subscribe_no_notify=True,
                no_reset_password=True,
            )
        )

    def _is_only_coupled(self):
        """Whether the records are coupled, and never written on either side."""
        self.ensure_one()
        return self.model in ONLY_COUPLED_MODELS

    def _creates(self, direction):
        """Whether records missing on one side are created there."""
        self.ensure_one()
        return not self.synch_only_coupled and self.direction in (
            "bidirectional",
            direction,
        )

    # -- running ----------------------------------------------------------------------

    def synchronize(self):
        """Synchronize what changed on either side, at once.

        Commits as it goes.

        :return: the counters of the job as a dict, with ``state`` and ``message``;
            for several mappings the sums
        :raise AccessError: for users who may not run whole mappings
        """
        self.connection_id._check_manager()
        jobs = self.env["integration.sync.job"]
        for mapping in self._in_run_order():
            # An ordinary run would use up what a full one has still to look at.
            full = self.env["integration.full.sync"].sudo()._of(mapping)
            jobs |= self.env["integration.engine.run"]._run(
                mapping, kind="manual", create=bool(full) or None
            )
        return jobs._totals()

    def _in_run_order(self):
        """Parents before children, by the lookups between the mappings."""
        return self.env["integration.engine.run"]._in_order(self)

    def action_synchronize_modified(self):
        """Synchronize what changed, in the background."""
        self.connection_id._check_manager()
        self._check_connected()
        self.next_synch = False
        self._wake_up()
        return self.connection_id[:1]._notify_scheduled()

    def action_preview(self):
        """Show what the next run would do; nothing is written on either side."""
        self.ensure_one()
        self.connection_id._check_manager()
        self._check_connected()
        return self.env["integration.preview"]._make(self)._open()

    def action_try_filter(self):
        """Ask Dataverse how many rows the filter lets take part."""
        self.ensure_one()
        self.connection_id._check_manager()
        self._check_connected()
        count = self.env["integration.engine.catalog"]._try_filter(self)
        return self.connection_id._notify(
            self.env._("The filter works"),
            self.env._("%(count)s rows of Dataverse take part.", count=count),
        )

    def action_run_full_synchronization(self):
        """Look at every record of both sides, in the background."""
        self.connection_id._check_manager()
        self._check_connected()
        self._request_full_synchronization()
        self._wake_up()
        return self.connection_id[:1]._notify_scheduled()

    def _request_full_synchronization(self):
        """The next run compares everything that takes part."""
        for mapping in self.sudo():
            self.env["integration.checkpoint"].sudo()._of(mapping)._request_compare()
            mapping.next_synch = False

    def _check_connected(self):
        """Refuse to talk to a Dataverse that is not, or not now, to be talked to.

        :raise UserError: a sentence that says why
        """
        self.connection_id._check_usable()

    # -- couplings --------------------------------------------------------------------

    def action_match_based_coupling(self):
        """Find pairs that belong together among what is not coupled."""
        self.ensure_one()
        self.connection_id._check_manager()
        self._check_connected()
        unfinished = self.env["integration.match.wizard"]._unfinished(self)
        if unfinished:
            return unfinished._open()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Match-Based Coupling"),
            "res_model": "integration.match.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_mapping_id": self.id},
        }

    def action_find_deleted(self):
        """Look for couplings of which one record is gone without anybody noticing.

        The next run reads what was found and decides about it by the policy.
        """
        self.connection_id._check_manager()
        self._check_connected()
        capture = self.env["integration.engine.capture"].sudo()
        found = sum(capture._find_deleted(mapping) for mapping in self.sudo())
        if found:
            self._wake_up()
        return self.connection_id[:1]._notify(
            self.env._("Find Deleted"),
            self.env._(
                "%s couplings lack a record. They are handled in the background.", found
            )
            if found
            else self.env._("Every coupling has both of its records."),
        )

    def action_delete_couplings(self):
        """Delete all couplings of the mapping, after a question."""
        self.connection_id._check_manager()
        couplings = self.env["integration.coupling"]
        if not couplings.search_count([("mapping_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("There is no coupling to delete."))
        return couplings._ask_to_uncouple({"default_mapping_ids": [(6, 0, self.ids)]})

    def _open_row(self, external_id):
        """The action that opens a row of this mapping in Dynamics 365."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": self.sudo().connection_id._record_url(
                self.integration_table, external_id
            ),
            "target": "new",
        }

    def action_open_couplings(self):
        return self._open("integration_coupling_action")

    def action_open_errors(self):
        return self._open("sync_error_action")

    def action_open_conflicts(self):
        action = self._open("integration_coupling_action")
        return action | {
            "domain": [("mapping_id", "=", self.id), ("state", "=", "conflict")]
        }

    def action_open_jobs(self):
        return self._open("integration_sync_job_action")

    def _open(self, action):
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            f"dataverse_sync.{action}"
        ) | {"domain": [("mapping_id", "=", self.id)]}
