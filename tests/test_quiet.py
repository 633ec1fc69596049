"""A run with nothing to do costs next to nothing."""

from odoo import sql_db
from odoo.tests import tagged

from .common import DataverseCase

STATEMENTS = 15


@tagged("post_install", "-at_install")
class TestQuiet(DataverseCase):
    def test_statements_of_a_quiet_run(self):
        self.pair()
        self.synchronize(self.customers)
        self.synchronize(self.customers)
        self.env.flush_all()
        self.env.invalidate_all()
        before = sql_db.sql_counter
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["requests"], 1)
        self.assertLessEqual(sql_db.sql_counter - before, STATEMENTS)
