"""The shipped configurations are valid and mean what they say."""

from pathlib import Path

import pytest
import yaml

from srnet.config.base import overlay
from srnet.config.nets import NETWORKS
from srnet.config.run import Config, method_label
from srnet.core.errors import SrnetError

ROOT = Path(__file__).resolve().parents[2]
SHIPPED_DEFAULT, SHIPPED_PAPER = ROOT / "config.yaml", ROOT / "config" / "paper.yaml"
SHIPPED = sorted([ROOT / "config.yaml", *(ROOT / "config").glob("*.yaml")])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_configuration_is_valid(path):
    Config.parse(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_papers_recipe_survives_being_laid_over_the_default_run():
    """`--configfile` adds to config.yaml, which must not set what a recipe sets."""
    layers = [
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (SHIPPED_DEFAULT, SHIPPED_PAPER)
    ]
    assert Config.parse(overlay(*layers)).train.epochs == 200


@pytest.mark.parametrize("spelt", ["out/mine", "./out/mine", "out/mine/", "out//./mine"])
def test_a_folder_is_one_however_it_is_spelt(spelt):
    config = Config.parse({"results": spelt, "cohort": {"downloads": spelt}})
    assert config.results == "out/mine"
    assert config.cohort.downloads == "out/mine"


@pytest.mark.parametrize("given", ["", 3])
def test_a_folder_has_a_name(given):
    with pytest.raises(SrnetError, match="'results' is"):
        Config.parse({"results": given})


def test_a_method_takes_the_common_width_unless_it_has_its_own():
    own = {"net": {"name": "x2ct", "width": 1.0}}
    config = Config.parse(
        {
            "width": 0.5,
            "methods": {"wide": own, "usual": {"net": {"name": "ete"}}},
            "tables": {"table1": ["wide"]},
        }
    )
    assert config.net("wide").width == 1.0
    assert config.net("usual").width == 0.5


def test_a_method_changes_only_its_own_training():
    methods = {
        "plain": {"net": {"name": "x2ct"}},
        "no_ffl": {"net": {"name": "x2ct"}, "train": {"loss": {"ffl": 0}}},
    }
    tables = {"table1": ["plain"]}
    config = Config.parse({"train": {"recipe": "paper"}, "methods": methods, "tables": tables})
    plain, changed = config.training("plain"), config.training("no_ffl")
    assert plain.loss.ffl > 0
    assert changed.loss.ffl == 0
    assert changed.model_copy(update={"loss": plain.loss}) == plain


def test_a_method_may_choose_a_recipe_of_its_own_below_what_the_run_sets():
    methods = {"own": {"net": {"name": "x2ct"}, "train": {"recipe": "released"}}}
    run = {"train": {"epochs": 7}, "methods": methods, "tables": {"table1": ["own", "srnet3d"]}}
    own, usual = (Config.parse(run).training(method) for method in ("own", "srnet3d"))
    assert (own.recipe, own.learning_rate, own.loss.adversarial) == ("released", 2e-4, 0.1)
    assert (usual.recipe, usual.learning_rate, usual.loss.adversarial) == ("quick", 3e-3, 0.0)
    assert own.epochs == usual.epochs == 7


@pytest.mark.parametrize("recipe", ["quick", "paper", "released"])
def test_the_rows_of_table_3_have_the_terms_of_equation_12_and_no_others(recipe):
    loss = Config.parse({"train": {"recipe": recipe}}).training("srnet3d_eq12").loss.plain()
    terms = {name for name, weight in loss.items() if weight > 0}
    assert terms - {"adversarial"} == {"mse", "igdl", "ffl"}


def test_a_loss_without_terms_is_refused():
    with pytest.raises(SrnetError, match="every weight is 0"):
        Config.parse({"train": {"loss": {"mse": 0}}})


def test_the_paper_recipe_is_the_papers():
    """Section IV.A: SGD, 0.01, momentum 0.9, decay 0.001, batch 2, 200 epochs; eq. 12.

    The mean squared error of eq. 11 has a factor of 1/2, so its weight here is half of w1.
    """
    train = Config.parse({"train": {"recipe": "paper"}}).train
    found = (train.optimiser, train.learning_rate, train.momentum, train.weight_decay)
    assert found == ("sgd", 0.01, 0.9, 0.001)
    assert (train.batch_size, train.epochs, train.validate_every) == (2, 200, 10)
    assert (2 * train.loss.mse, train.loss.igdl, train.loss.ffl) == (0.5, 0.25, 0.25)


def test_methods_are_printed_as_the_paper_prints_them():
    methods = {
        "psr": "PSR",
        "sit": "SIT",
        "x2ct": "X2CT",
        "ete": "ETE",
        "srnet3d": "3DSRNet",
        "srnet3d_no_aspp": "without ASPP",
        "srnet3d_no_srct": "without SRCT",
        "srnet3d_no_srte": "without SRTE",
        "srnet3d_eq12": "3DSRNet, eq. 12",
        "srnet3d_no_igdl": "without IGDL3D",
        "srnet3d_no_ffl": "without FFL3D",
        "srnet3d_dc": "3DSRNet + ML-EM",
    }
    added = set(NETWORKS) - set(methods)
    assert [row for row in Config().methods if row not in added] == list(methods)
    assert {row: method_label(row) for row in methods} == methods
    assert method_label("x2ct_dc") == "X2CT + ML-EM"


def test_a_method_of_the_users_own_keeps_its_words():
    assert method_label("my_net_2") == "my net 2"
    assert method_label("my_net_dc") == "my net dc"
