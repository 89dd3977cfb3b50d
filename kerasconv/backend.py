"""The one check that Keras runs on TensorFlow."""

import keras


def require_tensorflow(module: str) -> None:
    """Raises if Keras runs on another backend than TensorFlow.

    Raises:
        ImportError: If it does.
    """
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise ImportError(
            f"{module}: Keras must run on the TensorFlow backend, in whose operations this package is written. "
            f'Received: the backend "{backend}". Set the environment variable KERAS_BACKEND=tensorflow before Keras '
            "is imported."
        )
