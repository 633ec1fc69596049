"""The simulator's sample data is what this Odoo can hold."""

from odoo.tests import tagged

from ..simulator import sample
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestSample(DataverseCase):
    def test_odoo_knows_every_state_of_the_sample(self):
        unknown = [
            (country.name, place.state)
            for country in sample.COUNTRIES
            for place in country.places
            if place.state
            and not self.env["res.country.state"].search_count(
                [
                    ("country_id.name", "=", country.name),
                    "|",
                    ("name", "=", place.state),
                    ("code", "=", place.state),
                ]
            )
        ]
        self.assertFalse(unknown)

    def test_the_first_synchronization_takes_in_all_of_it(self):
        self.simulator.control("POST", "reset", accounts=60, contacts=150)
        for mapping, rows in ((self.customers, 60), (self.contacts, 150)):
            counters = self.synchronize(mapping)
            self.assertEqual(counters["inserted"], rows, mapping.name)
            self.assertEqual(counters["failed"], 0, mapping.error_ids.mapped("message"))
        self.assertQuiet()
