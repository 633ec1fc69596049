"""Match-Based Coupling: found, shown, decided, coupled, in the background too."""

from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from ..engine import match
from ..wizards import integration_match_wizard
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestMatchBasedCoupling(DataverseCase):
    def setUp(self):
        super().setUp()
        self.customers.synch_only_coupled = True

    def match_on(self, *criteria, degree=88):
        """Replace the criteria of CUSTOMER by ``(field, compared as)``, best first."""
        lines = self.customers.field_mapping_ids
        lines.match_key = False
        for priority, (name, kind) in enumerate(criteria, 1):
            lines.filtered(lambda line, name=name: line.field_name == name).write(
                {
                    "match_key": True,
                    "match_by": kind,
                    "match_priority": priority,
                    "match_degree": degree,
                }
            )

    def find(self, **vals):
        wizard = self.env["integration.match.wizard"].create(
            {"mapping_id": self.customers.id, "synchronize": "no", **vals}
        )
        wizard.action_preview()
        return wizard

    def lines(self, wizard, kind):
        return self.env["integration.match.wizard.line"].search(
            [("wizard_id", "=", wizard.id), ("kind", "=", kind)]
        )

    def names(self, wizard, kind):
        return [
            (line.odoo_name, line.dataverse_name) for line in self.lines(wizard, kind)
        ]

    def run_cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("dataverse_sync.ir_cron_match").method_direct_trigger()
        self.env.invalidate_all()

    # -- what is found ----------------------------------------------------------------

    def test_every_result_has_its_place(self):
        self.match_on(("email", "email"))
        self.company("Pair", email="Pair@x.example")
        self.company("Twin", email="twin@x.example")
        for name in ("Double 1", "Double 2"):
            self.company(name, email="double@x.example")
        self.company("Ours alone")
        for name, address in (
            ("Pair Inc.", " pair@X.example"),
            ("Twin East", "twin@x.example"),
            ("Twin West", "twin@x.example"),
            ("Copy 1", "copy@x.example"),
            ("Copy 2", "copy@x.example"),
            ("Theirs alone", None),
        ):
            self.person.create("account", name=name, emailaddress1=address)
        wizard = self.find()
        self.assertEqual(self.names(wizard, "matched"), [("Pair", "Pair Inc.")])
        self.assertCountEqual(
            self.names(wizard, "ambiguous"),
            [("Twin", "Twin East"), ("Twin", "Twin West")],
        )
        doubles = [line[0] for line in self.names(wizard, "duplicate_odoo")]
        self.assertEqual(doubles, ["Double 1", "Double 2"])
        self.assertCountEqual(
            [line[1] for line in self.names(wizard, "duplicate_dataverse")],
            ["Copy 1", "Copy 2"],
        )
        self.assertIn(("Ours alone", False), self.names(wizard, "unmatched_odoo"))
        self.assertEqual(
            self.names(wizard, "unmatched_dataverse"), [(False, "Theirs alone")]
        )
        self.assertEqual((wizard.matched, wizard.ambiguous), (1, 1))
        self.assertEqual((wizard.duplicates, wizard.unmatched_dataverse), (4, 1))
        ticked = self.lines(wizard, "matched") | self.lines(wizard, "ambiguous")
        self.assertEqual(ticked.filtered("selected").mapped("odoo_name"), ["Pair"])
        self.assertEqual(
            self.lines(wizard, "matched").reason, "same Email: Pair@x.example"
        )
        self.assertFalse(self.customers.coupling_ids)

    def test_several_records_for_one_row(self):
        self.match_on(("phone", "phone"))
        for name in ("East", "West"):
            self.company(name, phone="+45 33 12 34 56")
        self.person.create("account", name="Acme", telephone1="33123456")
        wizard = self.find()
        self.assertEqual(
            self.names(wizard, "ambiguous"), [("East", "Acme"), ("West", "Acme")]
        )
        self.assertFalse(self.lines(wizard, "ambiguous").filtered("selected"))

    def test_names_without_legal_form_and_similar_ones(self):
        self.match_on(("vat", "tax"), ("phone", "phone"), ("name", "company"))
        self.company("Nordlys A/S")
        self.person.create("account", name="NORDLYS, ApS")
        self.company("Zelbergvin Trading")
        self.person.create("account", name="Zelbergvni Trading GmbH")
        wizard = self.find()
        self.assertEqual(
            self.names(wizard, "matched"), [("Nordlys A/S", "NORDLYS, ApS")]
        )
        self.match_on(("vat", "tax"), ("phone", "phone"), ("name", "similar"))
        wizard = self.find()
        self.assertEqual(
            wizard.matched,
            2,
            self.lines(wizard, "unmatched_odoo").mapped("odoo_name")
            + [wizard.criteria],
        )
        reasons = self.lines(wizard, "matched").mapped("reason")
        self.assertIn("similar Name (100 %)", reasons)
        self.assertTrue(any("9" in reason for reason in reasons), reasons)

    def test_what_is_coupled_or_outside_takes_no_part(self):
        self.match_on(("email", "email"))
        self.customers.filter_domain = (
            "[('is_company', '=', True), ('ref', '!=', 'no')]"
        )
        self.customers.synch_only_coupled = False
        coupled, row_id = self.pair("Coupled", emailaddress1="a@x.example")
        coupled.email = "a@x.example"
        self.person.create("account", name="Coupled 2", emailaddress1="a@x.example")
        self.company("Archived", email="b@x.example", active=False)
        self.person.create("account", name="Archived", emailaddress1="b@x.example")
        self.company("Outside", email="c@x.example", ref="no")
        self.person.create("account", name="Outside", emailaddress1="c@x.example")
        self.company("Row outside", email="d@x.example")
        self.person.create("account", name="Row", emailaddress1="d@x.example")
        self.customers.integration_filter = "name ne 'Row'"
        wizard = self.find()
        self.assertFalse(self.lines(wizard, "ambiguous"))
        # Whether a record is archived is synchronized too.
        self.assertEqual(self.names(wizard, "matched"), [("Archived", "Archived")])
        self.assertEqual(self.coupled(coupled), row_id)

    def test_records_that_a_person_may_not_change_are_not_told_of(self):
        self.match_on(("email", "email"))
        for name in ("Secret", "Mine"):
            self.company(name, email="both@x.example")
        self.company("Secret too", email="s@x.example")
        self.env["ir.rule"].create(
            {
                "name": "Secret",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": "[('name', 'not like', 'Secret')]",
            }
        )
        self.person.create("account", name="Acme", emailaddress1="both@x.example")
        self.person.create("account", name="Other", emailaddress1="s@x.example")
        manager = new_test_user(
            self.env,
            "matcher",
            "dataverse_sync.group_manager,base.group_partner_manager",
        )
        wizard = (
            self.env["integration.match.wizard"]
            .with_user(manager)
            .create({"mapping_id": self.customers.id, "synchronize": "no"})
        )
        wizard.action_preview()
        told = self.env["integration.match.wizard.line"].search(
            [("wizard_id", "=", wizard.id)]
        )
        self.assertFalse([n for n in told.mapped("odoo_name") if n and "Secret" in n])
        # That there is another one is why it is not decided by itself.
        self.assertEqual(self.names(wizard, "ambiguous"), [("Mine", "Acme")])
        self.assertEqual(wizard.matched, 0)

    def test_selected_records_are_compared_with_all(self):
        self.match_on(("email", "email"))
        chosen = self.company("Chosen", email="x@x.example")
        self.company("Not chosen", email="x@x.example")
        self.person.create("account", name="Acme", emailaddress1="x@x.example")
        wizard = self.find(res_ids=chosen.ids)
        self.assertEqual(self.names(wizard, "ambiguous"), [("Chosen", "Acme")])
        self.assertFalse(self.lines(wizard, "unmatched_dataverse"))

    # -- deciding and coupling --------------------------------------------------------

    def test_ticking_a_candidate_unticks_the_others(self):
        self.match_on(("email", "email"))
        twin = self.company("Twin", email="twin@x.example")
        rows = [
            self.person.create("account", name=name, emailaddress1="twin@x.example")
            for name in ("Twin East", "Twin West")
        ]
        wizard = self.find()
        east, west = self.lines(wizard, "ambiguous").sorted("dataverse_name")
        east.selected = True
        west.selected = True
        self.assertFalse(east.selected)
        wizard.action_apply()
        self.assertEqual(self.coupled(twin), rows[1])
        self.assertEqual((wizard.state, west.outcome), ("done", "Coupled"))

    def test_only_what_to_couple_can_be_changed(self):
        self.match_on(("email", "email"))
        self.company("Pair", email="p@x.example")
        other = self.company("Other")
        self.person.create("account", name="Pair", emailaddress1="p@x.example")
        line = self.lines(self.find(), "matched")
        with self.assertRaises(AccessError):
            line.with_user(self.env.ref("base.user_admin")).res_id = other.id

    def test_nothing_is_coupled_before_it_was_shown(self):
        wizard = self.env["integration.match.wizard"].create(
            {"mapping_id": self.customers.id}
        )
        with self.assertRaisesRegex(UserError, "Find the matches first"):
            wizard.action_apply()

    def test_what_changed_since_is_left_alone(self):
        self.match_on(("email", "email"))
        partners, rows = {}, {}
        for name in ("Busy", "Gone", "Right"):
            partners[name] = self.company(name, email=f"{name}@x.example")
            rows[name] = self.person.create(
                "account", name=name, emailaddress1=f"{name}@x.example"
            )
        wizard = self.find()
        other = self.person.create("account", name="Another")
        self.env["integration.coupling"].create(
            {
                "mapping_id": self.customers.id,
                "res_id": partners["Busy"].id,
                "external_id": other,
            }
        )
        self.person.delete("account", rows["Gone"])
        wizard.action_apply()
        outcomes = {
            line.odoo_name: line.outcome for line in self.lines(wizard, "matched")
        }
        self.assertEqual(outcomes["Right"], "Coupled")
        self.assertIn("coupled already", outcomes["Busy"])
        self.assertIn("does not exist", outcomes["Gone"])
        self.assertEqual(self.coupled(partners["Busy"]), other)
        self.assertFalse(self.coupled(partners["Gone"]))

    def test_create_what_is_missing_on_both_sides(self):
        self.match_on(("email", "email"))
        ours = self.company("Ours", email="ours@x.example")
        doubles = self.company("D", email="d@x.example") | self.company(
            "E", email="d@x.example"
        )
        theirs = self.person.create("account", name="Theirs")
        wizard = self.find(
            create_new=True,
            synchronize="get",
        )
        # Only these matter here.
        for line in self.lines(wizard, "unmatched_odoo"):
            line.selected = line.res_id == ours.id
        wizard.action_apply()
        self.assertTrue(self.coupled(ours))
        self.assertFalse(doubles.filtered(self.coupled))
        self.assertTrue(
            self.env["integration.coupling"].search([("external_id", "=", theirs)])
        )
        self.assertEqual(self.lines(wizard, "unmatched_dataverse").outcome, "Created")

    # -- in the background ------------------------------------------------------------

    def many(self, number=7):
        self.match_on(("email", "email"))
        partners = self.env["res.partner"]
        for n in range(number):
            partners |= self.company(f"M{n}", email=f"m{n}@x.example", phone="1")
            self.person.create("account", name=f"R{n}", emailaddress1=f"m{n}@x.example")
        return partners

    def test_many_are_found_and_coupled_in_the_background(self):
        partners = self.many()
        with (
            patch.object(match, "WAITED_FOR", 3),
            patch.object(match, "BATCH", 2),
            patch.object(integration_match_wizard, "AT_ONCE", 3),
            patch.object(integration_match_wizard, "CHUNK", 2),
        ):
            wizard = self.find(synchronize="get")
            self.assertEqual((wizard.state, wizard.matched), ("finding", 0))
            self.run_cron()
            self.assertEqual((wizard.state, wizard.matched), ("preview", 7))
            wizard.action_apply()
            self.assertEqual(wizard.state, "applying")
            self.assertFalse(self.customers.coupling_ids)
            # Whoever closed the window finds it again.
            action = self.customers.action_match_based_coupling()
            self.assertEqual(action["res_id"], wizard.id)
            self.run_cron()
        self.assertEqual((wizard.state, wizard.message[:9]), ("done", "7 coupled"))
        self.assertEqual(partners.mapped("name"), [f"R{n}" for n in range(7)])
        job = self.env["integration.sync.job"].search([("kind", "=", "coupling")])
        self.assertEqual((job.state, job.coupled), ("done", 7))

    def test_stopped_it_goes_on_where_it_was(self):
        partners = self.many()
        progress = type(self.env["integration.engine.progress"])
        check = progress._check_stop
        times = iter((False, True))

        def stop_in_the_second_batch(engine, session):
            if next(times, False):
                self.env["integration.stop"].create({"job_id": session.job.id})
            return check(engine, session)

        wizard = self.find()
        with (
            patch.object(match, "BATCH", 2),
            patch.object(integration_match_wizard, "AT_ONCE", 3),
        ):
            wizard.action_apply()
            with patch.object(progress, "_check_stop", stop_in_the_second_batch):
                self.run_cron()
            self.assertEqual(wizard.state, "preview")
            self.assertIn("Stopped", wizard.message)
            self.assertEqual(len(self.customers.coupling_ids), 4)
            self.assertEqual(wizard.done_count, 4)
            wizard.action_apply()
        self.assertEqual(wizard.state, "done")
        self.assertEqual(len(self.customers.coupling_ids), len(partners))

    def test_a_busy_table_is_said_and_nothing_is_lost(self):
        self.many(1)
        wizard = self.find()
        self.env["integration.checkpoint"]._of(self.customers)._acquire()
        wizard.state = "applying"
        self.run_cron()
        self.assertEqual(wizard.state, "preview")
        self.assertIn("synchronized already", wizard.message)
        self.assertTrue(self.lines(wizard, "matched").selected)

    def test_before_it_began_it_is_simply_not_done(self):
        self.many(1)
        wizard = self.find()
        wizard.state = "applying"
        wizard.action_stop()
        self.assertEqual(wizard.state, "preview")

    def test_what_was_found_is_removed_after_some_days(self):
        self.many(1)
        wizard = self.find()
        line = self.lines(wizard, "matched")
        wizard._transient_vacuum()
        self.assertTrue(wizard.exists())
        self.env.cr.execute(
            "UPDATE integration_match_wizard SET write_date = now() at time zone 'UTC'"
            " - interval '4 days' WHERE id = %s",
            [wizard.id],
        )
        wizard._transient_vacuum()
        self.assertFalse(wizard.exists() or line.exists())

    # -- what is refused --------------------------------------------------------------

    def test_without_the_library_similar_names_say_how_to_get_it(self):
        with patch.object(match, "process", None):
            with self.assertRaisesRegex(UserError, "pip install rapidfuzz"):
                self.match_on(("name", "similar"))
        self.match_on(("name", "similar"))
        with patch.object(match, "process", None):
            with self.assertRaisesRegex(UserError, "pip install rapidfuzz"):
                self.find()

    def test_comparisons_that_make_no_sense_are_refused(self):
        with self.assertRaisesRegex(ValidationError, "50 to 100"):
            self.match_on(("name", "similar"), degree=10)
        with self.assertRaisesRegex(ValidationError, "compare it as Text"):
            self.match_on(("country_id", "phone"))

    # -- what a run makes of it -------------------------------------------------------

    def test_a_run_couples_by_number_and_name_before_it_creates(self):
        self.match_on(("vat", "tax"), ("phone", "phone"), ("name", "company"))
        self.customers.synch_only_coupled = False
        self.synchronize(self.customers)
        before = len(self.person.all("account", "name"))
        partners = self.company("Acme", phone="+45 33 12 34 56") | self.company(
            "Nordlys A/S"
        )
        rows = [
            self.person.create(
                "account", name="Acme Denmark", telephone1="33-12-34-56"
            ),
            self.person.create("account", name="Nordlys ApS"),
        ]
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["coupled"], counters["inserted"]), (2, 0), counters)
        self.assertEqual([self.coupled(partner) for partner in partners], rows)
        self.assertEqual(len(self.person.all("account", "name")), before + 2)

    def test_a_row_that_comes_later_finds_its_record(self):
        self.match_on(("phone", "phone"), ("name", "company"))
        partners = self.company("Acme", phone="+45 33 12 34 56") | self.company(
            "Nordlys A/S"
        )
        self.synchronize(self.customers)
        self.customers.direction = "from_integration"
        self.customers.synch_only_coupled = False
        rows = [
            self.person.create(
                "account", name="Acme Denmark", telephone1="33-12-34-56"
            ),
            self.person.create("account", name="Nordlys ApS"),
        ]
        self.synchronize(self.customers)
        self.assertEqual([self.coupled(partner) for partner in partners], rows)

    def test_a_run_never_couples_what_is_only_similar(self):
        self.match_on(("name", "similar"))
        self.customers.synch_only_coupled = False
        partner = self.company("Zelbergvin Trading")
        row_id = self.person.create("account", name="Zelbergvni Trading")
        self.synchronize(self.customers)
        self.assertNotEqual(self.coupled(partner), row_id)

    def test_set_up_coupling_suggests_by_the_same_comparisons(self):
        self.match_on(("phone", "phone"))
        partner = self.company("Acme", phone="+45 33 12 34 56")
        row_id = self.person.create("account", name="Acme DK", telephone1="33123456")
        wizard = self.env["integration.coupling.wizard"].browse(
            partner.action_set_up_coupling()["res_id"]
        )
        self.assertIn(row_id, wizard.candidate_ids.mapped("external_id"))
