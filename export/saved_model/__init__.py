"""Export to SavedModel, which TensorFlow, TF Serving and Keras run without kerasconv."""

from kerasconv.export.saved_model.save import to_saved_model

__all__ = [
    "to_saved_model",
]
