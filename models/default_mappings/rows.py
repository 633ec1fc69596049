"""The words in which the default mappings are written."""


def pair(field_name, integration_column, **options):
    """One field mapping.

    ``rule`` is the code of a transformation rule; ``options`` what stands for what in a
    choice, see :func:`option`.
    """
    return {
        "field_name": field_name,
        "integration_column": integration_column,
        **options,
    }


def to_dataverse(field_name, integration_column, **options):
    """A field mapping that only Odoo writes."""
    options["direction"] = "to_integration"
    return pair(field_name, integration_column, **options)


def to_odoo(field_name, integration_column, **options):
    """A field mapping that only Dataverse writes."""
    options["direction"] = "from_integration"
    return pair(field_name, integration_column, **options)


def constant(field_name, value):
    """A value that every new Odoo record gets."""
    return {
        "field_name": field_name,
        "constant_value": value,
        "direction": "from_integration",
    }


def column_constant(integration_column, value):
    """A value that every new Dataverse row gets."""
    return {
        "integration_column": integration_column,
        "constant_value": value,
        "direction": "to_integration",
    }


def option(number, label, value):
    """A line of an option mapping.

    :param value: the value of a selection field, or the external identifier of a record
    """
    return {"option": number, "label": label, "value": value}


def owner(field_name):
    """Who owns the row: the salesperson, or the team that the connection names.

    A user who is coupled with nobody, or none at all, leaves the other side's owner.
    """
    return pair(field_name, "ownerid", clear_value_on_failed_synch=True, owner=True)


def matched(pairs, **priorities):
    """The pairs, some of them as criteria of matching: field name = priority."""
    return [
        {**one, "match_key": True, "match_priority": priorities[one["field_name"]]}
        if one.get("field_name") in priorities
        else one
        for one in pairs
    ]
