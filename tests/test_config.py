"""Settings: for the whole program in all threads, or for a block in one."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

import kerasconv
from kerasconv import config, layers

SETTINGS = {
    "algorithm": ("direct", "auto"),
    "winograd": (False, True),
    "fft": (True, False),
    "memory_limit": (2 * 10**6, None),
}


def get(name):
    return getattr(config, f"get_{name}")()


@pytest.fixture(autouse=True)
def restored():
    yield
    for name, (_, default) in SETTINGS.items():
        getattr(config, f"set_{name}")(default)


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_value_is_for_all_threads(name):
    value, default = SETTINGS[name]
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(get, name).result() == default  # so that its thread is there already
        getattr(config, f"set_{name}")(value)
        assert get(name) == in_a_thread(lambda: get(name)) == executor.submit(get, name).result() == value


@pytest.mark.parametrize("name", SETTINGS)
def test_a_block_is_for_its_thread(name):
    value, default = SETTINGS[name]
    with getattr(config, name)(value):
        assert (get(name), in_a_thread(lambda: get(name))) == (value, default)
        with getattr(config, name)(default):
            assert get(name) == default
        getattr(config, f"set_{name}")(default)
        assert get(name) == value  # the block comes before the program
    assert get(name) == default


@pytest.mark.parametrize("name", SETTINGS)
def test_a_block_ends_with_an_error_too(name):
    value, default = SETTINGS[name]
    with pytest.raises(RuntimeError), getattr(config, name)(value):
        raise RuntimeError
    assert get(name) == default


def test_a_block_is_for_its_task():
    async def one(value):
        with config.algorithm(value):
            await asyncio.sleep(0)
            return config.get_algorithm()

    async def both():
        return await asyncio.gather(one("direct"), one("gemm"))

    assert asyncio.run(both()) == ["direct", "gemm"]


def test_keras_trains_by_it_in_another_thread():
    """What a model's layers are computed by is what the program says, wherever `fit` runs."""
    model = keras.Sequential([keras.Input((28, 28, 16)), layers.Conv2D(128, 3), layers.Conv2D(128, 3)])
    model.compile("sgd", "mse")

    def trained():
        with kerasconv.engine.auto.choices() as found:
            model.fit(np.zeros((8, 28, 28, 16)), np.zeros((8, 24, 24, 128)), verbose=0)
        return {choice.chosen for choice in found}

    config.set_winograd(False)
    assert in_a_thread(trained) == {"gemm"}


@pytest.mark.parametrize("form", ["set_algorithm", "algorithm"])
def test_what_is_no_algorithm(form):
    with pytest.raises(ValueError) as error, getattr(config, form)("fastest"):
        pass
    assert str(error.value) == (
        f"{form}: `algorithm` must be one of 'auto', 'direct', 'gemm', 'winograd', 'fft', 'native', or an object with "
        "the operations forward, input_gradient, kernel_gradient. Received: algorithm='fastest'."
    )


@pytest.mark.parametrize("form", ["set_memory_limit", "memory_limit"])
@pytest.mark.parametrize("limit", [10, 1e9, True, "16"])
def test_what_is_no_limit(form, limit):
    with pytest.raises(ValueError) as error, getattr(config, form)(limit):
        pass
    assert str(error.value) == (
        f"{form}: `limit` must be a number of bytes, an int of at least 1000000, or None. Received: limit={limit!r}."
    )


@pytest.mark.parametrize("form", ["set_winograd", "winograd", "set_fft", "fft"])
def test_what_is_no_switch(form):
    with pytest.raises(ValueError) as error, getattr(config, form)("off"):
        pass
    assert str(error.value) == f"{form}: `enabled` must be True or False. Received: enabled='off'."
