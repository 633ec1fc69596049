"""Who may see and do what, for every model and every button of the addon."""

import inspect
import uuid
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..dataverse.transport import Transport
from .common import DataverseCase

OPERATIONS = ("read", "write", "create", "unlink")
NOTHING = frozenset()
READ = frozenset(["read"])
ALL = frozenset(OPERATIONS)

# What people see and set up; what the engine keeps for itself is for managers' eyes.
USER = {
    "integration.connection": READ,
    "integration.table.mapping": READ,
    "integration.field.mapping": READ,
    "integration.transformation.rule": READ,
    "integration.transformation.rule.line": READ,
    "integration.option.mapping": READ,
    "integration.template": READ,
    "integration.template.line": READ,
    "integration.coupling": READ,
    "integration.conflict": READ,
    "integration.change": READ,
    "integration.sync.job": READ,
    "sync.error": READ,
}
MANAGER = {
    "integration.connection": ALL,
    "integration.table.mapping": ALL,
    "integration.field.mapping": ALL,
    "integration.transformation.rule": ALL,
    "integration.transformation.rule.line": ALL,
    "integration.option.mapping": ALL,
    "integration.template": ALL,
    "integration.template.line": ALL,
    "integration.coupling": READ,
    "integration.conflict": READ,
    "integration.change": READ,
    "integration.sync.job": READ | {"unlink"},
    "sync.error": READ | {"unlink"},
    "integration.table": READ,
    "integration.journal": READ,
    "integration.inbox": READ,
    "integration.checkpoint": READ,
    "integration.stop": READ,
    "integration.webhook": READ,
    "integration.full.sync": READ,
    "integration.tombstone": READ | {"unlink"},
}
# What a wizard found is no matter of people: they only tick it.
TICKED = {"integration.match.wizard.line": READ | {"write"}}
WIZARDS_OF_MANAGERS = {
    "integration.mapping.set.wizard",
    "integration.mapping.set.wizard.line",
    "integration.full.sync.wizard",
    "integration.setup.wizard",
    "integration.setup.wizard.check",
    "integration.setup.wizard.table",
}
# Buttons that only whoever manages connections may press.
OF_MANAGERS = {
    "integration.connection": {
        "action_test_connection",
        "action_connect",
        "action_disconnect",
        "action_register_webhook",
        "action_unregister_webhook",
        "action_download_solution",
        "action_use_default_synchronization_setup",
        "action_review_default_setup",
        "action_import_mappings",
        "action_export_mappings",
        "action_synchronize_modified",
        "action_run_full_synchronization",
        "action_send_again",
        "action_accept_restored",
        "action_review_differences",
    },
    "integration.table.mapping": {
        "synchronize",
        "action_synchronize_modified",
        "action_run_full_synchronization",
        "action_match_based_coupling",
        "action_find_deleted",
        "action_delete_couplings",
        "action_preview",
        "action_try_filter",
    },
    "integration.field.mapping": {"action_options", "action_create_missing_records"},
    # Whoever started a run may stop it, too.
    "integration.sync.job": {"action_undo", "action_confirm", "action_stop"},
}
# Opening a list reveals nothing: the list has access rights of its own.
OPENS_A_LIST = {
    "action_open_mappings",
    "action_open_changes",
    "action_open_errors",
    "action_open_couplings",
    "action_open_conflicts",
    "action_open_jobs",
    "action_open_held_back",
    "action_open_dataverse_errors",
    "action_synchronization_log",
    "action_synchronization_log_of",
}


def buttons(model):
    """Names of the public methods that the addon gives a model."""
    return sorted(
        name
        for name, method in inspect.getmembers(type(model), inspect.isfunction)
        if (name.startswith("action_") or name == "synchronize")
        and "dataverse_sync" in method.__module__
    )


class AccessCase(DataverseCase):
    def setUp(self):
        super().setUp()
        self.people = {
            "public": self.env.ref("base.public_user"),
            "portal": new_test_user(self.env, "portal", "base.group_portal"),
            "internal": new_test_user(
                self.env, "internal", "base.group_user,base.group_partner_manager"
            ),
            "user": new_test_user(
                self.env,
                "user",
                "dataverse_sync.group_user,base.group_partner_manager",
            ),
            "manager": new_test_user(
                self.env,
                "manager",
                "dataverse_sync.group_manager,base.group_partner_manager",
            ),
        }

    def hide(self, partner):
        """A record rule that hides a record from everybody."""
        self.env["ir.rule"].create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {partner.id})]",
            }
        )

    def lock(self, partner):
        """A record rule that lets nobody change a record."""
        self.env["ir.rule"].create(
            {
                "name": "Locked",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {partner.id})]",
                "perm_read": False,
            }
        )

    def assertDenied(self, call, *args, **kwargs):
        """Refused, before anything is sent or written."""
        with (
            patch.object(Transport, "send", side_effect=AssertionError("sent")),
            mute_logger("odoo.addons.base.models.ir_model"),
            mute_logger("odoo.addons.base.models.ir_rule"),
            self.assertRaises(AccessError),
            self.env.cr.savepoint(),
        ):
            call(*args, **kwargs)


