"""A convolutional autoencoder."""

from __future__ import annotations

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, check_sizes, network


@network((28, 28, 1))
def convolutional_autoencoder(net: Layers, image: Tensor, *, filters: int = 32) -> Tensor:
    """Squeezes an image through a quarter of its height and width and paints it again; trained so, it removes noise.

    Args:
        filters: Filters of all layers but the last.

    References:
        S. L. Valdarrama, "Convolutional autoencoder for image denoising", keras.io, 2021; the idea is that of J. Masci
        et al., "Stacked convolutional auto-encoders for hierarchical feature extraction", 2011.

    Example:
        >>> import kerasconv
        >>> model = kerasconv.models.convolutional_autoencoder()
        >>> model.get_layer("code").output.shape, model.output_shape
        ((None, 7, 7, 32), (None, 28, 28, 1))
    """
    check_sizes("convolutional_autoencoder", net, image, 4)
    x = net.Conv2D(filters, 3, padding="same", activation="relu", name="encode1")(image)
    x = net.MaxPooling2D(2, padding="same", name="pool1")(x)
    x = net.Conv2D(filters, 3, padding="same", activation="relu", name="encode2")(x)
    x = net.MaxPooling2D(2, padding="same", name="code")(x)
    x = net.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu", name="decode1")(x)
    x = net.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu", name="decode2")(x)
    return net.Conv2D(net.channels(image), 3, padding="same", activation="sigmoid", name="paint")(x)


ZOO = {
    "convolutional_autoencoder": Entry(
        convolutional_autoencoder,
        "reconstruction",
        'S. L. Valdarrama, "Convolutional autoencoder for image denoising", keras.io, 2021',
        28_353,
        "the summary printed at keras.io",
        small={"input_shape": (12, 8, 3), "filters": 6},
        preprocessing=UNIT,
    )
}
