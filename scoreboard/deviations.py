"""Deliberate deviations from the judges, case by case, with reasons. Everything else must pass."""

from __future__ import annotations

from scoreboard.verdicts import Deviation

_STRIDE_WITH_DILATION = "the test wants an error for strides together with dilation, which kerasconv computes"

DEVIATIONS = (
    Deviation(
        "keras",
        "conv_test.py::ConvBasicTest::test_bad_init_args",
        _STRIDE_WITH_DILATION,
        message="`strides > 1` not supported in conjunction with",
    ),
    Deviation(
        "keras",
        "conv_transpose_test.py::ConvTransposeBasicTest::test_bad_init_args",
        _STRIDE_WITH_DILATION,
        message="`strides > 1` not supported in conjunction with",
    ),
    Deviation(
        "torch",
        "lp_pool*signed powers",
        "PyTorch raises the numbers themselves to an odd power, and gives NaN where their sum is negative; "
        "kerasconv, like ONNX, raises their magnitudes",
    ),
    Deviation(
        "torch",
        "lp_pool*partial windows",
        "PyTorch scales a window that `ceil_mode` cuts off up to a whole one; kerasconv, like ONNX, sums what is there",
    ),
)


def of(judge: str) -> list[Deviation]:
    """The deviations from one judge."""
    return [deviation for deviation in DEVIATIONS if deviation.judge == judge]
