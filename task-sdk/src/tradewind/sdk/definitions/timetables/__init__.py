"""The modules of `tradewind.sdk.timetables` under another of Airflow's names."""