@tagged("post_install", "-at_install")
class TestMatrix(AccessCase):
    def models(self):
        """All models of the addon that hold records."""
        models = [
            model
            for name, model in self.env.items()
            if model._original_module == "dataverse_sync" and not model._abstract
        ]
        self.assertGreater(len(models), 15)
        return models

    def test_models(self):
        for model in self.models():
            of_wizard = TICKED.get(model._name, ALL)
            expected = {
                "user": of_wizard
                if model._transient and model._name not in WIZARDS_OF_MANAGERS
                else USER.get(model._name, NOTHING),
                "manager": of_wizard
                if model._transient
                else MANAGER.get(model._name, NOTHING),
            }
            for role, person in self.people.items():
                with self.subTest(model._name, role=role):
                    allowed = {
                        operation
                        for operation in OPERATIONS
                        if model.with_user(person).has_access(operation)
                    }
                    self.assertEqual(allowed, expected.get(role, NOTHING))

    def records(self):
        """A record of each model with buttons."""
        partner, row_id = self.pair()
        self.company(name="A" * 161)
        self.synchronize(self.customers)
        return [
            self.connection,
            self.customers,
            partner.coupling_ids,
            self.env["sync.error"].search([], limit=1),
            self.customers.job_ids[:1],
            self.customers.field_mapping_ids[:1],
        ]

    def test_outsiders_press_no_button(self):
        for record in self.records():
            for name in set(buttons(record)) - OPENS_A_LIST:
                args = (
                    [self.customers.coupling_ids._record()]
                    if name.endswith("_of")
                    else []
                )
                for role in ("public", "portal", "internal"):
                    person = self.people[role]
                    own = [arg.with_user(person) for arg in args]
                    with self.subTest(record._name, button=name, role=role):
                        self.assertDenied(getattr(record.with_user(person), name), *own)

    def test_users_do_not_manage(self):
        for record in self.records():
            for name in OF_MANAGERS.get(record._name, ()):
                with self.subTest(record._name, button=name):
                    self.assertDenied(
                        getattr(record.with_user(self.people["user"]), name)
                    )

    def test_buttons_of_managers_are_all_there(self):
        """A new button is for managers, or somebody has thought about it."""
        for name, known in OF_MANAGERS.items():
            self.assertEqual(set(buttons(self.env[name])) - OPENS_A_LIST, known)

    def test_buttons_on_partners(self):
        """On one's own record, too, the group is needed."""
        partner, _row_id = self.pair()
        for name in set(buttons(partner)) - OPENS_A_LIST:
            for role in ("public", "portal", "internal"):
                record = partner.with_user(self.people[role])
                with self.subTest(name, role=role):
                    self.assertDenied(getattr(record, name))

    def test_manager_manages(self):
        """And needs no other rights than his own for it."""
        connection = self.connection.with_user(self.people["manager"])
        self.company()
        connection.action_disconnect()
        connection.action_connect()
        connection.action_synchronize_modified()
        connection.action_run_full_synchronization()
        counters = connection.mapping_ids.synchronize()
        self.assertEqual((counters["state"], counters["inserted"]), ("done", 1))


