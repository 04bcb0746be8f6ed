"""The decision chart: its questions, where the answers lead, and that every loss is in it."""

import itertools

import pytest

from lossbench.chart import Branch, chart, read, resolve, walk
from lossbench.losses import catalogue

LOSSES = {loss.name: loss.form_of for loss in catalogue().values() if not loss.variant}
BRANCHES = list(walk(chart()))


def test_every_loss_is_reached_or_left_out_with_a_reason() -> None:
    reached = {loss for branch in BRANCHES for leaf in branch.leaves for loss in resolve(leaf.loss, LOSSES)}
    left_out = {loss for name in chart().advanced for loss in resolve(name, LOSSES)}
    missing = set(LOSSES) - reached - left_out
    assert not missing, f"chart.toml leads to none of these, and gives no reason: {sorted(missing)}"
    assert len(reached) > 20
    assert all(len(reason.split()) >= 5 for reason in chart().advanced.values())
    assert not {leaf.loss for leaf in chart().leaves} & set(chart().advanced)


def test_a_loss_that_is_not_in_the_chart_shows() -> None:
    """The test above can fail."""
    reached = {loss for leaf in chart().leaves for loss in resolve(leaf.loss, {**LOSSES, "brand_new": "brand_new"})}
    assert "brand_new" not in reached


def test_every_leaf_is_reached_by_walking() -> None:
    assert {id(leaf) for leaf in chart().leaves} == {id(leaf) for branch in BRANCHES for leaf in branch.leaves}


def test_every_branch_of_the_tree_ends_in_a_loss() -> None:
    assert all(branch.leaves for branch in BRANCHES if branch.question is None)
    for first, second in itertools.pairwise(BRANCHES):
        assert second.depth <= first.depth + (first.question is not None)
    assert isinstance(BRANCHES[0], Branch)
    assert BRANCHES[0].question is not None
    assert BRANCHES[0].question.name == "task"


def beneath(number: int) -> list[Branch]:
    """Everything that a branch of the tree leads to."""
    rest = itertools.takewhile(lambda branch: branch.depth > BRANCHES[number].depth, BRANCHES[number + 1 :])
    return list(rest)


def test_a_question_is_asked_only_where_the_answer_matters() -> None:
    """Two answers at least, and not all of them lead to the same losses."""
    for number, branch in enumerate(BRANCHES):
        if branch.question is None:
            continue
        ends: dict[str, set[str]] = {}
        answer = ""
        for below in beneath(number):
            answer = below.answer if below.depth == branch.depth + 1 else answer
            ends.setdefault(answer, set()).update(leaf.loss for leaf in below.leaves)
        assert len(ends) >= 2, branch.question.name
        assert len(set(map(frozenset, ends.values()))) >= 2, branch.question.name


@pytest.mark.parametrize(
    ("answers", "first", "others"),
    [
        ({"task": "classification", "labels": "index"}, "cross_entropy", set()),
        ({"task": "classification", "imbalanced": "yes"}, "cross_entropy", {"categorical_focal"}),
        ({"task": "classification", "labels": "binary"}, "binary_cross_entropy_with_logits", set()),
        ({"task": "classification", "scores": "log_probabilities"}, "nll", set()),
        ({"task": "regression"}, "squared_error", set()),
        ({"task": "regression", "outliers": "yes"}, "huber", {"smooth_l1", "absolute_error", "log_cosh"}),
        ({"task": "sequence"}, "ctc", set()),
        ({"task": "embedding", "examples": "triplets"}, "triplet_margin", {"triplet_margin_with_distance"}),
        ({"task": "segmentation"}, "bce_dice", set()),
        ({"task": "detection"}, "ciou", {"diou", "giou", "iou"}),
        ({"task": "distribution"}, "kl_div", set()),
    ],
)
def test_where_answers_lead(answers: dict[str, str], first: str, others: set[str]) -> None:
    full, question = chart().settled(answers)
    assert question is None
    found = [leaf.loss for leaf in chart().left(full)]
    assert found[0] == first
    assert set(found[1:]) == others


def test_without_a_default_the_question_has_to_be_asked() -> None:
    full, question = chart().settled({"outliers": "yes"})
    assert question is not None
    assert question.name == "task"
    assert full == {"outliers": "yes"}


SMALL = """
schema = 1
[[question]]
id = "task"
text = "What?"
[question.answers]
first = "the first"
second = "the second"
[[leaf]]
loss = "huber"
when = { task = "first" }
why = "because"
[[leaf]]
loss = "mse"
when = { TASK = "second" }
why = "because"
"""


def test_slips_of_the_pen_are_found() -> None:
    with pytest.raises(ValueError, match="names a question 'TASK'"):
        read(SMALL)
    with pytest.raises(ValueError, match="names an answer 'third'"):
        read(SMALL.replace("TASK", "task").replace('"second" }', '"third" }'))
    with pytest.raises(ValueError, match="no answer 'none', its default"):
        read(SMALL.replace("TASK", "task").replace('text = "What?"', 'text = "What?"\ndefault = "none"'))
    assert [leaf.loss for leaf in read(SMALL.replace("TASK", "task")).leaves] == ["huber", "mse"]


def test_a_leaf_stands_for_the_forms_of_its_loss() -> None:
    forms = {"kl_div": "kl_div", "kl_div_probability": "kl_div", "gan_critic": "gan_critic", "huber": "huber"}
    assert resolve("kl_div", forms) == ["kl_div", "kl_div_probability"]
    assert resolve("gan", forms) == ["gan_critic"]
    assert resolve("unheard_of", forms) == []
