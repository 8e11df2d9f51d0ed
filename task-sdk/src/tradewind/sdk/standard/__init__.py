"""Operators that come with the SDK; module names below are those of Airflow's standard provider."""
