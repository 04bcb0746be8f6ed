"""What test_paddle.py has run in processes of their own: each function checks one thing about the adapters."""

import sys

import numpy as np
import paddle

from lossbench.frameworks.paddle import framework


def compare_layers() -> None:
    """Print how many layers were held against their adapters."""
    generator = np.random.default_rng(0)
    scores, more, yet_more = (paddle.to_tensor(generator.normal(size=(6, 5))) for _ in range(3))
    rows, chances = scores - paddle.logsumexp(scores, axis=-1, keepdim=True), paddle.nn.functional.softmax(more)
    signs = paddle.where(more > 0, 1.0, -1.0).astype("float64")
    indices = paddle.to_tensor([0, 4, 2, 2, 1, 3])
    inputs = {"prediction": scores, "target": more, "log_prediction": rows, "log_target": rows * 2, "logit": scores}
    inputs |= {"logits": scores, "log_probabilities": rows, "distance": scores.abs(), "sign": signs, "first": scores}
    inputs |= {"second": more, "anchor": scores, "positive": more, "negative": yet_more}
    inputs |= {"score": scores, "scores": scores, "labels": paddle.to_tensor([[3, 0, -1, 1, 2]] * 6)}
    inputs |= {"log_rate": scores, "rate": scores.exp(), "variance": yet_more.exp()}
    special = {
        "multi_margin": {"target": indices},
        "poisson_nll": {"target": more.exp()},
        "poisson_nll_rate": {"target": more.exp()},
        "kl_div": {"target": chances},
        "binary_cross_entropy": {"prediction": chances, "target": chances.flip(0)},
        "binary_cross_entropy_with_logits": {"target": chances},
        "nll": {"target": indices},
        "cross_entropy": {"target": indices},
        "soft_cross_entropy": {"target": chances},
        "multilabel_soft_margin": {"target": chances},
        "cosine_embedding": {"sign": signs[:, 0]},
    }
    # other than the defaults, so that a setting which gets lost shows
    settings = {"delta": 0.125, "beta": 0.125, "margin": 0.5, "p": 3.0, "epsilon": 0.125, "swap": True}
    settings |= {"ignore_index": 7, "label_smoothing": 0.125, "full": True}
    words = {"SmoothL1Loss(is_huber=False)": {"is_huber": False}, "KLDivLoss(log_target=True)": {"log_target": True}}
    words |= {"PoissonNLLLoss(log_input=False)": {"log_input": False}}
    words |= {"CrossEntropyLoss(soft_label=True)": {"soft_label": True}}
    words |= {"BCEWithLogitsLoss(pos_weight=ones)": {"pos_weight": paddle.ones([1], "float64")}}
    compared = 0
    for implementation, adapter in framework.table.values():
        name = implementation.via.removeprefix("paddle.nn.")
        if not name.partition("(")[0].endswith("Loss") or " + " in name:
            continue
        if implementation.loss in ("ctc", "ctc_log_probabilities", "rnnt"):
            continue
        if any(word in name for word in ("distance_function", "axis", "use_softmax")):  # see test_dangerous_*.py
            continue
        given = inputs | special.get(implementation.loss, {})
        arrays = {array: given[array] for array in implementation.required}
        options = {parameter: settings[parameter] for parameter in implementation.parameters}
        optional = [array for array in implementation.arrays if array not in implementation.required]
        weights = {array: paddle.to_tensor(generator.uniform(0.5, 2, 5)) for array in optional}
        renamed = {"delta" if key == "beta" else key: value for key, value in options.items()}
        for reduction in implementation.reductions:
            layer = getattr(paddle.nn, name.partition("(")[0])(
                **renamed, **words.get(name, {}), **weights, reduction=reduction
            )
            here, there = adapter(**arrays, **weights, **options, reduction=reduction), layer(*arrays.values())
            assert here.shape == there.shape, (implementation.key, reduction)
            assert bool((here == there).all()), (implementation.key, reduction)
        compared += 1
    print(compared)


