import keras
import pytest


@pytest.fixture(autouse=True)
def _room(request):
    """A large model leaves memory behind, in cycles that Python would collect some time."""
    yield
    if request.node.get_closest_marker("large"):
        keras.backend.clear_session(free_memory=True)
