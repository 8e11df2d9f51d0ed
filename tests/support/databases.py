"""Fresh PostgreSQL databases, each a copy of a template that is prepared once, so that no test sees another's rows."""

import secrets

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict


def create_database(admin_url: str, *, template: str | None = None) -> str:
    """Create a database with a name of its own and return its URL.

    Args:
        admin_url: URL of a database from which databases may be created.
        template: URL of a database to copy, to which nobody is connected; none makes an empty one.
    """
    name = f"test_{secrets.token_hex(6)}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(database_name(template) if template else "template0")
    )
    _execute(admin_url, statement)
    head, _, query = admin_url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def drop_database(admin_url: str, url: str) -> None:
    """Drop a database made by `create_database`, even when somebody is still connected."""
    _execute(admin_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database_name(url))))


def database_name(url: str) -> str:
    """Return the name of the database in a PostgreSQL URL."""
    return str(conninfo_to_dict(url)["dbname"])


def _execute(admin_url: str, statement: sql.Composed) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(statement)
