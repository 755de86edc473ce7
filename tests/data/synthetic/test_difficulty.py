"""The default corpus is no toy, leaks nothing, and can be learned: what simple machines reach under LOSO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits
from torch.nn.functional import cross_entropy

from mer.config import ModelConfig, SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import render_frame
from mer.models import build
from mer.utils.optical_strain import strain as motion_strain


@dataclass(frozen=True)
class Corpus:
    onset: np.ndarray
    apex: np.ndarray
    flow: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray

    def uf1(self, model: object, features: np.ndarray) -> float:
        return float(f1_score(self.labels, self.predict(model, features), average="macro"))

    def predict(self, model: object, features: np.ndarray) -> np.ndarray:
        flat = features.reshape(len(features), -1)
        # matrices this small are multiplied fastest by one thread, and a busy machine stays usable
        with threadpool_limits(1):
            return cross_val_predict(model, flat, self.labels, groups=self.subjects, cv=LeaveOneGroupOut())


def small(image: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def flow_map(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    """u, v, strain of measured flow at 28x28, each less its median and over its deviation, of unit norm together."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(onset, apex, None).transpose(2, 0, 1)
    maps = np.stack([small(part, 28) for part in (*flow, motion_strain(flow))])
    maps -= np.median(maps, axis=(1, 2), keepdims=True)
    maps /= maps.std(axis=(1, 2), keepdims=True)
    return maps / np.linalg.norm(maps)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    specs = design_clips(SyntheticData(name="synthetic"))
    pairs = [(render_frame(spec, spec.onset), render_frame(spec, spec.apex)) for spec in specs]
    return Corpus(
        onset=np.stack([small(onset, 32) for onset, _ in pairs]) / 255.0,
        apex=np.stack([small(apex, 32) for _, apex in pairs]) / 255.0,
        flow=np.stack([flow_map(onset, apex) for onset, apex in pairs]),
        labels=np.array([spec.label for spec in specs]),
        subjects=np.array([spec.subject for spec in specs]),
    )


def linear(balance: str | None = "balanced") -> object:
    # a rotation onto the span of the samples changes nothing for a penalty on the length of the weights, but the time
    regression = LogisticRegression(C=0.01, max_iter=2000, class_weight=balance)
    return make_pipeline(StandardScaler(), PCA(svd_solver="full"), regression)


def kernel() -> object:
    return make_pipeline(StandardScaler(), SVC(C=10, class_weight="balanced"))


def unit_kernel() -> object:
    """For maps of unit norm."""
    return SVC(C=10, gamma=2.0, class_weight="balanced")


@pytest.mark.parametrize("balance", ["balanced", None])
def test_apex_pixels_are_not_enough(corpus: Corpus, balance: str | None) -> None:
    assert corpus.uf1(linear(balance), corpus.apex) < 0.6


@pytest.mark.parametrize("model", [linear, kernel])
def test_onset_frames_tell_nothing(corpus: Corpus, model: Callable[[], object]) -> None:
    predicted = corpus.predict(model(), corpus.onset)
    rng = np.random.default_rng(0)
    # what guesses of the same frequencies reach: recall is bounded by their 99.5th percentile
    guesses = [recall_score(corpus.labels, rng.permutation(predicted), average="macro") for _ in range(1000)]
    assert recall_score(corpus.labels, predicted, average="macro") <= np.quantile(guesses, 0.995)
    assert f1_score(corpus.labels, predicted, average="macro") < 0.42


@pytest.mark.slow
def test_onset_frames_tell_the_network_nothing(corpus: Corpus) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images = torch.tensor((corpus.onset - corpus.onset.mean()) / corpus.onset.std(), dtype=torch.float32)[:, None]
    classes, targets = np.unique(corpus.labels, return_inverse=True)
    weights = torch.tensor(1 / np.bincount(targets), dtype=torch.float32)
    predicted = np.empty_like(targets)
    for train, test in GroupKFold(5).split(targets, groups=corpus.subjects):
        network = build(ModelConfig(), in_channels=1, classes=len(classes))
        steps = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
        for _ in range(12):
            for batch in torch.tensor(rng.permutation(train)[: len(train) // 32 * 32]).split(32):
                loss = cross_entropy(network(images[batch]), torch.tensor(targets)[batch], weights)
                steps.zero_grad()
                loss.backward()
                steps.step()
        network.eval()
        with torch.no_grad():
            predicted[test] = network(images[test]).argmax(1).numpy()
    assert recall_score(targets, predicted, average="macro") < 0.44
    assert f1_score(targets, predicted, average="macro") < 0.44


def test_measured_flow_can_be_learned_and_is_no_toy(corpus: Corpus) -> None:
    assert 0.62 < corpus.uf1(unit_kernel(), corpus.flow) < 0.85
    assert 0.62 < corpus.uf1(linear(), corpus.flow) < 0.85


def test_labels_are_nearly_independent_of_people() -> None:
    """Over 25 seeds, a majority label of each person fits no better than with labels shuffled."""
    real, shuffled = [], []
    rng = np.random.default_rng(0)
    for seed in range(25):
        specs = design_clips(SyntheticData(name="synthetic", seed=seed, clips=80))
        subjects = np.array([spec.subject for spec in specs])
        labels = np.array([spec.label for spec in specs])
        for into, values in ((real, labels), (shuffled, rng.permutation(labels))):
            into.append(sum(np.unique(values[subjects == s], return_counts=True)[1].max() for s in set(subjects)) / 80)
    assert abs(np.mean(real) - np.mean(shuffled)) < 0.03
