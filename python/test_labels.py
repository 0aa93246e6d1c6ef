"""Tests of labels in tare.py: against scikit-learn, its golden numbers and the Go tool."""

from __future__ import annotations

import json
import math
import pickle
import random
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

import tare
from test_tare import GOLDEN, assert_ulps, encode, go, numbers, read, sample, seed  # noqa: F401

NAN = math.nan
TEXT, NUMBER, BOOL = 1, 2, 3


def labels(name, kind, categories, *, infrequent=(), counts=None, type=TEXT, error=0, **options):
    """A feature that holds labels: its place in the manifest, and its arrays."""
    role = options.pop("role", None)
    encoding = {"kind": kind, "handle_unknown": "error", "max_tracked": 10_000, **options}
    feature = {"name": name, "scaler": {"kind": "none"}, "scope": "global", "encoding": encoding}
    text = [label.encode() for label in categories]
    counts = [1] * len(text) if counts is None else counts
    arrays = {
        "count": np.array([sum(counts)], "<u8"),
        "missing": np.array([max(0, 19 - sum(counts))], "<u8"),
        "labels.offsets": np.cumsum([0, *map(len, text)]).astype("<u8"),
        "labels.bytes": np.frombuffer(b"".join(text), "|u1"),
        "labels.count": np.array(counts, "<u8"),
        "labels.error": np.array([error], "<u8"),
        "labels.kind": np.array([type], "|u1"),
        "infrequent": np.array([label in infrequent for label in categories], "<f8"),
    }
    role = {"role": role} if role else {}
    return {**feature, **role}, {f"{name}.{key}": array for key, array in arrays.items()}


def artifact(features, columns, kinds=()):
    """Manifest and arrays with these features behind numbers of some kinds."""
    manifest, arrays = sample(kinds)
    manifest["format"] = 2
    manifest["series"]["records_over_max_series"] = 0
    for feature, own in features:
        manifest["features"].append(feature)
        arrays.update(own)
        total = {"count": int(own[f"{feature['name']}.count"][0]), "missing": 0}
        manifest["pooled"].append({**total, "min": None, "max": None, "mean": None, "var": None})
    manifest["columns"] = columns
    return manifest, arrays


STATE = labels("state", "onehot", ["idle", "run", "stop"], handle_unknown="ignore")
MODE = labels(
    "mode", "ordinal", ["1", "2", "10"], type=NUMBER, handle_unknown="use_encoded_value",
    unknown_value=-1,
)  # fmt: skip
COLUMNS = ["standard", "state_idle", "state_run", "state_stop", "mode"]


@pytest.fixture(scope="module")
def mixed():
    return read(encode(*artifact([STATE, MODE], COLUMNS, ["standard"])))


ROWS = [[3.5, "run", 2], [None, None, None], [1.5, "off", 7], [-0.5, "idle", 10.0]]
WANT = [[1, 0, 1, 0, 1], [NAN] * 5, [0, 0, 0, 0, -1], [-1, 1, 0, 0, 2]]


def test_tables_with_labels(mixed):
    """Labels come by name, or in an array of objects; a number is a category by its value."""
    columns = dict(zip(["standard", "state", "mode"], map(list, zip(*ROWS))))
    assert list(mixed.feature_names_in_) == list(columns)
    frame = pd.DataFrame(columns)
    frame["standard"] = frame["standard"].astype(float)
    tables = [
        ROWS,
        np.array(ROWS, dtype=object),
        columns,
        frame,
        frame.astype({"state": "category", "mode": "category"}),
        frame.astype({"state": "string", "mode": "Int64"}),
        frame.convert_dtypes(),
        {**columns, "mode": np.array([2, NAN, 7, 10], dtype=np.float32)},
        {**columns, "state": [b"run", None, b"off", "idle"], "mode": ["2", None, "7", "10"]},
    ]
    for X in tables:
        assert_ulps(mixed.transform(X, "a"), np.array(WANT), 0, repr(X))
    assert list(mixed.get_feature_names_out()) == mixed.columns == COLUMNS
    only = mixed.transform({"state": np.array(["stop", "idle"])}, "a", columns=COLUMNS[1:4])
    assert only.tolist() == [[0, 0, 1], [1, 0, 0]]
    flat = mixed.transform(np.array([["stop"], ["x"]]), "a", columns=COLUMNS[1:4])
    assert flat.tolist() == [[0, 0, 1], [0, 0, 0]]
    with pytest.raises(ValueError, match="column 'state_run' alone, want state_idle, state_run"):
        mixed.transform(ROWS, "a", columns=["state_run"])


