"""Match-Based Coupling: find what belongs together, show it, couple what is ticked.

What was found is kept for some days, and large work goes on in the background: the
window can be closed at any time, and shows where things are when it is opened again.
"""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import split_every

# Lines of the pairs that the window itself shows; the list shows all.
SHOWN = 200
# Lines written at once.
CHUNK = 5000
# More ticked lines than this are coupled in the background.
AT_ONCE = 500
# What was found is kept so long: by then it is no longer true anyway.
KEPT_HOURS = 72

KINDS = [
    ("ambiguous", "Ambiguous"),
    ("matched", "Matched"),
    ("duplicate_odoo", "Duplicates in Odoo"),
    ("duplicate_dataverse", "Duplicates in Dataverse"),
    ("unmatched_odoo", "Only in Odoo"),
    ("unmatched_dataverse", "Only in Dataverse"),
]
PAIRS = ("ambiguous", "matched")
MISSING = tuple(kind for kind, _label in KINDS if kind not in PAIRS)


class IntegrationMatchWizard(models.TransientModel):
    _name = "integration.match.wizard"
    _description = "Match-Based Coupling"
    _transient_max_hours = KEPT_HOURS

    mapping_id = fields.Many2one(
        "integration.table.mapping", required=True, ondelete="cascade"
    )
    res_model = fields.Char(related="mapping_id.model")
    res_ids = fields.Json(help="Only these records; empty: all that are not coupled.")
    selected = fields.Integer(compute="_compute_selected")
    criteria = fields.Text(compute="_compute_criteria")
    synchronize = fields.Selection(
        [
            ("no", "No"),
            ("manual", "Yes: ask where both sides differ"),
            ("send", "Yes: use the Odoo data"),
            ("get", "Yes: use the Dataverse data"),
        ],
        string="Synchronize After Coupling",
        default="manual",
        required=True,
    )
    create_new = fields.Boolean(
        "Create What Is Missing",
        help="Create the records that have no counterpart on the other side.",
    )
    state = fields.Selection(
        [
            ("criteria", "Criteria"),
            ("finding", "Looking"),
            ("preview", "Preview"),
            ("applying", "Coupling"),
            ("done", "Finished"),
        ],
        default="criteria",
    )
    message = fields.Char(readonly=True)
    line_ids = fields.One2many(
        "integration.match.wizard.line", "wizard_id", domain=[("shown", "=", True)]
    )
    matched = fields.Integer(readonly=True)
    ambiguous = fields.Integer(readonly=True, help="Records with several candidates.")
    duplicates = fields.Integer(readonly=True)
    unmatched_odoo = fields.Integer(readonly=True)
    unmatched_dataverse = fields.Integer(readonly=True)
    done_count = fields.Integer(compute="_compute_progress")
    ticked_count = fields.Integer(compute="_compute_progress")
    progress = fields.Float(compute="_compute_progress")

    @api.depends("res_ids")
    def _compute_selected(self):
        for wizard in self:
            wizard.selected = len(wizard.res_ids or ())

    @api.depends("mapping_id")
    def _compute_criteria(self):
        how = dict(
            self.env["integration.field.mapping"]
            ._fields["match_by"]
            ._description_selection(self.env)
        )
        for wizard in self:
            keys = wizard.mapping_id.field_mapping_ids.filtered("match_key")
            model = self.env[wizard.mapping_id.model]
            lines = []
            for number, rows in enumerate(
                dict(sorted(keys.grouped("match_priority").items())).values(), 1
            ):
                names = " + ".join(
                    model._fields[row.field_name]._description_string(self.env)
                    + (
                        f" ({how[row.match_by]})"
                        if row.match_by not in ("text", "similar")
                        else ""
                    )
                    for row in rows
                )
                if "similar" in rows.mapped("match_by"):
                    line = self.env._("%(number)s. similar %(fields)s")
                else:
                    line = self.env._("%(number)s. same %(fields)s")
                lines.append(line % {"number": number, "fields": names})
            wizard.criteria = "\n".join(lines)

    @api.depends("state")
    def _compute_progress(self):
        lines = self.env["integration.match.wizard.line"]
        for wizard in self:
            done = lines.search_count([("wizard_id", "=", wizard.id), ("done", "=", 1)])
            left = lines.search_count(wizard._waiting()) if wizard.id else 0
            wizard.done_count, wizard.ticked_count = done, left
            wizard.progress = 100 * done / (done + left) if done + left else 0

    def _waiting(self):
        """The domain of the lines that are ticked and not done."""
        kinds = PAIRS + MISSING if self.create_new else PAIRS
        return [
            ("wizard_id", "=", self.id),
            ("selected", "=", True),
            ("done", "=", False),
            ("kind", "in", kinds),
        ]

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Match-Based Coupling"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    @api.model
    def _unfinished(self, mapping):
        """What the person last looked for in a mapping and has not finished."""
        return self.search(
            [
                ("create_uid", "=", self.env.uid),
                ("mapping_id", "=", mapping.id),
                ("state", "in", ("finding", "preview", "applying")),
            ],
            order="id desc",
            limit=1,
        ).filtered(lambda wizard: not wizard.res_ids)

    def _check_allowed(self):
        self.ensure_one()
        self.mapping_id.check_access("read")
        if self.res_ids:
            self.env[self.mapping_id.model].browse(self.res_ids).check_access("write")
        else:
            self.mapping_id.connection_id._check_manager()
        self.mapping_id._check_connected()

    # -- finding ----------------------------------------------------------------------

    def action_preview(self):
        """Show what matches, what is ambiguous and what is left; nothing is coupled."""
        self._check_allowed()
        session = self.env["integration.engine.run"]._look(self.mapping_id)
        engine = self.env["integration.engine.match"].sudo()
        with self.env["integration.engine.gateway"]._in_sentences():
            long = engine._takes_long(session)
        if long:
            self.state = "finding"
            self._go_on_in_background()
        else:
            self._find(session)
        return self._open()

    def _find(self, session):
        """Keep what matches as lines."""
        Line = self.env["integration.match.wizard.line"].sudo()
        Line.search([("wizard_id", "=", self.id)]).unlink()
        counts, doubles, unclear = dict.fromkeys(dict(KINDS), 0), 0, set()
        engine = self.env["integration.engine.match"].sudo()
        with self.env["integration.engine.gateway"]._in_sentences():
            found = engine._find(session, self.env.user, self.res_ids)
        for chunk in split_every(CHUNK, found, list):
            for line in chunk:
                counts[line["kind"]] += 1
                doubles += line["kind"].startswith("duplicate")
                if line["kind"] == "ambiguous":
                    unclear.add((line["cluster"], line["reason"]))
                line["shown"] = line["kind"] in PAIRS and counts[line["kind"]] <= SHOWN
                line["wizard_id"] = self.id
            Line.create(chunk)
            # Nobody reads all of them at once: they need not be kept in memory.
            Line.invalidate_model()
        self.write(
            {
                "state": "preview",
                "message": False,
                "matched": counts["matched"],
                "ambiguous": len(unclear),
                "duplicates": doubles,
                "unmatched_odoo": counts["unmatched_odoo"],
                "unmatched_dataverse": counts["unmatched_dataverse"],
            }
        )

    def action_open_lines(self):
        """All that was found, or one kind (``kind`` in the context), to search in."""
        self.ensure_one()
        kind = self.env.context.get("kind")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Matches of %s", self.mapping_id.name),
            "res_model": "integration.match.wizard.line",
            "view_mode": "list",
            "domain": [("wizard_id", "=", self.id)],
            "context": {
                "active_id": self.id,
                **({f"search_default_{kind}": True} if kind else {}),
                **({} if kind else {"search_default_group_kind": True}),
            },
        }

    # -- coupling ---------------------------------------------------------------------

    def action_apply(self):
        """Couple the pairs that are ticked, and synchronize and create as asked."""
        self._check_allowed()
        if self.state != "preview":
            raise UserError(self.env._("Find the matches first, and look at them."))
        Line = self.env["integration.match.wizard.line"]
        refused = Line.search(
            [
                ("wizard_id", "=", self.id),
                ("kind", "=", "matched"),
                ("selected", "=", False),
            ]
        )
        self.env["integration.tombstone"].sudo()._refuse(
            self.mapping_id.sudo(), [(one.res_id, one.external_id) for one in refused]
        )
        self.state = "applying"
        if Line.search_count(self._waiting(), limit=AT_ONCE + 1) > AT_ONCE:
            self._go_on_in_background()
            return self._open()
        job = self._apply()
        if job.state == "failed":
            raise UserError(job.message)
        return self.mapping_id.connection_id._notify(
            self.env._("Match-Based Coupling"),
            job.message if job.state == "held" else self._result(),
            "warning" if job.state != "done" else "success",
        )

    def _apply(self):
        """Couple what is ticked and not done, by a run of the mapping.

        :return: the ``integration.sync.job``
        """
        lines = self.env["integration.match.wizard.line"].sudo()
        user = self.env.user

        def following(limit):
            waiting = self._waiting()
            return lines.search(waiting, limit=limit), lines.search_count(waiting)

        def work(session):
            self.env["integration.engine.match"].sudo()._apply(
                session,
                following,
                user,
                synchronize=self.synchronize,
                create_new=self.create_new,
            )

        job = self.env["integration.engine.run"]._run(
            self.mapping_id,
            kind="coupling",
            initial_policy=(
                self.synchronize if self.synchronize in ("send", "get") else None
            ),
            work=work,
        )
        if not lines.search_count(self._waiting(), limit=1):
            self.write({"state": "done", "message": self._result()})
        elif job.state not in ("done", "partial"):
            # Stopped, or refused: what is left can be looked at and started again.
            self.write({"state": "preview", "message": job.message})
        return job

    def _result(self):
        Line = self.env["integration.match.wizard.line"]
        done = [("wizard_id", "=", self.id), ("done", "=", True)]
        coupled = Line.search_count([*done, ("outcome", "=", self.env._("Coupled"))])
        decided = Line.search([*done, ("kind", "=", "ambiguous")])
        unclear = self.ambiguous - len(set(decided.mapped("cluster")))
        return self.env._(
            "%(coupled)s coupled, %(ambiguous)s to decide by hand.",
            coupled=coupled,
            ambiguous=unclear,
        )

    # -- in the background ------------------------------------------------------------

    def _go_on_in_background(self):
        self.env.ref("dataverse_sync.ir_cron_match").sudo()._trigger()

    @api.model
    def _cron_go_on(self):
        """Find and couple what people asked for and is too much to wait for."""
        cron = self.env["ir.cron"]
        wizards = self.search([("state", "in", ("finding", "applying"))], order="id")
        cron._commit_progress(remaining=len(wizards))
        for wizard in wizards:
            wizard.with_user(wizard.create_uid)._go_on()
            if wizard.exists().state in ("finding", "applying"):
                wizard._go_on_in_background()
            if not cron._commit_progress(1):
                break

    def _go_on(self):
        """Do the next part of what was asked for, as the person who asked."""
        try:
            self._check_allowed()
            if self.state == "finding":
                self._find(self.env["integration.engine.run"]._look(self.mapping_id))
            else:
                self._apply()
        except UserError as error:
            back = "criteria" if self.state == "finding" else "preview"
            self.write({"state": back, "message": str(error)})
        if self.state in ("preview", "done"):
            self.env.user._bus_send(
                "simple_notification",
                {
                    "type": "info",
                    "title": self.env._(
                        "Match-Based Coupling of %s", self.mapping_id.name
                    ),
                    "message": self.message
                    or self.env._("The matches are there: open it again to see them."),
                },
            )

    def action_refresh(self):
        """Look how far it is."""
        return self._open()

    def action_stop(self):
        """Stop what goes on in the background; what is done stays done."""
        self.ensure_one()
        jobs = self.env["integration.sync.job"].search(
            [
                ("mapping_id", "=", self.mapping_id.id),
                ("kind", "=", "coupling"),
                ("state", "=", "running"),
                ("create_uid", "=", self.env.uid),
            ]
        )
        if jobs:
            jobs.action_stop()
        else:
            self.state = "criteria" if self.state == "finding" else "preview"
        return self._open()


