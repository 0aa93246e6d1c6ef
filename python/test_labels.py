"""Tests of labels in tare.py: against scikit-learn, its golden numbers and the Go tool."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

import tare
from test_tare import GOLDEN, assert_ulps, command, encode, numbers, read, sample
from test_tare import go, seed  # noqa: F401

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
    names = [f["name"] for f in manifest["features"]]
    manifest["widths"] = [sum(c == n or c.startswith(f"{n}_") for c in columns) for n in names]
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
    two = {"standard": [1.0], "state": ["run"] * 2, "mode": [1]}
    f(two, ValueError, "column 'state' has shape")
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


def test_refused_labels(monkeypatch):
    """Whatever tare does not write is refused, and named."""

    def f(message, change, *features, columns=("state_idle", "state_run", "state_stop")):
        manifest, arrays = artifact(copy.deepcopy(features or (STATE,)), list(columns))
        change(manifest, arrays)
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(manifest, arrays))

    def feature(**keys):
        return lambda m, a: m["features"][0].update(keys)

    def option(**keys):
        return lambda m, a: m["features"][0]["encoding"].update(keys)

    def array(key, items):
        return lambda m, a: a.update({f"state.{key}": np.array(items, a[f"state.{key}"].dtype)})

    rest = "want the scaler none, the scope global and nothing else"
    f("format is 1, want 2 for .*labels", lambda m, a: m.update(format=1))
    f(rest, feature(scaler={"kind": "standard"}))
    f(rest, feature(scope=""))
    for key in ("pre", "impute", "shape", "per", "pooled", "fixed", "exact"):
        f(rest, feature(**{key: []}))
    f(r"features\[0\].role is 'input', want target", feature(role="input"))
    f("kind is 'onehot', want ordinal, of a target", feature(role="target"))
    f("encoding is None, want an object", feature(encoding=None))
    f("encoding.kind is 'hash', want one of onehot, ordinal", option(kind="hash"))
    f(
        "handle_unknown is 'use_encoded_value', want one of error, ignore, infrequent_if_exist, w",
        option(handle_unknown="use_encoded_value"),
    )
    f("unknown_value is -1, want none with onehot", option(unknown_value=-1))
    f("drop is 'last', want first or if_binary", option(drop="last"))
    f("drop is 'first', want .* no drop_label", option(drop="first", drop_label="run"))
    f("drop_label 'x' is not one of the frequent", option(drop_label="x"))
    f("drop_label is 3, want a string", option(drop_label=3))
    f("max_categories is 0, want 1 or more", option(max_categories=0))
    f("min_frequency is 0, want a number above 0", option(min_frequency=0))
    f("min_frequency is 'x', want a number", option(min_frequency="x"))
    f("categories is .*, want strings", option(categories=["idle", 1, "stop"]))
    f("the categories are not those given", option(categories=["run", "idle", "stop"]))
    f("3 categories, want up to 2", option(max_categories=2))
    f("drop leaves no column", lambda m, a: None, labels("s", "onehot", ["on"], drop="first"))
    f("columns are .*, want ", lambda m, a: m["columns"].pop())
    f(r"widths is \[2\], want \[3\]", lambda m, a: m.update(widths=[2]))
    f("widths is None, want", lambda m, a: m.pop("widths"))
    with monkeypatch.context() as patch:
        assert tare._MAX_ONE_HOT == 16384
        patch.setattr(tare, "_MAX_ONE_HOT", 2)
        f("3 one-hot columns, want up to 2", lambda m, a: None)
    f("columns is .*, want each name once", lambda m, a: m["columns"].append("state_run"), STATE,
      labels("state_run", "ordinal", ["a"]))  # fmt: skip

    f("state.labels.kind.npy is missing", lambda m, a: a.pop("state.labels.kind"))
    f("state.mean.npy is missing, or not", lambda m, a: a.update({"state.mean": a["state.count"]}))
    f("state.labels.kind.npy: 4, want 1 to 3", array("labels.kind", [4]))
    f("'idle' is no number", array("labels.kind", [2]))
    f("'idle' is no bool", array("labels.kind", [3]))
    f("state.labels.offsets do not rise from 0 to 11", array("labels.offsets", [0, 5, 4, 11]))
    f("state.labels.offsets do not rise from 0 to 11", array("labels.offsets", [0, 4, 7, 12]))
    f("a label is not UTF-8", array("labels.bytes", list(b"idle\xffunstop")))
    f("the categories are not sorted", array("labels.bytes", list(b"idlerunrest")))
    f("at least one category, and each once", array("labels.offsets", [0, 0, 0, 11]))
    f("state.labels.offsets.npy has 160 bytes, want 152", array("labels.count", [1, 2]))
    f("state.labels.offsets.npy has 160 bytes, want 136", array("labels.count", []))
    f("want 0 without min_frequency and max_categories", array("infrequent", [0, 1, 0]))
    limit = labels("state", "onehot", ["idle", "run", "stop"], max_categories=3)
    f("want 0 or 1", array("infrequent", [0, 0.5, 0]), limit)
    f("want 0 or 1", array("infrequent", [0, NAN, 0]), limit)
    rare = labels("state", "onehot", ["idle", "run"], max_categories=2, infrequent=["run"])
    f("'run' is not one of the frequent", option(drop_label="run"), rare)
    f("its labels are not those of the records", array("missing", [17]))
    counts = "the counts of the categories are {} together, of 3 labels, with an error of {}"
    f(counts.format(4, 0), array("labels.count", [1, 1, 2]))
    f(counts.format(2, 0), array("labels.count", [1, 1, 0]))
    f(counts.format(2, 2), both(array("labels.count", [1, 1, 0]), array("labels.error", [2])))
    f(counts.format(1 + 2**64, 0), array("labels.count", [1, 2**63, 2**63]))

    target = labels("state", "ordinal", ["idle", "run"])
    mode = dict(columns=["state"])
    f("drop is 'first', want none with ordinal", option(drop="first"), target, **mode)
    f("want none with another handle_unknown", option(unknown_value=-1), target, **mode)
    half = option(encoded_missing_value=0.5)
    f("encoded_missing_value is 0.5, want an integer", half, target, **mode)
    f(r"become \[nan, 1\], which a category has", option(encoded_missing_value=1), target, **mode)
    f("target last", lambda m, a: None, labels("t", "ordinal", ["a"], role="target"), STATE)
    f("numbers, none and standard", whiten("state"), target, **mode)


def both(first, second):
    return lambda m, a: (first(m, a), second(m, a))


def whiten(member):
    group = {"name": "g", "features": [member], "method": "zca", "scope": "global"}
    return lambda m, a: m.update(whiten=[group])


def test_label_examples():
    """The rows of a manifest hold codes, and all that comes out of them."""
    manifest, arrays = artifact([STATE, MODE], COLUMNS, ["standard"])

    def f(raw, normalized, inverse, message=None):
        row = {"series": "a", "raw": raw, "normalized": normalized, "inverse": inverse}
        manifest["examples"] = [row]
        if message is None:
            read(encode(manifest, arrays))
            return
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(manifest, arrays))

    f([3.5, 0, 2], [1, 1, 0, 0, 2], [3.5, 0, 2])
    f([3.5, -1, -1], [1, 0, 0, 0, -1], [3.5, -1, -1])
    f([None, None, None], [None] * 5, [None] * 3)
    f([3.5, 0, 2], [1, 0, 1, 0, 2], [3.5, 0, 2], "'a', state_idle: normalized 1.0, .* says 0.0")
    f([3.5, 0, 2], [1, 1, 0, 0, 1], [3.5, 0, 2], "mode: normalized 2.0")
    f([3.5, 0, 2], [1, 1, 0, 0, 2], [3.5, 1, 2], "state: inverse 0.0, the artifact says 1.0")
    f([3.5, 0, 2], [1, 1, 0, 2], [3.5, 0, 2], "normalized is .*, want 5 numbers or nulls")


# scikit-learn's golden numbers.


def golden(kind):
    file = json.loads((GOLDEN / "scalers" / f"{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(kind, case, id=f"{kind} {case['name']}") for case in file["cases"]]


def learn(go, folder, features, rows, **keys):  # noqa: F811
    """Have the Go tool learn from rows; return the scaler and the path of the rows."""
    source = folder / "train.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = {"version": 1, "pipeline": "labels", "features": features, "cutoff": {"end": True}}
    config["output"] = {"value": "features", "meta": "none"}
    (folder / "c.yaml").write_text(json.dumps({**config, **keys}))  # JSON is YAML
    go("fit", "-c", folder / "c.yaml", "-o", folder / "a.npz", "--force", source)
    return tare.load(folder / "a.npz"), source


@pytest.mark.parametrize("kind, case", [*golden("onehot"), *golden("ordinal")])
def test_golden_labels(go, tmp_path, kind, case):  # noqa: F811
    """The tool learns what scikit-learn has, and rows come out and back as there.

    scikit-learn learns None as a category, and NaN only here and there; here both are missing.
    """
    if case["name"] in ("with null", "null as None"):
        assert case["fitted"]["categories_"] == [["a", "b", None]]
        return
    names = ["state"] if len(case["train"][0]) == 1 else ["x0", "x1"]
    params = {name: value for name, value in case["params"].items() if value != "NaN"}
    features = [{"name": name, "scaler": kind, **params} for name in names]
    s, _ = learn(go, tmp_path, features, [dict(zip(names, row)) for row in case["train"]])
    fitted = case["fitted"]
    want = [[c for c in categories if c is not None] for categories in fitted["categories_"]]
    assert [s.categories[name] for name in names] == want
    rare = fitted.get("infrequent_categories_")
    for name, labels_of, of in zip(names, want, rare or []):
        marks = s.learned("")[name]["infrequent"]
        assert [label for label, mark in zip(labels_of, marks) if mark] == (of or [])
    assert s.columns == fitted.get("feature_names_out", names)
    test = np.array(case["test"], dtype=object)
    if "raises" in case:
        with pytest.raises(tare.UnknownLabelError):
            s.transform(test)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        z = s.transform(test)
    assert_ulps(z, np.array(numbers(case["transform"])), 0)
    assert s.inverse_transform(z).tolist() == case["inverse"]


# What the Go tool learns and does.

ALPHABET = ["", "off", "on", "\u00e4", "a b", 'q"', "\u65e5", "\u2028", "x,y", "10", "9"]
POOLS = {
    "text": ALPHABET,
    "number": [0, 1, -1, 10, 9, 2.5, 1e-7, 1e21, 2**53 + 1],
    "bool": [True, False],
    "mixed": ["on", 1, True, "1", 2.5, None],
}


def random_rows(rng, n, unknown=0.0):
    """Records with a number and a label from each pool; some lack one or have another."""
    rows = []
    for _ in range(n):
        row = {"s": rng.choice("ab"), "x": rng.gauss(0, 1)}
        for name, pool in POOLS.items():
            label = pool[min(int(rng.expovariate(0.4)), len(pool) - 1)]
            label = "never seen" if rng.random() < unknown else label
            row[name] = None if rng.random() < 0.05 else label
            if rng.random() < 0.02:
                del row[name]
        rows.append(row)
    return rows


def written(lines, names):
    """What the tool has written as a table; nothing is NaN."""
    rows = [json.loads(line) for line in lines.splitlines()]
    return np.array([[NAN if r.get(n) is None else r[n] for n in names] for r in rows], float)


def onehot(**options):
    return {"scaler": "onehot", **options}


def ordinal(**options):
    return {"scaler": "ordinal", "handle_unknown": "use_encoded_value", **options}


@pytest.mark.parametrize(
    "text, number",
    [
        (onehot(handle_unknown="ignore"), ordinal(max_categories=4)),
        (
            onehot(handle_unknown="infrequent_if_exist", min_frequency=0.06),
            ordinal(encoded_missing_value=-2, unknown_value=-1),
        ),
        (
            onehot(handle_unknown="warn", max_categories=5, drop="first"),
            ordinal(min_frequency=9, unknown_value=99),
        ),
        (onehot(handle_unknown="ignore", drop=["on"]), ordinal()),
    ],
)
def test_labels_as_go(go, tmp_path, seed, text, number):  # noqa: F811
    """Both directions have the numbers and labels of tare transform and tare inverse."""
    rng = random.Random(seed)
    features = [
        "x",
        {"name": "text", **text},
        {"name": "number", **number},
        {"name": "bool", **onehot(handle_unknown="ignore", drop="if_binary")},
        {"name": "mixed", **ordinal(role="target")},
    ]
    s, _ = learn(go, tmp_path, features, random_rows(rng, 300), record={"series": "s"})
    rows = random_rows(rng, 300, unknown=0.03)
    live = tmp_path / "live.jsonl"
    live.write_text("".join(json.dumps(row) + "\n" for row in rows))
    series = [row["s"] for row in rows]
    X = {name: [row.get(name) for row in rows] for name in ["x", *POOLS]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        z = s.transform(X, series)
    out = go("transform", "-a", tmp_path / "a.npz", live)
    assert json.loads(out.splitlines()[0]).keys() >= set(s.columns)
    assert_ulps(z, written(out, s.columns), 0, "transform")
    assert (s.targets, s.columns[-1]) == (["mixed"], "mixed")
    back = go("inverse", "-a", tmp_path / "a.npz", "--value", "features", "-", input=out)
    got = s.inverse_transform(z, series)
    for at, line in enumerate(back.splitlines()):
        want = json.loads(line)
        assert got[at, 1:].tolist() == [want[name] for name in POOLS], f"row {at}"
        assert list(map(type, got[at, 1:])) == [type(want[name]) for name in POOLS], f"row {at}"
    assert_ulps(got[:, 0].astype(float), written(back, ["x"])[:, 0], 0, "inverse")


@pytest.mark.parametrize(
    "kind, params",
    [
        ("onehot", {"handle_unknown": "ignore"}),
        ("onehot", {"handle_unknown": "infrequent_if_exist", "max_categories": 4}),
        ("onehot", {"handle_unknown": "ignore", "min_frequency": 0.1, "drop": "first"}),
        ("onehot", {"handle_unknown": "warn", "min_frequency": 20}),
        ("onehot", {"handle_unknown": "ignore", "categories": ["on", "off", ""]}),
        ("ordinal", {"handle_unknown": "use_encoded_value", "unknown_value": -1}),
        ("ordinal", {"handle_unknown": "use_encoded_value", "unknown_value": -1,
                     "max_categories": 3}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pool", ["text", "number"])
def test_labels_as_scikit_learn(go, tmp_path, seed, kind, params, pool):  # noqa: F811
    """Fitted on the same records, both say the same of others."""
    if "categories" in params and pool != "text":
        return
    rng = random.Random(seed)
    values = [label for label in POOLS[pool] if label != 2**53 + 1]  # no float64 there

    def draw(n, more=()):
        return [rng.choice([*values, *values[:3] * 3, *more]) for _ in range(n)]

    train, test = draw(400), draw(100, ["?", "??"] if pool == "text" else [77, -3.5])
    given = {"categories": [params["categories"]]} if "categories" in params else {}
    encoder = OneHotEncoder(**{**params, **given}, sparse_output=False) if kind == "onehot" else (
        OrdinalEncoder(**params)
    )
    table = np.array(train, dtype=object if pool == "text" else float)[:, None]
    peer = encoder.fit(table)
    s, _ = learn(go, tmp_path, [{"name": "c", "scaler": kind, **params}], [{"c": c} for c in train])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        others = np.array(test, dtype=table.dtype)[:, None]
        want = peer.transform(others)
        z = s.transform({"c": test})
        assert_ulps(z, want, 0)
        back = peer.inverse_transform(want)[:, 0].tolist()
    assert s.categories["c"] == peer.categories_[0].tolist()
    if pool == "text":
        assert list(s.get_feature_names_out()) == list(peer.get_feature_names_out(["c"]))
    assert s.inverse_transform(z)[:, 0].tolist() == back


def test_labels_of_csv(go, tmp_path):  # noqa: F811
    """pandas makes numbers of digits, with a fraction where a cell is empty."""
    source = tmp_path / "in.csv"
    source.write_text("s,code,state,n\np,10,on,1\np,9,off,2\np,,on,2\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\npipeline: p\nrecord: {format: csv, series: s}\ncutoff: {end: true}\n"
        "output: {value: vector, meta: none}\nfeatures: [{name: code, scaler: ordinal}, "
        "{name: state, scaler: onehot}, {name: n, scaler: ordinal}]\n"
    )
    go("fit", "-c", config, "-o", tmp_path / "a.npz", source)
    frame = pd.read_csv(source)
    assert frame["code"].dtype == np.float64
    s = tare.load(tmp_path / "a.npz")
    want = np.frombuffer(go("transform", "-a", tmp_path / "a.npz", source), "<f8").reshape(3, -1)
    assert_ulps(s.transform(frame, "p"), want, 0)
    assert s.categories == {"code": ["10", "9"], "state": ["off", "on"], "n": ["1", "2"]}


def test_more_labels_than_tracked(go, tmp_path, seed):  # noqa: F811
    """The frequent labels are categories, and what their counts may lack is told."""
    rng = random.Random(seed)
    rows = [{"c": "often" if i % 3 else f"once {i}"} for i in range(3000)] + [{"c": "rare"}] * 80
    rng.shuffle(rows)
    options = {"handle_unknown": "infrequent_if_exist", "max_tracked": 50, "min_frequency": 100}
    s, _ = learn(go, tmp_path, [{"name": "c", "scaler": "onehot", **options}], rows)
    got = s.learned("")["c"]
    assert 0 < got["error"] <= 3080 // 51 and len(got["categories"]) <= 50
    often = got["counts"][got["categories"].index("often")]
    assert 2000 - got["error"] <= often <= 2000
    assert s.columns == ["c_often", "c_infrequent_sklearn"]
    assert s.transform([["often"], ["rare"], ["never seen"]]).tolist() == [[1, 0], [0, 1], [0, 1]]


def test_command_tells_categories(go, tmp_path):  # noqa: F811
    rows = [{"s": "a", "c": "on"}, {"s": "b", "c": "off"}, {"s": "b", "c": "off"}, {"s": "a"}]
    learn(go, tmp_path, [{"name": "c", "scaler": "onehot", "max_categories": 3}], rows)
    code, out, _ = command(tmp_path / "a.npz")
    assert code == 0 and re.search(r"^ +c +- +onehot +3 +1 +- +- +- +-$", out, re.M)
    assert re.search(r'^c: 2 categories: "off" 2, "on" 1$', out, re.M), out
    rows += [{"s": "b", "c": str(i)} for i in range(30)]
    learn(go, tmp_path, [{"name": "c", "scaler": "onehot", "max_categories": 3}], rows)
    _, out, _ = command(tmp_path / "a.npz")
    line = r'^c: 32 categories, 30 of them infrequent: "0" 1 \(infrequent\), .*, and 22 more$'
    assert re.search(line, out, re.M), out
