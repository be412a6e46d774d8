"""Score what `hwq simulate` computed for test.npz beside the float network.

Usage: python examples/digits/evaluate.py OUT.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Print both accuracies and how often the two agree."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/digits/evaluate.py OUT.npz  (OUT.npz is what `hwq simulate` wrote)")
    with np.load(HERE / "test.npz", allow_pickle=False) as test, np.load(sys.argv[1], allow_pickle=False) as simulated:
        images, labels, integers = test["image"], test["label"], simulated["probs.int"]
    session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probs"], {"image": images})
    real, quantised = probabilities.argmax(axis=1), integers.argmax(axis=1)
    for name, classes in (("float, by onnxruntime", real), ("integers, bit-exact", quantised)):
        right = int((classes == labels).sum())
        print(f"{name:22} {right}/{len(labels)} right = {100 * right / len(labels):.2f} %")
    print(f"{'same answer':22} {int((real == quantised).sum())}/{len(labels)}")


if __name__ == "__main__":
    main()