class IntegrationMatchWizardLine(models.TransientModel):
    _name = "integration.match.wizard.line"
    _description = "Match"
    _order = "id"
    _rec_name = "odoo_name"
    _transient_max_hours = KEPT_HOURS

    wizard_id = fields.Many2one(
        "integration.match.wizard", required=True, index=True, ondelete="cascade"
    )
    kind = fields.Selection(KINDS, "Result", required=True, readonly=True)
    cluster = fields.Char("Belongs Together", readonly=True)
    res_id = fields.Integer(readonly=True)
    external_id = fields.Char(readonly=True)
    odoo_name = fields.Char("In Odoo", readonly=True)
    dataverse_name = fields.Char("In Dataverse", readonly=True)
    reason = fields.Char("Why", readonly=True)
    selected = fields.Boolean("Couple")
    shown = fields.Boolean(readonly=True)
    done = fields.Boolean(readonly=True)
    outcome = fields.Char("Result of Coupling", readonly=True)

    def write(self, vals):
        """A record or row is coupled once: ticking a candidate unticks the others.

        What was found is no matter of people; only what to do with it is.
        """
        if not self.env.su and vals.keys() - {"selected"}:
            raise AccessError(self.env._("Only what to couple can be changed here."))
        result = super().write(vals)
        if vals.get("selected"):
            for line in self.filtered(lambda one: one.kind in PAIRS and one.selected):
                self.search(
                    [
                        ("wizard_id", "=", line.wizard_id.id),
                        ("id", "!=", line.id),
                        ("kind", "in", PAIRS),
                        ("selected", "=", True),
                        "|",
                        ("res_id", "=", line.res_id),
                        ("external_id", "=", line.external_id),
                    ]
                ).selected = False
        return result

    def action_tick(self):
        """Couple these, or create their counterpart."""
        self.selected = True

    def action_untick(self):
        """Leave these alone."""
        self.selected = False

    def action_back(self):
        """Back to the window that couples what is ticked."""
        wizard = self.env["integration.match.wizard"].browse(
            self.wizard_id[:1].id or self.env.context.get("active_id")
        )
        return wizard._open()
