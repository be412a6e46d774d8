"""Small int8 networks as TensorFlow converts them to TFLite, and what its interpreter computes; imports nothing of hwq.

    python litert_files.py FOLDER      needs tensorflow-cpu 2.21, in an environment of its own

Weights are random.  NAME.npz has `x`, integers as the file takes them, and `y`, the integers that it gives.  The
interpreter's reference kernels are asked too, and how many rows are equal is printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

ROWS, CALIBRATION = 40, 100
layers = tf.keras.layers
lite = tf.lite


def perceptron(x: Any) -> Any:
    """Two layers and a ReLU."""
    return layers.Dense(5)(layers.Dense(12, "relu")(x))


def residual(x: Any) -> Any:
    """Strides with padding SAME, a depthwise convolution with ReLU6, a sum of branches, MaxPool, Softmax."""
    y = layers.DepthwiseConv2D(3, 1, "same")(layers.Conv2D(8, 3, 2, "same", activation="relu")(x))
    y = layers.ReLU(6.0)(y)
    y = layers.MaxPool2D(2)(layers.ReLU()(layers.Add()([layers.Conv2D(8, 1)(y), y])))
    return layers.Softmax()(layers.Dense(5)(layers.Flatten()(y)))


def averages(x: Any) -> Any:
    """Average pooling, whose ties matter, joined branches, and the mean over an image."""
    y = layers.AveragePooling2D(2)(layers.Conv2D(8, 3, activation="relu")(x))
    y = layers.Concatenate()([y, layers.Conv2D(4, 3, 1, "same")(y)])
    return layers.Dense(5)(layers.GlobalAveragePooling2D()(y))


def padded(x: Any) -> Any:
    """A border before a convolution with strides, then other shapes."""
    y = layers.Conv2D(6, 3, 2, activation="relu")(layers.ZeroPadding2D(((1, 2), (0, 1)))(x))
    return layers.Dense(5)(layers.Flatten()(layers.Reshape((-1, 6))(y)))


def activations(x: Any) -> Any:
    """A depth multiplier, and functions of one value."""
    y = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    y = layers.Conv2D(4, 2)(y)
    y = layers.Multiply()([layers.Activation("sigmoid")(y), layers.Activation("tanh")(y)])
    return layers.Dense(4)(layers.Flatten()(layers.AveragePooling2D(3, 2)(y)))


MODELS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "perceptron": (perceptron, (16,)),
    "residual": (residual, (12, 12, 3)),
    "averages": (averages, (10, 10, 3)),
    "padded": (padded, (9, 10, 2)),
    "activations": (activations, (9, 9, 2)),
}


def computed(content: bytes, x: Any, kernels: Any) -> Any:
    """Outputs for all samples, one by one."""
    interpreter = lite.Interpreter(model_content=content, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    entry, port = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for row in x:
        interpreter.set_tensor(entry, row[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(port).copy())
    return np.concatenate(found)


def main() -> None:
    """Write every file."""
    for name, (build, shape) in MODELS.items():
        tf.keras.utils.set_random_seed(1)
        data = np.random.default_rng(0).normal(0, 1, (CALIBRATION, *shape)).astype(np.float32)
        entry = layers.Input(shape)
        converter = lite.TFLiteConverter.from_keras_model(tf.keras.Model(entry, build(entry)))
        converter.optimizations = [lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda data=data: ([row[None]] for row in data)
        converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        content = converter.convert()
        x = np.random.default_rng(1).integers(-128, 128, (ROWS, *shape)).astype(np.int8)
        kinds = lite.experimental.OpResolverType
        y, plain = (computed(content, x, kernels) for kernels in (kinds.AUTO, kinds.BUILTIN_REF))
        print(f"{name}: {(y == plain).reshape(ROWS, -1).all(1).sum()} of {ROWS} rows equal the reference kernels'")
        (Path(sys.argv[1]) / f"{name}.tflite").write_bytes(content)
        np.savez_compressed(Path(sys.argv[1]) / f"{name}.npz", x=x, y=y)


if __name__ == "__main__":
    main()
