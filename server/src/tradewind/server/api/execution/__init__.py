"""The Task Execution Interface: one handler per operation of the contract, whatever the transport."""
