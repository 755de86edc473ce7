"""Templates against a second definition of their density, and what a network of one level must keep of the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.nn import functional as F

from mer.config import AttentionConfig, InitConfig, ModelConfig
from mer.errors import ConfigError, MerError
from mer.models import build, checkpoint, config_errors, freeze, load, load_weights
from mer.models.backbones.templates import BEGIN, CELLS, CONCENTRATION, TEMPLATES, TemplateClassifier, TemplateNetwork
from mer.models.build import describe

MODEL = ModelConfig(backbone="templates", depth=None, attention=AttentionConfig(unit="none"))


def network(classes: int = 3, channels: int = 2) -> TemplateNetwork:
    torch.manual_seed(0)
    made = build(MODEL, in_channels=channels, classes=classes)
    assert isinstance(made, TemplateNetwork)
    torch.nn.init.normal_(made.fc.weight)
    torch.nn.init.normal_(made.fc.bias)
    return made.eval()


def test_logits_are_log_densities_of_mixtures_on_the_sphere() -> None:
    torch.manual_seed(1)
    classifier = TemplateClassifier(6, 4).double()
    torch.nn.init.normal_(classifier.weight)
    x = F.normalize(torch.randn(5, 6, dtype=torch.float64), dim=1)
    found = classifier(x).detach().numpy()
    rows = classifier.weight.detach().numpy().reshape(4, TEMPLATES, 6)
    densities = [
        [stats.vonmises_fisher(row / np.linalg.norm(row), CONCENTRATION).logpdf(x.numpy()) for row in one]
        for one in rows
    ]
    expected = special.logsumexp(np.array(densities), axis=1).T
    # equal but for one constant, the density's normalisation
    np.testing.assert_allclose(found - found[:1, :1], expected - expected[:1, :1], atol=1e-12)


@pytest.mark.parametrize("side", [28, 30, 112])
def test_logits_are_those_of_a_slow_loop(side: int) -> None:
    made = network()
    x = torch.randn(2, 2, side, side)
    weight, bias = made.fc.weight.detach().double().numpy(), made.fc.bias.detach().double().numpy()
    for sample, logits in zip(x, made(x), strict=True):
        cells = F.adaptive_avg_pool2d(sample.double(), CELLS).numpy().ravel()
        for k in range(3):
            total = 0.0
            for template in weight[k].reshape(TEMPLATES, -1):
                cosine = cells @ template / np.linalg.norm(cells) / np.linalg.norm(template)
                total += np.exp(CONCENTRATION * cosine)
            assert logits[k].item() == pytest.approx(np.log(total) + bias[k], abs=1e-5)


def test_neither_the_strength_of_motion_nor_the_length_of_a_template_counts() -> None:
    made, x = network(), torch.randn(4, 2, 28, 28)
    before = made(x)
    torch.testing.assert_close(made(x * torch.tensor([0.1, 1.0, 5.0, 40.0]).view(-1, 1, 1, 1)), before)
    with torch.no_grad():
        made.fc.weight.view(3, TEMPLATES, -1).mul_(torch.rand(3, TEMPLATES, 1) + 0.5)
    torch.testing.assert_close(made(x), before)


def test_still_maps_give_numbers_and_gradients() -> None:
    made = network().train()
    made(torch.zeros(2, 2, 28, 28)).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in made.parameters())


def test_training_finds_the_patterns_of_a_class() -> None:
    torch.manual_seed(2)
    made = build(MODEL, in_channels=1, classes=2)
    patterns = F.normalize(torch.randn(3, CELLS**2), dim=1)  # two of class 0, one of class 1
    optimiser = torch.optim.AdamW(made.parameters(), lr=2e-3)
    for _ in range(150):
        which = torch.randint(3, (64,))
        cells = patterns[which] + 0.05 * torch.randn(64, CELLS**2)
        x = cells.view(-1, 1, CELLS, CELLS).repeat_interleave(2, 2).repeat_interleave(2, 3)
        optimiser.zero_grad()
        F.cross_entropy(made(x), (which == 2).long()).backward()
        optimiser.step()
    cosines = made.templates().flatten(2) @ patterns.T  # (2, TEMPLATES, 3)
    # each template looks like what its class shows and unlike what the other one does
    assert (cosines[0, :, :2].amax(1) > 0.3).all() and (cosines[0, :, 2] < 0).all()
    assert (cosines[1, :, 2] > 0.3).all() and (cosines[1, :, :2] < 0).all()


def test_templates_are_maps_of_length_one() -> None:
    made = network(classes=5, channels=3)
    assert made.templates().shape == (5, TEMPLATES, 3, CELLS, CELLS)
    torch.testing.assert_close(made.templates().flatten(2).norm(dim=2), torch.ones(5, TEMPLATES))
    assert made.attend(torch.randn(1, 3, 28, 28))[1] == [] and made.map_stages == ()


def test_the_classifier_starts_near_zero() -> None:
    made = TemplateClassifier(2 * CELLS**2, 3)
    assert made.weight.std().item() == pytest.approx(BEGIN, rel=0.1) and not made.bias.any()


def test_it_has_one_level_which_always_learns() -> None:
    made = network()
    assert made.levels == ("head",) and {made.level_of(name) for name in made.state_dict()} == {0}
    assert freeze(made, 0) == ()
    with pytest.raises(ConfigError, match=r"optim\.freeze"):
        freeze(made, 1)


def test_options_of_other_networks_are_refused_each_by_its_key() -> None:
    assert config_errors(MODEL, side=28) == [] and describe(MODEL) == "3 templates a class"
    found = config_errors(ModelConfig(backbone="templates", width=16, dropout=0.3, head="grid"))
    assert sorted(line.split(":")[0] for line in found) == [
        "model.attention.unit",
        "model.depth",
        "model.dropout",
        "model.head",
        "model.width",
    ]


def test_a_checkpoint_brings_them_back_and_another_network_s_weights_are_refused(tmp_path: Path) -> None:
    made, x = network(), torch.randn(3, 2, 28, 28)
    card = {"classes": ["a", "b", "c"], "input": {"representation": "flow_uv", "size": 28}}
    checkpoint.save(tmp_path / "own.ckpt", made, model=MODEL, card=card)
    assert torch.equal(load(tmp_path / "own.ckpt")(x), made(x))
    again = build(MODEL, in_channels=2, classes=3).eval()
    load_weights(again, InitConfig("file", str(tmp_path / "own.ckpt")), classes=("c", "a", "b"))
    torch.testing.assert_close(again(x), made(x)[:, [2, 0, 1]])

    other = ModelConfig(width=16)
    checkpoint.save(tmp_path / "other.ckpt", build(other, in_channels=2, classes=3), model=other, card=card)
    with pytest.raises(MerError, match="another network"):
        load_weights(network(), InitConfig("file", str(tmp_path / "other.ckpt")))
