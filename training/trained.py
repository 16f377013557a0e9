"""The former name of :mod:`harmattan.training.trained_model`, which models served by the first version ask for."""

from .trained_model import TrainedModel as Trained

__all__ = ["Trained"]
