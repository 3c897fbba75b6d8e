"""Answers as CSV, as a list in JSON and as JSON lines."""

import csv
import io
import json

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.pipeline.answering.formats import AnswerFormat, writing

NAMES = ["cat", "=dog", "owl"]
ANSWERS = {"a.png": np.array([0.25, 0.5, 0.25], np.float32), "b,c.png": np.array([0.0, 0.0, 1.0], np.float32)}


def written(path, **form):
    with writing(AnswerFormat(str(path), **form), NAMES) as write:
        for image, probabilities in ANSWERS.items():
            write(image, probabilities)
    return path.read_text()


@pytest.mark.parametrize("top_k", [1, 2, 9])
def test_a_list_in_json_is_the_json_lines(tmp_path, top_k):
    answers = json.loads(written(tmp_path / "a.json", top_k=top_k))
    lines = [json.loads(line) for line in written(tmp_path / "a.JSONL", top_k=top_k).splitlines()]
    assert answers == lines == json.loads(written(tmp_path / "a.txt", form="json", top_k=top_k))
    assert [answer["image"] for answer in answers] == list(ANSWERS)
    assert answers[0] == {
        "image": "a.png",
        "classes": ["=dog", "cat", "owl"][:top_k],
        "probabilities": [0.5, 0.25, 0.25][:top_k],
    }


def test_all_probabilities(tmp_path):
    rows = list(csv.reader(io.StringIO(written(tmp_path / "a.csv", all_probabilities=True))))
    assert rows[0] == ["image", "class", "probability", "p:cat", "p:=dog", "p:owl"]
    assert rows[1] == ["a.png", "'=dog", "0.500000", "0.250000", "0.500000", "0.250000"]
    answers = json.loads(written(tmp_path / "a.json", all_probabilities=True))
    assert [len(answer["classes"]) for answer in answers] == [3, 3]


def test_no_answers_are_an_empty_list(tmp_path):
    with writing(AnswerFormat(str(tmp_path / "a.json")), NAMES):
        pass
    assert json.loads((tmp_path / "a.json").read_text()) == []


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (AnswerFormat(form="xml"), "--format must be one of csv, json, jsonl. Received: 'xml'"),
        (AnswerFormat(top_k=0), "--top_k must be at least 1"),
        (AnswerFormat("a.csv", top_k=2, all_probabilities=True), "leave one of them out"),
    ],
)
def test_refusals(form, message):
    with pytest.raises(InputError, match=message):
        form.check()
    AnswerFormat("a.json", top_k=2, all_probabilities=True).check()
