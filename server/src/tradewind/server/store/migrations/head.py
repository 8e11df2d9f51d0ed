"""The schema that this version works with, known without importing Alembic."""

HEAD = "0003"
"""Revision of the newest step; a test compares it with the steps themselves."""
