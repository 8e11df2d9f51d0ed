"""XComs under the name that they have in Airflow."""

from tradewind.sdk.authoring.xcom import BaseXCom

__all__ = ["BaseXCom"]
