"""As much of Airflow as a recipe needs: a task runs when its DAG is made."""
