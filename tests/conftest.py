import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import pytest


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same random numbers, in whatever order it runs."""
    import keras

    keras.utils.set_random_seed(7)
