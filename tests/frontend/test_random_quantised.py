"""Random quantised networks, QDQ, QOperator and QONNX: references agree, and programs compute the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, reject, settings
from imported import by_hwq, by_numpy, by_onnxruntime, equal_share
from qdq_net import Qdq
from qonnx_models import Qonnx
from qoperator_models import QOperator
from random_qdq import qdq_networks
from random_qonnx import qonnx_networks
from random_qoperator import qoperator_networks

from hwq.errors import BadInput

ROWS = 40


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(qdq_networks())
def test_both_references_agree_on_qdq(net: Qdq) -> None:
    _agree(net)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(qoperator_networks())
def test_both_references_agree_on_operators(net: QOperator) -> None:
    _agree(net)


def _agree(net: Qdq) -> None:
    made, x = net.done(), net.samples(ROWS)
    assert equal_share(by_numpy(made, x), by_onnxruntime(made, x)) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(qdq_networks())
def test_programs_equal_qdq_models(net: Qdq) -> None:
    _check(net)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(qoperator_networks())
def test_programs_equal_models_of_operators(net: QOperator) -> None:
    _check(net)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(qonnx_networks())
def test_programs_equal_qonnx_models(net: Qonnx) -> None:
    _check(net)


def _check(net: Qdq | Qonnx) -> None:
    made, x = net.done(), net.samples(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        try:
            program, found = by_hwq(made, Path(folder), x)
        except BadInput as error:
            refusals = ("thresholds over sums", "pads with the integer")
            assert any(text in str(error) for text in refusals), "16 bits of what is no line, a zero out of the range"
            reject()
    assert equal_share(found, by_numpy(made, x)) == 1, program.info["import"]
