"""Branches under the name that they have in Airflow."""

from tradewind.sdk.standard.operators.branch import BaseBranchOperator
from tradewind.sdk.standard.skipping import BranchMixIn

__all__ = ["BaseBranchOperator", "BranchMixIn"]
