"""TensorFlow: the classes and functions of Keras, those of tf.nn and tf.compat.v1, and recipes."""

from __future__ import annotations

from lossbench.framework import load_modules
from lossbench.frameworks.tensorflow.engine import framework

__all__ = ["framework"]

load_modules(__name__, __path__)
