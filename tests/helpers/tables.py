"""Sample tables of a few rows for the tests of protocols, and strategies that draw them."""

from __future__ import annotations

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st

from mer.data.samples.schema import COLUMNS
from mer.data.samples.table import SampleTable

CLASSES = ("a", "b", "c")
#: Few examples with no deadline, since another job may hold the processor.
some = settings(deadline=None, max_examples=50)


def table(rows: list[tuple[str, str, str]], *, classes: tuple[str, ...] = CLASSES) -> SampleTable:
    """Samples of (data set, subject, label); three more of a far subject of the first set show each class."""
    dataset = rows[0][0]
    rows = [*rows, *((dataset, "s99", label) for label in classes)]
    listed = [
        dict.fromkeys(COLUMNS, "")
        | {"sample_id": f"{owner}/{subject}_{i}", "dataset": owner, "subject": subject, "clip": str(i), "label": label}
        | {"onset": None, "apex": None, "offset": None}
        for i, (owner, subject, label) in enumerate(rows)
    ]
    return SampleTable(pd.DataFrame(listed), classes, name="test")


def shuffled(made: SampleTable, random: object) -> SampleTable:
    """The same samples in another order."""
    order = list(range(len(made)))
    random.shuffle(order)  # type: ignore[attr-defined]
    return SampleTable(made.frame.iloc[order], made.classes, name=made.name)


def people(made: SampleTable, samples: tuple[str, ...]) -> set[str]:
    """Global subjects of samples."""
    of = dict(zip(made.frame["sample_id"], made.subjects, strict=True))
    return {of[sample] for sample in samples}


#: One to forty samples of two data sets with up to eight people each.
tables = st.lists(
    st.tuples(st.sampled_from(["x", "y"]), st.sampled_from([f"s{i}" for i in range(1, 9)]), st.sampled_from(CLASSES)),
    min_size=1,
    max_size=40,
).map(table)
