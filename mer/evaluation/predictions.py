"""The predictions of all folds as one table: one row a sample, pooled before anything is scored.

Contract: columns sample_id, dataset, subject, fold, label, predicted, then prob_<class> in class order; rows sorted by
sample_id; each sample of the table exactly once. The CSV is the same byte for byte for the same predictions, and
writing what was read changes nothing, so a resumed run and an uninterrupted one give one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from mer.data.samples.table import SampleTable
from mer.errors import MerError
from mer.evaluation.metrics import Counts, confusion_matrix
from mer.utils.csv_files import read_csv, write_csv

#: Columns before the probabilities.
COLUMNS = ("sample_id", "dataset", "subject", "fold", "label", "predicted")
PROBABILITY_PREFIX = "prob_"
#: Prefixes of the columns of one action unit, in place of label and predicted (`mer.evaluation.units.table`).
TRUE_PREFIX, PREDICTED_PREFIX = "true_", "predicted_"
#: Further column, last, of every table of a run whose epochs were chosen on held-out samples; no score looks at it.
SELECTION_COLUMN = "selection"
#: Seven significant digits: what float32 holds, and a fixed point of write -> read -> write.
FLOAT_FORMAT = "%.7g"
#: Probabilities must sum to 1 within this, and the predicted class must be the likeliest within it: room for float32
#: and for the digits of the CSV, none for a softmax in half precision or for columns in the wrong order.
TOLERANCE = 1e-4


class PredictionError(MerError):
    """Predictions do not fit the samples; names the samples."""


def prediction_columns(classes: Sequence[str]) -> list[str]:
    """Return the column names of a table of predictions, in order."""
    return [*COLUMNS, *(f"{PROBABILITY_PREFIX}{name}" for name in classes)]


def pool_folds(
    frames: Iterable[pd.DataFrame], table: SampleTable, *, allow_missing: bool = False, likeliest: bool = True
) -> pd.DataFrame:
    """Pooled predictions of all folds, sorted by sample_id, with each sample of `table` exactly once.

    Args:
        frames: one table of predictions a fold, with the columns of `prediction_columns(table.classes)`.
        table: the samples of the run; its data set, subject and label columns must agree with the predictions.
        allow_missing: accept that samples are missing (folds failed); results must then say so.
        likeliest: require that the predicted class is the likeliest, which other rules of decision need not take.

    Raises:
        PredictionError: a sample is missing, predicted twice or unknown; its subject or label differs from the table;
            a class is unknown; probabilities do not sum to 1 or contradict the predicted class.
    """
    columns = prediction_columns(table.classes)
    parts = [_checked_columns(frame, columns) for frame in frames]
    pooled = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: [] for name in columns})
    pooled = pooled.sort_values("sample_id", kind="stable", ignore_index=True)
    ids = pooled["sample_id"]
    known = table.frame.set_index("sample_id")
    _refuse(ids[ids.duplicated()].unique(), "predicted more than once", "test each sample in exactly one fold")
    _refuse(ids[~ids.isin(known.index)], "not in the sample table", "do the folds belong to this run's data?")
    if not allow_missing:
        missing = known.index[~known.index.isin(ids)]
        _refuse(
            missing, "without a prediction", "run the missing folds (the same command again), or allow them to miss"
        )
    for name in ("dataset", "subject", "label"):
        truth = known.loc[ids, name].to_numpy()
        _refuse(ids[pooled[name].to_numpy() != truth], f"whose {name} differs from the sample table's", "delete folds/")
    _check_probabilities(pooled, table.classes, likeliest=likeliest)
    return pooled


def write_predictions(path: str | Path, predictions: pd.DataFrame) -> None:
    """Write predictions as CSV, atomically and byte for byte the same on every system."""
    write_csv(path, predictions, float_format=FLOAT_FORMAT)


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Predictions as `write_predictions` wrote them: ids and labels as text (`006`, `NA`), probabilities as float64.

    Truths and answers of action units, where the file holds units, are int64.
    """
    try:
        frame = read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:  # empty, cut, not UTF-8
        raise PredictionError(f"{path} was cut or edited ({error}); give the run's command again") from error
    of_units = any(str(name).startswith(TRUE_PREFIX) for name in frame)
    absent = [name for name in COLUMNS if name not in frame and not (of_units and name in ("label", "predicted"))]
    if absent:
        raise PredictionError(f"{path}: expected the columns {', '.join(COLUMNS)}, got no {', '.join(absent)}")
    # from text by numpy, which rounds correctly; the reader's own conversion need not
    try:
        kinds = {name: "float64" for name in frame.columns if name.startswith(PROBABILITY_PREFIX)}
        whole = {name: "int64" for name in frame.columns if name.startswith((TRUE_PREFIX, PREDICTED_PREFIX))}
        return frame.astype(kinds | whole)
    except ValueError as error:
        raise PredictionError(f"{path} was cut or edited ({error}); give the run's command again") from error


