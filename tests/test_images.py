"""Images: both ways, at their limits, and only when they really change."""

import base64
import io
import random
from datetime import timedelta
from unittest.mock import patch

from PIL import Image

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .. import dataverse
from ..engine import images
from .common import DataverseCase

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def picture(color="red", size=(60, 40), kind="PNG", noise=0):
    """A picture as the bytes of a file; `noise`: bytes that cannot be compressed."""
    image = Image.new("RGB", size, color)
    if noise:
        side = int((noise / 3) ** 0.5)
        image = Image.effect_noise((side, side), 90).convert("RGB")
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def pixels(content):
    with Image.open(io.BytesIO(content)) as image:
        return image.size


@tagged("post_install", "-at_install")
class TestImages(DataverseCase):
    defaults = ["CUSTOMER"]

    def setUp(self):
        super().setUp()
        self.line = self.customers.field_mapping_ids.filtered(
            lambda line: line.field_name == "image_1920"
        )
        self.line.enabled = True
        self.customers.synchronize()

    def run_(self, **expected):
        """Run the mapping, and look at its counters."""
        counters = self.customers.synchronize()
        found = {name: counters[name] for name in expected}
        self.assertEqual(found, expected, self.errors().mapped("message"))
        return counters

    def assertRests(self):
        """Three more runs transfer nothing, and only look for changes."""
        for _ in range(3):
            counters = self.run_(inserted=0, modified=0, failed=0, conflicts=0)
            self.assertEqual(counters["requests"], 1)

    def errors(self):
        return self.env["sync.error"].search(
            [("mapping_id", "=", self.customers.id), ("state", "=", "open")]
        )

    def in_odoo(self, partner):
        partner.invalidate_recordset()
        return base64.b64decode(partner.image_1920 or b"")

    def in_dataverse(self, row_id):
        """What Dataverse shows: a thumbnail."""
        return self.person.client.image(
            self.person._table("account"), row_id, "entityimage"
        )

    def put(self, row_id, content):
        """Somebody changes the image in Dynamics 365."""
        value = content and dataverse.Picture("", content)
        self.person.write("account", row_id, entityimage=value)

    def save(self, partner, content):
        """Somebody changes the image in Odoo, in a transaction of their own."""
        cr = self.env.cr
        # It is the time of the transaction that tells Odoo to touch the record.
        cr._now = cr.now() + timedelta(seconds=1)
        partner.image_1920 = content and base64.b64encode(content)

    # -- there and back ---------------------------------------------------------------

    def test_a_new_company_brings_its_picture_to_dataverse(self):
        partner = self.company(image_1920=base64.b64encode(picture(size=(300, 200))))
        self.run_(inserted=1, modified=1, failed=0)
        row_id = self.coupled(partner)
        self.assertEqual(pixels(self.in_dataverse(row_id)), (144, 144))
        self.assertRests()
        self.assertEqual(pixels(self.in_odoo(partner)), (300, 200))

    def test_a_new_row_brings_its_picture_to_odoo(self):
        row_id = self.person.create("account", name="Acme")
        self.put(row_id, picture("blue"))
        self.run_(inserted=1, modified=0, failed=0)
        partner = self.partner_of(row_id)
        self.assertEqual(self.in_odoo(partner), self.in_dataverse(row_id))
        self.assertRests()

    def test_a_change_travels_either_way(self):
        partner, row_id = self.pair()
        self.save(partner, picture("green"))
        self.run_(modified=1, failed=0)
        green = self.in_dataverse(row_id)
        self.assertEqual(pixels(green), (40, 40))
        self.assertRests()
        self.put(row_id, picture("blue", (20, 20)))
        self.run_(modified=1, failed=0)
        self.assertEqual(pixels(self.in_odoo(partner)), (20, 20))
        self.assertRests()

    def test_removing_travels_either_way(self):
        partner, row_id = self.pair()
        self.save(partner, picture())
        self.run_(modified=1)
        self.save(partner, False)
        self.run_(modified=1, failed=0)
        self.assertIsNone(self.in_dataverse(row_id))
        self.assertRests()
        self.put(row_id, picture())
        self.run_(modified=1)
        self.put(row_id, None)
        self.run_(modified=1, failed=0)
        self.assertFalse(self.in_odoo(partner))
        self.assertRests()

    def test_every_kind_arrives_as_it_is(self):
        """Where Dataverse keeps images in full, nothing is lost on the way."""
        self.full_size()
        for kind in ("PNG", "JPEG", "GIF", "BMP"):
            sent = picture("green", (300, 200), kind)
            row_id = self.person.create("account", name=kind)
            self.put(row_id, sent)
            self.run_(inserted=1, failed=0)
            partner = self.partner_of(row_id)
            self.assertEqual(pixels(self.in_odoo(partner)), (300, 200), kind)
            self.save(partner, picture("red", (200, 100), kind))
            held = self.in_odoo(partner)
            self.run_(modified=1, failed=0)
            self.assertEqual(self.in_dataverse(row_id), held, kind)
        self.assertRests()

    # -- what does not travel ---------------------------------------------------------

    def test_a_change_of_something_else_leaves_the_image_alone(self):
        partner, row_id = self.pair()
        self.save(partner, picture(size=(300, 200)))
        self.run_(modified=1)
        asked = self.person.read("account", row_id, "entityimage")
        partner.phone = "+4533112233"
        self.run_(modified=1)
        self.assertEqual(self.person.read("account", row_id, "entityimage"), asked)
        self.person.write("account", row_id, telephone2="+4544556677")
        with patch.object(dataverse.Client, "image") as image:
            self.customers.synchronize()
        image.assert_not_called()
        self.assertEqual(pixels(self.in_odoo(partner)), (300, 200))

    def test_asking_for_a_direction_does_not_fetch_what_is_unchanged(self):
        """The thumbnail must not come to replace the image that it was made of."""
        partner, _row_id = self.pair()
        self.save(partner, picture(size=(300, 200)))
        self.run_(modified=1)
        coupling = self.customers.coupling_ids
        coupling.synchronize(direction="get")
        coupling.synchronize(direction="send")
        self.assertEqual(pixels(self.in_odoo(partner)), (300, 200))
        self.assertRests()

    def test_two_pictures_of_a_new_pair_are_no_conflict(self):
        partner = self.company(ref="C1")
        self.save(partner, picture(size=(300, 200)))
        row_id = self.person.create("account", name="Acme", accountnumber="C1")
        self.put(row_id, picture("blue"))
        self.run_(conflicts=0, failed=0)
        self.assertEqual(self.coupled(partner), row_id)
        self.assertEqual(pixels(self.in_odoo(partner)), (300, 200))
        self.assertRests()

    def test_looking_for_changes_moves_no_image(self):
        row_id = self.person.create("account", name="Acme")
        self.put(row_id, picture(noise=20_000))
        columns = self.env["integration.engine.run"]._look(self.customers).columns
        table = self.person._table("account")
        self.assertIn("entityimage", columns)
        self.assertIn("entityimage_timestamp", table.select(columns))
        self.assertNotIn("entityimage", table.select(columns))
        (page,) = self.person.client.changes(table, columns)
        self.assertIsInstance(page.rows[0].values["entityimage"], int)

    # -- limits -----------------------------------------------------------------------

    def column(self, **switches):
        """An administrator changes the image column."""
        path = "columns/account/entityimage"
        self.simulator.control("PUT", path, **switches)
        gateway = self.env["integration.engine.gateway"]
        gateway._metadata(self.connection, "account", refresh=True)
        self.person.tables.clear()

    def full_size(self):
        self.column(full_image=True)

    def assertRefused(self, partner, *words):
        """The image stays away, one sentence says why, everything else travels."""
        partner.phone = "+4533112233"
        self.run_(failed=1)
        row_id = self.coupled(partner)
        self.assertIsNone(self.in_dataverse(row_id))
        phone = self.person.read("account", row_id, "telephone1")
        self.assertEqual(phone, {"telephone1": "+4533112233"})
        (error,) = self.errors()
        self.assertEqual(error.field_name, "image_1920")
        for word in words:
            self.assertIn(word, error.message)
        return row_id

    def test_the_largest_picture_and_one_that_is_too_large(self):
        self.column(max_length=20)
        partner, row_id = self.pair()
        large = picture("red", kind="BMP", size=(80, 80))
        large += b"\0" * (20 * 1024 - len(large))
        field = self.env["res.partner"]._fields["image_1920"]
        with patch.object(type(field), "_image_process", lambda _f, value, _e: value):
            self.save(partner, large + b"\0")
            self.assertRefused(partner, "Default Image", "20 kB", "Power Apps")
            self.save(partner, large)
        self.run_(modified=1, failed=0)
        self.assertTrue(self.in_dataverse(row_id))
        self.assertFalse(self.errors())
        self.assertRests()

    def test_a_drawing_is_refused_with_a_sentence(self):
        """Odoo keeps SVG as it is, and a company's logo often is one."""
        partner, row_id = self.pair()
        self.save(partner, SVG)
        self.assertRefused(partner, "Default Image", "PNG")
        self.save(partner, picture())
        self.run_(modified=1, failed=0)
        self.assertTrue(self.in_dataverse(row_id))
        self.assertFalse(self.errors())

    def test_a_picture_that_odoo_cannot_read_holds_back_nothing_else(self):
        partner, row_id = self.pair()
        self.put(row_id, picture())
        self.person.write("account", row_id, telephone1="+4533112233")
        with patch.object(dataverse.Client, "image", return_value=b"no picture"):
            self.run_(failed=1)
        self.assertFalse(self.in_odoo(partner))
        self.assertEqual(partner.phone, "+4533112233")
        self.assertEqual(self.errors().field_name, "image_1920")
        self.customers.coupling_ids.synchronize()
        self.assertTrue(self.in_odoo(partner))
        self.assertFalse(self.errors())

    def test_a_picture_that_is_gone_when_it_is_fetched(self):
        partner, row_id = self.pair()
        self.put(row_id, picture())
        fetch = dataverse.Client.image

        def too_late(client, *args):
            if not self.too_late:
                self.too_late = True
                self.put(row_id, None)
            return fetch(client, *args)

        self.too_late = False
        with patch.object(dataverse.Client, "image", too_late):
            self.run_(failed=0)
        self.assertTrue(self.too_late)
        self.assertFalse(self.in_odoo(partner))
        self.assertRests()

    def test_what_does_not_fit_into_memory_comes_next(self):
        partners = [self.company(f"C{number}") for number in range(5)]
        self.customers.synchronize()
        for partner in partners:
            self.save(partner, picture(noise=3_000))
        with patch.object(images, "BYTES_AT_ONCE", 5_000):
            self.run_(modified=5, failed=0)
        for partner in partners:
            self.put(self.coupled(partner), picture(noise=9_000))
        with patch.object(images, "BYTES_AT_ONCE", 5_000):
            self.run_(modified=5, failed=0)
        self.assertRests()

    def test_sizes_survive_the_way_there_and_back(self):
        """Whatever the size, what comes back is what was sent, to the byte."""
        self.full_size()
        partner, row_id = self.pair()
        luck = random.Random(19)
        for _ in range(6):
            size = (luck.randint(1, 500), luck.randint(1, 500))
            self.save(partner, picture(luck.choice(("red", "blue")), size))
            self.run_(modified=1, failed=0)
            held = self.in_odoo(partner)
            self.assertEqual(self.in_dataverse(row_id), held)
            other, other_id = self.pair(f"C{size}")
            self.put(other_id, held)
            self.run_(modified=1, failed=0)
            self.assertEqual(self.in_odoo(other), held)
        self.assertRests()

    def test_many_new_companies_at_once(self):
        content = base64.b64encode(picture())
        for number in range(45):
            self.company(f"C{number}", image_1920=content)
        self.run_(inserted=45, modified=45, failed=0)
        self.assertRests()
        for row in self.person.all("account", "entityimage").values():
            self.assertTrue(row["entityimage"])

    def test_what_is_restored_gets_its_picture_back(self):
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair()
        self.save(partner, picture("green"))
        self.run_(modified=1)
        partner.unlink()
        self.run_(inserted=1, failed=0)
        again = self.partner_of(row_id)
        self.assertEqual(self.in_odoo(again), self.in_dataverse(row_id))
        self.person.delete("account", row_id)
        self.run_(inserted=1, failed=0)
        self.assertTrue(self.in_dataverse(self.coupled(again)))
        self.assertRests()

    def test_an_answer_that_got_lost_does_not_cost_the_picture(self):
        partner = self.company(image_1920=base64.b64encode(picture(size=(300, 200))))
        lost = {"method": "POST", "path": "batch", "then": {"drop": "after"}}
        self.simulator.rules("faults", lost)
        self.customers.synchronize()
        self.customers.synchronize()
        self.assertTrue(self.in_dataverse(self.coupled(partner)))
        self.assertEqual(pixels(self.in_odoo(partner)), (300, 200))
        self.assertRests()

    def test_an_image_that_lives_elsewhere_is_told_by_its_content(self):
        user = self.env.user
        user.partner_id.image_1920 = base64.b64encode(picture())
        tell = self.env["integration.engine.images"]._fingerprints
        (direct,) = tell(user.partner_id, "image_1920").values()
        (related,) = tell(user, "image_1920").values()
        self.assertEqual(related, direct)

    # -- people -----------------------------------------------------------------------

    def test_changed_on_both_sides_is_a_conflict_in_words(self):
        self.customers.update_conflict_policy = "manual"
        partner, row_id = self.pair()
        self.save(partner, picture("green"))
        self.put(row_id, picture("blue"))
        self.run_(conflicts=1)
        self.assertFalse(self.in_odoo(partner) == self.in_dataverse(row_id))
        conflict = self.env["integration.conflict"].search([])
        self.assertRegex(conflict.odoo_value, r"^image \(\d+.* bytes\)$")
        self.assertEqual(conflict.dataverse_value, "image")
        self.customers.coupling_ids.synchronize(direction="send")
        self.assertRests()

    def test_undo_removes_what_came_and_says_what_cannot_come_back(self):
        partner, row_id = self.pair()
        self.save(partner, picture("green"))
        self.run_(modified=1)
        (added,) = self.changes("dataverse")
        self.assertEqual(added.changes, "Default Image: – → image")
        self.env["integration.engine.undo"]._run(added)
        self.assertEqual(added.state, "undone", added.note)
        self.assertIsNone(self.in_dataverse(row_id))
        self.save(partner, picture("blue"))
        self.run_(modified=1)
        self.save(partner, False)
        self.run_(modified=1)
        removed = self.changes("dataverse").sorted("id")[-1]
        self.env["integration.engine.undo"]._run(removed)
        self.assertEqual(removed.state, "left")
        self.assertIn("not kept", removed.note)

    def test_the_preview_says_that_a_picture_travels(self):
        partner, row_id = self.pair()
        self.save(partner, picture(size=(300, 200)))
        action = self.customers.action_preview()
        preview = self.env["integration.preview"].browse(action["res_id"])
        self.assertIn("Default Image: – → image (", preview.line_ids.changes)
        self.assertIsNone(self.in_dataverse(row_id))

    def changes(self, side):
        return (
            self.env["integration.change"]
            .search([("mapping_id", "=", self.customers.id), ("side", "=", side)])
            .filtered(lambda c: c.action == "write")
        )

    def test_only_images_go_with_images(self):
        for field_name, column in (
            ("name", "entityimage"),
            ("image_1920", "telephone2"),
            ("parent_id.image_1920", "entityimage"),
        ):
            with self.assertRaises(UserError):
                self.line.write(
                    {"field_name": field_name, "integration_column": column}
                )
        with self.assertRaises(ValidationError):
            self.line.match_key = True
