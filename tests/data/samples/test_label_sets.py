from __future__ import annotations

import pytest

from mer.data.datasets import casme2, ck_plus, fer2013, jaffe, mmew, oulu_casia, raf_db, samm, smic
from mer.data.loading.dataset_card import USUAL, DatasetCard
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.label_sets import LabelSet, canonical_emotion, canonical_objective

CARDS = tuple(module.card for module in DATASETS.values())
SETS = [pytest.param(card, name, id=f"{card.key}-{name}") for card in CARDS for name in card.label_sets]


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("Happiness", "happiness"),
        (" OTHERS ", "others"),
        ("Other", "others"),
        ("happy", "happiness"),
        ("tense", "tense"),
    ],
)
def test_emotions_are_folded_and_aliases_resolved(text: str, emotion: str) -> None:
    assert canonical_emotion(text) == emotion


@pytest.mark.parametrize(
    ("text", "numeral"),
    [
        ("III", "III"),
        ("iii", "III"),
        ("3", "III"),
        ("3.0", "III"),
        ("Class III", "III"),
        ("7", "VII"),
        ("", ""),
        ("8", "8"),
    ],
)
def test_objective_classes_become_roman(text: str, numeral: str) -> None:
    assert canonical_objective(text) == numeral


@pytest.mark.parametrize(("card", "name"), SETS)
def test_label_sets_are_whole(card: DatasetCard, name: str) -> None:
    labels: LabelSet = card.label_sets[name]
    assert set(labels.mapping.values()) == set(labels.classes)
    assert not set(labels.mapping) & set(labels.excluded)
    assert set(labels.published) in (set(labels.classes), set())
    assert labels.source
    words = labels.mapping if labels.column == "emotion" else ()
    assert [canonical_emotion(word) for word in words] == list(words)


@pytest.mark.parametrize(
    ("card", "name", "total"),
    [
        (samm.CARD, USUAL, 136),
        (samm.CARD, "megc2019", 133),
        (samm.CARD, "objective", 68),
        (casme2.CARD, USUAL, 246),
        (casme2.CARD, "megc2019", 147),
        (casme2.CARD, "objective", 185),
        (smic.CARD, USUAL, 164),
        (casme2.CARD, "all", 255),
        (samm.CARD, "all", 159),
        (DATASETS["casme"].card, USUAL, 171),
        (DATASETS["casme_sq"].card, "all", 57),
        (mmew.CARD, USUAL, 234),
        (mmew.CARD, "all", 300),
        (ck_plus.CARD, USUAL, 327),
        (ck_plus.CARD, "megc2019", 327),
        (jaffe.CARD, USUAL, 213),
        (oulu_casia.CARD, USUAL, 480),
        (fer2013.CARD, USUAL, 35_887),
        (raf_db.CARD, USUAL, 15_339),
    ],
)
def test_published_counts_sum_to_the_totals_that_papers_give(card: DatasetCard, name: str, total: int) -> None:
    assert sum(card.label_sets[name].published.values()) == total


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.key)
def test_each_set_has_a_usual_label_set(card: DatasetCard) -> None:
    assert USUAL in card.label_sets
