"""A walk over the graph of a Keras model that writes each operation in ONNX.

An operation is written by the first of these that works:

1. a rule for the operation (`rules.py`);
2. the graph of a functional or Sequential model;
3. the operations in the `call` of a layer or subclassed model, recorded with symbolic tensors;
4. the graph that TensorFlow traces, converted by tf2onnx.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import keras

from kerasconv import structure
from kerasconv.export.onnx_graph.decompose import call_of
from kerasconv.export.onnx_graph.emitter import Emitter, NoRuleError
from kerasconv.export.onnx_graph.rules import rule_for
from kerasconv.export.onnx_graph.traced import traced
from kerasconv.export.onnx_graph.values import Value


class Walk:
    """A walk over one model.

    Args:
        emit: The emitter of the graph.

    Attributes:
        outputs: The outputs of the outermost layers by name, in the order of the graph.
        traced: The layers and operations that tf2onnx converted.
        has_shared_layers: Whether a layer was called more than once.
    """

    def __init__(self, emit: Emitter):
        self._emit = emit
        self._depth = 0
        self.outputs: dict[str, Value] = {}
        self.traced: list[str] = []
        self.has_shared_layers = False
        self._called: set[int] = set()

    def run(self, graph: Any, inputs: list[Any]) -> list[Any]:
        """Writes a functional model or `keras.Function`, and returns its outputs."""
        self._depth += 1
        try:
            return structure.run_nodes(graph, inputs, self._node)
        finally:
            self._depth -= 1

    def _node(self, node: Any, args: Any, kwargs: dict[str, Any]) -> list[Any]:
        results = keras.tree.flatten(self._operation(node.operation, node.outputs, args, kwargs))
        if self._depth == 1 and len(results) == 1 and isinstance(node.operation, keras.Layer):
            self.outputs[node.operation.name] = results[0]
        return results

    def _operation(self, operation: Any, outputs: list[Any], args: Any, kwargs: dict[str, Any]) -> Any:
        is_layer = isinstance(operation, keras.Layer)
        self.has_shared_layers |= is_layer and id(operation) in self._called
        self._called.add(id(operation))
        with self._emit.scope(operation.name) if is_layer else nullcontext():
            try:
                rule = rule_for(operation)
                if rule is not None:
                    out = outputs if _gives_list(operation, outputs) else outputs[0]
                    return rule(self._emit, out, args, {} if is_layer else kwargs)
                graph = structure.graph(operation) if is_layer else None
                if graph is not None:
                    return self.run(graph, keras.tree.flatten(args))
                if is_layer:
                    return self.expand(call_of(operation), args, kwargs)
            except NoRuleError:  # nodes that were written so far are unused, and removed later
                pass
            return self._trace(operation, args, kwargs)

    def expand(self, call: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Writes the operations that a call consists of.

        Raises:
            NoRuleError: If the call does not take symbolic tensors, or one of its operations has no rule.
        """
        values = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Value)]
        symbols = [keras.KerasTensor(value.shape, value.dtype) for value in values]
        by_value = {id(value): symbol for value, symbol in zip(values, symbols, strict=True)}
        args, kwargs = keras.tree.map_structure(lambda x: by_value.get(id(x), x), (args, kwargs))
        try:
            results = call(*args, **kwargs)
        except Exception as error:
            raise NoRuleError(f"a call that takes no symbolic tensors: {error}") from error
        flat = keras.tree.flatten(results)
        if not all(isinstance(x, keras.KerasTensor) for x in flat):
            raise NoRuleError("a result that does not depend on the input")
        copies = [keras.ops.copy(symbol) for symbol in symbols]  # Keras requires that every input leads to an output
        copy_of = {id(symbol): copied for symbol, copied in zip(symbols, copies, strict=True)}
        outputs = [copy_of.get(id(x), x) for x in flat]
        given = self.run(keras.Function(symbols, outputs + copies), values)
        return keras.tree.pack_sequence_as(results, given[: len(flat)])

    def _trace(self, operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        self.traced.append(operation.name if isinstance(operation, keras.Layer) else type(operation).__name__)
        return traced(self._emit, operation, args, kwargs)


def _gives_list(operation: Any, outputs: list[Any]) -> bool:
    return len(outputs) > 1 or type(operation).__name__ in ("Split", "Unstack", "Moments")
