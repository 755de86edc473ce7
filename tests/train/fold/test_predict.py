"""Test-time mirror: the mean with the mirrored input, signed as the representation says, refused where unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mer.config import Config, EvaluationConfig, InputConfig
from mer.errors import ConfigError
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import load_experiment
from mer.train.fold.predict import mirror_signs, predict, predict_probabilities


class Linear(nn.Module):
    """Logits that are a fixed linear function of all pixels, so that a mirror changes them."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3 * 6 * 6, generator=torch.Generator().manual_seed(1)))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T


def loader(images: Tensor) -> Iterator[dict[str, Tensor]]:
    for start in range(0, len(images), 4):
        part = images[start : start + 4]
        yield {"image": part, "sample_id": [str(row) for row in range(start, start + len(part))]}


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum()


def test_probabilities_are_the_mean_with_the_mirrored_input_by_hand():
    images = torch.randn(7, 3, 6, 6, generator=torch.Generator().manual_seed(0)) / 8
    network = Linear()
    ids, found = predict_probabilities(network, loader(images), mirror=(-1, 1, 1))
    weight = network.weight.detach().double().numpy()
    assert ids == [str(row) for row in range(7)]
    for x, probabilities in zip(images.double().numpy(), found, strict=True):
        mirrored = np.stack([-x[0, :, ::-1], x[1, :, ::-1], x[2, :, ::-1]])
        expected = (softmax(weight @ x.ravel()) + softmax(weight @ mirrored.ravel())) / 2
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_a_clip_and_its_mirror_image_get_one_answer():
    images = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0)) / 8
    mirrored = images.flip(-1) * torch.tensor([-1.0, 1.0, 1.0]).view(3, 1, 1)
    one, other = (predict_probabilities(Linear(), loader(x), mirror=(-1, 1, 1))[1] for x in (images, mirrored))
    np.testing.assert_allclose(one, other, atol=1e-6)
    plain, plain_mirrored = (predict_probabilities(Linear(), loader(x))[1] for x in (images, mirrored))
    assert np.abs(plain - plain_mirrored).max() > 0.1
    np.testing.assert_allclose(one, (plain + plain_mirrored) / 2, atol=1e-6)


@pytest.mark.parametrize(("representation", "signs"), [("flow", [-1, 1, 1]), ("apex", [1])])
def test_a_fold_is_mirrored_as_its_representation_asks(tiny_config: Config, representation: str, signs: list[int]):
    config = replace(
        tiny_config, input=InputConfig(representation=representation, size=28), evaluation=EvaluationConfig(flip=True)
    )
    experiment = load_experiment(config)
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return self.weight * torch.ones(len(x), 3)

    images = torch.from_numpy(np.array(experiment.inputs[:3], dtype=np.float32))
    batch = {"image": images, "sample_id": experiment.table.frame["sample_id"].tolist()[:3]}
    predict(Spy(), [batch], experiment.table, mirror=mirror_signs(experiment.samples, config))
    assert torch.equal(seen[0], images)
    assert torch.equal(seen[1], images.flip(-1) * torch.tensor(signs).view(-1, 1, 1))


def test_it_is_refused_where_a_mirror_image_is_not_known(tiny_config: Config):
    config = replace(tiny_config, input=InputConfig(representation="image", size=28))
    check_config(config)
    with pytest.raises(
        ConfigError, match=r"evaluation\.flip: expected false for input\.representation=image.*motion_map"
    ):
        check_config(replace(config, evaluation=EvaluationConfig(flip=True)))