def test_labels_are_of_all_series(mixed):
    got = mixed.transform(ROWS, "a new series")
    assert np.isnan(got[:, 0]).all()
    assert_ulps(got[:, 1:], np.array(WANT)[:, 1:], 0)
    assert mixed.transform(np.empty((0, 3), dtype=object), "a").shape == (0, 5)


def test_labels_come_back(mixed):
    z = mixed.transform(ROWS, "a")
    back = mixed.inverse_transform(z, "a")
    assert back.dtype == object and back.shape == (4, 3)
    assert back[[0, 2, 3]].tolist() == [[3.5, "run", 2], [1.5, None, None], [-0.5, "idle", 10]]
    assert math.isnan(back[1, 0]) and back[1, 1:].tolist() == [None, None]
    assert type(back[0, 2]) is int
    soft = [[0.2, 0.5, 0.3], [0, 0, 0], [1, 1, 0], [NAN, 1, 0]]
    some = mixed.inverse_transform(soft, "a", columns=COLUMNS[1:4])
    assert some.tolist() == [["run"], [None], ["idle"], [None]]
    plain = mixed.inverse_transform([[1.0]], "a", columns=["standard"])
    assert plain.dtype == np.float64
    swapped = mixed.inverse_transform([[1.7, 0, 0, 1]], "a", columns=["mode", *COLUMNS[1:4]])
    assert swapped.tolist() == [[2, "stop"]]
    named = mixed.inverse_transform(dict(zip(COLUMNS, z.T)), "a")
    assert named[0].tolist() == back[0].tolist()


def test_labels_learned(mixed):
    assert mixed.categories == {"state": ["idle", "run", "stop"], "mode": [1, 2, 10]}
    got = mixed.learned("a")["mode"]
    assert (got["count"], got["missing"], got["error"]) == (3, 16, 0)
    assert got["categories"] == [1, 2, 10] and got["counts"].tolist() == [1, 1, 1]
    assert got["infrequent"].tolist() == [False] * 3
    again = pickle.loads(pickle.dumps(mixed))
    assert_ulps(again.transform(ROWS, "a"), np.array(WANT), 0)


def test_numbers_and_bools_as_labels():
    """The text comes first, then the value of numbers; a bool is no number."""

    def f(categories, given, want, type=TEXT):
        s = read(encode(*artifact(
            [labels("c", "ordinal", categories, type=type, handle_unknown="use_encoded_value",
                    unknown_value=-1)], ["c"],
        )))  # fmt: skip
        got = s.transform({"c": given}, "a")[:, 0]
        assert_ulps(got, np.array(want, dtype=float), 0, repr(given))
        return s

    s = f(["false", "true"], [True, np.False_, "true", 1, 0.0, None], [1, 0, 1, -1, -1, NAN], BOOL)
    assert s.inverse_transform([[1], [0], [5]], "a").tolist() == [[True], [False], [None]]
    f(["false", "true"], np.array([True, False]), [1, 0], BOOL)
    f(["0", "1"], [True, False, 1, np.int8(0)], [-1, -1, 1, 0], NUMBER)
    f(["1", "1.0", "1e3"], [1, 1.0, 1000, 1000.0, "1000"], [0, 1, 2, 2, -1], NUMBER)
    f(["1", "1.0", "1e3"], np.array([1.0, NAN, 1000, 7, -math.inf]), [1, NAN, 2, -1, -1], NUMBER)
    f(["1e-7", "0.1"], [1e-07, 0.1, np.float64(0.1)], [0, 1, 1], NUMBER)
    f(["01", "NaN", "nan"], [1, NAN, "nan", "NaN"], [-1, NAN, 2, 1])
    f(["", "x"], ["", "x", "X", None], [0, 1, -1, NAN])
    f(["\u65e5", "\u2028"][::-1], ["\u65e5", "\u65e5".encode()], [1, 1])
    big = ["9007199254740992", "9007199254740993", "1e999"]
    s = f(big, [2**53, 2**53 + 1, math.inf, "1e999"], [0, 1, -1, 2], NUMBER)
    assert s.categories["c"] == [2**53, 2**53 + 1, "1e999"]


