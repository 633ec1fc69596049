"""From Dynamics 365: the button opens the record, and couples or creates when asked."""

import io
import zipfile
from urllib.parse import urlencode

from lxml import html

from odoo.tests import HttpCase, new_test_user, tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestOpenRecord(DataverseCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.user = new_test_user(
            self.env, "seller", "dataverse_sync.group_user,base.group_partner_manager"
        )
        self.row_id = self.person.create(
            "account", name="Acme", emailaddress1="info@acme.example"
        )
        self.authenticate("seller", "seller")

    def open(self, row_id=None, **also):
        """What the button of a row leads to."""
        self.env.flush_all()
        named = {"connection": "test", "etn": "account", "id": row_id or self.row_id}
        address = f"/dataverse_sync/open?{urlencode(named | also)}"
        return self.url_open(address, allow_redirects=False)

    def page(self, **also):
        answer = self.open(**also)
        self.assertEqual(answer.status_code, 200, answer.text)
        return html.fromstring(answer.text)

    def submit(self, page, choice):
        """Press the button of the page, with a choice."""
        (form,) = page.xpath("//form[@action='/dataverse_sync/couple']")
        data = dict(form.form_values()) | {"choice": str(choice)}
        answer = self.url_open(form.action, data=data, allow_redirects=False)
        self.env.invalidate_all()
        return answer

    def assertOpens(self, answer, partner):
        self.assertEqual(answer.status_code, 303, answer.text)
        self.assertTrue(
            answer.headers["Location"].endswith(f"/odoo/res.partner/{partner.id}"),
            answer.headers["Location"],
        )

    def choices(self, page):
        return {node.get("value") for node in page.xpath("//*[@name='choice']")}

    def snapshot(self):
        return (
            self.env["res.partner"].search_count([]),
            self.env["integration.coupling"].search_count([]),
            self.env["integration.sync.job"].search_count([]),
        )

    # -- ways in ----------------------------------------------------------------------

    def test_coupled_row_opens_its_record(self):
        partner, row_id = self.pair("Beta")
        self.assertOpens(self.open(row_id), partner)
        self.assertOpens(self.open(f"{{{row_id.upper()}}}"), partner)
        self.assertOpens(self.open(row_id, connection=""), partner)

    def test_looking_changes_nothing(self):
        """Any page may lead here: only the button of the page that is shown writes."""
        self.company("Acme", email="info@acme.example")
        before = self.snapshot()
        self.page()
        self.assertEqual(self.snapshot(), before)
        data = {"connection": "test", "etn": "account", "id": self.row_id}
        for forged in (data | {"choice": "new"}, data | {"csrf_token": "x"}):
            answer = self.url_open("/dataverse_sync/couple", data=forged)
            self.assertEqual(answer.status_code, 400)
        self.assertEqual(self.url_open("/dataverse_sync/couple").status_code, 405)
        self.assertEqual(self.snapshot(), before)

    def test_one_match_is_coupled(self):
        partner = self.company("Acme", email="info@acme.example", phone="1")
        page = self.page()
        self.assertIn("same Email", page.text_content())
        self.assertTrue(page.xpath(f"//input[@value='{partner.id}'][@checked]"))
        self.assertOpens(self.submit(page, partner.id), partner)
        self.assertEqual(self.coupled(partner), self.row_id)
        self.assertEqual(
            self.person.read("account", self.row_id, "telephone1"), {"telephone1": "1"}
        )

    def test_nothing_matches_and_the_mapping_creates(self):
        page = self.page()
        self.assertIn("Create in Odoo", page.text_content())
        answer = self.submit(page, "new")
        partner = self.partner_of(self.row_id)
        self.assertEqual(partner.name, "Acme")
        self.assertOpens(answer, partner)
        self.assertOpens(self.submit(page, "new"), partner)
        self.assertEqual(
            self.env["res.partner"].search_count([("name", "=", "Acme")]), 1
        )

    def test_ambiguous_is_asked(self):
        email = "info@acme.example"
        one, two = self.company("One", email=email), self.company("Two", email=email)
        page = self.page()
        self.assertEqual(self.choices(page), {str(one.id), str(two.id), "new"})
        self.assertFalse(
            page.xpath("//input[@checked]"), "nothing is chosen beforehand"
        )
        self.assertOpens(self.submit(page, two.id), two)
        self.assertFalse(self.coupled(one))
        self.assertEqual(self.coupled(two), self.row_id)

    def test_a_match_may_be_declined(self):
        partner = self.company("Other", email="info@acme.example")
        self.assertEqual(self.submit(self.page(), "new").status_code, 303)
        self.assertFalse(self.coupled(partner))
        self.assertEqual(self.partner_of(self.row_id).name, "Acme")

    # -- no way in --------------------------------------------------------------------

    def assertExplains(self, answer, sentence):
        self.assertEqual(answer.status_code, 404)
        self.assertIn(sentence, html.fromstring(answer.text).text_content())

    def test_what_the_mapping_does_not_allow(self):
        page = self.page()
        self.customers.synch_only_coupled = True
        self.assertFalse(self.choices(self.page()))
        self.assertIn("creates no records", self.page().text_content())
        self.assertExplains(self.submit(page, "new"), "creates no records")
        self.customers.write(
            {"synch_only_coupled": False, "direction": "to_integration"}
        )
        self.assertFalse(self.choices(self.page()))
        self.assertFalse(self.partner_of(self.row_id))

    def test_what_the_user_may_not_do(self):
        page = self.page()
        self.user.group_ids -= self.env.ref("base.group_partner_manager")
        self.assertIn("may not create", self.page().text_content())
        self.assertExplains(self.submit(page, "new"), "may not create")
        self.user.group_ids -= self.env.ref("dataverse_sync.group_user")
        self.assertExplains(self.open(), "you may not couple it")
        self.assertFalse(self.partner_of(self.row_id))

    def test_a_match_that_is_hidden_is_not_doubled(self):
        secret = self.company("Secret", email="info@acme.example")
        self.env["ir.rule"].create(
            {
                "name": "Hide",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "groups": [(4, self.env.ref("dataverse_sync.group_user").id)],
                "domain_force": f"[('id', '!=', {secret.id})]",
            }
        )
        page = self.page()
        self.assertNotIn("Secret", page.text_content())
        self.assertIn("could make a duplicate", page.text_content())
        self.assertFalse(self.choices(page))
        for choice in ("new", secret.id):
            self.assertExplains(self.submit(page, choice), "could make a duplicate")
        self.assertFalse(self.coupled(secret))

    def test_a_record_that_does_not_match_cannot_be_forced(self):
        other = self.company("Stranger")
        answer = self.submit(self.page(), other.id)
        self.assertEqual(answer.status_code, 404)
        self.assertFalse(self.coupled(other))

    def test_rows_that_take_no_part(self):
        self.customers.integration_filter = "customertypecode eq 3"
        self.assertExplains(self.open(), "takes no part")
        self.assertExplains(self.open(etn="lead"), "No table mapping")
        self.assertExplains(self.open(etn="a b"), "names no table")
        self.assertExplains(self.open("x"), "names no row")
        self.assertExplains(self.open(connection="other"), "does not name a connection")

    def test_connection_that_rests(self):
        partner, row_id = self.pair("Beta")
        later = self.person.create("account", name="Gamma")
        self.connection._suspend("For the test")
        self.assertOpens(self.open(row_id), partner)
        self.assertExplains(self.open(later), "is suspended")

    def test_the_button_is_for_managers_to_download(self):
        self.assertEqual(self.url_open("/dataverse_sync/solution").status_code, 404)
        self.user.group_ids += self.env.ref("dataverse_sync.group_manager")
        action = self.connection.with_user(self.user).action_download_solution()
        self.env.flush_all()
        answer = self.url_open(action["url"])
        self.assertEqual(answer.headers["Content-Type"], "application/zip")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            self.assertIn("solution.xml", archive.namelist())
        self.assertTrue(
            self.connection.open_address.endswith(
                "/dataverse_sync/open?connection=test"
            )
        )

    def test_name_of_a_row_is_text(self):
        row_id = self.person.create("account", name="<script>alert(1)</script>")
        answer = self.open(row_id)
        self.assertNotIn("<script>alert", answer.text)
        self.assertIn("&lt;script&gt;alert(1)", answer.text)
