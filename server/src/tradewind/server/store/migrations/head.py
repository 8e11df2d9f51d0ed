"""The schema that this version works with, known without importing Alembic."""

HEAD = "0002"
"""Revision of the newest step; a test compares it with the steps themselves."""
