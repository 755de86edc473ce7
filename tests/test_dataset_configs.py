"""Every layout as a run meets it: composed from its YAML, loaded from a tree, split by subject; nothing is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from mer.compose import conf_dir, register_schema, to_config
from mer.data.loading.dataset_registry import DATASETS
from mer.data.synthetic.layouts.registry import LAYOUTS
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import load_experiment
from tests.data.datasets import test_every_dataset


@pytest.mark.parametrize("layout", LAYOUTS)
def test_loso_over_a_tree_has_its_samples_subjects_and_classes(layout: str, tmp_path: Path) -> None:
    card = DATASETS[layout].card
    made = test_every_dataset.clips(layout, subjects=(3, 4, 5))
    root = test_every_dataset.write(layout, tmp_path, made=made)
    inputs = ["input=apex", "augment=face"] if card.still else []
    overrides = [f"data={layout}", f"data.root={root}", f"cache_dir={tmp_path / 'cache'}", *inputs]
    register_schema()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = to_config(compose("config", overrides))
    check_config(config)
    experiment = load_experiment(config)
    classes = card.label_sets["usual"].classes
    assert experiment.table.classes == classes and experiment.table.counts()[layout].tolist() == [3] * len(classes)
    people = 3 if test_every_dataset.PERSON[layout] else len(made)
    assert len(experiment.folds) == people
    assert sorted(sample for fold in experiment.folds for sample in fold.test) == sorted(
        experiment.table.frame["sample_id"]
    )
    person = dict(zip(experiment.table.frame["sample_id"], experiment.table.subjects, strict=True))
    for fold in experiment.folds:
        assert len({person[sample] for sample in fold.test}) == 1
        assert not {person[sample] for sample in fold.test} & {person[sample] for sample in fold.train}
