"""A trick only saves time: both variants give the same, by different operations."""

import functools
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import tricks

CASES = [
    pytest.param(name, case, marks=[pytest.mark.exhaustive] if i else [])
    for name, trick in tricks.TRICKS.items()
    for i, case in enumerate(trick.cases)
]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_both_variants_give_the_same(name, case):
    pair = tricks.TRICKS[name].cases[case](2)
    have, lack = (tf.nest.flatten(call()) for call in pair)
    for a, b in zip(have, lack, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max())
    if all(isinstance(call, functools.partial) for call in pair):  # graphs
        assert operations(pair[0].func.graph) != operations(pair[1].func.graph)


def operations(graph):
    """Returns how many operations of each type there are in a graph and its functions, marked for XLA or not."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return Counter((node.op, "_XlaCompile" in node.attr and node.attr["_XlaCompile"].b) for node in nodes)
