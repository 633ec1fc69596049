"""A connection with a local Dataverse, as an administrator makes it."""

from __future__ import annotations

from typing import Any


def credentials(announced: dict[str, Any]) -> dict[str, Any]:
    """What is entered into a connection.

    :param announced: what the simulator printed
    """
    return {
        "environment_url": announced["url"],
        "authority_url": announced["url"],
        "tenant_id": announced["tenant"],
        "client_id": announced["client_id"],
        "client_secret": announced["client_secret"],
    }


def connected(env, announced: dict[str, Any], mappings=("CUSTOMER", "CONTACT"), **vals):
    """A connection with default mappings that also create what is missing.

    :param env: of an Odoo with the addon
    :param mappings: names of default mappings; ``None``: all
    :param vals: more values of the connection
    :return: the `integration.connection`
    """
    connection = env["integration.connection"].create(credentials(announced) | vals)
    connection.action_connect()
    connection.action_use_default_synchronization_setup(mappings and list(mappings))
    connection.mapping_ids.synch_only_coupled = False
    return connection
