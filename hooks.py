"""What Odoo calls when the addon leaves the database."""


def uninstall_hook(env):
    """Remove what Odoo does not know about: triggers and Action menu entries.

    Tables and data of the addon are dropped by Odoo itself; the triggers sit on
    tables of other modules and would make every later save there fail. Triggers and
    menu entries go with the last mapping of a model.
    """
    mappings = env["integration.table.mapping"].with_context(active_test=False)
    mappings.search([("id", "!=", False)]).unlink()
    env["integration.journal"]._drop_function()
