"""What a DAG author imports; importing it needs no network client and no server."""
