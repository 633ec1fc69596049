"""An app that leaves and comes back; run in Odoo's shell by `apps.py`."""

from odoo import api
from odoo.modules.registry import Registry

from odoo.addons.dataverse_sync.dev.connected import connected

GONE = "crm"


def prepare(env, announced):
    """Couple an opportunity by the default mappings, and change a setting of one."""
    env = env(user=env.ref("base.user_admin").id)
    mappings = connected(env, announced, None).mapping_ids
    mappings.filtered(lambda m: m.name == "CUSTOMER").deletion_policy = "manual"
    partner = env["res.partner"].create({"name": "Acme", "is_company": True})
    env["crm.lead"].create(
        {"name": "Chairs", "type": "opportunity", "partner_id": partner.id}
    )
    env.cr.commit()
    mappings.synchronize()
    return _state(env)


def uninstall_app(env):
    """Remove the app, and synchronize what is left."""
    _module(env, GONE).button_immediate_uninstall()
    env = _anew(env)
    counters = env["integration.table.mapping"].search([]).synchronize()
    return {**_state(env), "run": counters["state"], "failed": counters["failed"]}


def upgrade_addon(env):
    """Upgrade this addon."""
    _module(env, "dataverse_sync").button_immediate_upgrade()
    return _state(_anew(env))


def install_app(env):
    """Install the app again, and use the default setup again."""
    _module(env, GONE).button_immediate_install()
    env = _anew(env)
    env["integration.connection"].search([]).action_use_default_synchronization_setup()
    env.cr.commit()
    return _state(env)


def _module(env, name):
    return env["ir.module.module"].search([("name", "=", name)])


def _anew(env):
    """An environment of the models that there are now."""
    user = env.ref("base.user_admin").id
    return api.Environment(Registry(env.cr.dbname).cursor(), user, {})


def _state(env):
    mappings = env["integration.table.mapping"].search([])
    return {
        "mappings": sorted(mappings.mapped("name")),
        "opportunities": env["integration.coupling"].search_count(
            [("res_model", "=", "crm.lead")]
        ),
        "policy": mappings.filtered(lambda m: m.name == "CUSTOMER").deletion_policy,
        "errors": env["sync.error"].search([]).mapped("message"),
    }
