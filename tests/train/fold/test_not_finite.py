"""What is not finite is blamed on its cause: a clip's input on the clip and its files, else the recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mer.config import Config, ProtocolConfig
from mer.errors import SampleError
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.inputs.prepared_samples import PreparedSamples
from mer.protocols.registry import Fold, make_folds
from mer.train.experiment.experiment import load_data
from mer.train.fold.fit import fit
from mer.train.fold.predict import predict


def damaged(config: Config, part: str, value: float) -> tuple[PreparedSamples, Fold, str]:
    """Samples of which one, in this part of the first fold, has one pixel of this value."""
    data = load_data(config)
    fold = make_folds(data.table, config.protocol, config.seed)[0]
    name = getattr(fold, part)[-1]
    inputs = np.array(data.inputs)
    inputs[data.table.frame["sample_id"].tolist().index(name), 0, 3, 4] = value
    return PreparedSamples(data.table, inputs), fold, name


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", ["train", "validation"])
def test_one_bad_pixel_in_training_names_the_clip_and_its_file(tiny_config: Config, part: str, value: float) -> None:
    config = replace(tiny_config, protocol=ProtocolConfig(validation=0.4))
    data, fold, name = damaged(config, part, value)
    with pytest.raises(SampleError, match="expected finite inputs, got NaN") as caught:
        fit(data, fold, config)
    row = data.table.frame.set_index("sample_id").loc[name]
    assert str(caught.value).startswith(f"{name} (") and str(row["apex_path"]) in str(caught.value)
    assert "optim.lr" not in str(caught.value)


def test_one_bad_pixel_of_a_tested_clip_names_the_clip(tiny_config: Config) -> None:
    data, fold, name = damaged(tiny_config, "test", np.nan)
    network = fit(data, fold, tiny_config).network
    with pytest.raises(SampleError, match=f"{name}: its input has values that are not finite"):
        predict(network, FoldDataModule(data, fold, tiny_config).test_dataloader(), data.table)


def test_a_recipe_that_diverges_is_still_told_of_its_rate(tiny_config: Config) -> None:
    config = replace(tiny_config, optim=replace(tiny_config.optim, lr=1e30))
    data = load_data(config)
    with pytest.raises(FloatingPointError, match=r"optim\.lr"):
        fit(data, make_folds(data.table, config.protocol, config.seed)[0], config)
