"""What DAG files import from `airflow.sdk.definitions`, under the same module names."""
