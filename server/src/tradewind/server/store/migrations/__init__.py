"""Steps from one schema of the metadata database to the next, run by Alembic."""
