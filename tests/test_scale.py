"""Screens open fast, and with the same number of queries, however much there is."""

import time
from functools import partial

from lxml import etree

from odoo.tests import new_test_user, tagged

from .common import DataverseCase

SECONDS, QUERIES = 2, 48
FILLED = (
    *("integration_coupling", "sync_error", "integration_inbox", "integration_change"),
    *("integration_match_wizard_line", "integration_preview_line"),
)
FORMS = (
    "integration_connection_view_form",
    "integration_table_mapping_view_form",
    "integration_coupling_view_form",
    "integration_sync_job_view_form",
    "sync_error_view_form",
)


@tagged("post_install", "-at_install")
class TestScale(DataverseCase):
    def fill(self, couplings, errors):
        """Couplings, errors and waiting changes, straight into the tables."""
        self.env.flush_all()
        self.env.cr.execute(
            "INSERT INTO integration_coupling (mapping_id, connection_id, res_model,"
            "   res_id, external_id, state, last_synch)"
            " SELECT %s, %s, 'res.partner', 1000000 + n,"
            "   md5(n::text)::uuid::text,"
            "   CASE WHEN n %% 100 = 0 THEN 'conflict' ELSE 'coupled' END, now()"
            " FROM generate_series(1, %s) n",
            [self.customers.id, self.connection.id, couplings],
        )
        self.env.cr.execute(
            "INSERT INTO sync_error (mapping_id, connection_id, res_model, res_id,"
            "   record_name, kind, message, cause, state, first_at, last_at,"
            "   occurrences)"
            " SELECT %s, %s, 'res.partner', 1000000 + n, 'Company ' || n, 'permanent',"
            "   '''Company ' || n || ''' is refused: ' || n %% 20,"
            "   '''…'' is refused: ' || n %% 20, 'open', now(), now(), 1"
            " FROM generate_series(1, %s) n",
            [self.customers.id, self.connection.id, errors],
        )
        self.env.cr.execute(
            "INSERT INTO integration_inbox (mapping_id, res_id)"
            " SELECT %s, 1000000 + n FROM generate_series(1, %s) n",
            [self.customers.id, couplings // 10],
        )
        self.env.cr.execute(
            "INSERT INTO integration_change (mapping_id, job_id, res_model, res_id,"
            "   external_id, side, action, state)"
            " SELECT %s, %s, 'res.partner', 1000000 + n, md5(n::text)::uuid::text,"
            "   'odoo', 'write', 'done' FROM generate_series(1, %s) n",
            [self.customers.id, self.job.id, couplings],
        )
        self.env.cr.execute(
            "INSERT INTO integration_match_wizard_line (wizard_id, kind, res_id,"
            "   external_id, odoo_name, dataverse_name, selected, shown)"
            " SELECT %s, (ARRAY['matched', 'ambiguous'])[1 + n %% 2], 1000000 + n,"
            "   md5(n::text)::uuid::text, 'Company ' || n, 'Company ' || n, true,"
            "   n <= 80 FROM generate_series(1, %s) n",
            [self.matching.id, couplings],
        )
        self.env.cr.execute(
            "INSERT INTO integration_preview_line (preview_id, mapping_id, kind,"
            "   record_name, reason)"
            " SELECT %s, %s, 'write_odoo', 'Company ' || n, 'Changed'"
            " FROM generate_series(1, %s) n",
            [self.preview.id, self.customers.id, errors],
        )
        for table in FILLED:
            self.env.cr.execute(f"ANALYZE {table}")  # noqa: S608
        self.env.invalidate_all()

    def fields_of(self, view):
        """What a list or kanban reads of each record."""
        model = self.env[self.env.ref(f"dataverse_sync.{view}").model]
        arch, _view = model._get_view(self.env.ref(f"dataverse_sync.{view}").id)
        return {
            node.get("name"): {}
            for node in arch.iter("field")
            if node.get("name") in model._fields
        }

    def form(self, env, view, record=None):
        """Open a form as the client does, lists in it and all.

        :param record: by default the latest one
        """
        model = self.env.ref(f"dataverse_sync.{view}").model
        views = [(self.env.ref(f"dataverse_sync.{view}").id, "form")]
        arch = env[model].get_views(views)["views"]["form"]["arch"]
        record = record or env[model].search([], order="id desc", limit=1)
        return record.web_read(self.specification(env[model], etree.fromstring(arch)))

    def specification(self, model, node):
        """The fields in a part of a view, with those of the lists inside of them."""
        found = {}
        for child in node:
            name = child.get("name")
            if child.tag != "field":
                found |= self.specification(model, child)
            elif name in model._fields:
                found[name] = {}
                for inside in child.iterchildren("list", "kanban"):
                    comodel = model.env[model._fields[name].comodel_name]
                    fields = self.specification(comodel, inside)
                    found[name] = {"fields": fields, "limit": 40}
        return found

    def screens(self, env):
        """What the client asks for when each screen is opened."""
        errors = [("state", "in", ("open", "retrying"))]
        forms = {
            view.removeprefix("integration_").removesuffix("_view_form"): partial(
                self.form, env, view
            )
            for view in FORMS
            if env[self.env.ref(f"dataverse_sync.{view}").model].has_access("read")
        }
        # Only a manager deletes all couplings of a mapping.
        dialogs = {
            "delete all couplings": lambda: self.count_couplings(env),
            "undo of a job": lambda: self.dialog(
                env, "integration_undo_wizard_view_form", self.job.action_undo()
            ),
            "full synchronization review": lambda: self.dialog(
                env,
                "integration_full_sync_wizard_view_form",
                env["integration.full.sync.wizard"].action_review(),
            ),
            "matching": lambda: self.form(
                env, "integration_match_wizard_view_form", self.matching
            ),
            "matches by kind": lambda: env[
                "integration.match.wizard.line"
            ].web_read_group(
                [("wizard_id", "=", self.matching.id)], ["kind"], ["__count"]
            ),
            "matches": lambda: env["integration.match.wizard.line"].web_search_read(
                [("wizard_id", "=", self.matching.id), ("kind", "=", "ambiguous")],
                self.fields_of("integration_match_wizard_line_view_list"),
                limit=80,
            ),
            "a preview": lambda: self.form(
                env, "integration_preview_view_form", self.preview
            ),
        }
        return (
            forms
            | (dialogs if env.su else {})
            | {
                "overview": lambda: (
                    env["integration.table.mapping"].web_search_read(
                        [], self.fields_of("integration_table_mapping_view_kanban")
                    ),
                    env["integration.connection"].health(),
                ),
                "mappings": lambda: env["integration.table.mapping"].web_search_read(
                    [], self.fields_of("integration_table_mapping_view_list")
                ),
                "errors by cause": lambda: env["sync.error"].web_read_group(
                    errors, ["cause"], ["__count"], limit=80
                ),
                "errors of a cause": lambda: env["sync.error"].web_search_read(
                    errors, self.fields_of("sync_error_view_list"), limit=80
                ),
                "kinds of errors": lambda: env["sync.error"].search_panel_select_range(
                    "kind", search_domain=errors, enable_counters=True
                ),
                "couplings": lambda: env["integration.coupling"].web_search_read(
                    [], self.fields_of("integration_coupling_view_list"), limit=80
                ),
                "synchronization log": lambda: env[
                    "integration.change"
                ].web_search_read(
                    [], self.fields_of("integration_change_view_list"), limit=80
                ),
                "jobs": lambda: env["integration.sync.job"].web_search_read(
                    [], self.fields_of("integration_sync_job_view_list"), limit=80
                ),
                "contacts with their state": lambda: env["res.partner"].web_search_read(
                    [("dataverse_sync_state", "in", ("not_coupled", "conflict"))],
                    {"display_name": {}, "dataverse_sync_state": {}},
                    limit=80,
                    count_limit=10_001,
                ),
                "a contact": lambda: (
                    env["res.partner"]
                    .browse(self.contact.id)
                    .web_read(
                        dict.fromkeys(
                            (
                                "dataverse_sync_label",
                                "dataverse_sync_state",
                                "dataverse_mapped",
                                "dataverse_error_kind",
                                "dataverse_message",
                            ),
                            {},
                        )
                    )
                ),
                "running": lambda: env["integration.sync.job"].running(),
            }
        )

    def dialog(self, env, view, action):
        return self.form(env, view, env[action["res_model"]].browse(action["res_id"]))

    def count_couplings(self, env):
        """The dialog that asks before the couplings of a mapping are deleted."""
        action = self.customers.with_env(env).action_delete_couplings()
        wizard = env[action["res_model"]].with_context(**action["context"]).create({})
        self.assertIn(str(wizard.count), wizard.counted)

    def open_all(self, env):
        """``{screen: (queries, seconds)}``, each opened by itself."""
        figures = {}
        for name, screen in self.screens(env).items():
            screen()
            env.flush_all()
            env.invalidate_all()
            before, started = env.cr.sql_log_count, time.monotonic()
            screen()
            figures[name] = (
                env.cr.sql_log_count - before,
                time.monotonic() - started,
            )
        return figures

    def test_a_hundred_thousand_couplings_and_ten_thousand_errors(self):
        people = {
            "manager": self.env,
            "user": self.env(
                user=new_test_user(
                    self.env,
                    "seller",
                    "dataverse_sync.group_user,base.group_partner_manager",
                )
            ),
        }
        self.contact = self.company()
        self.synchronize(self.customers)
        self.job = self.env["integration.sync.job"].search([], limit=1)
        about = {"mapping_id": self.customers.id}
        self.matching = self.env["integration.match.wizard"].create(about)
        self.preview = self.env["integration.preview"].create(about)
        self.fill(400, 400)
        for env in people.values():
            self.open_all(env)  # what a server reads once
        few = {role: self.open_all(env) for role, env in people.items()}
        for table in FILLED:
            self.env.cr.execute(f"DELETE FROM {table}")  # noqa: S608
        self.fill(100_000, 10_000)
        for role, env in people.items():
            for name, (queries, seconds) in self.open_all(env).items():
                with self.subTest(name, role=role):
                    self.assertLessEqual(queries, few[role][name][0])
                    self.assertLess(queries, QUERIES)
                    self.assertLess(seconds, SECONDS)
