"""TensorFlow: the classes and functions of Keras, those of tf.nn, and recipes from their primitives."""

from __future__ import annotations

from lossbench.frameworks.tensorflow import (
    keras_binary,
    keras_elementwise,
    keras_focal,
    keras_rows,
    keras_samples,
    nn,
    recipes,
)
from lossbench.frameworks.tensorflow.engine import framework

__all__ = [
    "framework",
    "keras_binary",
    "keras_elementwise",
    "keras_focal",
    "keras_rows",
    "keras_samples",
    "nn",
    "recipes",
]
