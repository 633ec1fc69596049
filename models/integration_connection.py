"""A connection to one Dataverse environment."""

import base64
import logging
import re
import secrets
from urllib.parse import urlsplit

from odoo import api, fields, models, tools
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools.misc import format_datetime

_logger = logging.getLogger(__name__)

# Microsoft's own clouds: worldwide, US government, China.
# (Dataverse: "Discover the URL for your organization", datacenter regions)
ENVIRONMENT_DOMAINS = (
    ".dynamics.com",
    ".appsplatform.us",
    ".microsoftdynamics.us",
    ".dynamics.cn",
)
AUTHORITY_HOSTS = (
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
)


class IntegrationConnection(models.Model):
    _name = "integration.connection"
    _description = "Dataverse Connection"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _check_company_auto = True
    _order = "name, id"
    # The HTTP header that carries the key with which Dataverse calls.
    _webhook_header = "X-Dataverse-Sync-Key"

    name = fields.Char(required=True, default="Dynamics 365 Sales")
    code = fields.Char(
        required=True,
        default="main",
        copy=False,
        help="Short name used in web addresses and in the server configuration, "
        "for instance dataverse_client_secret_main.",
    )
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        help="Records of this company are synchronized, and records without one.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Synchronization User",
        required=True,
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        help="Odoo records are read and written with this user's access rights.",
    )
    environment_url = fields.Char(
        "Environment",
        required=True,
        tracking=True,
        help="Address of the environment, for instance "
        "https://yourcompany.crm4.dynamics.com",
    )
    authority_url = fields.Char(
        string="Authority",
        required=True,
        default="https://login.microsoftonline.com",
        help="Where sign-in happens. Change it only for national clouds.",
    )
    tenant_id = fields.Char(
        required=True,
        help="Directory (tenant) ID of the app registration in Microsoft Entra.",
    )
    client_id = fields.Char(
        string="Application ID",
        required=True,
        help="Application (client) ID of the app registration in Microsoft Entra.",
    )
    authentication = fields.Selection(
        [("secret", "Client Secret"), ("certificate", "Certificate")],
        required=True,
        default="secret",
    )
    client_secret = fields.Char(
        compute="_compute_written_only",
        inverse="_inverse_client_secret",
        help="The value of the client secret. It can be written but never read. "
        "The server configuration may hold it instead.",
    )
    certificate = fields.Text(
        compute="_compute_written_only",
        inverse="_inverse_certificate",
        help="Private key and certificate in PEM form. Written, never read.",
    )
    stored_secret = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    stored_certificate = fields.Text(
        groups=fields.NO_ACCESS, copy=False, prefetch=False
    )
    has_credential = fields.Boolean(
        compute="_compute_has_credential", string="Sign-In Data Present"
    )
    state = fields.Selection(
        [
            ("draft", "Not Connected"),
            ("connected", "Connected"),
            ("suspended", "Suspended"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    state_reason = fields.Char(readonly=True, copy=False, tracking=True)
    safe_mode = fields.Selection(
        [("restored", "Dataverse Was Restored")],
        readonly=True,
        copy=False,
        help="Nothing is written on either side before an administrator has chosen "
        "which side counts.",
    )
    organization_id = fields.Char(readonly=True, copy=False)
    organization_name = fields.Char(readonly=True, copy=False)
    application_user = fields.Char(
        readonly=True, copy=False, help="As whom Dataverse knows this connection."
    )
    database_uuid = fields.Char(readonly=True, copy=False)
    database_name = fields.Char(readonly=True, copy=False)
    paused_until = fields.Datetime(
        readonly=True,
        copy=False,
        help="Dataverse asked for a pause; synchronization goes on at this time.",
    )
    app_id = fields.Char(
        string="App ID",
        help="The model-driven app in which records are opened. "
        "Empty: the default app of whoever opens them.",
    )
    responsible_id = fields.Many2one(
        "res.users",
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        help="Who is told about errors that need a person.",
    )
    error_activity = fields.Boolean(
        "Activity for Errors",
        default=True,
        help="The responsible person has one activity while errors need a person.",
    )
    error_digest = fields.Boolean(
        "Daily E-Mail about Errors",
        default=True,
        help="Once a day, and only when there are new errors.",
    )
    digest_at = fields.Datetime("Last E-Mail", readonly=True, copy=False)
    ownership = fields.Selection(
        [("person", "Person"), ("team", "Team")],
        string="Ownership Model",
        required=True,
        default="person",
        help="Person: a row in Dataverse belongs to the user who is coupled with the "
        "salesperson. Team: all rows that Odoo creates belong to one team. It counts "
        "when the default synchronization setup is used.",
    )
    owner_team = fields.Char(
        "Owning Team",
        help="Name of the team in Dataverse. Empty: the only team that there is.",
    )
    webhook_key = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    webhook_on = fields.Boolean(
        "Near Real Time",
        readonly=True,
        copy=False,
        help="Dataverse calls Odoo when a row changes. Without it, and whenever a call "
        "is lost, the scheduled action finds the change.",
    )
    open_address = fields.Char(
        "Address of the Button",
        compute="_compute_open_address",
        help="The value of the environment variable dsync_OdooAddress in Dynamics 365.",
    )
    webhook_health = fields.Char("Last Call", compute="_compute_webhook_health")
    webhook_problem = fields.Char(
        "Trouble with Near Real Time", compute="_compute_webhook_health"
    )
    mapping_ids = fields.One2many(
        "integration.table.mapping", "connection_id", string="Table Mappings"
    )
    mapping_count = fields.Integer(compute="_compute_counts")
    coupling_count = fields.Integer(compute="_compute_counts")
    error_count = fields.Integer(compute="_compute_counts")

    _code_uniq = models.Constraint(
        "UNIQUE (code)", "Another connection has this code already."
    )

    # -- fields -----------------------------------------------------------------------

    def _compute_written_only(self):
        self.client_secret = False
        self.certificate = False

    def _inverse_client_secret(self):
        for connection in self.filtered("client_secret"):
            connection.sudo().stored_secret = connection.client_secret.strip()

    def _inverse_certificate(self):
        for connection in self.filtered("certificate"):
            connection.sudo().stored_certificate = connection.certificate.strip()

    @api.depends("authentication", "client_secret", "certificate", "code")
    def _compute_has_credential(self):
        for connection in self.sudo():
            connection.has_credential = bool(
                connection._secret()
                if connection.authentication == "secret"
                else connection.stored_certificate
            )

    @api.depends("mapping_ids")
    def _compute_counts(self):
        for connection in self:
            mappings = [("mapping_id", "in", connection.mapping_ids.ids)]
            connection.mapping_count = len(connection.mapping_ids)
            connection.coupling_count = self.env["integration.coupling"].search_count(
                mappings
            )
            connection.error_count = self.env["sync.error"].search_count(
                [
                    ("connection_id", "=", connection.id),
                    ("state", "in", ("open", "retrying")),
                ]
            )

    @api.depends("code")
    def _compute_open_address(self):
        for connection in self:
            base = connection.get_base_url()
            connection.open_address = (
                f"{base}/dataverse_sync/open?connection={connection.code}"
            )

    def _compute_webhook_health(self):
        for connection in self:
            webhook = self.env["integration.webhook"].sudo()._of(connection)
            when = webhook.heard_at and format_datetime(self.env, webhook.heard_at)
            connection.webhook_health = bool(webhook) and self.env._(
                "%(when)s (registered for %(steps)s kinds of changes)",
                when=when or self.env._("No call yet"),
                steps=webhook.steps,
            )
            connection.webhook_problem = webhook.problem

    @api.constrains("code")
    def _check_code(self):
        for connection in self:
            if not re.fullmatch(r"[a-z0-9_]+", connection.code):
                raise ValidationError(
                    self.env._(
                        "The code of a connection has lower-case letters, digits and "
                        "underscores only: '%s' will not do.",
                        connection.code,
                    )
                )

    @api.constrains("environment_url", "authority_url")
    def _check_addresses(self):
        for connection in self:
            self._check_environment_address(connection.environment_url)
            self._check_address(
                self.env._("authority"),
                connection.authority_url,
                lambda location: location in AUTHORITY_HOSTS,
            )

    @api.model
    def _check_environment_address(self, url):
        self._check_address(
            self.env._("environment"),
            url,
            lambda location: location.endswith(ENVIRONMENT_DOMAINS),
        )

    def _check_address(self, what, url, is_microsoft):
        """Refuse addresses that the server's administrator has not allowed.

        The client secret is sent to these hosts: a person with access to this
        screen must not be able to choose them freely.
        """
        parts = urlsplit(url or "")
        try:
            location = parts.hostname and (
                f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
            )
        except ValueError:
            location = None
        if parts.scheme != "https" or not location or parts.username:
            raise ValidationError(
                self.env._(
                    "The address of the %(what)s starts with https:// and names a "
                    "host; '%(url)s' does not.",
                    what=what,
                    url=url,
                )
            )
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValidationError(
                self.env._(
                    "The address of the %(what)s ends after the host name: "
                    "'%(url)s' goes on.",
                    what=what,
                    url=url,
                )
            )
        if not is_microsoft(location) and location not in self._allowed_hosts():
            raise ValidationError(
                self.env._(
                    "'%(host)s' is not one of Microsoft's addresses for the "
                    "%(what)s. If it is right, add it to dataverse_allowed_hosts "
                    "in the server configuration.",
                    host=location,
                    what=what,
                )
            )

    @api.model
    def _allowed_hosts(self):
        configured = tools.config.get("dataverse_allowed_hosts") or ""
        return {host.strip() for host in configured.split(",") if host.strip()}

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._tidy(vals) for vals in vals_list])

    def write(self, vals):
        vals = self._tidy(vals)
        moved = self.filtered(
            lambda connection: (
                connection.state == "connected"
                and vals.get("environment_url", connection.environment_url)
                != connection.environment_url
            )
        )
        result = super().write(vals)
        if moved:
            # Another organization may answer there: connecting finds out.
            moved.write(
                {
                    "state": "draft",
                    "state_reason": self.env._(
                        "The address was changed; connect again."
                    ),
                }
            )
        return result

    @api.model
    def _tidy(self, vals):
        """People paste addresses with a path, a slash or no scheme."""
        vals = dict(vals)
        for name in ("environment_url", "authority_url"):
            url = (vals.get(name) or "").strip()
            if url:
                if "//" not in url:
                    url = f"https://{url}"
                vals[name] = url.rstrip("/").lower()
        for name in ("tenant_id", "client_id", "app_id"):
            if vals.get(name):
                vals[name] = vals[name].strip()
        return vals

    def _secret(self):
        """The client secret; the server configuration comes before the database."""
        self.ensure_one()
        return (
            tools.config.get(f"dataverse_client_secret_{self.code}")
            or self.sudo().stored_secret
        )

    # -- state ------------------------------------------------------------------------

    def action_test_connection(self):
        """Sign in and ask who we are; says what it found."""
        self.ensure_one()
        self._check_manager()
        who, organization = self._probe()
        return self._notify(
            self.env._("The connection works"),
            self.env._(
                "Signed in to %(organization)s as application user %(user)s.",
                organization=organization.get("name") or who.organization_id,
                user=who.user_id,
            ),
        )

    def action_connect(self):
        """Test the connection and, when it works, let synchronization use it."""
        self.ensure_one()
        self._check_manager()
        self._check_chosen()
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        self.write({"database_uuid": uuid, "database_name": self.env.cr.dbname})
        who, organization = self._probe()
        if self.organization_id != who.organization_id:
            self._leave_organization()
        self.write(
            {
                "state": "connected",
                "state_reason": False,
                "paused_until": False,
                "organization_id": who.organization_id,
                "organization_name": organization.get("name"),
                "application_user": self.env["integration.engine.gateway"]._user_name(
                    self, who.user_id
                ),
            }
        )
        return self._notify(
            self.env._("Connected"),
            self.env._("The connection to %s works.", self.organization_name),
        )

    def _probe(self):
        """Sign in, and see that it is the organization that the couplings belong to.

        :return: ``(who we are there, the organization)``
        :raise UserError: a sentence for the person who connects
        """
        who, organization = self.env["integration.engine.gateway"]._probe(self)
        another = self.organization_id not in (False, who.organization_id)
        if another and self._all_mappings().coupling_ids:
            raise UserError(
                self.env._(
                    "Another organization answers at %(url)s than the one that the "
                    "couplings belong to. Delete the couplings first, or correct "
                    "the address.",
                    url=self.environment_url,
                )
            )
        return who, organization

    def _leave_organization(self):
        """Forget what was learned about the former organization."""
        mappings = self._all_mappings().sudo()
        for mapping in mappings:
            self.env["integration.checkpoint"].sudo()._of(mapping)._begin_anew()
            self.env["integration.inbox"].sudo()._forget_rows(mapping)
        self.env["integration.tombstone"].sudo().search(
            [("mapping_id", "in", mappings.ids)]
        ).unlink()
        self.env["integration.table"].sudo().search(
            [("connection_id", "=", self.id)]
        ).unlink()

    # -- after a restore --------------------------------------------------------------

    def action_send_again(self):
        """Dataverse lost what came after its backup: Odoo's data is sent again."""
        return self._leave_safe_mode("send")

    def action_accept_restored(self):
        """The backup counts: Odoo takes over what Dataverse says now."""
        return self._leave_safe_mode("get")

    def action_review_differences(self):
        """Every record that differs waits for a decision of its own."""
        return self._leave_safe_mode("manual")

    def _check_chosen(self):
        """:raise UserError: while nobody has chosen which side counts"""
        for connection in self.filtered("safe_mode"):
            raise UserError(
                self.env._(
                    "Choose how to go on first, in the connection '%s'.",
                    connection.name,
                )
            )

    def _leave_safe_mode(self, prefer):
        """Compare everything anew, with one side to count where both differ.

        :param prefer: ``"send"``, ``"get"``, or ``"manual"``: a person decides each
        """
        self.ensure_one()
        self._check_manager()
        if not self.safe_mode:
            raise UserError(self.env._("There is nothing to choose."))
        inbox = self.env["integration.inbox"].sudo()
        for mapping in self._all_mappings().sudo():
            self.env["integration.checkpoint"].sudo()._of(mapping)._begin_anew()
            inbox._forget_rows(mapping)
            graves = self.env["integration.tombstone"].sudo()._of_mapping(mapping)
            inbox._put_hints(
                mapping,
                external_ids={
                    *mapping.coupling_ids.mapped("external_id"),
                    *graves.mapped("external_id"),
                },
                prefer=prefer,
            )
        self.safe_mode = False
        self.action_connect()
        self.env["integration.table.mapping"]._wake_up()
        return self._notify_scheduled()

    def _all_mappings(self):
        return self.with_context(active_test=False).mapping_ids

    def action_disconnect(self):
        """Stop synchronizing. Couplings, mappings and unsent changes stay."""
        self._check_manager()
        for connection in self.filtered("webhook_on"):
            try:
                connection.action_unregister_webhook()
            except UserError as refusal:
                # Dataverse goes on calling, and is not listened to.
                _logger.warning("The webhook stays registered: %s", refusal)
                connection._forget_webhook()
        self.write({"state": "draft", "state_reason": False, "paused_until": False})

    def _suspend(self, reason, safe_mode=False):
        """Stop using the connection until a person has looked at it.

        :param safe_mode: of the field, when connecting anew alone does not settle it
        """
        _logger.warning("Dataverse connection %s suspended: %s", self.code, reason)
        self.sudo().write(
            {"state": "suspended", "state_reason": reason, "safe_mode": safe_mode}
        )

    def _pause(self, seconds):
        """Dataverse asked for a pause: nobody uses the connection before it is over."""
        until = fields.Datetime.add(fields.Datetime.now(), seconds=seconds)
        self.sudo().paused_until = until
        self.env["integration.table.mapping"]._wake_up(at=until)

    def _is_usable(self):
        self.ensure_one()
        return self.state == "connected" and not self._is_paused()

    def _is_paused(self):
        return bool(self.paused_until) and self.paused_until > fields.Datetime.now()

    def _check_usable(self):
        """:raise UserError: a sentence that says why Dataverse is left alone now"""
        for connection in self.sudo():
            if connection.state == "draft":
                reason = connection.state_reason or self.env._(
                    "An administrator connects it under Dataverse, Configuration, "
                    "Connections."
                )
                raise UserError(
                    self.env._(
                        "'%(name)s' is not connected. %(reason)s",
                        name=connection.name,
                        reason=reason,
                    )
                )
            if connection.state == "suspended":
                raise UserError(
                    self.env._(
                        "'%(name)s' is suspended. %(reason)s When that is settled, "
                        "connect again.",
                        name=connection.name,
                        reason=connection.state_reason or "",
                    )
                )
            if connection._is_paused():
                raise UserError(
                    self.env._(
                        "Dynamics 365 asked for a pause. Synchronization goes on by "
                        "itself at %s.",
                        format_datetime(self.env, connection.paused_until),
                    )
                )

    def _check_manager(self):
        if not self.env.su and not self.env.user.has_group(
            "dataverse_sync.group_manager"
        ):
            raise AccessError(self.env._("Only a Dataverse administrator may do this."))

    def _notify(self, title, message, kind="success"):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "title": title,
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # -- mappings ---------------------------------------------------------------------

    def action_use_default_synchronization_setup(self, names=None):
        """Create the default mappings that this database can have and lacks.

        :param names: only these of them
        """
        self.ensure_one()
        self._check_manager()
        created = self.env["integration.table.mapping"]._create_defaults(self, names)
        return self._notify(
            self.env._("Default synchronization setup"),
            self.env._("Created: %s.", ", ".join(created.mapped("name")))
            if created
            else self.env._("All default mappings are there already."),
        )

    def action_review_default_setup(self):
        """Show what the default mappings would change, and let people choose."""
        self.ensure_one()
        return self.env["integration.mapping.set.wizard"]._review(self, "default")

    def action_import_mappings(self):
        """Take over mappings that another system exported, after a preview."""
        self.ensure_one()
        return self.env["integration.mapping.set.wizard"]._review(self, "file")

    def action_export_mappings(self):
        """Download the mappings as a file, without ids and secrets."""
        self.ensure_one()
        self._check_manager()
        text = self.env["integration.engine.mapping.file"]._write(self.mapping_ids)
        wizard = self.env["integration.mapping.set.wizard"].create(
            {
                "connection_id": self.id,
                "source": "file",
                "file": base64.b64encode(text.encode()),
                "file_name": f"mappings_{self.code}.json",
            }
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{wizard._name}/{wizard.id}/file/{wizard.file_name}"
            "?download=true",
            "target": "download",
        }

    def action_synchronize_modified(self):
        """Synchronize what changed, mapping by mapping, in the background."""
        self._check_manager()
        self.mapping_ids.action_synchronize_modified()
        return self._notify_scheduled()

    def action_run_full_synchronization(self):
        """Compare every record of every mapping, in the background."""
        self._check_manager()
        self.mapping_ids.action_run_full_synchronization()
        return self._notify_scheduled()

    def _notify_scheduled(self):
        return self._notify(
            self.env._("Synchronization has started"),
            self.env._("It runs in the background; the jobs show how it goes."),
        )

    def action_open_mappings(self):
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.integration_table_mapping_action"
        ) | {"domain": [("connection_id", "=", self.id)]}

    def action_open_errors(self):
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.sync_error_action"
        ) | {"domain": [("connection_id", "=", self.id)]}

    # -- near real time ---------------------------------------------------------------

    def action_register_webhook(self):
        """Have Dataverse call when a row changes; again, it repairs and adds tables."""
        self.ensure_one()
        self._check_manager()
        self._check_usable()
        url = f"{self.get_base_url()}/dataverse_sync/webhook/{self.code}"
        if not url.startswith("https://"):
            raise UserError(
                self.env._(
                    "Dataverse calls https addresses only, and this Odoo is at "
                    "%s. Correct web.base.url in the system parameters.",
                    self.get_base_url(),
                )
            )
        connection = self.sudo()
        connection.webhook_key = connection.webhook_key or secrets.token_urlsafe(32)
        count = (
            self.env["integration.engine.webhooks"]
            .sudo()
            ._subscribe(connection, url, self._webhook_header, connection.webhook_key)
        )
        connection.webhook_on = True
        self.env["integration.webhook"].sudo()._registered(self, count)
        return self._notify(
            self.env._("Near Real Time"),
            self.env._("Dataverse calls on %s kinds of changes.", count),
        )

    def action_check_webhook(self):
        """Ask Dataverse now whether its calls arrive."""
        self.ensure_one()
        self._check_manager()
        self._check_usable()
        self.env["integration.webhook"].sudo()._of(self)._look_after()
        self.invalidate_recordset(["webhook_problem"])
        return self._notify(
            self.env._("Near Real Time"),
            self.webhook_problem or self.env._("Everything is in order."),
            "warning" if self.webhook_problem else "success",
        )

    @api.model
    def _cron_look_after_webhooks(self):
        """Notice that Dataverse calls no more, before somebody wonders."""
        for connection in self.search([("webhook_on", "=", True)]):
            if connection._is_usable():
                webhook = self.env["integration.webhook"]._of(connection)
                webhook._look_after()
                self.env["ir.cron"]._commit_progress(1)

    def action_unregister_webhook(self):
        """Have Dataverse call no more; the scheduled action goes on."""
        self.ensure_one()
        self._check_manager()
        self.env["integration.engine.webhooks"].sudo()._unsubscribe(self.sudo())
        self._forget_webhook()

    def _forget_webhook(self):
        self.sudo().write({"webhook_on": False, "webhook_key": False})
        self.env["integration.webhook"].sudo()._of(self).unlink()

    def action_download_solution(self):
        """The solution that puts the button "Odoo" on command bars in Dynamics 365."""
        self._check_manager()
        return {
            "type": "ir.actions.act_url",
            "url": "/dataverse_sync/solution",
            "target": "download",
        }

    def _hear_webhook(self):
        """Dataverse says that something changed; it is asked what."""
        if self._is_usable():
            self.env["integration.webhook"]._of(self)._hear()
            self.env["integration.table.mapping"]._nudge()

    # -- overview ---------------------------------------------------------------------

    @api.model
    def health(self):
        """How the connections stand, for the top of the overview.

        :return: list of dicts: what the connection is called, where it leads, as whom,
            its ``state`` in a word and why, and the moments of the next run
        """
        cron = self.env.ref("dataverse_sync.ir_cron_synchronize").sudo()
        triggers = self.env["ir.cron.trigger"].sudo()
        trigger = triggers.search([("cron_id", "=", cron.id)], order="call_at", limit=1)
        next_run = min(filter(None, (cron.nextcall, trigger.call_at)))
        labels = dict(self._fields["state"]._description_selection(self.env))
        now = fields.Datetime.now()
        return [
            {
                "id": connection.id,
                "name": connection.name,
                "organization": connection.organization_name,
                "host": urlsplit(connection.environment_url).hostname,
                "url": connection.environment_url,
                "application_user": connection.application_user,
                "state": "paused" if connection._is_paused() else connection.state,
                "label": labels[connection.state],
                "reason": connection.state_reason or "",
                "paused_until": connection._is_paused()
                and format_datetime(self.env, connection.paused_until),
                "next_run": connection.state == "connected"
                and cron.active
                and format_datetime(
                    self.env, max(next_run, now, connection.paused_until or now)
                ),
            }
            for connection in self.search([])
        ]

    # -- deep links -------------------------------------------------------------------

    def _record_url(self, table_name, external_id):
        """Address of a row in Dynamics 365.

        (Power Apps: "Open apps, forms, views, dialogs, and reports with a URL")
        """
        self.ensure_one()
        app = f"appid={self.app_id}&" if self.app_id else ""
        return (
            f"{self.environment_url}/main.aspx?{app}pagetype=entityrecord"
            f"&etn={table_name}&id={external_id}"
        )
