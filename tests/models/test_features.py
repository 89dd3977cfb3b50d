"""`features_only`: what the stages of a classifier give, each of half the size of the one before."""

import pytest

from kerasconv import models
from tests.models.test_zoo import one_of_each_family

STRIDES = (2, 4, 8, 16, 32)
PYRAMIDS = ("densenet", "mobilenet", "resn", "shufflenet", "wide_resnet")


@pytest.mark.parametrize("name", [param for param in one_of_each_family() if param.values[0].startswith(PYRAMIDS)])
def test_a_pyramid(name):
    height, width = 64, 96
    last = models.create_model(name, input_shape=(height, width, 3), features_only=True)
    assert [shape[1:3] for shape in last.output_shape] == [(height // s, width // s) for s in STRIDES]
    first = models.create_model(name, input_shape=(3, height, width), data_format="channels_first", features_only=True)
    assert [(n, *spatial, c) for n, c, *spatial in first.output_shape] == last.output_shape
    map_alone = models.create_model(name, input_shape=(height, width, 3), include_top=False)
    assert map_alone.output_shape == last.output_shape[-1]
    assert map_alone.count_params() == last.count_params()