@tagged("post_install", "-at_install")
class TestRecordRules(AccessCase):
    """A user synchronizes what he may write, and sees what he may read."""

    def setUp(self):
        super().setUp()
        self.partner, self.row_id = self.pair()
        self.partner.name = "A" * 161
        self.person.write("account", self.row_id, telephone1="1")
        self.synchronize(self.customers)
        self.user = self.people["user"]
        self.coupling = self.partner.coupling_ids.with_user(self.user)
        self.error = (
            self.env["sync.error"]
            .with_user(self.user)
            .search([("res_id", "=", self.partner.id)])
        )
        self.assertTrue(self.error, "the user sees what is about his record")

    def assertNothingDone(self):
        self.assertTrue(self.partner.coupling_ids)
        self.assertEqual(self.error.sudo().state, "open")

    def assertUntouchable(self):
        partner = self.partner.with_user(self.user)
        for call in (
            self.coupling.synchronize,
            self.coupling.action_synchronize_now,
            self.coupling.action_uncouple,
            self.coupling._uncouple,
            self.error.action_retry,
            self.error.action_synchronize,
            self.error.action_resolve,
            self.error.action_delete_coupling,
            self.error.action_restore_record,
            self.error.action_delete_record,
            self.error.action_dismiss,
            self.error.action_set_up_coupling,
            partner.action_set_up_coupling,
            partner.action_match_based_coupling,
            partner.action_synchronize_now,
            partner.action_delete_coupling,
        ):
            with self.subTest(call.__name__):
                self.assertDenied(call)
        self.assertNothingDone()

    def test_locked_record(self):
        """To be read, but not to be written."""
        self.lock(self.partner)
        self.assertTrue(self.error.message)
        self.assertTrue(self.coupling.action_open_in_dataverse())
        self.assertUntouchable()

    def test_wizards_ask_again(self):
        """Whoever calls them directly gets no further."""
        self.lock(self.partner)
        wizards = {
            "integration.coupling.wizard": (
                {
                    "mapping_id": self.customers.id,
                    "res_id": self.partner.id,
                    "external_id": self.row_id,
                },
                ("action_search", "action_create_new", "action_couple"),
            ),
            "integration.synchronize.wizard": (
                {"coupling_ids": [(6, 0, self.coupling.ids)]},
                ("action_synchronize",),
            ),
            "integration.conflict.wizard": (
                {
                    "coupling_ids": [(6, 0, self.coupling.ids)],
                    "coupling_id": self.coupling.id,
                },
                (
                    "action_choose_odoo",
                    "action_apply",
                    "action_all_odoo",
                    "action_all_dataverse",
                ),
            ),
            "integration.uncouple.wizard": (
                {"coupling_ids": [(6, 0, self.coupling.ids)]},
                ("action_uncouple",),
            ),
            "integration.match.wizard": (
                {"mapping_id": self.customers.id, "res_ids": self.partner.ids},
                ("action_preview", "action_apply"),
            ),
        }
        for name, (vals, methods) in wizards.items():
            wizard = self.env[name].with_user(self.user).create(vals)
            for method in methods:
                with self.subTest(name, method=method):
                    self.assertDenied(getattr(wizard, method))
        self.assertNothingDone()

    def test_deleting_all_couplings_of_a_mapping_is_for_managers(self):
        wizard = (
            self.env["integration.uncouple.wizard"]
            .with_user(self.user)
            .create({"mapping_ids": [(6, 0, self.customers.ids)]})
        )
        self.assertDenied(wizard.action_uncouple)
        self.assertNothingDone()

    def test_matching_everything_is_for_managers(self):
        wizard = (
            self.env["integration.match.wizard"]
            .with_user(self.user)
            .create({"mapping_id": self.customers.id})
        )
        self.assertDenied(wizard.action_preview)
        self.assertDenied(wizard.action_apply)

    def test_matching_some_creates_no_others(self):
        """Creating what is missing means the records that were chosen."""
        self.customers.synch_only_coupled = True
        chosen, other = self.company("Chosen"), self.company("Other")
        self.person.create("account", name="Somebody else's")
        wizard = (
            self.env["integration.match.wizard"]
            .with_user(self.user)
            .create(
                {
                    "mapping_id": self.customers.id,
                    "res_ids": chosen.ids,
                    "create_new": True,
                }
            )
        )
        wizard.action_preview()
        wizard.action_apply()
        self.assertTrue(self.coupled(chosen))
        self.assertFalse(self.coupled(other))
        self.assertFalse(
            self.env["res.partner"].search([("name", "=", "Somebody else's")])
        )

    def test_hidden_record(self):
        """Neither its name nor its values are to be seen in what is about it."""
        self.hide(self.partner)
        self.env.invalidate_all()
        for name in ("integration.coupling", "sync.error", "integration.conflict"):
            found = self.env[name].with_user(self.user).search([])
            self.assertNotIn(self.partner.id, found.mapped("res_id"), name)
        self.assertDenied(self.error.read, ["message"])
        self.assertDenied(self.coupling.read, ["external_id"])
        self.assertDenied(self.coupling.action_open_in_dataverse)
        self.assertDenied(self.error.action_open_in_dataverse)
        self.assertUntouchable()

    def test_what_is_theirs_is_theirs(self):
        self.partner.with_user(self.user).name = "Short"
        self.coupling.synchronize()
        self.assertEqual(self.error.state, "resolved")
        self.coupling.action_uncouple()
        self.assertEqual(self.coupling._uncouple(), 1)
        self.partner.with_user(self.user).action_set_up_coupling()


