"""What DAG files import from `airflow.sdk.bases`, under the same module names."""
