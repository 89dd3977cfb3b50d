"""Masks of sequences, for layers that slide a window over one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras.layers import Layer

    class Stock(Layer):
        """The stock layer that a mixin stands in front of."""

else:
    Stock = object  # a mixin in front of a stock layer has no base of its own


class MaskMixin(Stock):
    """Passes the mask of a sequence on, where stock Keras drops it.

    A class says in `_passes_masks` whether it does, and in `compute_mask` what becomes of a mask.
    """

    propagate_mask = True

    @property
    def _passes_masks(self) -> bool:
        raise NotImplementedError

    def _apply(self, inputs: Any) -> Any:
        """Returns what the layer makes of its input."""
        raise NotImplementedError

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the output."""
        self._meet(mask)
        return self._apply(inputs)

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Returns a symbolic output for a symbolic input."""
        self._meet(mask)
        return super().compute_output_spec(inputs)

    def _meet(self, mask: Any) -> None:
        """Tells Keras that masks are supported as soon as there is one; until then this is what stock Keras says."""
        if mask is not None and self._passes_masks:
            self.supports_masking = True

    def rematerialized_call(self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """Returns `call` as Keras recomputes it, with the mask bound: TensorFlow takes positional tensors only."""
        bound = super().rematerialized_call(lambda *tensors: layer_call(*tensors, **kwargs), *args)
        return lambda *tensors, **_: bound(*tensors)