def global_subjects(predictions: pd.DataFrame) -> pd.Series:
    """Return subject ids `dataset:subject` (N,), since SAMM's 006 is not CASME II's sub06."""
    return predictions["dataset"].astype(str) + ":" + predictions["subject"].astype(str)


def encode_labels(labels: Iterable[str], classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return class indices (N,) of label names; raise PredictionError for an unknown name."""
    values = list(labels)
    index = {name: position for position, name in enumerate(classes)}
    unknown = sorted({str(value) for value in values if value not in index})
    if unknown:
        raise PredictionError(f"expected classes {', '.join(classes)}, got {', '.join(unknown)}")
    return np.fromiter((index[value] for value in values), dtype=np.int64, count=len(values))


def confusion(predictions: pd.DataFrame, classes: Sequence[str]) -> Counts:
    """Return the confusion matrix (K, K) of pooled predictions."""
    return confusion_matrix(
        encode_labels(predictions["label"], classes),
        encode_labels(predictions["predicted"], classes),
        classes=len(classes),
    )


def confusions_by_subject(predictions: pd.DataFrame, classes: Sequence[str]) -> tuple[list[str], Counts]:
    """Return subject ids, sorted, and their confusion matrices (S, K, K); the matrices sum to the pooled one."""
    names, rows = np.unique(global_subjects(predictions).to_numpy(dtype=object), return_inverse=True)
    counts = np.zeros((len(names), len(classes), len(classes)), dtype=np.int64)
    np.add.at(
        counts,
        (rows, encode_labels(predictions["label"], classes), encode_labels(predictions["predicted"], classes)),
        1,
    )
    return [str(name) for name in names], counts


def _checked_columns(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the columns in order without the mark; raise PredictionError for a missing or unknown one."""
    frame = frame.drop(columns=SELECTION_COLUMN, errors="ignore")
    if set(frame.columns) != set(columns):
        raise PredictionError(
            f"expected predictions with the columns {', '.join(columns)}, got {', '.join(map(str, frame.columns))}: "
            "were they made with another class set?"
        )
    return frame[columns]


def _check_probabilities(pooled: pd.DataFrame, classes: Sequence[str], *, likeliest: bool) -> None:
    values = pooled[[f"{PROBABILITY_PREFIX}{name}" for name in classes]].to_numpy(dtype=np.float64)
    ids = pooled["sample_id"]
    valid = np.isfinite(values).all(axis=1) & (values >= 0).all(axis=1)
    valid &= np.abs(values.sum(axis=1) - 1) <= TOLERANCE
    _refuse(ids[~valid], "whose probabilities do not sum to 1", "did training diverge, or was softmax left out?")
    chosen = values[np.arange(len(values)), encode_labels(pooled["predicted"], classes)]
    wrong = chosen < values.max(axis=1, initial=0.0) - TOLERANCE
    if likeliest:
        _refuse(ids[wrong], "whose predicted class is not the likeliest", "are the probability columns in class order?")


def _refuse(ids: Iterable[str], what: str, remedy: str) -> None:
    """Raise an error that names the first ten ids, if there are any."""
    names = sorted(map(str, ids))
    if names:
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        count = "1 sample" if len(names) == 1 else f"{len(names)} samples"
        raise PredictionError(
            f"expected one prediction a sample, got {count} {what}: {', '.join(names[:10])}{more}. Remedy: {remedy}"
        )
