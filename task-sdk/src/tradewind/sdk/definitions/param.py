"""Params of runs."""

from tradewind.sdk.authoring.params import DagParam, Param, ParamsDict

__all__ = ["DagParam", "Param", "ParamsDict"]
