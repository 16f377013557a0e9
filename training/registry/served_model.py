"""The model as MLflow serves it: a trained model's text files, and code that turns a panel into the hub table.

MLflow copies this file beside the model and runs the copy, outside the package: so it asks for the package by name.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas

with warnings.catch_warnings():
    # MLflow warns of classes of its own while it is imported.
    warnings.simplefilter("ignore")
    from mlflow.models import set_model
    from mlflow.pyfunc import PythonModel


class ServedModel(PythonModel):  # type: ignore[misc]
    """A panel as a long table in, the published table out."""

    def load_context(self, context: Any) -> None:
        """Read the model's files; one that has changed is refused."""
        trained = import_module("harmattan.training.trained_model").TrainedModel
        self._trained = trained.read(Path(context.artifacts["trained"]))

    def predict(self, model_input: pandas.DataFrame, params: Any = None) -> pandas.DataFrame:
        """Forecast from the last month of a panel.

        Parameters
        ----------
        model_input : pandas.DataFrame
            ``month, region_id, events`` and the other columns that the model reads (the signature requires them), one
            row per region and month. Only the whole history, from the first month on, gives the published numbers: a
            shorter one, such as the input example, gives others.
        params : mapping, optional
            None are known.

        Returns
        -------
        pandas.DataFrame
            ``origin_date, target, horizon, target_end_date, location, output_type, output_type_id, value``.
        """
        serving = import_module("harmattan.forecast.serving.save")
        table: pandas.DataFrame = serving.serve(self._trained, model_input)
        return table


set_model(ServedModel())
