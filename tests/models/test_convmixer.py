"""ConvMixer beside a PyTorch module of the paper's figure 3."""

import numpy as np
import pytest

from kerasconv import models
from kerasconv.interop import load_torch
from kerasconv.models._weights import torch_names


def test_equal_to_the_module_of_the_paper():
    torch = pytest.importorskip("torch")
    from torch import nn

    class Mixer(nn.Sequential):
        """The first module beside a shortcut, then the others."""

        def forward(self, x):
            return self[3](self[2](self[1](x + self[0].fn(x))))

    def residual(*modules):
        holder = nn.Module()
        holder.fn = nn.Sequential(*modules)
        return holder

    def mixer(dim, size):
        spatial = residual(nn.Conv2d(dim, dim, size, groups=dim, padding="same"), nn.GELU(), nn.BatchNorm2d(dim))
        return Mixer(spatial, nn.Conv2d(dim, dim, 1), nn.GELU(), nn.BatchNorm2d(dim))

    torch.manual_seed(0)
    theirs = nn.Sequential()
    theirs.add_module("stem", nn.Sequential(nn.Conv2d(3, 12, 4, stride=4), nn.GELU(), nn.BatchNorm2d(12)))
    theirs.add_module("blocks", nn.Sequential(*[mixer(12, 5) for _ in range(3)]))
    theirs.add_module("pooling", nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()))
    theirs.add_module("head", nn.Linear(12, 6))
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(0.5 + torch.rand(value.shape))
    sizes = {"dim": 12, "depth": 3, "kernel_size": 5, "patch_size": 4, "activation": "gelu"}
    ours = models.convmixer((22, 29, 3), 6, classifier_activation=None, **sizes)
    load_torch(ours, theirs.state_dict(), torch_names(ours, "convmixer"))
    x = np.random.default_rng(1).normal(size=(2, 22, 29, 3)).astype("float32")
    with torch.no_grad():
        expected = theirs.eval()(torch.tensor(np.moveaxis(x, -1, 1))).numpy()
    np.testing.assert_allclose(ours(x), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_the_size_that_the_paper_gives():
    """Table 1 has 21.1 million parameters for ConvMixer-768/32."""
    model = models.convmixer()
    assert round(sum(np.prod(v.shape) for v in model.trainable_variables) / 1e6, 1) == 21.1