def test_unknown_labels(mixed):
    strict = labels("state", "onehot", ["idle", "run"])
    s = read(encode(*artifact([strict], ["state_idle", "state_run"])))
    assert issubclass(tare.UnknownLabelError, ValueError)
    rows = ["run", None, "off", "idle", "x", "off"]
    with pytest.raises(tare.UnknownLabelError) as caught:
        s.transform({"state": rows}, "a")
    assert str(caught.value).startswith(
        "row 2, state: label 'off' is none of the categories, nor are those of 2 more rows"
    )
    assert (caught.value.feature, caught.value.label, caught.value.row) == ("state", "off", 2)
    assert pickle.loads(pickle.dumps(caught.value)).row == 2
    with pytest.raises(tare.UnknownLabelError, match=r"label '7' is none of the categories; "):
        s.transform([[7]], "a")
    with pytest.raises(tare.UnknownLabelError, match=r"label 'yyy{50,60}\.\.\. is none"):
        s.transform([["y" * 65536]], "a")
    warn = labels("state", "onehot", ["idle", "run"], handle_unknown="warn")
    s = read(encode(*artifact([warn], ["state_idle", "state_run"])))
    with pytest.warns(UserWarning, match="state: 3 labels are none of the categories") as told:
        s.transform({"state": rows}, "a")
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s.transform({"state": ["run", None]}, "a")
        mixed.transform(ROWS, "a")
    drop = labels("state", "onehot", ["idle", "run"], handle_unknown="ignore", drop="first")
    with pytest.warns(UserWarning, match="state: 1 labels"):
        read(encode(*artifact([drop], ["state_run"]))).transform([["x"]], "a")


def test_labels_too_long(mixed):
    long, just = "\u00e4" * 32769, "\u00e4" * 32768
    assert_ulps(mixed.transform([[1.5, just, 1]], "a"), np.array([[0, 0, 0, 0, 0]]), 0)
    with pytest.raises(ValueError, match="row 0, state: a label of 65538 bytes, want up to 65536"):
        mixed.transform([[1.5, long, 1]], "a")
    manifest, arrays = artifact([STATE, MODE], COLUMNS, ["standard"])
    manifest["record"]["bad_value"] = "missing"
    got = read(encode(manifest, arrays)).transform([[1.5, long, 1]], "a")
    assert_ulps(got, np.array([[0, NAN, NAN, NAN, 0]]), 0)


def test_wrong_labels(mixed):
    def f(X, error, message):
        with pytest.raises(error, match=message):
            mixed.transform(X, "a")

    f([[1.5, ["run"], 1]], TypeError, r"column 'state' has \['run'\] of type list, want strings")
    f([[1.5, {"a": 1}, 1]], TypeError, "column 'state' has {'a': 1} of type dict")
    f([[1.5, 1j, 1]], TypeError, "column 'state' has 1j of type complex")
    f([["1.5", "run", 1]], TypeError, "column 'standard' has text or bools, want numbers")
    f([[True, "run", 1]], TypeError, "column 'standard' has text or bools, want numbers")
    f(np.array([["1.5", "run", "1"]]), TypeError, "column 'standard' has dtype <U3, want numbers")
    f([[1.5, "run"]], ValueError, r"X has shape \(1, 2\), want \(n, 3\): standard, state, mode")
    f({"standard": [1.0], "mode": [1]}, ValueError, "X has no column 'state'")
    f(
        {"standard": [1.0], "state": [["run", "x"]], "mode": [1]},
        ValueError,
        r"column 'state' has shape \(1, 2\), want one dimension",
    )
    f({"standard": [1.0], "state": ["run"] * 2, "mode": [1]}, ValueError, "column 'state' has shape")
    dates = np.array(["2026-01-01"], dtype="M8[D]")
    f({"standard": [1.0], "state": dates, "mode": [1]}, TypeError, "of type date, want strings")


