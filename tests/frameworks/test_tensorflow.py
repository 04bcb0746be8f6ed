"""TensorFlow's adapters, each check in a process of its own: this one must never import a framework."""

import csv
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.framework("tensorflow"),
    pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed"),
]

ENGINE = """
    import numpy as np
    import tensorflow as tf
    from lossbench.frameworks.tensorflow import framework
"""
# What the ordinary inputs of the default suite show, and no declaration explains: the quotient p/q of probabilities
# has the slope -p/q², which overflows in half precision.
FINDINGS = {("kl_div_probability", "float16")}


def inside(code: str) -> str:
    """What `code` prints in a fresh process."""
    script = textwrap.dedent(ENGINE) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_each_via_names_something_public():
    missing = inside("""
        import importlib

        def resolves(name):
            root, *path = name.split(".")
            found = tf if root == "tf" else importlib.import_module(root)
            for at, part in enumerate(path):
                if not hasattr(found, part):
                    found = importlib.import_module(".".join([root, *path[: at + 1]]))
                else:
                    found = getattr(found, part)
            return callable(found)

        for implementation, _ in framework.table.values():
            for part in implementation.via.split(" + "):
                name = part.split("(")[0]
                if not resolves(name):
                    print(name)
    """)
    assert missing == ""


def test_tensors_keep_every_bit_in_every_format():
    inside("""
        everything = np.arange(1 << 16, dtype=np.uint16)
        wide = np.arange(24.0).reshape(4, 6)[:, ::2]
        for array, dtype in [
            (everything, "bfloat16"),
            (everything.view(np.float16), "float16"),
            (wide.astype(np.float32), "float32"),
            (wide, "float64"),
            (np.float64(0.1), "float64"),
            (np.arange(3) - 1, "int64"),
        ]:
            array = np.asarray(array)
            name, back = framework.array(framework.tensor(array, dtype, True))
            assert name == dtype, (name, dtype)
            assert back.shape == array.shape and back.dtype == array.dtype
            assert back.tobytes() == array.tobytes(), dtype
    """)


def test_tensors_do_not_share_memory_with_the_array_they_came_from():
    inside("""
        array = np.zeros(64)
        tensor = framework.tensor(array, "float64", True)
        array[:] = 1
        assert not framework.array(tensor)[1].any()
    """)


def test_gradients_follow_the_cotangent_and_say_when_they_are_missing():
    inside("""
        x = framework.tensor(np.arange(6.0).reshape(3, 2), "float64", True)
        y = framework.tensor(np.ones(3), "float64", True)
        above = framework.tensor(np.array([1.0, -2.0, 3.0]), "float64", False)

        def rows():
            return tf.reduce_sum(x * x, axis=1)

        value, gradients = framework.value_and_gradients(rows, {"x": x, "y": y}, above)
        assert gradients["y"] is None
        assert framework.array(value)[1].tolist() == [1, 13, 41]
        assert framework.array(gradients["x"])[1].tolist() == [[0, 2], [-8, -12], [24, 30]]

        value, gradients = framework.value_and_gradients(rows, {"x": x}, None)
        assert framework.array(gradients["x"])[1].tolist() == [[0, 2], [4, 6], [8, 10]]

        value, gradients = framework.value_and_gradients(lambda: tf.gather(x, [2, 2, 0]), {"x": x}, None)
        assert framework.array(gradients["x"])[1].tolist() == [[1, 1], [0, 0], [2, 2]]

        value, gradients = framework.value_and_gradients(lambda: tf.cast(rows(), tf.float32), {"x": x}, above)
        assert framework.array(value)[0] == "float32" and framework.array(gradients["x"])[0] == "float64"

        value, gradients = framework.value_and_gradients(rows, {}, None)
        assert gradients == {}
    """)


def test_threads_are_taken_from_the_environment():
    threads = inside("""
        print(tf.config.threading.get_intra_op_parallelism_threads())
    """)
    assert threads.strip().isdigit()


def test_ordinary_inputs_show_nothing_undeclared(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    table = tmp_path / "verdicts.csv"
    command = ["compare", "--framework", "tensorflow", "--regime", "normal", "--csv", str(table)]
    run = [sys.executable, "-c", "from lossbench.cli import main; main()", *command]
    done = subprocess.run(run, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    with table.open() as file:
        rows = list(csv.DictReader(file))
    odd = [
        f"{row['status']}: {row['case']} by {row['via']}: {row['worst']} {row['note']}"
        for row in rows
        if row["status"] not in ("agrees", "imprecise", "deviates", "absent")
        and (row["loss"], row["dtype"]) not in FINDINGS
    ]
    assert not odd, "\n".join(odd)
    assert {row["via"] for row in rows if row["status"] == "agrees"} >= {"keras.losses.Huber(dtype=)"}
