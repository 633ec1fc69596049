"""Tell the responsible person: one activity a connection, and a daily e-mail."""

from datetime import timedelta

from odoo import api, fields, models

# Errors that go on by themselves are nobody's task.
NEED_A_PERSON = ("conflict", "deleted", "permanent", "guard", "auth")
DAY = timedelta(hours=23)


class IntegrationConnection(models.Model):
    _inherit = "integration.connection"

    @api.model
    def _cron_tell_responsible(self):
        """Keep the activities as they should be, and send what is due."""
        for connection in self.search([("responsible_id", "!=", False)]):
            connection._keep_activity()
            if connection._is_digest_due():
                connection._send_digest()

    def _need_a_person(self):
        """A domain of the open errors of this connection that need a person."""
        return [
            ("connection_id", "=", self.id),
            ("state", "=", "open"),
            ("kind", "in", NEED_A_PERSON),
        ]

    def _keep_activity(self):
        """One activity while something needs a person, however much it is."""
        count = self.env["sync.error"].search_count(self._need_a_person())
        activity = self.activity_ids.filtered("automated")[:1]
        if not count or not self.error_activity:
            if activity:
                activity.action_feedback(
                    feedback=self.env._("No error needs a person any more.")
                )
            return
        summary = self.env._("%s synchronization errors need a decision", count)
        if not activity:
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=summary,
                user_id=self.responsible_id.id,
            )
        elif (activity.summary, activity.user_id) != (summary, self.responsible_id):
            activity.write({"summary": summary, "user_id": self.responsible_id.id})

    def _is_digest_due(self):
        """Whether there is something new since the last e-mail, a day ago or more."""
        if not self.error_digest or not self.responsible_id.email:
            return False
        since = self.digest_at or fields.Datetime.to_datetime("1970-01-01")
        return fields.Datetime.now() - since >= DAY and bool(
            self.env["sync.error"].search_count(
                [*self._need_a_person(), ("first_at", ">", since)], limit=1
            )
        )

    def _send_digest(self):
        self.env.ref("dataverse_sync.mail_template_error_digest").send_mail(
            self.id, email_layout_xmlid="mail.mail_notification_light"
        )
        self.digest_at = fields.Datetime.now()

    def digest_lines(self, limit=10):
        """The most frequent causes, for the e-mail.

        :return: list of ``(cause, number of records)``
        """
        self.ensure_one()
        return self.env["sync.error"]._read_group(
            self._need_a_person(),
            ["cause"],
            ["__count"],
            order="__count desc, cause",
            limit=limit,
        )

    def digest_count(self):
        """How many errors need a person, for the e-mail."""
        self.ensure_one()
        return self.env["sync.error"].search_count(self._need_a_person())

    def digest_url(self):
        """Where the errors are."""
        return f"{self.get_base_url()}/odoo/dataverse-errors"