@tagged("post_install", "-at_install")
class TestCompanies(AccessCase):
    def setUp(self):
        super().setUp()
        self.other = self.env["res.company"].create({"name": "Other Company"})
        self.pair()
        uncoupled, _row_id = self.pair("Former")
        uncoupled.coupling_ids._uncouple()
        self.company(name="A" * 161)
        self.synchronize(self.customers)
        self.env["integration.inbox"]._put_hints(self.customers, res_ids=[1])
        self.env["integration.option.mapping"].create(
            {"field_mapping_id": self.customers.field_mapping_ids[0].id, "option": 1}
        )
        self.env["integration.template"].create(
            {
                "name": "Defaults",
                "mapping_id": self.customers.id,
                "line_ids": [(0, 0, {"name": "city", "value": "Odense"})],
            }
        )
        self.connection.company_id = self.other
        self.env.flush_all()
        self.env.invalidate_all()

    def test_nothing_of_another_company_is_seen(self):
        for role in ("user", "manager"):
            for name in (
                "integration.connection",
                "integration.table.mapping",
                "integration.coupling",
                "integration.sync.job",
                "sync.error",
                "integration.field.mapping",
                "integration.option.mapping",
                "integration.template",
                "integration.template.line",
            ):
                with self.subTest(name, role=role):
                    model = self.env[name].with_user(self.people[role])
                    self.assertTrue(model.sudo().search_count([]))
                    self.assertFalse(model.search_count([]))

    def test_nor_what_the_engine_keeps(self):
        for name in (
            "integration.table",
            "integration.checkpoint",
            "integration.inbox",
            "integration.tombstone",
        ):
            with self.subTest(name):
                model = self.env[name].with_user(self.people["manager"])
                self.assertTrue(model.sudo().search_count([]))
                self.assertFalse(model.search_count([]))

    def test_nothing_of_another_company_is_done(self):
        manager = self.people["manager"]
        self.assertDenied(self.connection.with_user(manager).action_connect)
        self.assertDenied(self.customers.with_user(manager).synchronize)
        self.assertDenied(self.customers.coupling_ids.with_user(manager).synchronize)

    def test_a_shared_record_is_not_coupled_to_another_company(self):
        """A partner without company is everybody's; the connection is not."""
        partner = self.company("Shared").with_user(self.people["user"])
        with self.assertRaisesRegex(UserError, "No integration table mapping covers"):
            partner.action_set_up_coupling()

    def test_records_of_another_company_take_no_part(self):
        own = self.env.company
        foreign = self.company("Foreign", company_id=own.id)
        self.synchronize(self.customers)
        self.assertFalse(self.coupled(foreign))


@tagged("post_install", "-at_install")
class TestOpen(HttpCase):
    """The way in from Dynamics 365."""

    def setUp(self):
        super().setUp()
        connection = self.env["integration.connection"].create(
            {
                "name": "Test",
                "code": "open",
                "environment_url": "https://org.crm4.dynamics.com",
                "tenant_id": "tenant",
                "client_id": "client",
            }
        )
        connection.action_use_default_synchronization_setup()
        self.partner = self.env["res.partner"].create(
            {"name": "Acme", "is_company": True}
        )
        self.row_id = str(uuid.uuid4())
        self.env["integration.coupling"]._insert(
            connection.mapping_ids.filtered(lambda m: m.integration_table == "account"),
            [{"res_id": self.partner.id, "external_id": self.row_id}],
        )
        self.person = new_test_user(self.env, "opener", "base.group_user")

    def visit(self, **params):
        query = {"connection": "open", "etn": "account", "id": self.row_id, **params}
        path = "&".join(f"{name}={value}" for name, value in query.items())
        return self.url_open(f"/dataverse_sync/open?{path}", allow_redirects=False)

    def test_needs_a_login(self):
        answer = self.visit()
        self.assertEqual(answer.status_code, 303)
        self.assertIn("/web/login", answer.headers["Location"])

    def test_opens_the_record(self):
        self.authenticate("opener", "opener")
        for row_id in (self.row_id, f"{{{self.row_id.upper()}}}"):
            answer = self.visit(id=row_id)
            self.assertEqual(answer.status_code, 303)
            self.assertTrue(
                answer.headers["Location"].endswith(
                    f"/odoo/res.partner/{self.partner.id}"
                )
            )

    def assertExplained(self, sentence, **params):
        answer = self.visit(**params)
        self.assertEqual(answer.status_code, 404)
        self.assertIn(sentence, answer.text)
        self.assertNotIn("Acme", answer.text)

    def test_says_what_is_wrong(self):
        self.authenticate("opener", "opener")
        self.assertExplained("not coupled to a record", id=uuid.uuid4())
        self.assertExplained("does not name a connection", connection="other")
        self.assertExplained("not coupled to a record", etn="contact")
        self.assertExplained("names no row", id="1 or 1=1")
        self.assertExplained("names no table", etn="../x")

    def test_checks_the_rights_of_whoever_opens(self):
        self.env["ir.rule"].create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {self.partner.id})]",
            }
        )
        self.authenticate("opener", "opener")
        self.assertExplained("You may not see the record")
