"""All models by their names."""

from collections.abc import Mapping

from trainers.models import cnn, mlp
from trainers.models.model import Model

MODELS: Mapping[str, Model] = {one.name: one for one in (mlp.MODEL, cnn.MODEL)}
