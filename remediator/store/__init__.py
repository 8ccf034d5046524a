"""The durable state: one schema for SQLite and PostgreSQL, and functions over one connection.

Every function takes a SQLAlchemy Connection first, so that several of them make one transaction:

    store = open_store(settings.database_url)      # migrates, starts the writer thread
    rows = store.read(lambda db: incidents.open_ones(db))
    store.write(lambda db: holds.stop(db, by="ann", reason="maintenance", now=now))

`write` returns after COMMIT, or raises StoreUnavailable and nothing was stored.
"""

from remediator.store.db import Store
from remediator.store.migrate import open_store, schema_version, upgrade

__all__ = ["Store", "open_store", "schema_version", "upgrade"]
