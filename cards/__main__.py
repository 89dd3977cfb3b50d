"""`python -m cards`: measures all models of the zoo and writes the generated parts of their cards, in minutes."""

from __future__ import annotations

import argparse
import os
from fnmatch import fnmatchcase

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import cards
from cards.figure import draw
from kerasconv import models
from kerasconv.models._info import counted, facts, write_facts


def main() -> None:
    """Writes the facts, the figures, the cards and the index."""
    parser = argparse.ArgumentParser(prog="python -m cards", description=__doc__)
    parser.add_argument(
        "filter", nargs="?", default="*", help="wildcards that a family's name must match; others keep what they have"
    )
    chosen = parser.parse_args().filter
    families = cards.families()
    summaries = {name: summary for name, summary in facts().items() if name in models.list_models()}
    cards.FIGURES.mkdir(parents=True, exist_ok=True)
    for family, table in families.items():
        for i, name in enumerate(table):
            if not fnmatchcase(family, chosen) and name in summaries:
                continue
            keras.backend.clear_session()
            summaries[name] = counted(name)
            print(f"{name}: {summaries[name].parameters:,} parameters", flush=True)
            if i == 0:
                cards.figure_file(family).write_text(draw(models.create_model(name)), encoding="utf-8")
    write_facts(summaries)
    for family, table in families.items():
        file = cards.card_file(family)
        text = file.read_text(encoding="utf-8") if file.exists() else f"# {family}\n"
        file.write_text(cards.fill(text, cards.generated_card(family, table)), encoding="utf-8")
    index = cards.CARDS / "README.md"
    index.write_text(cards.fill(index.read_text(encoding="utf-8"), cards.generated_index()), encoding="utf-8")


if __name__ == "__main__":
    main()