def test_label_targets():
    """A target may be ordinal; its column is the last."""
    target = labels("kind", "ordinal", ["a", "b"], role="target")
    s = read(encode(*artifact([STATE, target], [*COLUMNS[:4], "kind"], ["standard"])))
    assert (s.inputs, s.targets) == (COLUMNS[:4], ["kind"])
    assert s.transform([[3.5, "run"]], "a", columns=s.inputs).tolist() == [[1, 0, 1, 0]]
    got = s.inverse_transform([[1.0], [0.0]], "a", columns=s.targets)
    assert got.tolist() == [["b"], ["a"]]


def test_no_column_left():
    """A single category that is dropped has no column; it comes back all the same."""
    one = labels("state", "onehot", ["on"], drop="first")
    s = read(encode(*artifact([one], ["standard"], ["standard"])))
    z = s.transform([[3.5, "on"]], "a")
    assert z.tolist() == [[1.0]] and list(s.get_feature_names_out()) == ["standard"]
    assert s.inverse_transform(z, "a").tolist() == [[3.5, "on"]]


# scikit-learn's golden numbers.


def golden(kind):
    file = json.loads((GOLDEN / "scalers" / f"{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(kind, case, id=f"{kind} {case['name']}") for case in file["cases"]]


def options_of(params):
    """scikit-learn's parameters as an encoding has them: NaN is the default."""
    return {name: value for name, value in params.items() if value != "NaN"}


def missing_is_a_category(case):
    """scikit-learn learns None as a category; here it is missing."""
    return None in case["fitted"]["categories_"][0] and "NaN" not in case["name"]


def learned_of(kind, case):
    """An artifact of what scikit-learn learns of the training rows."""
    encoder = OneHotEncoder if kind == "onehot" else OrdinalEncoder
    params = {k: NAN if v == "NaN" else v for k, v in case["params"].items()}
    train = np.array(case["train"], dtype=object)
    train[pd.isna(train)] = NAN
    peer = encoder(**params).fit(train)
    names = ["state"] if train.shape[1] == 1 else ["x0", "x1"]
    features = []
    for name, categories, rare in zip(names, peer.categories_, rare_of(peer)):
        categories = [c for c in categories if c == c]
        features.append(
            labels(
                name, kind, [c if isinstance(c, str) else repr(float(c)) for c in categories],
                type=TEXT if isinstance(categories[0], str) else NUMBER,
                infrequent=rare, **options_of(case["params"]),
            )
        )  # fmt: skip
    columns = case["fitted"].get("feature_names_out", names)
    return features, columns


def rare_of(peer):
    rare = getattr(peer, "infrequent_categories_", [None] * len(peer.categories_))
    return [() if r is None else r for r in rare]


@pytest.mark.parametrize("kind, case", [*golden("onehot"), *golden("ordinal")])
def test_golden_labels(kind, case):
    """Rows come out and back as scikit-learn's do; None stands for NaN there."""
    if missing_is_a_category(case):
        assert case["name"] in ("with null", "null as None")
        return
    s = read(encode(*artifact(*learned_of(kind, case))))
    test = np.array(case["test"], dtype=object)
    if "raises" in case:
        with pytest.raises(tare.UnknownLabelError):
            s.transform(test, "a")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        z = s.transform(test, "a")
    assert_ulps(z, np.array(numbers(case["transform"])), 0)
    assert s.inverse_transform(z, "a").tolist() == case["inverse"]