def hold_tensors() -> None:
    """Send arrays there and back."""
    widths = {"float64": np.uint64, "float32": np.uint32, "float16": np.uint16, "bfloat16": np.uint16}
    for dtype, width in {**widths, "int64": np.int64}.items():
        plain = np.arange(24).reshape(2, 3, 4).astype(width).view(width if dtype in ("bfloat16", "int64") else dtype)
        wide = np.repeat(plain, 2, axis=-1)
        fixed = plain.copy()
        fixed.flags.writeable = False
        several = [wide[..., ::2], plain.transpose(2, 0, 1)]
        scalar = np.array(plain[0, 0, 0])
        for array in [plain, *several, plain[:, :0], scalar, fixed, fixed[..., ::2], plain[::-1]]:
            tensor = framework.tensor(array, dtype, dtype != "int64")
            assert tensor.is_leaf
            assert tensor.stop_gradient == (dtype == "int64")
            name, back = framework.array(tensor)
            assert (name, back.dtype, back.shape) == (dtype, array.dtype, array.shape)
            assert np.array_equal(back.view(width), array.view(width))
        if dtype != "bfloat16":
            for array in several:
                strides = [step // array.itemsize for step in array.strides]
                assert framework.tensor(array, dtype, True).strides == strides
        before = plain.copy()
        framework.tensor(plain, dtype, False).zero_()
        assert np.array_equal(plain.view(width), before.view(width))
    print("fine")


def pull_gradients() -> None:
    """Ask for gradients, more than once."""
    numbers = np.array([1.0, 2.0, 4.0])
    x, y = (framework.tensor(numbers, "float64", True) for _ in range(2))
    above = framework.tensor(np.array([1.0, -1.0, 0.5]), "float64", False)
    for _ in range(2):  # nothing is left behind from one call to the next
        value, found = framework.value_and_gradients(lambda x, y: x * x, {"x": x, "y": y}, ["x", "y"], above)
        assert value.tolist() == [1.0, 4.0, 16.0]
        assert found["x"] is not None
        assert found["x"].tolist() == [2.0, -4.0, 4.0]
        assert found["y"] is None
    _, found = framework.value_and_gradients(lambda x: x * x, {"x": x}, ["x"], None)
    assert found["x"] is not None
    assert found["x"].tolist() == [2.0, 4.0, 8.0]
    _, found = framework.value_and_gradients(lambda x, y: (x * y).detach(), {"x": x, "y": y}, ["x", "y"], above)
    assert found == {"x": None, "y": None}
    _, found = framework.value_and_gradients(lambda x: x * x, {"x": x}, [], None)
    assert found == {}
    assert "cpu" in framework.devices()
    assert framework.device_name() == "cpu"
    framework.wait()
    print("fine")


def own_weights() -> None:
    """Layers that own their weights hand them to the functions that are mapped: the same bits."""
    functional = paddle.nn.functional
    features, target = paddle.rand([6, 8]), paddle.to_tensor([0, 4, 2, 2, 1, 3])
    adaptive = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 5, [2, 4], head_bias=True)
    weights = adaptive.head_weight, adaptive.tail_weights, adaptive.cutoffs, adaptive.head_bias
    by_function = functional.adaptive_log_softmax_with_loss(features, target, *weights)
    for one, other in zip(adaptive(features, target), by_function, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()
    tree = paddle.nn.HSigmoidLoss(8, 5)
    column = target.unsqueeze(-1)
    one, other = tree(features, column), functional.hsigmoid_loss(features, column, 5, tree.weight, tree.bias)
    assert one.numpy().tobytes() == other.numpy().tobytes()
    print("fine")


def ignore_many_rows() -> None:
    """Ask NLLLoss for means over 64 rows of which every second is ignored."""
    target = paddle.to_tensor([0, 1] * 32)
    for _ in range(2000):
        rows = paddle.rand([64, 6], "float64")
        paddle.nn.functional.nll_loss(rows, target, ignore_index=1).item()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
