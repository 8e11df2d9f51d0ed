"""Hooks that need nothing beside the SDK."""
