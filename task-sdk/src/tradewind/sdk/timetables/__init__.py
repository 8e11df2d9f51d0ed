"""Timetables under the names of Airflow's modules: `timetables.trigger`, `timetables.interval`, `timetables.simple`."""
