"""An Airflow DAG that publishes the forecast every month and looks every day whether it is current."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow import DAG

# Airflow 3; in Airflow 2 it is airflow.operators.bash.
from airflow.providers.standard.operators.bash import BashOperator

HARMATTAN = "/opt/harmattan/.venv/bin/harmattan"
CONFIG = "/etc/harmattan/harmattan.toml"
STORE = "/var/lib/harmattan/vintages"
CACHE = "/var/lib/harmattan/fetched"
#: Wrong requests, data and models do not become right by trying again: only a second job (7) and a full disk (5) may.
DEFAULTS = {"owner": "forecasts", "retries": 1, "retry_delay": timedelta(hours=2)}

with DAG(
    dag_id="harmattan_publish",
    schedule="0 6 21,23 * *",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
) as publish:
    data = BashOperator(
        task_id="data",
        bash_command=f"{HARMATTAN} data fetch ucdp --current --store {STORE} --cache {CACHE} --quiet",
    )
    release = BashOperator(
        task_id="publish",
        bash_command=f"{HARMATTAN} publish --config {CONFIG} --json",
        execution_timeout=timedelta(hours=1),
    )
    data >> release

with DAG(
    dag_id="harmattan_status",
    schedule="0 7 * * *",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULTS, "retries": 0},
) as status:
    BashOperator(task_id="status", bash_command=f"{HARMATTAN} status --config {CONFIG} --json")
