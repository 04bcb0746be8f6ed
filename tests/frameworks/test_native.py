"""The list of what the frameworks offer: whole, and such that an omission shows. Each framework's module asks by it."""

from pathlib import Path

from native import ABSENT, FRAMEWORKS, callables, natives, uncompared

from lossbench.judging.baseline_file import read

ROOT = Path(__file__).parents[2]
SIZES = {"torch": 23, "paddle": 31, "tensorflow": 41, "jax": 31}


def test_the_list_has_every_loss_and_callable() -> None:
    assert len(natives()) == 71
    assert sum(bool(native.callables) for native in natives()) == 57
    assert sum(bool(native.recipes) and not native.callables for native in natives()) == 14
    names = {f: {n for native in natives() for n in native.callables.get(f, [])} for f in FRAMEWORKS}
    assert {f: len(found) for f, found in names.items()} == SIZES
    assert sum(SIZES.values()) == 126
    for native in natives():
        assert native.losses, native.name
        assert not set(native.recipes) & set(native.callables), native.name


def test_what_no_verdict_names_is_offered_and_confirmed_by_a_test_that_exists() -> None:
    offered = {name for native in natives() for found in native.callables.values() for name in found}
    for name, (reason, confirmed) in ABSENT.items():
        assert name in offered
        assert len(reason.split()) >= 3
        module, _, test = confirmed.partition("::")
        assert f"def {test}(" in (ROOT / "tests" / "frameworks" / module).read_text(encoding="utf-8"), name


def test_the_accepted_verdicts_are_about_all_of_them() -> None:
    rows = read(ROOT / "results" / "accepted" / "cpu.csv")
    for framework in FRAMEWORKS:
        mine = [row for row in rows if row.framework == framework and row.status not in ("absent", "skipped")]
        compared = {(row.loss, row.via, ".recipes" in row.via) for row in mine}
        assert uncompared(framework, compared) == []


def test_an_omission_shows() -> None:
    huber = {("huber", via, False) for via in ("torch.nn.HuberLoss", "paddle.nn.SmoothL1Loss(is_huber=True)")}
    assert "huber: torch.nn.HuberLoss" not in uncompared("torch", huber)
    assert "squared_error: torch.nn.MSELoss" in uncompared("torch", huber)
    assert "giou: a recipe" in uncompared("torch", huber)
    assert "giou: a recipe" not in uncompared(
        "torch", {("giou", "lossbench.frameworks.torch.recipes_boxes.giou", True)}
    )
    another = {("smooth_l1", "torch.nn.HuberLoss", False)}  # a callable of another loss does not count
    assert "huber: torch.nn.HuberLoss" in uncompared("torch", another)


def test_callables_without_what_is_said_of_their_use() -> None:
    assert callables("tf.one_hot + keras.losses.Dice(axis=(1, ...), dtype=) of x[..., None]") == {
        "tf.one_hot",
        "keras.losses.Dice",
    }
