import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from kerasconv.train.report import Report, wilson_interval

CONFUSION = np.array([[8, 0, 1], [2, 5, 0], [0, 0, 4]])
REPORT = Report(("ant", "bee", "cow"), CONFUSION)


@pytest.mark.parametrize(("correct", "examples"), [(0, 7), (7, 7), (590, 599), (1, 2)])
def test_the_interval_is_scipys(correct, examples):
    expected = binomtest(correct, examples).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(wilson_interval(correct, examples), expected, atol=1e-12)


def test_in_words_and_numbers():
    assert str(REPORT) == "Accuracy: 85.0 % of 20 examples (95 % interval: 64.0 % to 94.8 %)"
    cells = [list(column.cells) for column in REPORT.table().columns]
    assert cells == [
        ["ant", "bee", "cow"],
        ["9", "7", "4"],
        ["88.9 %", "71.4 %", "100.0 %"],
        ["cow (1)", "ant (2)", ""],
    ]
    assert REPORT.to_json()["correct"] == 17
    assert REPORT.to_json()["confusion"] == CONFUSION.tolist()


def test_the_picture(tmp_path):
    """Cell by cell, the more examples, the darker: read off the pixels of the largest square."""
    path = tmp_path / "confusion.png"
    big = Report(("0", "1", "2"), np.array([[90, 0, 0], [0, 60, 0], [0, 30, 0]]))
    big.draw(path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"), "int")
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    cells = colours[np.argsort(-counts)[:5]]  # white around it, and the four colours of 0, 30, 60 and 90
    assert len({tuple(colour) for colour in cells}) == 5
    areas = np.sort(counts)[::-1]
    assert areas[1] > 4 * areas[2]  # six cells are empty, three are not
