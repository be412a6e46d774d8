"""A model whose output has no axis but the batch: the index of the largest score, without its axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from e2e_models import CHANNELS, SIZE, normal, save_calib, save_model, tiny
from e2e_run import done
from onnx import TensorProto, helper


def test_argmax_without_its_axis(tmp_path: Path) -> None:
    net = tiny(extra=[helper.make_node("ArgMax", ["y"], ["index"], axis=1, keepdims=0)])
    del net.graph.output[:]
    net.graph.output.append(helper.make_tensor_value_info("index", TensorProto.INT64, ["n"]))
    onnx.checker.check_model(net)
    model = save_model(tmp_path, net)
    calib = save_calib(tmp_path, x=normal(8, CHANNELS, SIZE, SIZE))
    program, golden = tmp_path / "n.hwq", tmp_path / "g.onnx"
    done("quantize", model, "--calib", calib, "-o", program)
    done("export", program, "-o", golden)
    for number, source in enumerate((program, golden)):
        done("simulate", source, calib, "-o", tmp_path / f"{number}.npz")
    with np.load(tmp_path / "0.npz") as first, np.load(tmp_path / "1.npz") as second:
        assert first["index.int"].shape == (8,)
        assert np.array_equal(first["index.int"], second["index.int"])
    done("generate", program, "-o", tmp_path / "build")
    done("diff", program, golden, calib)
