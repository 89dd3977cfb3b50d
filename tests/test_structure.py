"""Canaries for the private API of Keras and TensorFlow that `kerasconv.structure` relies on.

Each test shows on a tiny model the behaviour that the package needs. If one fails after an upgrade, Keras or TensorFlow
has renamed or changed something that it never promised to keep, and `kerasconv/structure.py` is the file to mend.
"""

import inspect
import re
from collections import namedtuple

import keras
import pytest
import tensorflow as tf

from kerasconv import structure


def changed(what):
    """The message of a canary."""
    return f"Keras or TensorFlow has changed {what}; kerasconv/structure.py relies on it"


def two_branches():
    """A functional model in which a layer is called twice."""
    x = keras.Input((3,), name="x")
    dense = keras.layers.Dense(3, name="dense")
    y = keras.layers.Add(name="sum")([dense(x), dense(keras.ops.relu(x))])
    return keras.Model(x, y, name="two_branches")


class Holder(keras.layers.Layer):
    """A layer that holds others in each way."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.one = keras.layers.Dense(3, name="one")
        self.several = [keras.layers.Dense(3, name="first"), keras.layers.Dense(3, name="second")]
        self.pair = namedtuple("Pair", "left right")(keras.layers.Dense(3, name="left"), 7)
        self.count = 4

    def call(self, x):
        for layer in (self.one, *self.several, self.pair.left):
            x = layer(x)
        return x


@pytest.mark.parametrize(
    ("base", "public", "others"),
    [
        pytest.param(structure.CONVOLUTION, keras.layers.Conv2D, keras.layers.Conv3D, id="CONVOLUTION"),
        pytest.param(structure.DEPTHWISE, keras.layers.DepthwiseConv2D, keras.layers.DepthwiseConv1D, id="DEPTHWISE"),
        pytest.param(structure.SEPARABLE, keras.layers.SeparableConv2D, keras.layers.SeparableConv1D, id="SEPARABLE"),
        pytest.param(structure.TRANSPOSED, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose, id="TRANSPOSED"),
        pytest.param(structure.POOLING, keras.layers.MaxPooling2D, keras.layers.AveragePooling1D, id="POOLING"),
        pytest.param(
            structure.GLOBAL_POOLING,
            keras.layers.GlobalMaxPooling2D,
            keras.layers.GlobalAveragePooling1D,
            id="GLOBAL_POOLING",
        ),
        pytest.param(
            structure.ADAPTIVE_POOLING,
            keras.layers.AdaptiveMaxPooling2D,
            keras.layers.AdaptiveAveragePooling1D,
            id="ADAPTIVE_POOLING",
        ),
    ],
)
def test_base_classes_of_layers(base, public, others):
    message = changed(f"the base class of {public.__name__}")
    assert issubclass(public, base), message
    assert issubclass(others, base), message
    assert base is not keras.Layer, message
    assert not issubclass(keras.layers.Dense, base), message


@pytest.mark.parametrize("base", [structure.CONVOLUTION, structure.DEPTHWISE, structure.SEPARABLE])
def test_base_classes_of_convolutions_take_a_rank(base):
    assert next(iter(inspect.signature(base).parameters)) == "rank", changed(f"the constructor of {base.__name__}")


def test_module_of_keras_own_classes():
    message = changed("the package `keras.src`, which tells Keras' own classes")
    assert structure.is_keras_own(keras.layers.Dense), message
    assert structure.is_keras_own(type(structure.operation_of(keras.ops.relu(keras.Input((3,)))))), message
    assert not structure.is_keras_own(Holder)


def test_keras_history():
    tensor = keras.layers.Dense(2, name="dense")(keras.Input((3,)))
    assert structure.operation_of(tensor).name == "dense", changed("`KerasTensor._keras_history.operation`")


def test_functional_models_are_functions_too():
    message = changed("the class of functional models, which is a `keras.Model` and a `keras.Function`")
    assert structure.is_functional(two_branches()), message
    assert not structure.is_functional(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])), message


def test_sequential_models_have_no_inputs_before_they_are_built():
    message = changed("`Sequential.inputs`")
    model = keras.Sequential([keras.layers.Dense(2)])
    assert not structure.is_connected(model), message
    assert structure.graph(model) is None, message
    model.build((None, 3))
    assert structure.is_connected(model), message
    assert [tuple(t.shape) for t in structure.graph(model).inputs] == [(None, 3)], message


def test_run_through_graph():
    called = []

    def operation_fn(operation):
        called.append(operation.name)
        return lambda *args, **kwargs: f"{operation.name}({', '.join(map(str, keras.tree.flatten(args)))})"

    output = structure.run_graph(two_branches(), "x", operation_fn)
    relu = next(name for name in called if name.startswith("relu"))
    assert output == f"sum(dense(x), dense({relu}(x)))", changed("`Functional._run_through_graph`")


def test_nodes_by_depth():
    model = two_branches()
    nodes = list(structure.nodes(model))
    message = changed("`Function._nodes_by_depth`, or `is_input` of its nodes")
    assert [re.sub(r"_\d+$", "", node.operation.name) for node in nodes][-1] == "sum", message
    assert sorted(type(node.operation).__name__ for node in nodes) == ["Add", "Dense", "Dense", "Relu"], message
    known = {id(tensor) for tensor in model.inputs}
    for node in nodes:
        ordered = all(id(tensor) in known for tensor in node.input_tensors)
        assert ordered, changed("the order of `Function._nodes_by_depth`, by which a node follows its inputs")
        known |= {id(tensor) for tensor in node.outputs}


def test_arguments_of_nodes():
    x = keras.Input((4,))
    model = keras.Model(x, keras.ops.concatenate([x, keras.ops.clip(x, -1, x_max=2)], axis=-1))
    seen = {}

    def visit(node, args, kwargs):
        seen[type(node.operation).__name__] = args, kwargs
        return type(node.operation).__name__

    message = changed("`Node.arguments.fill_in`, `Node.input_tensors` or `Node.outputs`")
    assert structure.run_nodes(model, ["x"], visit) == ["Concatenate"], message
    assert seen["Clip"] == (("x",), {}), message
    assert seen["Concatenate"] == ((["x", "Clip"],), {}), message


def test_attributes_that_keras_gives_every_layer():
    holder = Holder()
    holder(keras.Input((3,)))
    message = changed("the attributes that every layer has, or `_self_`, the prefix of those that TensorFlow adds")
    assert set(structure.attributes(holder)) == {"one", "several", "pair", "count"}, message


def test_tracking_of_lists_and_tuples():
    message = changed("the containers that a layer's attributes become, which are a list, a tuple or a dictionary")
    paths = [structure.path(where) for where, _ in structure.walk(Holder())]
    assert paths == ["one", "several/0", "several/1", "pair/0"], message


def test_tracker_replaces_layers():
    holder = Holder()
    old = [holder.one, *holder.several, holder.pair.left]
    new = [keras.layers.Dense(3, name=f"new_{i}") for i in range(len(old))]
    structure.exchange(holder, {id(before): after for before, after in zip(old, new, strict=True)})
    message = changed("`Layer._tracker`, with `is_in_store` and `replace_tracked_value`")
    assert [holder.one, *holder.several, holder.pair.left] == new, message
    assert holder.pair.right == 7, message
    assert [layer.name for layer in holder._layers] == [layer.name for layer in new], message
    holder(keras.Input((3,)))
    assert len(holder.weights) == 8, message


def test_tracker_of_built_layers():
    holder = Holder()
    holder(keras.Input((3,)))
    new = keras.layers.Dense(3, use_bias=False, name="new")
    structure.exchange(holder, {id(holder.one): new})
    new.build((None, 3))
    message = changed("the lock of `Layer._tracker`, which `replace_tracked_value` passes by")
    assert len(holder.weights) == 7, message


def test_scopes_of_layers():
    model = keras.Sequential([keras.Input((3,)), Holder(name="holder"), keras.layers.Dense(2, name="head")], name="net")
    names = structure.names_on_path(model)
    assert ("holder", "first") in names
    function = tf.function(lambda x: model(x, training=False), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec((None, 3))).graph
    products = [operation.name for operation in graph.get_operations() if operation.type == "MatMul"]
    found = [structure.layer_in_scope(name, names) for name in products]
    message = changed(f"the name scopes of layers, as in {products}")
    assert found == [("holder", name) for name in ("one", "first", "second", "left")] + [("head",)], message


def test_attribute_of_custom_gradients():
    @tf.custom_gradient
    def double(x):
        return 2 * x, lambda dy: 2 * dy

    graph = tf.function(double).get_concrete_function(tf.TensorSpec((3,))).graph.as_graph_def()
    attributes = [set(node.attr) for node in graph.node if node.op == "IdentityN"]
    message = changed("the `IdentityN` of a custom gradient, or the attribute that names its gradient")
    assert attributes, message
    assert all(structure.GRADIENT_ATTRIBUTE in names for names in attributes), message
