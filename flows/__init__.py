"""Sequence: which sources and models run when. The only room that imports prefect and dbt."""
