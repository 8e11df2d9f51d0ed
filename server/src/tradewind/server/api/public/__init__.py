"""The public API under `/api/v2`: names and JSON of Airflow's REST API v2, apart from the interface of tasks."""
