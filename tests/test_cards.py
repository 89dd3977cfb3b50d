"""The cards in `docs/models/` stay in step with the zoo: what differs is written by `python -m cards`."""

import re
from xml.etree import ElementTree

import keras
import pytest

import cards
from cards.figure import draw
from cards.outline import Box, Fork, Repeat, SideBranch, Skip, SkipEnd, outline
from kerasconv import layers, models
from kerasconv.models._info import facts

FAMILIES = cards.families()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_of_a_card(family):
    """The figures in it are those of `facts`, which `test_layer_table` compares with the models."""
    text = cards.card_file(family).read_text(encoding="utf-8")
    assert text == cards.fill(text, cards.generated_card(family, FAMILIES[family]))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_card_says_where_a_model_is_from_and_what_was_checked(family):
    text = cards.card_file(family).read_text(encoding="utf-8")
    headings = re.findall("^#+ .*$", text, re.MULTILINE)
    assert headings[0].startswith("# ")
    trained_here = any("digits" in models.get_entry(name).pretrained for name in FAMILIES[family])
    assert headings[1:] == ["## Source", "## Checked", *(["## Weights"] if trained_here else []), "## Limits"]


def test_the_index():
    text = (cards.CARDS / "README.md").read_text(encoding="utf-8")
    assert text == cards.fill(text, cards.generated_index())
    assert all(f"[`{name}`](" in text for name in models.list_models())


# A model of many parameters takes seconds to be made.
@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=[pytest.mark.large] if facts()[next(iter(table))].parameters > 5e6 else [])
        for family, table in FAMILIES.items()
        if next(iter(table)) in facts()
    ],
)
def test_the_figure_of_a_card(family):
    first = next(iter(FAMILIES[family]))
    drawn = cards.figure_file(family).read_text(encoding="utf-8")
    assert drawn == draw(models.create_model(first))
    words = {element.text for element in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    assert "input" in words


def test_there_are_no_other_cards():
    written = {file.stem for file in cards.CARDS.glob("*.md")} - {"README"}
    assert written == set(FAMILIES) == {file.stem for file in cards.FIGURES.glob("*.svg")}


def test_filling_a_card():
    assert cards.fill("# A\n", "new") == "# A\n\n<!-- generated -->\n\nnew\n\n<!-- /generated -->\n"
    filled = cards.fill("# A\n\n<!-- generated -->\nold\n<!-- /generated -->\nbehind\n", "new")
    assert filled == "# A\n\n<!-- generated -->\n\nnew\n\n<!-- /generated -->\nbehind\n"
    assert cards.fill(filled, "new") == filled


def words(items):
    """An outline as plain lists: texts, `(times, ...)`, `[[branch], ...]`, `"skip"` and `"skip end"`."""
    kinds = {
        Box: lambda box: box.label,
        Repeat: lambda repeat: (repeat.times, *words(repeat.items)),
        Fork: lambda fork: [*map(words, fork.branches), fork.meeting.text],
        Skip: lambda skip: ("skip", *words(skip.items)),
        SkipEnd: lambda _: "skip end",
        SideBranch: lambda branch: ("side branch", branch.box.label),
    }
    return [kinds[type(item)](item) for item in items]


def test_the_outline_of_a_residual_network():
    model = models.resnet18((64, 64, 3), classes=5)
    assert words(outline(model)) == [
        "conv 7×7, 64 /2",
        "max pool 3×3 /2",
        (2, [["conv 3×3, 64", "conv 3×3, 64"], [], "add"]),
        *(
            item
            for filters in (128, 256, 512)
            for item in (
                [[f"conv 3×3, {filters} /2", f"conv 3×3, {filters}"], [f"conv 1×1, {filters} /2"], "add"],
                [[f"conv 3×3, {filters}", f"conv 3×3, {filters}"], [], "add"],
            )
        ),
        "global average pool",
        "dense 5",
    ]


def test_the_outline_of_a_network_with_a_long_skip():
    x = inputs = keras.Input((16, 16, 1))
    x = skip = layers.Conv2D(2, 3, padding="same")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.DepthwiseConv2D(3, padding="same", dilation_rate=2)(x)
    x = layers.Conv2DTranspose(2, 2, 2)(x)
    x = keras.layers.Concatenate()([x, layers.Conv2D(3, 1)(skip)])
    assert words(outline(keras.Model(inputs, x))) == [
        "conv 3×3, 2",
        ("skip", "conv 1×1, 3"),
        "max pool 2×2 /2",
        "depthwise 3×3 dilation 2",
        "transposed 2×2, 2 /2",
        "skip end",
        "concatenate",
    ]


def test_the_outline_of_a_sum_of_many_branches():
    """As WaveNet has it: a gate of two convolutions, of which each block adds something to one sum."""
    x = inputs = keras.Input((32, 4))
    sums = []
    for dilation in (1, 2, 4, 1, 2, 4):
        gate = [layers.Conv1D(4, 2, padding="causal", dilation_rate=dilation)(x) for _ in range(2)]
        gate = keras.layers.Multiply()(gate)
        sums.append(layers.Conv1D(8, 1)(gate))
        x = keras.layers.Add()([x, layers.Conv1D(4, 1)(gate)])
    model = keras.Model(inputs, keras.layers.Add()(sums))
    block = [[[["conv 2, 4 dilation 1, 2, 4"], ["conv 2, 4 dilation 1, 2, 4"], "multiply"], ("side branch", "conv 1, 8"), "conv 1, 4"], [], "add"]  # fmt: skip
    last = [["conv 2, 4 dilation 4"], ["conv 2, 4 dilation 4"], "multiply"]
    assert words(outline(model)) == [(5, block), last, "conv 1, 8", "add"]


def test_the_outline_of_squeeze_and_excitation():
    x = inputs = keras.Input((16, 16, 4))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    for filters in (2, 4):
        gate = layers.Conv2D(filters, 1)(gate)
    x = keras.layers.Add()([inputs, layers.Conv2D(4, 3, padding="same")(keras.layers.Multiply()([x, gate]))])
    assert words(outline(keras.Model(inputs, x))) == [[["squeeze and excite, 2", "conv 3×3, 4"], [], "add"]]


def test_the_outline_of_branches_that_cannot_be_drawn():
    """Each layer stands there once, in the order in which the model applies them."""
    x = keras.Input((16, 4))
    a, b = layers.Conv1D(1, 1)(x), layers.Conv1D(2, 1)(x)
    c = keras.layers.Concatenate()([a, b])
    model = keras.Model(x, keras.layers.Concatenate()([layers.Conv1D(3, 1)(c), layers.Conv1D(4, 1)(b), c]))
    texts = words(outline(model))
    assert sorted(str(texts).count(f"conv 1, {n}'") for n in (1, 2, 3, 4)) == [1, 1, 1, 1]
