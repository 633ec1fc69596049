"""Many rows at once, past the ORM: for rows that compute nothing when they are made."""

import json

from psycopg2.extras import execute_values

PAGE = 1000


def bulk_insert(cr, table, columns, shared, rows):
    """Insert rows.

    :param table: name of a table of this addon
    :param columns: names of its columns
    :param shared: ``{column: value}`` for all rows
    :param rows: dicts of the values of each row; they win over the shared ones
    :return: list of the new ids, in that order
    """
    inserted = execute_values(
        cr._obj,
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES %s RETURNING id",  # noqa: S608
        [
            tuple(
                json.dumps(value) if isinstance(value, dict) else value
                for value in ({**shared, **row}.get(name) for name in columns)
            )
            for row in rows
        ],
        page_size=PAGE,
        fetch=True,
    )
    return [id_ for (id_,) in inserted]
