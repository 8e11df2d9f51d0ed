"""What DAG files import from `airflow.providers.standard.utils`, under the same module names."""
