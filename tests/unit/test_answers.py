"""The cache of certified answers: found again, and never believed where it has been damaged."""

import sqlite3

import numpy as np
import pytest

from lossbench.reference.answers import Answers

KEY = b"a key of sixteen"


def kept(path):
    with Answers(path) as answers:
        answers.keep(KEY, np.array([1.0, -0.0, np.inf]), 0.5)


def test_what_was_kept_is_found_by_the_next_run(tmp_path):
    kept(tmp_path / "answers")
    with Answers(tmp_path / "answers") as answers:
        assert answers.find(KEY).tobytes() == np.array([1.0, -0.0, np.inf]).tobytes()
        assert answers.find(b"another key") is None
        assert (answers.hits, answers.misses, answers.spared) == (1, 1, 0.5)


@pytest.mark.parametrize(
    "damage",
    ["numbers = x'00112233'", "numbers = 'text'", "seconds = NULL", "numbers = zeroblob(8)", "numbers = zeroblob(40)"],
)
def test_a_damaged_answer_is_a_miss_and_said_so(tmp_path, damage):
    path = tmp_path / "answers"
    kept(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE sealed_proofs SET {damage}")
    connection.close()
    with Answers(path) as answers:
        assert answers.find(KEY) is None
        assert "worked out again" in answers.problem


def test_a_file_that_is_no_database_costs_time_only(tmp_path):
    path = tmp_path / "answers"
    path.write_bytes(b"no database" * 100)
    with Answers(path) as answers:
        answers.keep(KEY, np.ones(2), 0.1)
        assert answers.find(KEY) is None
        assert str(path) in answers.problem
