"""What DAG files import from `airflow.sdk.execution_time`, under the same module names."""
