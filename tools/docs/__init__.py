"""What of the documentation is generated."""
