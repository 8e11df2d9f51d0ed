"""What a DAG author writes with; importing it needs no network client."""
