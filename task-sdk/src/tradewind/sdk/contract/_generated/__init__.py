# Code generated from schemas/head by tools.contract. DO NOT EDIT.
"""Generated from the contract; import it through the package above."""
