"""Tests of tare.py: against the Go tool, the golden numbers and scikit-learn.

Those that need the Go toolchain fail without it. Anything random takes its seed
from TARE_SEED, which is printed.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import math
import os
import pickle
import random
import re
import subprocess
import sys
import time
import types
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tare

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "testdata" / "golden"
NAN = math.nan


@pytest.fixture(scope="session")
def seed():
    value = int(os.environ.get("TARE_SEED", time.time_ns() % 2**32))
    print(f"TARE_SEED={value}")
    return value


def numbers(values):
    """The golden files' numbers: null, "NaN", "Inf" and "-Inf" beside floats."""
    if isinstance(values, list):
        return [numbers(v) for v in values]
    return float(values) if values is not None else NAN


def array(values):
    return np.array(numbers(values), dtype=np.float64)


def ulps(got, want):
    """The distance of each pair in units in the last place; 0 for two NaN."""
    got, want = np.atleast_1d(got) + 0.0, np.atleast_1d(want) + 0.0

    def order(x):
        bits = x.view(np.int64)
        return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)

    a, b = order(got), order(want)
    far = np.maximum(a, b).view(np.uint64) - np.minimum(a, b).view(np.uint64)
    nan = np.isnan(got), np.isnan(want)
    return np.where(nan[0] & nan[1], 0, np.where(nan[0] | nan[1], 2**63, far))


def assert_ulps(got, want, most, where=""):
    far = ulps(got, want)
    worst = int(np.argmax(far)) if far.size else 0
    assert far.size == 0 or far.flat[worst] <= most, (
        f"{where}: item {worst}: {np.ravel(got)[worst]!r}, want {np.ravel(want)[worst]!r}, "
        f"{far.flat[worst]} ulp apart"
    )


def assert_close(got, want, rel, where="", abs=0.0):
    got, want = np.asarray(got), np.asarray(want)
    nan = np.isnan(want)
    assert np.array_equal(np.isnan(got), nan), f"{where}: NaN in other places"
    far = np.abs(got[~nan] - want[~nan]) - abs - rel * np.abs(want[~nan])
    assert np.all(far <= 0), (
        f"{where}: {got[~nan][np.argmax(far)]!r}, want {want[~nan][np.argmax(far)]!r}"
    )


# An artifact made here, byte by byte, so that its file can be wrong on purpose.

SERIES = ["a", "b", 'ψ "q"']
RECORDS = [10, 4, 5]
NUMBERS = {
    "standard": {"mean": [1.5, -2.0, NAN], "scale": [2.0, 0.25, NAN]},
    "minmax": {"min": [0.5, 0.0, NAN], "scale": [0.125, 1.0, NAN]},
    "maxabs": {"scale": [4.0, 1.0, NAN]},
    "robust": {"center": [1.0, 2.0, NAN], "scale": [3.0, 4.0, NAN]},
    "quantile": {
        "offsets": [0, 3, 4, 4],
        "references": [0, 0.5, 1, 0],
        "quantiles": [-1.0, 1.0, 5.0, 7.0],
    },
    "none": {},
}
OPTIONS = {
    "standard": {"with_mean": True, "with_std": True},
    "minmax": {"feature_range": [0, 1], "clip": True},
    "robust": {"with_centering": True, "with_scaling": True, "quantile_range": [25, 75]},
    "quantile": {"n_quantiles": 3, "output_distribution": "uniform"},
}


def sample(kinds=tuple(NUMBERS)):
    """Manifest and arrays of three series; the last one has learned no value."""
    manifest = {
        "format": 1,
        "pipeline": "sample",
        "revision": 1,
        "record": {
            "format": "json",
            "series": {"fields": ["sensor"]},
            "features": [],
            "bad_value": "reject",
        },
        "features": [{"name": k, "scaler": {"kind": k, **OPTIONS.get(k, {})}} for k in kinds],
        "cutoff": {"kind": "end"},
        "normalize": {"unknown_series": "missing"},
        "columns": list(kinds),
        "records": {"learned": sum(RECORDS), "train": sum(RECORDS), "rejected": {}},
        "series": {"learned": len(SERIES)},
        "pooled": [
            {"count": 12, "missing": 7, "min": -1, "max": 5, "mean": 2, "var": 4} for _ in kinds
        ],
        "examples": [],
    }
    names = [s.encode() for s in SERIES]
    arrays = {
        "series.offsets": np.cumsum([0] + [len(n) for n in names]).astype("<u8"),
        "series.bytes": np.frombuffer(b"".join(names), "|u1"),
        "series.records": np.array(RECORDS, "<u8"),
    }
    for k in kinds:
        arrays[f"{k}.count"] = np.array([9, 3, 0], "<u8")
        arrays[f"{k}.missing"] = np.array([1, 1, 5], "<u8")
        for name, values in (
            ("data_min", [-1, 7]),
            ("data_max", [5, 7]),
            ("data_mean", [1.5, 7]),
            ("data_var", [4, 0]),
        ):
            arrays[f"{k}.{name}"] = np.array([*values, NAN], "<f8")
        for name, values in NUMBERS[k].items():
            arrays[f"{k}.{name}"] = np.array(values, "<u8" if name == "offsets" else "<f8")
    return manifest, arrays


def member(name, items):
    out = io.BytesIO()
    np.lib.format.write_array(out, items, version=(1, 0), allow_pickle=False)
    return f"{name}.npy", out.getvalue()


def encode(manifest, arrays):
    """The bytes of an artifact: stored members by name, and the hash."""
    text = (
        manifest
        if isinstance(manifest, bytes)
        else json.dumps(manifest, separators=(",", ":")).encode() + b"\n"
    )
    return pack([("manifest.json", text), *(member(k, v) for k, v in arrays.items())])


def pack(members, compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in sorted(members, key=lambda m: m[0].encode()):
            archive.writestr(zipfile.ZipInfo(name), data, compression)
        archive.comment = b"0" * 64
    return rehash(out.getvalue())


def rehash(data):
    return data[:-64] + hashlib.sha256(data[:-64]).hexdigest().encode()


def read(data, **options):
    return tare.load(io.BytesIO(data), **options)


@pytest.fixture(scope="module")
def plain():
    return read(encode(*sample()))


# What the Go tool makes, from its own configuration.


@pytest.fixture(scope="session")
def go(tmp_path_factory):
    """Run the tare command, built from this tree."""
    binary = tmp_path_factory.mktemp("bin") / "tare"
    subprocess.run(["go", "build", "-o", binary, "./cmd/tare"], cwd=ROOT, check=True)

    def run(*args, **options):
        done = subprocess.run([binary, *map(str, args)], capture_output=True, **options)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


@pytest.fixture(scope="session")
def golden(go, tmp_path_factory):
    """The golden pipeline as the Go tool learns it: path, records, what is expected of them."""
    path = tmp_path_factory.mktemp("golden") / "golden.npz"
    at = GOLDEN / "pipeline"
    go("fit", "-c", at / "conf.yaml", "-o", path, "--no-sketches", at / "input.jsonl")
    lines = (at / "input.jsonl").read_bytes().splitlines()
    expected = [json.loads(line) for line in (at / "expected.jsonl").read_text().splitlines()]
    accepted = [e for e in expected if "rejected" not in e]
    return types.SimpleNamespace(
        path=path,
        input=at / "input.jsonl",
        scaler=tare.load(path),
        expected=accepted,
        rows=[json.loads(lines[e["line"]]) for e in accepted],
        fitted={
            f["series"]: f for f in map(json.loads, (at / "fitted.jsonl").read_text().splitlines())
        },
    )


def table(rows, names):
    """Rows of JSON as columns; what is absent or null is NaN."""
    return {name: array([row.get(name) for row in rows]) for name in names}


KINDS = """
version: 1
pipeline: kinds
source: {file: {paths: ["-"]}}
record: {format: json, series: [site, sensor]}
features:
  - {name: none, scaler: none}
  - {name: standard, impute: mean}
  - {name: centered, scaler: standard, with_std: false}
  - {name: scaled, scaler: standard, with_mean: false}
  - {name: minmax, scaler: minmax, feature_range: [-2, 3]}
  - {name: bounded, scaler: minmax, clip: true}
  - {name: maxabs, scaler: maxabs, clip: true, impute: {constant: 2.5}}
  - {name: robust, scaler: robust, impute: median}
  - {name: unit, scaler: robust, quantile_range: [10, 90], unit_variance: true}
  - {name: uniform, scaler: quantile, n_quantiles: 50}
  - {name: normal, scaler: quantile, output_distribution: normal, impute: median}
  - {name: steps, scaler: quantile, output_distribution: normal}
  - {name: yeo, scaler: yeo_johnson, impute: mean}
  - {name: bent, pre: asinh, scaler: yeo_johnson, standardize: false}
  - {name: box, scaler: box_cox, impute: median}
  - {name: boxed, scaler: box_cox, standardize: false}
  - {name: bins, scaler: kbins}
  - {name: even, scaler: kbins, strategy: uniform, n_bins: 12, impute: {constant: 1}}
  - {name: clusters, scaler: kbins, strategy: kmeans, n_bins: 4}
  - {name: log, pre: log}
  - {name: log1p, pre: log1p, scaler: none}
  - {name: sqrt, pre: sqrt, scaler: none}
  - {name: asinh, pre: asinh, scaler: robust}
  - {name: affine, pre: {affine: {scale: -0.001, offset: 7}}, scaler: maxabs}
  - {name: clipped, pre: {clip: {min: -1, max: 1}}}
  - {name: chain, pre: [{affine: {scale: 1000}}, log1p, {clip: {max: 9}}], scaler: minmax}
cutoff: {end: true}
"""

SITES = [
    ("north", "7"),
    ("north", "8"),
    ('q"\\', "ψ"),
    ("line\u2028end", "\t"),
    ("empty", ""),
    ("once", "1"),
]


def kinds_row(rng, names, site, sensor, i):
    """A record of the pipeline above: some values are missing, some outside of a domain."""
    row = {"site": site, "sensor": sensor}
    for k, name in enumerate(names):
        draw = rng.random()
        if draw < 0.05:
            continue
        x = rng.gauss(3 * k, 1 + k % 3)
        if name in ("log", "log1p", "sqrt", "chain", "box", "boxed"):
            x = rng.lognormvariate(0, 2) if draw < 0.97 else rng.choice([-0.5, 0.0, -3.0])
        if name == "log1p" and draw > 0.5:
            x = rng.lognormvariate(0, 20)
        if name == "asinh":
            x = rng.choice([-1, 1]) * rng.lognormvariate(0, 12)
        if name == "steps":
            x = float(rng.choice([1, 1, 1, 2, 3, 3, 5]))
        if name == "clipped":
            x = rng.gauss(0, 1)
        row[name] = None if draw < 0.08 else x
    return row


@pytest.fixture(scope="session")
def every(go, seed, tmp_path_factory):
    """A pipeline with every scaler, option and pre-transform on random data."""
    at = tmp_path_factory.mktemp("kinds")
    (at / "conf.yaml").write_text(KINDS)
    names = re.findall(r"\{name: (\w+)", KINDS)
    rng = random.Random(seed)
    counts = [1500, 60, 300, 90, 2, 40]
    rows = [kinds_row(rng, names, *site, i) for site, n in zip(SITES, counts) for i in range(n)]
    rng.shuffle(rows)
    (at / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    go("fit", "-c", at / "conf.yaml", "-o", at / "kinds.npz", "--no-sketches", at / "train.jsonl")
    more = [kinds_row(rng, names, *site, i) for site in [*SITES, ("new", "9")] for i in range(50)]
    (at / "live.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows + more))
    return types.SimpleNamespace(
        path=at / "kinds.npz",
        input=at / "live.jsonl",
        names=names,
        rows=rows + more,
        scaler=tare.load(at / "kinds.npz"),
    )


def key(row):
    return (row["site"], row["sensor"])


# 1. The golden pipeline.


def test_golden_pipeline(golden):
    """Every accepted record of the input comes out as scikit-learn has it."""
    s = golden.scaler
    series = [row["sensor"] for row in golden.rows]
    z = s.transform(table(golden.rows, s.feature_names_in_), series)
    assert s.known(series).tolist() == [e["known"] for e in golden.expected]
    checked = 0
    for got, row, e in zip(z, golden.rows, golden.expected):
        for name, y in zip(s.columns, got):
            want = e["values"][name]
            if want is None:
                assert math.isnan(y), (e["line"], name)
                continue
            tolerance = golden.fitted[row["sensor"]]["features"][name]["tolerance"]
            where = f"line {e['line']}, {name}: {y!r}, want {want!r} within {tolerance}"
            if "rank" not in tolerance:
                assert abs(y - want) <= tolerance["abs"] + tolerance["rel"] * abs(want), where
            elif name == "load":
                assert abs(phi(y) - phi(want)) <= tolerance["rank"], where
            else:
                assert abs(y - want) <= tolerance["rank"], where
            checked += 1
    assert checked > 30_000


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def test_golden_learned(golden):
    """What was learned of a series has scikit-learn's names and numbers."""
    for series, fitted in golden.fitted.items():
        learned = golden.scaler.learned(series)
        for name, f in fitted["features"].items():
            got = learned[name]
            assert (got["count"], got["missing"]) == (f["count"], f["missing"])
            if f["count"] and name in ("temperature", "flow"):
                assert_close(got["mean"], f["fitted"]["mean_"], 1e-12, name)
                assert_close(got["data_var"], f["fitted"]["var_"], 1e-9, name)
                assert_close(got["scale"], f["fitted"]["scale_"], 1e-9, name)


def test_golden_inverse(golden):
    """The inverse gives back what was within the range that was learned."""
    s = golden.scaler
    x = table(golden.rows, s.feature_names_in_)
    series = [row["sensor"] for row in golden.rows]
    known = s.known(series)
    back = s.inverse_transform(s.transform(x, series), series)
    learned = {name: s.learned(name) for name in s.series}
    for i, name in enumerate(s.columns):
        low, high = np.full(len(series), -np.inf), np.full(len(series), np.inf)
        if name in ("valve", "load", "pressure"):
            low[known] = [learned[k][name]["data_min"] for k in np.array(series)[known]]
            high[known] = [learned[k][name]["data_max"] for k in np.array(series)[known]]
        inside = known & (x[name] >= low) & (x[name] <= high)
        if name == "load":  # ranks that close to 0 and 1 are clipped
            inside &= (x[name] - 1e-3 > low) & (x[name] + 1e-3 < high)
        got, want = back[inside, i], x[name][inside]
        scale = np.abs(want) if name != "flow" else 1 + np.abs(want)
        if name == "power":  # the offset of 1e6 is what rounding goes by, not the value
            scale = np.maximum(scale, 1e6)
        rel = 1e-12 if name not in ("load", "pressure") else 1e-9
        assert np.all(np.abs(got - want) <= rel * np.maximum(scale, 1e-3)), name
        assert inside.sum() > 3000, name


# 2. The Go tool.


def assert_same_as_go(go, path, source, rows, s, series):
    """transform and inverse give the bits of tare transform and tare inverse.

    A missing value is null or absent there; of the series that were not learned
    tare inverse passes on what it is given, where ours is NaN.
    """
    out = go("transform", "-a", path, source)
    lines = [json.loads(line) for line in out.splitlines()]
    raw = [json.loads(line) for line in go("inverse", "-a", path, "-", input=out).splitlines()]
    assert len(lines) == len(raw) == len(rows)
    z = s.transform(table(rows, s.feature_names_in_), series)
    back = s.inverse_transform(z, series)
    for i, name in enumerate(s.columns):
        assert_ulps(z[:, i], array([line.get(name) for line in lines]), 0, f"transform {name}")
        assert_ulps(back[:, i], array([r.get(name) for r in raw]), 0, f"inverse {name}")


def test_go_golden(go, golden):
    series = [row["sensor"] for row in golden.rows]
    assert_same_as_go(go, golden.path, golden.input, golden.rows, golden.scaler, series)


def test_go_every_kind(go, every):
    assert_same_as_go(
        go, every.path, every.input, every.rows, every.scaler, [key(row) for row in every.rows]
    )


def test_go_columns(go, every):
    assert go("inspect", every.path, "--columns").decode().split() == every.scaler.columns
    assert list(every.scaler.feature_names_in_) == every.names


def test_go_learned(go, every):
    """learned says what tare inspect says."""
    for series in every.scaler.series:
        report = json.loads(go("inspect", every.path, "--series", series, "--json"))
        learned = every.scaler.learned(series)
        for f in report["features"]:
            got = learned[f["name"]]
            for name in ("count", "missing", "data_min", "data_max", "data_mean", "data_var"):
                assert_ulps(got[name], array(f[name]), 0, name)
            for name, values in f["params"].items():
                assert_ulps(np.atleast_1d(got[name]), array(values), 0, name)


def test_numpy_opens_it(golden):
    """numpy.load alone reads the artifact, without pickle."""
    with np.load(golden.path, allow_pickle=False) as arrays:
        mean = arrays["temperature.mean"]
        at = list(golden.scaler.series).index("plant-1/pump-00")
        assert mean[at] == golden.scaler.learned("plant-1/pump-00")["temperature"]["mean"]


def test_companion_is_refused(go, golden, tmp_path):
    at = GOLDEN / "pipeline"
    go("fit", "-c", at / "conf.yaml", "-o", tmp_path / "a.npz", at / "input.jsonl")
    with pytest.raises(tare.ArtifactError, match="kind .*want an artifact"):
        tare.load(tmp_path / "a.sketches.npz")


def test_damaged_go_artifact(every):
    """Each way to damage a real file is refused."""
    data = every.path.read_bytes()
    for i in range(0, len(data), len(data) // 400):
        with pytest.raises(tare.ArtifactError):
            read(data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :])
        with pytest.raises(tare.ArtifactError):
            read(data[:i])
    with pytest.raises(tare.ArtifactError):
        read(data + b"\0")


# 3. The golden numbers of scikit-learn and of exact arithmetic.


def step_of(kind, case):
    """The internal scaler of a golden case; the features stand where series would."""
    fitted, params = case["fitted"], case["params"]
    width = len(case["test"][0])

    def attribute(name, neutral=None, option=None):
        return array(fitted[name]) if params.get(option, True) else np.full(width, neutral)

    if kind == "standard":
        return tare._Linear(
            attribute("mean_", 0.0, "with_mean"), attribute("scale_", 1.0, "with_std")
        )
    if kind == "robust":
        return tare._Linear(
            attribute("center_", 0.0, "with_centering"), attribute("scale_", 1.0, "with_scaling")
        )
    if kind == "minmax":
        ends = params["feature_range"] if params["clip"] else (-np.inf, np.inf)
        return tare._MinMax(attribute("min_"), attribute("scale_"), *ends)
    if kind == "maxabs":
        return tare._MaxAbs(attribute("scale_"), 1.0 if params["clip"] else np.inf)
    values = array(fitted["quantiles_"]).T  # (n_features, n_quantiles_)
    m = values.shape[1]
    offsets = np.arange(width + 1, dtype=np.uint64) * np.uint64(m)
    references = np.tile(np.linspace(0, 1, m), width)
    return tare._Quantile(
        offsets, references, values.ravel(), params["output_distribution"] == "normal"
    )


@pytest.mark.parametrize("kind", ["standard", "minmax", "maxabs", "robust", "quantile"])
def test_golden_scaler(kind):
    """Frozen parameters in, transform and inverse out: equal to the last bit."""
    cases = json.loads((GOLDEN / "scalers" / f"{kind}.json").read_text())["cases"]
    assert len(cases) >= 5
    for case in cases:
        step = step_of(kind, case)
        normal = case["params"].get("output_distribution") == "normal"
        for done, given, want in (
            ("transform", "test", "transform"),
            ("inverse", "inverse_input", "inverse"),
        ):
            x, want = array(case[given]), array(case[want])
            for i in range(x.shape[1]):
                with np.errstate(all="ignore"):
                    got = getattr(step, done)(np.ascontiguousarray(x[:, i]), np.full(len(x), i))
                where = f"{case['name']}, feature {i}, {done}"
                if not normal:
                    assert_ulps(got, want[:, i], 0, where)
                else:
                    assert_close(got, want[:, i], 1e-13, where, abs=1e-15)


LEARNED = ROOT / "scale" / "testdata"


@pytest.mark.parametrize("name", ["power", "kbins"])
def test_golden_newer_scaler(name):
    """As test_golden_scaler; scipy's powers may differ in their last bits."""
    for case in json.loads((LEARNED / f"{name}.json").read_text())["cases"]:
        params, fitted = case["params"], case["fitted"]
        width = len(case["test"][0])
        if name == "kbins":
            edges = [array(e) for e in fitted["bin_edges_"]]
            ones = case["train"][0]  # of a constant feature the edges are infinite
            edges = [np.full(2, x) if np.isinf(e[0]) else e for x, e in zip(ones, edges)]
            offsets = np.cumsum([0, *map(len, edges)])
            step = tare._KBins(offsets, np.concatenate(edges))
        else:
            mean, scale = fitted.get("mean_", [0.0] * width), fitted.get("scale_", [1.0] * width)
            feature = types.SimpleNamespace(
                spec=types.SimpleNamespace(scaler=params),
                params=array([fitted["lambdas_"], mean, scale]),
            )
            step = tare._KINDS[params["kind"]].make(feature)
        for done, given, want in (
            ("transform", "test", "transform"),
            ("inverse", "inverse_input", "inverse"),
        ):
            x, want = array(case[given]), array(case[want])
            for i in range(width):
                if name == "kbins" and done == "inverse" and edges[i][0] == edges[i][-1]:
                    want[:, i] = edges[i][0]  # of a constant scikit-learn has NaN
                with np.errstate(all="ignore"):
                    got = getattr(step, done)(np.ascontiguousarray(x[:, i]), np.full(len(x), i))
                where = f"{case['name']}, feature {i}, {done}"
                assert_close(got, want[:, i], 1e-12, where, abs=1e-12)


@pytest.mark.parametrize("name", ["log", "log1p", "sqrt", "asinh"])
def test_golden_functions(name):
    cases = json.loads((GOLDEN / "scalers" / "functions.json").read_text())["cases"]
    (case,) = [c for c in cases if c["name"] == name]
    pre = tare._FUNCTIONS[name]
    with np.errstate(all="ignore"):
        assert_ulps(pre.forward(array(case["x"])), array(case["y"]), 1, name)
        assert_ulps(
            pre.inverse(array(case["inverse_x"])),
            array(case["inverse_y"]),
            1,
            case["inverse_name"],
        )


def test_golden_normal():
    ppf, cdf = json.loads((GOLDEN / "numbers" / "normal.json").read_text())["cases"]
    with np.errstate(all="ignore"):
        x, p = tare._normal_quantile(array(ppf["p"])), tare._normal_cdf(array(cdf["x"]))
    assert_close(x, array(ppf["x"]), 1e-14, "ppf", abs=1e-15)
    assert_close(p, array(cdf["p"]), 1e-14, "cdf", abs=5e-324)


def test_coefficients():
    """The approximations have the coefficients of the Go source."""
    source = "".join(
        (ROOT / "scale" / name).read_text(encoding="utf-8")
        for name in ("elementary.go", "normal.go")
    )
    tables = [
        tuple(
            float(n) / float(d or 1) for n, d in re.findall(r"([-\d.e+]+)(?: / ([\d.]+))?", body)
        )
        for body in re.findall(r"\[\.\.\.\]float64\{(.*?)\}", source, re.S)
    ]
    ours = [tare._LOG_POLY, tare._EXP_POLY, tare._EXPM1_POLY, tare._SINH_POLY]
    for quotient in (tare._ERF, tare._ERF_ONE, tare._ERFC, tare._ERFC_FAR):
        ours += quotient
    for quotient in (tare._CENTER, tare._TAIL, tare._FAR_TAIL):
        ours += quotient
    assert sorted(tables) == sorted(ours)


def test_outside_of_the_domain():
    def f(function, x, want):
        with np.errstate(all="ignore"):
            got = function(np.array([x]))[0]
        assert got == want or math.isnan(got) and math.isnan(want), (function.__name__, x, got)

    f(tare._log, 0.0, NAN)
    f(tare._log, -1.0, NAN)
    f(tare._log, NAN, NAN)
    f(tare._log1p, -1.0, NAN)
    f(tare._log1p, NAN, NAN)
    f(tare._asinh, NAN, NAN)
    f(tare._exp, NAN, NAN)
    f(tare._exp, 710.0, math.inf)
    f(tare._exp, -746.0, 0.0)
    f(tare._exp, -745.0, 5e-324)
    f(tare._expm1, NAN, NAN)
    f(tare._expm1, 710.0, math.inf)
    f(tare._expm1, -39.0, -1.0)
    f(tare._sinh, NAN, NAN)
    f(tare._sinh, -711.0, -math.inf)
    f(tare._normal_quantile, 0.0, -math.inf)
    f(tare._normal_quantile, 1.0, math.inf)
    f(tare._normal_quantile, -0.1, NAN)
    f(tare._normal_quantile, 1.1, NAN)
    f(tare._normal_quantile, NAN, NAN)
    f(tare._normal_cdf, NAN, NAN)
    f(tare._normal_cdf, math.inf, 1.0)
    f(tare._normal_cdf, -math.inf, 0.0)


def test_functions_agree_with_math(seed):
    """Within 1.5 ulp of the C library, over all magnitudes."""
    rng = np.random.default_rng(seed)
    wide = np.ldexp(rng.uniform(1, 2, 4000), rng.integers(-1074, 490, 4000))

    def f(function, reference, x):
        with np.errstate(all="ignore"):
            assert_ulps(function(x), [reference(v) for v in x.tolist()], 2, reference.__name__)

    f(tare._log, math.log, wide)
    f(tare._log1p, math.log1p, np.concatenate([wide, rng.uniform(-1, 2, 4000)]))
    f(tare._asinh, math.asinh, np.concatenate([wide, -wide, rng.uniform(-4, 4, 4000)]))
    f(tare._exp, math.exp, rng.uniform(-740, 709, 4000))
    f(
        tare._expm1,
        math.expm1,
        np.concatenate([rng.uniform(-50, 709, 4000), rng.uniform(-1, 1, 4000)]),
    )
    f(
        tare._sinh,
        math.sinh,
        np.concatenate([rng.uniform(-709, 709, 4000), rng.uniform(-2, 2, 4000)]),
    )


# 4. scikit-learn, live.


def test_scikit_learn(golden):
    """Scalers fitted here, series by series on the training rows, agree with the artifact."""
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    make = {
        "temperature": preprocessing.StandardScaler(),
        "valve": preprocessing.MinMaxScaler(clip=True),
        "speed": preprocessing.MaxAbsScaler(),
        "vibration": preprocessing.RobustScaler(),
        "power": preprocessing.RobustScaler(quantile_range=(10, 90), unit_variance=True),
        "load": preprocessing.QuantileTransformer(
            n_quantiles=1000, output_distribution="normal", subsample=None
        ),
        "pressure": preprocessing.QuantileTransformer(n_quantiles=100, subsample=None),
    }
    moments = ("temperature", "valve", "speed")
    s = golden.scaler
    names = np.array([row["sensor"] for row in golden.rows])
    x = table(golden.rows, s.feature_names_in_)
    z = s.transform(x, names)
    trained = np.array([e["split"] == "train" and not e["late"] for e in golden.expected])
    compared = 0
    for series, fitted in golden.fitted.items():
        mine = names == series
        for name, scaler in make.items():
            count = fitted["features"][name]["count"]
            if count == 0 or count > 128 and name not in moments:  # beyond, a sketch is not exact
                continue
            column = x[name].reshape(-1, 1)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # fewer samples than n_quantiles
                scaler.fit(column[mine & trained])
            got = z[mine, s.columns.index(name)]
            want = scaler.transform(column[mine]).ravel()
            assert_close(got, want, 1e-9, f"{series}, {name}", abs=1e-9)
            assert_close(
                s.inverse_transform(got.reshape(-1, 1), series, columns=[name]).ravel(),
                scaler.inverse_transform(want.reshape(-1, 1)).ravel(),
                1e-9,
                f"inverse of {series}, {name}",
                abs=1e-9,
            )
            compared += mine.sum()
    assert compared > 15_000


# 5. What is given and what comes back.


def test_transform_by_hand(plain):
    """Each kind on numbers that are easy to follow."""

    def f(kind, series, x, want):
        X = np.zeros((1, len(plain.columns)))
        X[0, plain.columns.index(kind)] = x
        got = plain.transform(X, series)[0, plain.columns.index(kind)]
        assert got == want or math.isnan(got) and math.isnan(want), (kind, series, x, got)

    f("standard", "a", 3.5, 1.0)
    f("standard", "b", 3.5, 22.0)
    f("standard", "a", NAN, NAN)
    f("standard", SERIES[2], 1.0, NAN)  # learned nothing
    f("minmax", "a", 2.0, 0.75)
    f("minmax", "a", 5.0, 1.0)  # clipped
    f("minmax", "a", -5.0, 0.0)
    f("maxabs", "a", -8.0, -2.0)
    f("robust", "b", 10.0, 2.0)
    f("none", "a", 8.25, 8.25)
    f("none", SERIES[2], 8.25, 8.25)  # there is nothing to learn
    f("quantile", "a", -2.0, 0.0)
    f("quantile", "a", 0.0, 0.25)
    f("quantile", "a", 1.0, 0.5)
    f("quantile", "a", 3.0, 0.75)
    f("quantile", "a", 6.0, 1.0)
    f("quantile", "a", NAN, NAN)
    f("quantile", "b", 7.0, 0.0)  # constant
    f("quantile", SERIES[2], 7.0, NAN)  # no landmarks
    mixed = plain.transform(np.zeros((2, 6)), ["a", SERIES[2]])
    assert_ulps(mixed[:, plain.columns.index("quantile")], [0.25, NAN], 0)


def test_landmarks_side_by_side():
    """Where the line from one landmark to the next is too steep for a float64, its middle."""
    step = tare._Quantile(np.array([0, 2]), np.array([0.0, 1.0]), np.array([0.0, 1e-309]), False)
    with np.errstate(all="ignore"):
        got = step.transform(np.array([0.0, 5e-310, 1e-309]), np.zeros(3, int))
    assert got.tolist() == [0.0, 0.5, 1.0]


def test_newer_kinds():
    """Version 1 of the format does not know them, and their numbers are checked."""
    manifest, arrays = sample(["none"])
    feature = manifest["features"][0]
    feature["scaler"] = {"kind": "kbins", "n_bins": 3, "strategy": "uniform"}
    count = np.array([3, 3, 0], "<u8")
    arrays["none.count"], arrays["none.missing"] = count, np.array(RECORDS, "<u8") - count
    for name in ("data_min", "data_max", "data_mean", "data_var"):
        arrays[f"none.{name}"] = np.array([1.0, 1.0, NAN])
    arrays["none.offsets"] = np.array([0, 4, 6, 6], "<u8")
    arrays["none.bin_edges"] = np.array([0.0, 1.0, 2.5, 4.0, 7.0, 7.0])
    with pytest.raises(tare.ArtifactError, match="format is 1, want 2 for .*kbins"):
        read(encode(manifest, arrays))
    manifest["format"] = 2
    s = read(encode(manifest, arrays))
    x = np.array([[-1.0], [0.0], [1.0], [2.5], [9.0], [NAN]])
    assert_ulps(s.transform(x, "a").ravel(), [0, 0, 1, 2, 2, NAN], 0)
    back = s.inverse_transform([[0], [2.9], [-0.9], [3], [-1], [NAN]], "a").ravel()
    assert_ulps(back, [0.5, 3.25, 0.5, NAN, NAN, NAN], 0)
    assert_ulps(s.transform([[6.0], [7.0], [8.0]], ["b", "b", SERIES[2]]).ravel(), [0, 0, NAN], 0)
    assert_ulps(s.inverse_transform([[0.0], [0.0]], ["b", SERIES[2]]).ravel(), [7, NAN], 0)
    assert s.learned("a")["none"]["bin_edges"].tolist() == [0.0, 1.0, 2.5, 4.0]
    for name, i, x, why in (
        ("none.bin_edges", 1, 3.0, "series 'a': the edges do not rise"),
        ("none.bin_edges", 1, NAN, "an edge .* not finite"),
        ("none.offsets", 1, 5, "series 'b': fewer than two edges of bins"),
    ):
        broken = {**arrays, name: arrays[name].copy()}
        broken[name][i] = x
        with pytest.raises(tare.ArtifactError, match=why):
            read(encode(manifest, broken))


def test_box_cox_domain():
    """What is not above 0 is missing, and imputed as what is missing."""
    manifest, arrays = sample(["standard"])
    manifest["format"] = 2
    manifest["features"][0]["scaler"] = {"kind": "box_cox", "standardize": True}
    arrays["standard.lambda"] = np.array([1.0, 0.0, NAN])
    s = read(encode(manifest, arrays))
    z = s.transform([[0.0], [-1.0], [5.5], [NAN]], "a").ravel()
    assert_ulps(z, [NAN, NAN, 2.0, NAN], 0)
    assert_ulps(s.inverse_transform([[2.0], [-2.0]], "a").ravel(), [5.5, NAN], 0)
    manifest["features"][0]["impute"] = {"kind": "constant", "constant": 3.5}
    assert_ulps(read(encode(manifest, arrays)).transform([[0.0]], "a").ravel(), [1.0], 0)
    manifest["features"][0]["impute"] = {"kind": "constant", "constant": -3.5}
    with pytest.raises(tare.ArtifactError, match="outside the domain"):
        read(encode(manifest, arrays))


def test_tables(plain):
    """All that can be a table gives the same numbers."""
    x = np.arange(12.0).reshape(2, 6)
    want = plain.transform(x, "a")
    names = list(plain.feature_names_in_)
    frame = pd.DataFrame(x, columns=names)
    shuffled = frame.assign(other="text")[["other", *names[::-1]]]
    record = np.array([tuple(row) for row in x], dtype=[(n, "f8") for n in names])

    def f(X):
        assert_ulps(plain.transform(X, "a"), want, 0)

    f(x.tolist())
    f(np.asfortranarray(x))
    f(x.astype(np.float32))
    f(x.astype(int))
    f(x.astype(object))
    f(frame)
    f(shuffled)
    f(record)
    f({n: x[:, i] for i, n in enumerate(names)})
    f({n: x[:, i].tolist() for i, n in enumerate(names)})


def test_missing_values(plain):
    """None, NaN and pandas' NA are missing."""
    names = list(plain.feature_names_in_)
    frame = pd.DataFrame({n: pd.array([1, None], dtype="Int64") for n in names})
    z = plain.transform(frame, "a")
    assert not np.isnan(z[0]).any() and np.isnan(z[1]).all()
    z = plain.transform([[None] * len(names)], "a")
    assert np.isnan(z).all()


def test_result(plain):
    """The result is new, float64, (n, n_columns); the argument is left alone."""
    x = np.zeros((3, 6))
    x.setflags(write=False)
    z = plain.transform(x, ["a", "b", "nobody"])
    assert z.dtype == np.float64 and z.shape == (3, 6) and z.flags.c_contiguous
    assert plain.transform(np.empty((0, 6)), []).shape == (0, 6)
    assert plain.transform(np.empty((0, 6)), "a").shape == (0, 6)
    assert plain.inverse_transform(np.empty((0, 6)), []).shape == (0, 6)
    back = plain.inverse_transform(z, ["a", "b", "nobody"])
    assert back.shape == (3, 6) and np.isnan(back[2]).all()


def test_negative_zero_is_zero(plain):
    z = plain.transform(np.full((1, 6), -0.0), "a")
    assert not np.signbit(z[0, plain.columns.index("none")])


def test_blocks(plain, seed):
    """Many rows give what each gives by itself."""
    rng = np.random.default_rng(seed)
    n = 2 * tare._BLOCK + 7
    x = rng.normal(1, 3, (n, 6))
    x[rng.random((n, 6)) < 0.1] = NAN
    series = rng.choice(np.array([*SERIES, "nobody"]), n)
    z = plain.transform(x, series)
    for i in [0, tare._BLOCK - 1, tare._BLOCK, n - 1, *rng.integers(0, n, 50)]:
        assert_ulps(plain.transform(x[i : i + 1], str(series[i]))[0], z[i], 0)


def test_wrong_tables(plain):
    def f(X, error, message, series="a"):
        with pytest.raises(error, match=message):
            plain.transform(X, series)

    f(np.zeros(6), ValueError, r"shape \(6,\), want \(n, 6\): standard, minmax")
    f(np.zeros((2, 5)), ValueError, r"shape \(2, 5\)")
    f(np.zeros((2, 6), bool), TypeError, "bool, want numbers")
    f(np.zeros((2, 6), complex), TypeError, "complex128, want numbers")
    f([["1"] * 6], TypeError, "want numbers")
    f({"standard": [1]}, ValueError, "no column 'minmax', only standard")
    f(pd.DataFrame({"standard": [1]}), ValueError, "no column 'minmax', only standard")
    f(np.zeros(1, [("standard", "f8")]), ValueError, "no column 'minmax', only standard")
    f(
        {n: [1] if n == "none" else [1, 2] for n in plain.columns},
        ValueError,
        "column 'none' has shape",
    )
    f({n: [[1]] for n in plain.columns}, ValueError, "column 'standard' has shape")
    f([[0, 0, 0, math.inf, 0, 0]], ValueError, "row 0, robust: inf, want a magnitude up to 1e")
    f([[0] * 6, [0, -2e150, 0, 0, 0, 0]], ValueError, "row 1, minmax: -2e")
    f(np.zeros((2, 6)), ValueError, "1 series for 2 rows", ["a"])
    f(np.zeros((1, 6)), TypeError, "series is missing: say of which of 3", None)
    f(np.zeros((1, 6)), TypeError, "series 1.5 is of type float", [1.5])
    f(np.zeros((1, 6)), TypeError, "series None is of type NoneType", [None])
    f(np.zeros((1, 6)), TypeError, "series True is of type bool", [True])
    with pytest.raises(ValueError, match="unknown is 'drop', want 'missing', 'pooled' or 'raise'"):
        plain.transform(np.zeros((1, 6)), "a", unknown="drop")


def test_bad_value_missing():
    manifest, arrays = sample()
    manifest["record"]["bad_value"] = "missing"
    z = read(encode(manifest, arrays)).transform([[1e151, 0, 0, 0, 0, -math.inf]], "a")
    assert np.isnan(z[0, [0, 5]]).all() and not np.isnan(z[0, 1:5]).any()


def test_series_given(plain):
    """All that can name a series."""

    def f(series, want):
        assert plain.series.ids(series).tolist() == want, series

    f("a", 0)
    f('ψ "q"', 2)
    f(b"b", 1)
    f(np.str_("b"), 1)
    f("", -1)
    f(["a", "nobody", "b"], [0, -1, 1])
    f(("a", "b"), [0, 1])
    f(np.array(["b", "a"]), [1, 0])
    f(np.array([b"b", b"a"]), [1, 0])
    f(np.array(["b", "a"], dtype=object), [1, 0])
    f(pd.Series(["b", "a"], index=[7, 8]), [1, 0])
    f(pd.Series(["b", "b"], dtype="category"), [1, 1])
    f(iter(["b"]), [1])
    f([], [])
    assert "a" in plain.series and "c" not in plain.series and None not in plain.series
    assert plain.known("a") and not plain.known("c")
    assert plain.known(["a", "c"]).tolist() == [True, False]
    assert list(plain.series) == SERIES and len(plain.series) == 3
    assert plain.series[-1] == SERIES[2] and plain.series[1:] == SERIES[1:]
    assert repr(plain.series).startswith("<3 series: 'a', 'b'")
    with pytest.raises(IndexError):
        plain.series[3]


def named(names):
    """An artifact of the scaler none with these series."""
    manifest, arrays = sample(["none"])
    n = len(names)
    encoded = sorted(name if isinstance(name, bytes) else name.encode() for name in names)
    manifest["series"]["learned"], manifest["records"]["learned"] = n, n
    arrays["series.offsets"] = np.cumsum([0] + [len(e) for e in encoded]).astype("<u8")
    arrays["series.bytes"] = (
        np.frombuffer(b"".join(encoded), "|u1") if b"".join(encoded) else np.empty(0, "|u1")
    )
    for name in arrays:
        if name.startswith("none.") or name == "series.records":
            value = 0 if name.endswith("missing") else 1
            arrays[name] = np.full(n, value, arrays[name].dtype)
    return manifest, arrays


def test_series_by_number_and_list():
    """Integers stand for their digits, tuples for the JSON that several fields make."""
    s = read(
        encode(
            *named(
                ["0", "7", "-12", '["n","7"]', '["q\\"\\\\","\\u2028ψ"]', "18446744073709551616"]
            )
        )
    )

    def f(series, want):
        assert s.series[int(s.series.ids([series])[0])] == want

    f(7, "7")
    assert s.transform([[2.5]], 0, unknown="raise") == s.transform([[2.5]], [0]) == [[2.5]]
    f(np.int64(-12), "-12")
    f(2**64, "18446744073709551616")
    f(("n", "7"), '["n","7"]')
    f(["n", 7], '["n","7"]')
    f(('q"\\', "\u2028ψ"), '["q\\"\\\\","\\u2028ψ"]')
    rows = pd.DataFrame({"site": ["n", "m"], "sensor": [7, 7]})
    assert s.known(rows).tolist() == s.known(rows.to_numpy()).tolist() == [True, False]
    assert s.series.ids(np.array([7, 8])).tolist() == [s.series.index("7"), -1]
    assert 7 in s.series and 8 not in s.series


def test_series_of_any_bytes():
    """A name that is no UTF-8 is a name all the same."""
    s = read(encode(*named([b"\xff", b"\xfe", "b"])))
    assert s.series.ids(["b", b"\xfe", b"\xff", s.series[2], "\xff"]).tolist() == [0, 1, 2, 2, -1]


def test_one_series_for_all():
    """Where records have no series, none need be given."""
    manifest, arrays = named([""])
    del manifest["record"]["series"]
    s = read(encode(manifest, arrays))
    assert s.transform([[2.5], [3.5]]).tolist() == [[2.5], [3.5]]
    assert s.inverse_transform([[2.5]]).tolist() == [[2.5]]


def test_no_series():
    """An artifact whose series all were too small knows nothing."""
    s = read(encode(*named([])))
    assert np.isnan(s.transform([[1.0]], "a")).all() and len(s.series) == 0
    assert np.isnan(s.inverse_transform([[1.0]], ["a"])).all()


def test_unknown_series(plain):
    x = np.ones((4, 6))
    series = ["a", "x", "y", "x"]
    z = plain.transform(x, series)
    assert np.isnan(z[1:]).all() and not np.isnan(z[0]).any()
    with pytest.raises(tare.UnknownSeriesError, match="series 'x' .* and 1 more$"):
        plain.transform(x, iter(series), unknown="raise")
    for call in (plain.transform, plain.inverse_transform):
        with pytest.raises(
            tare.UnknownSeriesError, match="^series 'x' is not in the artifact, and 1 more$"
        ) as caught:
            call(x, series, unknown="raise")
        assert caught.value.series == "x"
    with pytest.raises(tare.UnknownSeriesError, match="^series 'x' is not in the artifact$"):
        plain.transform(x, "x", unknown="raise")
    assert plain.transform(x, "a", unknown="raise").shape == (4, 6)
    with pytest.raises(tare.UnknownSeriesError):
        plain.learned("x")
    with pytest.raises(TypeError, match="one series"):
        plain.learned(["a"])
    assert pickle.loads(pickle.dumps(caught.value)).series == "x"


def test_inverse_of_some_columns(plain):
    """Predictions of the targets alone map back."""
    z = plain.transform(np.full((2, 6), 2.0), ["a", "b"])
    names = ["robust", "standard"]
    part = z[:, [plain.columns.index(n) for n in names]]
    assert_ulps(plain.inverse_transform(part, ["a", "b"], columns=names), np.full((2, 2), 2.0), 0)
    frame = pd.DataFrame(part, columns=names)
    assert_ulps(plain.inverse_transform(frame, ["a", "b"], columns=names), np.full((2, 2), 2.0), 0)
    with pytest.raises(ValueError, match="no column 'yield', want some of standard"):
        plain.inverse_transform(part, "a", columns=["yield"])


def test_inverse_of_the_ends(plain):
    """Past the ends, the inverse of a quantile is the end; others extrapolate."""

    def f(kind, y, want):
        got = plain.inverse_transform([[y]], "a", columns=[kind])[0, 0]
        assert got == want or math.isnan(got) and math.isnan(want), (kind, y, got)

    f("quantile", -1.0, -1.0)
    f("quantile", 0.0, -1.0)
    f("quantile", 0.25, 0.0)
    f("quantile", 0.5, 1.0)
    f("quantile", 1.0, 5.0)
    f("quantile", 2.0, 5.0)
    f("quantile", NAN, NAN)
    f("standard", 10.0, 21.5)
    f("minmax", 2.0, 12.0)
    f("none", NAN, NAN)


def pre(kind, **options):
    manifest, arrays = sample(["none"])
    manifest["features"][0]["pre"] = [{"kind": kind, **options}]
    return read(encode(manifest, arrays))


def test_pre_transforms():
    def f(s, x, want, back):
        z = s.transform([[x]], "a")
        assert_ulps(z, [[want]], 0)
        assert_ulps(s.inverse_transform([[want]], "a"), [[back]], 0)

    f(pre("affine", scale=2, offset=3), 4.0, 11.0, 4.0)
    f(pre("affine", scale=-0.5), 4.0, -2.0, 4.0)
    f(pre("affine", scale=1e10), 1e145, NAN, NAN)  # beyond 1e150
    f(pre("clip", min=-1), -3.0, -1.0, -1.0)
    f(pre("clip", max=2), 3.0, 2.0, 2.0)
    f(pre("clip", max=2), NAN, NAN, NAN)
    f(pre("sqrt"), 9.0, 3.0, 9.0)
    f(pre("sqrt"), -1.0, NAN, NAN)
    f(pre("log"), 1.0, 0.0, 1.0)
    f(pre("log"), 0.0, NAN, NAN)
    f(pre("log1p"), -1.0, NAN, NAN)
    f(pre("asinh"), 0.0, 0.0, 0.0)
    assert np.isnan(pre("sqrt").inverse_transform([[-1.0]], "a")).all()


def test_impute():
    """A missing value, or one outside of a domain, is replaced after the pre-transforms."""
    manifest, arrays = sample(["standard"])
    feature = manifest["features"][0]
    feature["pre"] = [{"kind": "affine", "scale": 2}]

    def f(series, x, want):
        got = read(encode(manifest, arrays)).transform([[x]], series)[0, 0]
        assert got == want or math.isnan(got) and math.isnan(want), (series, x, got)

    feature["impute"] = {"kind": "constant", "constant": 3.5}  # 7 after the pre-transform
    f("a", NAN, 2.75)
    f("a", 1e150, 2.75)
    f("b", NAN, 36.0)
    f("a", 2.0, 1.25)
    f("nobody", NAN, NAN)
    feature["impute"] = {"kind": "constant"}
    f("a", NAN, -0.75)
    feature["impute"] = {"kind": "mean"}
    arrays["standard.impute"] = np.array([1.5, 3.0, NAN])
    f("a", NAN, 0.0)
    f("b", NAN, 20.0)
    f(SERIES[2], NAN, NAN)
    assert read(encode(manifest, arrays)).learned("b")["standard"]["impute"] == 3.0


def test_learned(plain):
    assert plain.learned("b")["robust"] == {
        "count": 3, "missing": 1,
        "data_min": 7.0, "data_max": 7.0, "data_mean": 7.0, "data_var": 0.0,
        "center": 2.0, "scale": 4.0,
    }  # fmt: skip
    assert plain.learned("a")["quantile"]["quantiles"].tolist() == [-1.0, 1.0, 5.0]
    assert plain.learned("a")["quantile"]["references"].tolist() == [0.0, 0.5, 1.0]
    assert set(plain.learned(SERIES[2])) == set(plain.columns)


def test_attributes(plain):
    data = encode(*sample())
    assert plain.id == hashlib.sha256(data[:-64]).hexdigest() == data[-64:].decode()
    assert plain.manifest["pipeline"] == "sample"
    assert (
        plain.columns
        == list(NUMBERS)
        == list(plain.feature_names_in_)
        == list(plain.get_feature_names_out())
    )
    assert plain.n_features_in_ == 6
    assert (
        repr(plain)
        == f"<tare.Scaler sample revision 1: 3 series, 6 features, artifact {plain.id[:16]}>"
    )


def test_copies(every):
    """A scaler goes to other processes, and can be copied."""
    x, series = table(every.rows, every.names), [key(row) for row in every.rows]
    want = every.scaler.transform(x, series)
    for other in (pickle.loads(pickle.dumps(every.scaler)), copy.deepcopy(every.scaler)):
        got = other.transform(x, series)
        assert_ulps(got, want, 0)
        assert_ulps(
            other.inverse_transform(got, series), every.scaler.inverse_transform(want, series), 0
        )


# 6. Files that are refused.


def test_damage():
    """Every flipped bit, every cut and every appended byte is refused."""
    data = encode(*sample(["standard"]))
    read(data)
    for i in range(len(data)):
        with pytest.raises(tare.ArtifactError):
            read(data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :])
        with pytest.raises(tare.ArtifactError):
            read(data[:i])
    for more in (b"\0", b"0" * 64, data):
        with pytest.raises(tare.ArtifactError):
            read(data + more)


def test_damage_under_a_right_hash(seed):
    """Bits flipped below a hash that was made to fit are refused, or change only numbers."""
    rng = random.Random(seed)
    data = encode(*sample())
    refused = 0
    for _ in range(3000):
        other = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            other[rng.randrange(len(other) - 64)] ^= 1 << rng.randrange(8)
        try:
            read(rehash(bytes(other)))
        except tare.ArtifactError:
            refused += 1
    assert refused > 2500  # the CRC of each member is behind the hash


def test_refused_numbers():
    """Numbers that no training can have left behind, in files that are whole."""

    def f(name, index, value, message):
        manifest, arrays = sample()
        arrays[name] = arrays[name].copy()
        arrays[name][index] = value
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(manifest, arrays))
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(manifest, arrays), verify=False)

    f("standard.scale", 0, 0.0, "feature 'standard', series 'a': a scale of 0")
    f("standard.scale", 1, NAN, "feature 'standard', series 'b': a number learned .* not finite")
    f("standard.mean", 1, math.inf, "not finite")
    f("standard.mean", 2, 0.0, "feature 'standard', series 'ψ .*one from none is not NaN")
    f("minmax.scale", 0, -0.0, "a scale of 0")
    f("maxabs.scale", 0, 0.0, "a scale of 0")
    f("robust.scale", 0, 0.0, "a scale of 0")
    f("robust.center", 0, NAN, "not finite")
    f("none.data_min", 0, 6.0, "minimum is above its maximum")
    f("none.data_min", 0, NAN, "not finite")
    f("none.data_max", 0, math.inf, "not finite")
    f("none.data_mean", 0, NAN, "not finite")
    f("none.data_var", 0, -1.0, "variance is below 0")
    f("none.count", 0, 8, "are not its records")
    f("none.missing", 0, 2**64 - 1, "are not its records")
    f("none.count", 0, 2**64 - 1, "are not its records")
    f("quantile.quantiles", 0, 2.0, "feature 'quantile', series 'a': the landmarks do not rise")
    f("quantile.quantiles", 1, NAN, "a landmark .* not finite")
    f("quantile.references", 1, -0.5, "do not rise")
    f("quantile.references", 0, -0.5, "outside of")
    f("quantile.references", 2, 1.5, "outside of")
    f("quantile.offsets", 0, 1, "quantile.offsets do not rise from 0 to 4")
    f("quantile.offsets", 1, 5, "quantile.offsets do not rise")
    f("quantile.offsets", 1, 2**63, "quantile.offsets do not rise")
    f("quantile.offsets", 3, 3, "quantile.offsets do not rise")
    f("quantile.offsets", 2, 3, "series 'b': no landmarks")
    f("series.offsets", 1, 100, "series.offsets do not rise")
    f("series.offsets", 3, 3, "series.offsets do not rise")
    f("series.bytes", 0, ord("b"), "series 'b' does not sort after 'b'")
    f("series.bytes", 0, ord("c"), "series 'b' does not sort after 'c'")
    f("series.records", 0, 11, "says 3, of 19 records|not its records")


def test_refused_counts_that_wrap():
    """11 values and 2^64 - 1 missing are not 10 records."""
    manifest, arrays = sample()
    arrays["none.count"][0], arrays["none.missing"][0] = 11, 2**64 - 1
    with pytest.raises(tare.ArtifactError, match="are not its records"):
        read(encode(manifest, arrays))


def test_refused_impute():
    manifest, arrays = sample(["standard"])
    manifest["features"][0]["impute"] = {"kind": "median"}

    def f(values, message):
        arrays["standard.impute"] = np.array(values)
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(manifest, arrays))

    f([1.0, NAN, NAN], "series 'b': a number learned")
    f([1.0, 2.0, 3.0], "one from none is not NaN")
    f([1.0, 2.0], "standard.impute.npy has 144 bytes, want 152")
    del arrays["standard.impute"]
    with pytest.raises(tare.ArtifactError, match="standard.impute.npy is missing"):
        read(encode(manifest, arrays))
    manifest["features"][0]["impute"] = {"kind": "constant", "constant": -1}
    manifest["features"][0]["pre"] = [{"kind": "log"}]
    with pytest.raises(tare.ArtifactError, match="constant -1.0 is outside the domain"):
        read(encode(manifest, arrays))


def test_refused_arrays():
    """Members that are missing, too many, or of another type or shape."""

    def f(name, items, message):
        manifest, arrays = sample()
        if items is None:
            del arrays[name]
        else:
            arrays[name] = items
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(manifest, arrays))

    f("standard.scale", None, "standard.scale.npy is missing")
    f("series.records", None, "series.records.npy is missing")
    f("series.offsets", None, "series.offsets.npy is missing")
    f("quantile.references", None, "quantile.references.npy is missing")
    f("standard.center", np.zeros(3), "standard.center.npy is missing, or not of the features")
    f("standard.scale", np.ones(4), "standard.scale.npy has 160 bytes, want 152")
    f("standard.scale", np.ones((3, 1)), "standard.scale.npy begins with")
    f("standard.scale", np.ones(3, ">f8"), "standard.scale.npy begins with")
    f("standard.scale", np.ones(3, "<i8"), "standard.scale.npy begins with")
    f("standard.scale", np.ones(6, "<f4"), "standard.scale.npy begins with")
    f("standard.count", np.ones(3), "standard.count.npy begins with")
    f("series.offsets", np.zeros(0, "<u8"), "series.offsets.npy has 128 bytes: too few")
    f("quantile.quantiles", np.zeros(3), "quantile.quantiles.npy has 152 bytes, want 160")


def test_refused_members():
    """A zip file that is another one."""
    manifest, arrays = sample()
    text = json.dumps(manifest).encode()
    members = [("manifest.json", text), *(member(k, v) for k, v in arrays.items())]

    def f(data, message):
        with pytest.raises(tare.ArtifactError, match=message):
            read(rehash(data))

    f(pack(members[1:]), "manifest.json is missing")
    f(pack(members, zipfile.ZIP_DEFLATED), "is compressed")
    f(pack([*members, ("extra", b"")]), "extra is missing, or not of")
    with pytest.warns(UserWarning, match="Duplicate"):
        f(pack([*members, members[1]]), "stands twice or out of order")
    f(b"PK" + b"0" * 200, "no zip file")
    whole = pack(members)
    at = whole.rindex(b"PK\x01\x02")  # the last member's header in the directory
    f(whole[: at + 20] + b"\xff\xff\xff\x7f" * 2 + whole[at + 28 :], "longer than the file")
    f(pack(members)[:-64] + b" " + b"0" * 64, "no zip file|comment")
    for data in (b"", b"short", b"0" * 64, b"x" * 300):
        with pytest.raises(tare.ArtifactError):
            read(data)


def test_refused_order():
    """Members in another order have another hash, and are no artifact of ours."""
    manifest, arrays = sample(["none"])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in [
            ("manifest.json", json.dumps(manifest)),
            *(member(k, v) for k, v in arrays.items()),
        ]:
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.comment = b"0" * 64
    with pytest.raises(tare.ArtifactError, match="out of order"):
        read(rehash(out.getvalue()))


def test_refused_manifest():
    """Each wrong value is named, with what it should be."""

    def f(path, value, message):
        manifest, arrays = sample()
        *way, last = path.split(".")
        at = manifest
        for k in way:
            at = at[int(k)] if isinstance(at, list) else at[k]
        if value is None:
            del at[int(last) if isinstance(at, list) else last]
        else:
            at[int(last) if isinstance(at, list) else last] = value
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(manifest, arrays))

    f("format", 3, "format 3, want 1 to 2: another tare wrote it")
    f("format", 0, "format 0, want 1 to 2: another tare wrote it")
    f("format", True, "format is True, want an integer")
    f("format", None, "format is None, want an integer")
    f("kind", "sketches", "a file of kind 'sketches', want an artifact")
    f("pipeline", 7, "pipeline is 7, want a string")
    f("record", [], r"record is \[\], want an object")
    f("record.bad_value", "drop", "record.bad_value is 'drop', want reject or missing")
    f("record.series.fields", "x", "record.series.fields is 'x', want an array")
    f("series.learned", 4, "3 series, but manifest.json says 4")
    f("records.learned", 20, "says 3, of 20 records")
    f("features", [], "want one for each of 0 features, at least one")
    f("features", {}, "features is {}, want an array")
    f("features.0", "standard", r"features\[0\] is 'standard', want an object")
    f("features.0.name", "minmax", "names of the features are not unique")
    f("features.0.name", "series", "not unique")
    f("features.0.name", None, r"features\[0\].name is None, want a string")
    f("features.0.scaler", None, r"features\[0\].scaler is None, want an object")
    f(
        "features.0.scaler.kind",
        "power",
        r"features\[0\].scaler is 'power', want one of none, standard, minmax, maxabs",
    )
    f("features.1.scaler.clip", 1, r"scaler.clip is 1, want true or false")
    f(
        "features.1.scaler.feature_range",
        [1, 0],
        r"feature_range is \[1, 0\], want two numbers that rise",
    )
    f("features.1.scaler.feature_range", [0, True], "want two numbers that rise")
    f("features.1.scaler.feature_range", None, "feature_range is None, want an array")
    f("features.4.scaler.output_distribution", "gauss", "is 'gauss', want uniform or normal")
    f(
        "features.0.pre",
        [{"kind": "cube"}],
        r"features\[0\].pre\[0\] is 'cube', want one of log, log1p, sqrt, asinh, affine",
    )
    f("features.0.pre", [{"kind": "affine"}], r"pre\[0\].scale is None, want a number within")
    f("features.0.pre", [{"kind": "affine", "scale": 0}], r"pre\[0\].scale is 0")
    f(
        "features.0.pre",
        [{"kind": "clip", "min": "0"}],
        r"pre\[0\].min is '0', want a number within",
    )
    f(
        "features.0.pre",
        [{"kind": "clip"}],
        r"pre\[0\] is .clip from -inf to inf., want two bounds",
    )
    f(
        "features.0.pre",
        [{"kind": "clip", "min": 2, "max": 2}],
        r"pre\[0\] is .clip from 2.0 to 2.0., want two bounds",
    )
    f("features.0.pre", ["log"], r"features\[0\].pre\[0\] is 'log', want an object")
    f("features.0.impute", {"kind": "mode"}, "impute is 'mode', want mean, median or constant")
    f(
        "features.0.impute",
        {"kind": "constant", "constant": "1"},
        "impute.constant is '1', want a number",
    )
    f("columns.0", "other", "columns are .'other'.*, want .'standard'")
    f("pooled", [], r"pooled is \[\], want one for each of 6 features")
    f("examples", 3, "examples is 3, want an array")
    f(
        "examples",
        [{"series": "zz", "raw": [0] * 6, "normalized": [0] * 6, "inverse": [0] * 6}],
        "series 'zz', which is not",
    )
    f(
        "examples",
        [{"series": "a", "raw": [0], "normalized": [0] * 6, "inverse": [0] * 6}],
        r"examples\[0\].raw is \[0\]",
    )
    f(
        "examples",
        [{"series": "a", "raw": ["0"] * 6, "normalized": [0] * 6, "inverse": [0] * 6}],
        "6 numbers or nulls",
    )


def test_refused_json():
    _, arrays = sample()

    def f(text, message):
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(text, arrays))

    f(b"[1]", "no object")
    f(b"{", "manifest.json: ")
    f(b'{"format":1,"format":1}', "a key stands twice")
    f(b'{"format":NaN}', "NaN is not JSON")
    f(b'"\xff"', "manifest.json: ")
    f(b"[" * 100_000, "manifest.json: ")
    f(b'{"format":' + b"9" * 5000 + b"}", "manifest.json: |format 9")


def test_examples():
    """The rows in the manifest must come out to the last bit, and back."""
    manifest, arrays = sample(["standard", "robust"])

    def f(raw, normalized, inverse, message=None):
        manifest["examples"] = [
            {"series": "a", "raw": raw, "normalized": normalized, "inverse": inverse}
        ]
        data = encode(manifest, arrays)
        if message is None:
            read(data)
            return
        with pytest.raises(tare.ArtifactError, match=message):
            read(data)
        read(data, verify=False)

    f([3.5, None], [1.0, None], [3.5, None])
    f([3.5, 4], [1, 1], [3.5, 4])
    f(
        [3.5, 4],
        [1, 1.0000000000000002],
        [3.5, 4],
        r"examples\[0\], series 'a', robust: normalized .*1.0.*1.0000000000000002",
    )
    f([3.5, 4], [1, 1], [3.5, 4.000000000000001], "robust: inverse")
    f([3.5, 4], [1, None], [3.5, 4], "robust: normalized")
    f([3.5, None], [1, 1], [3.5, None], "robust: normalized")
    manifest["examples"][0]["inverse"] = [3.5, 10**400]
    with pytest.raises(tare.ArtifactError, match="inverse is .*, want 2 numbers or nulls"):
        read(encode(manifest, arrays))
    text = json.dumps({**manifest, "examples": []}).encode()
    infinite = b'"examples": [{"series": "a", "raw": [1e999, 1], "normalized": [], "inverse": []}]'
    with pytest.raises(tare.ArtifactError, match=r"raw is \[inf, 1\], want 2 numbers or nulls"):
        read(encode(text.replace(b'"examples": []', infinite), arrays))


def test_verify_off():
    """verify=False does not read the file twice, but holds its structure."""
    data = encode(*sample())
    wrong = data[:-64] + b"0" * 64
    assert read(wrong, verify=False).id == "0" * 64
    with pytest.raises(tare.ArtifactError, match="damaged: its SHA-256 is .*but it says 0000"):
        read(wrong)


def test_load(tmp_path):
    """From a path, a string or an open file; an error names the file."""
    path = tmp_path / "plant.npz"
    data = encode(*sample())
    path.write_bytes(data)
    with path.open("rb") as file:
        assert tare.load(path).id == tare.load(str(path)).id == tare.load(file).id
    path.write_bytes(data[:-1])
    with pytest.raises(
        tare.ArtifactError, match="plant.npz: refused: the last 64 bytes are no SHA-256"
    ):
        tare.load(path)
    assert issubclass(tare.ArtifactError, ValueError) and issubclass(
        tare.UnknownSeriesError, LookupError
    )
    with pytest.raises(FileNotFoundError):
        tare.load(tmp_path / "none.npz")


# 7. The command, the page, the promises about the source.


def command(*args):
    done = subprocess.run(
        [sys.executable, tare.__file__, *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return done.returncode, done.stdout, done.stderr


def test_command(tmp_path):
    path = tmp_path / "plant.npz"
    manifest, arrays = sample(["standard"])
    manifest["features"][0]["pre"] = [{"kind": "clip", "min": -1}, {"kind": "affine", "scale": 1}]
    manifest["cutoff"] = {"kind": "event_time", "time": "2026-03-01T06:00:00Z", "gap": "30m0s"}
    data = encode(manifest, arrays)
    path.write_bytes(data)
    assert command(path) == (
        0,
        f"""artifact  {path}
id        {data[-64:].decode()}
pipeline  sample, revision 1
cutoff    event_time: time 2026-03-01T06:00:00Z, gap 30m0s
learned   19 records of 3 series

 feature          pre    scaler  values  missing  min  mean  sd  max
standard  clip+affine  standard      12        7   -1     2   2    5

examples: ok (0 rows)
""",
        "",
    )
    path.write_bytes(data[:-1])
    code, out, err = command(path)
    assert (code, out) == (5, "") and "refused" in err and "Traceback" not in err
    code, out, err = command(tmp_path / "none.npz")
    assert (code, out) == (1, "") and "none.npz" in err and "Traceback" not in err
    assert command()[0] == 2


def test_command_on_golden(golden):
    code, out, err = command(golden.path)
    assert code == 0 and err == ""
    assert golden.scaler.id in out and "2815 records of 18 series" in out
    assert re.search(r"^ *flow +log1p +standard +\d+ +\d+ ", out, re.M)
    assert re.search(r"^examples: ok \(\d\d rows\)$", out, re.M)


def test_page(golden, tmp_path, monkeypatch):
    """The Python blocks of docs/python.md run as they stand, on a file called plant.npz."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.S)
    assert len(blocks) >= 3
    (tmp_path / "plant.npz").write_bytes(golden.path.read_bytes())
    rows = [row for row, e in zip(golden.rows, golden.expected) if e["known"]]
    pd.DataFrame(rows).to_csv(tmp_path / "readings.csv", index=False)
    monkeypatch.chdir(tmp_path)
    torch = types.ModuleType("torch")
    torch.from_numpy = lambda x: x
    torch.utils = types.ModuleType("torch.utils")
    torch.utils.data = types.ModuleType("torch.utils.data")
    torch.utils.data.Dataset = object
    for name, module in (
        ("torch", torch),
        ("torch.utils", torch.utils),
        ("torch.utils.data", torch.utils.data),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    scope = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), scope)
    dataset = scope["dataset"]
    x, y = dataset[0]
    assert len(dataset) > 0 and x.dtype == np.float32 and not np.isnan(x).any()


# Numbers of all series together, for those that were not learned.


@pytest.fixture(scope="module")
def pooled():
    """What the Go tool learned of series and of all together, and makes of rows."""
    at = ROOT / "store" / "testdata"
    lines = (at / "pooled.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    scaler = tare.load(at / "pooled.npz")
    return types.SimpleNamespace(scaler=scaler, rows=rows, series=[r["series"] for r in rows])


def test_pooled_as_go(pooled):
    """The bits of the Go tool, of known and unknown series, there and back."""
    s = pooled.scaler
    raw, normalized, inverse = (
        array([row[key] for row in pooled.rows]) for key in ("raw", "normalized", "inverse")
    )
    assert s.known(pooled.series).tolist() == [True, True, False, False]
    for unknown in (None, "pooled"):
        assert_ulps(s.transform(raw, pooled.series, unknown=unknown), normalized, 0)
        assert_ulps(s.inverse_transform(normalized, pooled.series, unknown=unknown), inverse, 0)
    z = s.transform(raw, pooled.series, unknown="missing")
    assert_ulps(z[:2], normalized[:2], 0)
    assert np.isnan(z[2:, :-2]).all() and not np.isnan(z[2:, -2:]).any()
    with pytest.raises(tare.UnknownSeriesError, match="series 'z' .* and 1 more$"):
        s.transform(raw, pooled.series, unknown="raise")


def test_pooled_learned(pooled):
    s = pooled.scaler
    of_all = s.learned(None)
    assert of_all["temp"]["count"] + of_all["temp"]["missing"] == 80
    assert of_all["image"]["count"].shape == (3,)
    assert (of_all["image"]["count"] + of_all["image"]["missing"] == 160).all()
    assert of_all["load"]["quantiles"][0] < s.learned("a")["load"]["quantiles"][0]
    assert of_all["line"] == s.learned("a")["line"]
    with pytest.raises(tare.UnknownSeriesError):
        s.learned("z")


def test_pooled_only_where_it_is(plain):
    with pytest.raises(ValueError, match="unknown is 'pooled', but the artifact has no numbers"):
        plain.transform(np.zeros((1, 6)), "x", unknown="pooled")
    with pytest.raises(tare.UnknownSeriesError):
        plain.learned(None)


def test_pooled_refused(tmp_path):
    """Manifests that do not go with the numbers."""
    path = ROOT / "store" / "testdata" / "pooled.npz"
    with np.load(path, allow_pickle=False) as file:
        text = bytes(file["manifest.json"])
        arrays = {n: file[n] for n in file.files if n != "manifest.json"}
    assert encode(json.loads(text), arrays)[:4] == b"PK\x03\x04"

    def f(change, match):
        manifest, numbers = json.loads(text), {k: v.copy() for k, v in arrays.items()}
        change(manifest, numbers)
        with pytest.raises(tare.ArtifactError, match=match):
            read(encode(manifest, numbers))

    f(lambda m, a: m["features"][0].pop("pooled"), "unknown_series is 'pooled', want it only where")
    f(lambda m, a: m["features"][4].update(pooled=True), r"features\[4\].pooled is True, want none")
    f(lambda m, a: m["features"][5].update(pooled=True), r"features\[5\].pooled is True, want none")
    f(lambda m, a: m.update(format=1), "format is 1, want 2")
    f(lambda m, a: a["temp.missing"].__setitem__(2, 0), "^[^,]*feature 'temp': the values and those")
    f(lambda m, a: a["temp.scale"].__setitem__(2, 0), "feature 'temp': a scale of 0")
    f(lambda m, a: a["temp.scale"].__setitem__(2, 1), "normalized")


# Arrays.


@pytest.fixture(scope="module")
def arrays():
    """What the Go tool learned of arrays, and what it makes of rows of them."""
    at = ROOT / "store" / "testdata"
    lines = (at / "arrays.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    scaler = tare.load(at / "arrays.npz")
    return types.SimpleNamespace(scaler=scaler, rows=rows, series=[r["series"] for r in rows])


SHAPES = {"image": (3, 4, 5), "bins": (20,), "clip": (2, 3), "load": (), "given": (2, 2), "plain": ()}


def by_name(x):
    """A flat table as a dict of arrays."""
    columns, at = {}, 0
    for name, shape in SHAPES.items():
        size = math.prod(shape)
        columns[name] = x[:, at : at + size].reshape(len(x), *shape)
        at += size
    assert at == x.shape[1]
    return columns


def test_arrays_as_go(arrays):
    """The bits of the Go tool, from a flat table and from one by name."""
    s = arrays.scaler
    raw, normalized, inverse = (
        array([row[key] for row in arrays.rows]) for key in ("raw", "normalized", "inverse")
    )
    for X in (raw, by_name(raw), {k: list(v) for k, v in by_name(raw).items()}):
        z = s.transform(X, arrays.series)
        assert_ulps(z, normalized, 0)
    frame = pd.DataFrame({k: list(v) for k, v in by_name(raw).items()})
    assert_ulps(s.transform(frame, arrays.series), normalized, 0)
    wide = pd.DataFrame(raw, columns=s.get_feature_names_out())
    assert_ulps(s.transform(wide, arrays.series), normalized, 0)
    known = s.known(arrays.series)
    back = s.inverse_transform(normalized, arrays.series)
    assert_ulps(back[known], inverse[known], 0)
    # Go copies what it cannot map back; here it is missing.
    shared = np.r_[80:87, 87:91]
    assert_ulps(back[~known][:, shared], inverse[~known][:, shared], 0)
    assert np.isnan(back[~known][:, np.r_[0:80, 91]]).all()
    some = s.inverse_transform(normalized[:, 80:87], arrays.series, columns=["clip", "load"])
    assert_ulps(some, inverse[:, 80:87], 0)


def test_names_of_arrays(arrays):
    s = arrays.scaler
    names = list(s.get_feature_names_out())
    assert s.columns == list(SHAPES) and list(s.feature_names_in_) == names
    assert len(names) == s.n_features_in_ == 92
    assert names[:2] + names[59:61] + names[79:82] == [
        "image_0_0_0", "image_0_0_1", "image_2_3_4", "bins_0", "bins_19", "clip_0_0", "clip_0_1",
    ]  # fmt: skip
    assert names[86:] == ["load", "given_0_0", "given_0_1", "given_1_0", "given_1_1", "plain"]


def test_learned_of_arrays(arrays):
    learned = arrays.scaler.learned("a")
    assert learned["image"]["mean"].shape == (3,) and learned["image"]["count"].dtype.kind == "i"
    assert learned["bins"]["impute"].shape == (20,)
    assert len(learned["clip"]["quantiles"]) == 1 and len(learned["clip"]["quantiles"][0]) == 5
    assert learned["given"].keys() == {"mean", "scale"}
    assert list(learned["given"]["mean"]) == [0.5, -1.0]
    assert list(learned["given"]["scale"]) == [2.0, 2.0]
    assert isinstance(learned["plain"]["mean"], float)


def images(shape, per, mean, scale, **options):
    """An artifact that normalizes images with given numbers."""
    manifest, arrays = sample(("standard",))
    manifest["format"], manifest["record"]["series"] = 2, {}
    manifest["features"][0].update(shape=shape, per=per, fixed={"mean": mean, "scale": scale})
    manifest["features"][0].update(options)
    return manifest, {k: v for k, v in arrays.items() if not k.startswith("standard.")}


IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def test_images_as_torchvision(seed):
    """transforms.Normalize: (image - mean[:, None, None]) / std[:, None, None]."""
    rng = np.random.default_rng(seed)
    mean, std = map(np.array, IMAGENET)
    x = rng.integers(0, 256, (5, 3, 8, 9)).astype(np.uint8) / 255
    x[0, 1, 2, 3] = NAN
    s = read(encode(*images([3, 8, 9], "0", *IMAGENET)))
    want = (x - mean[:, None, None]) / std[:, None, None]
    z = s.transform(x)
    assert z.shape == x.shape
    assert_ulps(z, want, 0)
    assert_ulps(s.transform(x.reshape(5, -1), "any"), want.reshape(5, -1), 0)
    assert_ulps(s.transform({"standard": x}), want.reshape(5, -1), 0)
    back = s.inverse_transform(z)
    assert back.shape == x.shape
    assert_close(back, x, 1e-15, abs=1e-15)

    last = read(encode(*images([8, 9, 3], "2", *IMAGENET)))
    assert_ulps(last.transform(np.moveaxis(x, 1, 3)), np.moveaxis(want, 1, 3), 0)
    one = read(encode(*images([3, 8, 9], "none", [0.5], [0.25])))
    assert_ulps(one.transform(x), (x - 0.5) / 0.25, 0)


def test_wrong_arrays(arrays):
    s = read(encode(*images([3, 2, 2], "0", *IMAGENET)))

    def f(X, message):
        with pytest.raises((ValueError, TypeError), match=message):
            s.transform(X)

    f(np.zeros((1, 11)), r"shape \(1, 11\), want \(n, 12\): standard\[3,2,2\]")
    f(np.zeros((1, 2, 2, 3)), r"shape \(1, 2, 2, 3\)")
    f(np.zeros((3, 2, 2)), r"shape \(3, 2, 2\)")
    f({"standard": np.zeros((1, 2, 2))}, r"column 'standard' has shape \(1, 2, 2\), want \(n, ")
    f({"other": np.zeros((1, 12))}, "no column 'standard', only other")
    f({"standard": [None, "x"]}, "want numbers")
    assert np.isnan(s.transform({"standard": [None]})).all()
    assert s.transform({"standard": np.zeros((0, 3, 2, 2))}).shape == (0, 12)


def test_refused_arrays():
    def f(message, **options):
        manifest, arrays = images([3, 2, 2], "0", *IMAGENET)
        for key, value in options.items():
            (manifest if key == "format" else manifest["features"][0])[key] = value
        with pytest.raises(tare.ArtifactError, match=message):
            read(encode(manifest, arrays))

    f("format is 1, want 2 for arrays", format=1)
    f("shape is .*, want integers from 1 on", shape=[3, 0, 2])
    f("shape is .*, want integers from 1 on", shape=[3, 2.5])
    f("shape is .*, want integers from 1 on", shape=[True])
    f("up to 8 extents", shape=[1] * 9)
    f("16777216 numbers", shape=[1 << 40, 1 << 40])
    f("per is '3', want none or an axis", per="3")
    f("per is 0, want a string", per=0)
    f("per is '00', want none or an axis", per="00")
    f("scope is 'world'", scope="world")
    f("fixed.mean is .*, want 1 number, or 3", fixed={"mean": [1, 2], "scale": [1]})
    f("fixed.scale is .*, want numbers above 0", fixed={"mean": [1], "scale": [0]})
    f("fixed.scale is None, want an array", fixed={"mean": [1]})
    f("fixed is .*, want none", scaler={"kind": "maxabs"})
    f("fixed is .*, want none", impute={"kind": "mean"})
    manifest, arrays = images([3, 2, 2], "0", *IMAGENET)
    del manifest["features"][0]["fixed"]
    with pytest.raises(tare.ArtifactError, match="standard.count.npy is missing"):
        read(encode(manifest, arrays))


def test_only_numpy():
    """One file, the standard library and numpy; nothing is unpickled."""
    source = Path(tare.__file__).read_text(encoding="utf-8")
    modules = " ".join(re.findall(r"^ *(?:import|from) ([\w.]+)", source, re.M))
    assert modules == (
        "tare __future__ argparse hashlib io json math os re struct sys warnings zipfile "
        "collections.abc typing numpy numpy.typing"
    )
    assert not re.search(r"pickle|np\.load|eval\(|exec\(", source)


# 8. Exact quantiles.


def exact_sample(exact="prefer", marks=(1, 0, 1)):
    manifest, arrays = sample(("robust", "standard"))
    manifest["format"] = 2
    manifest["features"][0]["exact"] = exact
    arrays["robust.exact"] = np.array(marks, "|u1")
    return manifest, arrays


def test_exact_marks():
    s = read(encode(*exact_sample()))
    assert {name: marks.tolist() for name, marks in s.exact.items()} == {
        "robust": [True, False, True]
    }
    assert s.learned("a")["robust"]["exact"] is True
    assert s.learned("b")["robust"]["exact"] is False
    assert "exact" not in s.learned("a")["standard"]
    assert read(encode(*sample())).exact == {}


def test_refused_exact():
    def refused(why, manifest, arrays):
        with pytest.raises(tare.ArtifactError, match=why):
            read(encode(manifest, arrays))

    refused("neither 0 nor 1", *exact_sample(marks=(1, 2, 1)))
    refused("required, but these are a sketch's", *exact_sample("require"))
    refused("want require or prefer", *exact_sample("never"))
    manifest, arrays = exact_sample()
    manifest["format"] = 1
    refused("want 2 for", manifest, arrays)
    manifest, arrays = exact_sample()
    del manifest["features"][0]["exact"]
    refused("robust.exact.npy", manifest, arrays)
    manifest, arrays = exact_sample()
    manifest["features"][1]["exact"] = "prefer"
    refused("with the scaler robust", manifest, arrays)


@pytest.mark.parametrize("low, high", [(25, 75), (0.1, 99.9)])
def test_exact_as_numpy(go, tmp_path, seed, low, high):
    """Beyond the digest's 128 distinct values: numpy's quantiles, to the last bit."""
    r = np.random.default_rng(seed)
    streams = {
        "normal": r.normal(size=30_000),
        "ties": np.round(r.normal(size=20_000), 2),
        "lognormal": r.lognormal(0, 3, size=20_001),
        "decades": 10 ** r.uniform(-150, 150, size=5_000),
        "subnormal": r.integers(-500, 500, size=5_000) * 5e-324,
        "sides": r.choice([-1, 1], size=5_000) * (1 + 1e-9 * r.uniform(size=5_000)),
        "few": r.normal(size=129),
    }
    records = [(name, x) for name, values in streams.items() for x in values.tolist()]
    records += [("normal", None)] * 100
    lines = [json.dumps({"s": s, "x": x}) + "\n" for s, x in records]
    train = tmp_path / "train.jsonl"
    train.write_text("".join(lines[i] for i in r.permutation(len(lines))))
    config = tmp_path / "exact.yaml"
    config.write_text(
        "version: 1\npipeline: exact\nrecord: {series: s}\ncutoff: {end: true}\n"
        f"features: [{{name: x, scaler: robust, quantile_range: [{low}, {high}], sketch: exact}}]\n"
    )
    go("fit", "-c", config, "-o", tmp_path / "exact.npz", train)
    scaler = tare.load(tmp_path / "exact.npz")
    assert scaler.exact["x"].all()
    for name, values in streams.items():
        got = scaler.learned(name)["x"]
        ends = np.nanpercentile(values, (low, high))
        assert got["center"] == np.nanmedian(values), name
        if name != "subnormal":  # whose range counts as none
            assert got["scale"] == ends[1] - ends[0], name


# Targets.

TARGETS = """
version: 1
pipeline: targets
record: {series: s}
features:
  - {name: y, role: target}
  - a
  - {name: b, pre: log1p, scaler: robust, impute: median}
  - {name: z, pre: log1p, scaler: minmax, role: target}
cutoff: {end: true}
"""


@pytest.fixture(scope="module")
def yields(go, seed, tmp_path_factory):
    """Records of two presses, and the artifact that the Go tool learns from them."""
    at = tmp_path_factory.mktemp("targets")
    r = np.random.default_rng(seed)
    frames = []
    for s in ("p1", "p2"):
        f = pd.DataFrame({"s": s, "a": r.normal(20, 3, 500), "b": r.lognormal(1, 1, 500)})
        f["y"] = 40 + 2 * f["a"] + np.log1p(f["b"]) + r.normal(0, 0.1, 500)
        f["z"] = np.exp(f["a"] / 10)
        frames.append(f)
    frame = pd.concat(frames, ignore_index=True)
    (at / "conf.yaml").write_text(TARGETS)
    frame.to_json(at / "train.jsonl", orient="records", lines=True, double_precision=15)
    frame = pd.read_json(at / "train.jsonl", lines=True, precise_float=True)
    go("fit", "-c", at / "conf.yaml", "-o", at / "t.npz", at / "train.jsonl")
    return types.SimpleNamespace(at=at, frame=frame, scaler=tare.load(at / "t.npz"))


def test_targets_are_last(go, yields):
    s = yields.scaler
    assert s.columns == ["a", "b", "y", "z"] == json.loads(
        go("inspect", yields.at / "t.npz", "--columns", "--json")
    )
    assert (s.inputs, s.targets) == (["a", "b"], ["y", "z"])
    assert list(s.feature_names_in_) == s.columns
    train = yields.at / "train.jsonl"
    vector = go("transform", "-a", yields.at / "t.npz", "--value", "vector", train)
    want = s.transform(yields.frame, yields.frame["s"])
    assert_ulps(np.frombuffer(vector, "<f8").reshape(-1, 4), want, 0)
    served = yields.frame.drop(columns=s.targets)
    assert_ulps(s.transform(served, served["s"], columns=s.inputs), want[:, :2], 0)
    with pytest.raises(ValueError, match="X has no column 'y'"):
        s.transform(served, served["s"])
    with pytest.raises(ValueError, match="row 0, z: 1e\\+151"):
        s.transform([[1.0, 1e151]], "p1", columns=["y", "z"])


@pytest.mark.parametrize("press", ["p1", "p2"])
def test_targets_as_scikit_learn(go, yields, press):
    """Fit, predict in scaled space, invert: TransformedTargetRegressor with a scaler of y."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

    s = yields.scaler
    frame = yields.frame[yields.frame["s"] == press]
    scaled = s.transform(frame, press)
    x, targets = scaled[:, : len(s.inputs)], scaled[:, len(s.inputs) :]
    predicted = LinearRegression().fit(x, targets).predict(x)
    got = s.inverse_transform(predicted, press, columns=s.targets)

    log = FunctionTransformer(np.log1p, np.expm1)
    scalers = {"y": StandardScaler(), "z": make_pipeline(log, MinMaxScaler())}
    for i, (name, scaler) in enumerate(scalers.items()):
        peer = TransformedTargetRegressor(LinearRegression(), transformer=scaler)
        want = peer.fit(x, frame[name].to_numpy()).predict(x)
        assert_close(got[:, i], want, 1e-12, name)

    lines = [json.dumps({"s": press, "y": y, "z": z}) + "\n" for y, z in predicted.tolist()]
    back = go("inverse", "-a", yields.at / "t.npz", input="".join(lines).encode())
    rows = [json.loads(line) for line in back.splitlines()]
    assert [set(row) for row in rows] == [{"s", "y", "z"}] * len(frame)
    assert_ulps(np.array([[row["y"], row["z"]] for row in rows]), got, 0)


def test_refused_targets():
    def refused(why, change, kinds=("robust", "standard")):
        manifest, arrays = sample(kinds)
        manifest["format"] = 2
        manifest["features"][-1]["role"] = "target"
        change(manifest)
        with pytest.raises(tare.ArtifactError, match=why):
            read(encode(manifest, arrays))

    manifest, arrays = sample(["robust", "standard"])
    manifest["format"] = 2
    manifest["features"][1]["role"] = "target"
    assert read(encode(manifest, arrays)).targets == ["standard"]
    refused("want 2 for", lambda m: m.update(format=1))
    refused("role", lambda m: m["features"][1].update(role="input"))
    refused("without impute", lambda m: m["features"][1].update(impute={"kind": "constant"}))
    refused("target last", lambda m: m["features"].insert(0, m["features"].pop()))


# 9. What the record alone normalizes.

ALONE = """
version: 1
pipeline: alone
record: {series: s}
features:
  - {name: box, shape: [2, 4], scaler: ratio, by: [width, height, width, height]}
  - {name: fx, scaler: none}
  - {name: width, scaler: none}
  - {name: l1, shape: [2, 37], per: 0, scaler: normalizer, norm: l1}
  - {name: l2, shape: [5, 3], per: 1, scaler: normalizer, norm: l2, impute: {constant: 2}}
  - {name: peak, shape: [2, 3, 4], per: none, scaler: normalizer, norm: peak, pre: asinh}
  - {name: standard, shape: [41], scaler: normalizer, norm: standard}
  - {name: fy, impute: mean}
  - {name: height, scaler: robust}
  - {name: left, scaler: ratio, by: width, clip: true, pre: sqrt}
  - {name: fz}
  - {name: goal, shape: [3], scaler: ratio, by: height, role: target}
norms: [{features: [fz, fx], norm: l2}, {features: [fy, left], norm: standard}]
cutoff: {end: true}
output: {meta: none}
"""
ALONE_SHAPES = {
    "box": (2, 4), "fx": (), "width": (), "l1": (2, 37), "l2": (5, 3), "peak": (2, 3, 4),
    "standard": (41,), "fy": (), "height": (), "left": (), "fz": (), "goal": (3,),
}  # fmt: skip


@pytest.fixture(scope="module")
def alone(go, tmp_path_factory, seed):
    """An artifact of all that a record alone normalizes, and rows for it, by name."""
    at, rng = tmp_path_factory.mktemp("alone"), np.random.default_rng(seed)
    rows, n = {}, 60
    for name, shape in ALONE_SHAPES.items():
        x = rng.normal(size=(n, *shape)) * np.exp(3 * rng.normal(size=(n, *(1,) * len(shape))))
        x[rng.random(x.shape) < 0.02] = NAN
        x[rng.random(n) < 0.1] = 0
        rows[name] = x
    lines = [
        json.dumps({"s": f"s{i % 3}"} | {k: json_numbers(v[i].tolist()) for k, v in rows.items()})
        for i in range(n)
    ]
    lines[-1] = lines[-1].replace('"s": "s2"', '"s": "new"')
    (at / "rows.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    (at / "more.jsonl").write_text("\n".join(lines) + "\n")
    (at / "c.yaml").write_text(ALONE)
    go("fit", "-c", at / "c.yaml", "-o", at / "a.npz", at / "rows.jsonl")
    series = [json.loads(line)["s"] for line in lines]
    return types.SimpleNamespace(path=at / "a.npz", input=at / "more.jsonl", x=rows, series=series)


def json_numbers(x):
    return [json_numbers(v) for v in x] if isinstance(x, list) else None if math.isnan(x) else x


def flat(lines, columns):
    """The numbers of records in the order of columns; null stands for a whole array too."""
    table = []
    for line in lines:
        row = []
        for name in columns:
            shape = ALONE_SHAPES[name]
            value = array(line.get(name))
            row += np.ravel(np.full(shape, NAN) if value.ndim < len(shape) else value).tolist()
        table.append(row)
    return np.array(table)


def test_alone_as_go(go, alone):
    s = tare.load(alone.path)
    out = go("transform", "-a", alone.path, alone.input)
    back = go("inverse", "-a", alone.path, "-", input=out)
    want, home = (flat(map(json.loads, o.splitlines()), s.columns) for o in (out, back))
    z = s.transform(alone.x, alone.series)
    names = s.get_feature_names_out()
    got_home = s.inverse_transform(z, alone.series)
    for i, name in enumerate(names):
        assert_ulps(z[:, i], want[:, i], 0, f"transform {name}")
        assert_ulps(got_home[:, i], home[:, i], 0, f"inverse {name}")
    assert np.isnan(got_home[:, [n.startswith(("l1", "l2", "fx", "fy", "left")) for n in names]]).all()
    assert (~np.isnan(got_home[:, :8])).sum() > 50 and (~np.isnan(z)).mean() > 0.3
    x = np.concatenate([v.reshape(len(v), -1) for v in alone.x.values()], axis=1)
    assert_ulps(s.transform(x, alone.series), z, 0)


def test_alone_columns(alone):
    """Some columns: what they are made of goes in, what divides is needed both ways."""
    s = tare.load(alone.path)
    z = s.transform(alone.x, alone.series)
    height = s.columns.index("height")
    assert s.inputs == s.columns[:-1] and s.targets == ["goal"]
    some = s.transform(alone.x, alone.series, columns=["goal", "l1", "box"])
    assert_ulps(some, np.concatenate([z[:, -3:], z[:, 10:84], z[:, :8]], axis=1), 0)
    narrow = {k: alone.x[k] for k in ("goal", "height", "width", "l1", "box")}
    assert_ulps(s.transform(narrow, alone.series, columns=["goal", "l1", "box"]), some, 0)
    goal = s.inverse_transform(z[:, -3:], alone.series, columns=["goal"])
    assert np.isnan(goal).all()
    at = list(s.get_feature_names_out()).index("height")
    goal = s.inverse_transform(z[:, [-3, -2, -1, at]], alone.series, columns=["goal", "height"])
    assert_ulps(goal[:, :3], s.inverse_transform(z, alone.series)[:, -3:], 0)
    pair = s.transform(alone.x, alone.series, columns=["fx", "fz"])
    names = list(s.get_feature_names_out())
    assert_ulps(pair, z[:, [names.index("fx"), names.index("fz")]], 0)
    with pytest.raises(ValueError, match="'fz' is divided by a norm of fz, fx: name all"):
        s.transform(alone.x, alone.series, columns=["fz"])
    assert height > 0
    assert s.learned("s1")["l1"] == {} and s.learned("s1")["box"] == {}


def test_golden_normalizer():
    cases = json.loads((GOLDEN / "scalers" / "normalizer.json").read_text())["cases"]
    assert len(cases) == 3
    for case in cases:
        x, norm = array(case["test"]), case["params"]["norm"]
        assert_ulps(tare._by_norm(x, norm), array(case["transform"]), 2, norm)


def test_normalizer_as_scikit_learn(alone, go, seed, tmp_path):
    """make_pipeline(StandardScaler(), Normalizer()) is norms behind standard."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    x = np.random.default_rng(seed).normal(size=(200, 3)) * [1, 10, 100]
    (tmp_path / "x.jsonl").write_text(
        "".join(json.dumps(dict(zip("abc", row))) + "\n" for row in x.tolist())
    )
    for norm in ("l1", "l2", "max"):
        (tmp_path / "c.yaml").write_text(
            "version: 1\npipeline: p\nfeatures: [a, b, c]\ncutoff: {end: true}\n"
            f"norms: [{{features: [a, b, c], norm: {norm}}}]\n"
        )
        go("fit", "-c", tmp_path / "c.yaml", "-o", tmp_path / "a.npz", tmp_path / "x.jsonl", "--force")
        want = make_pipeline(StandardScaler(), Normalizer(norm)).fit_transform(x)
        assert_close(tare.load(tmp_path / "a.npz").transform(x), want, 1e-12, abs=1e-13)


def test_refused_alone(alone):
    with zipfile.ZipFile(alone.path) as z:
        manifest = json.loads(z.read("manifest.json"))

    def f(message, change):
        changed = copy.deepcopy(manifest)
        change(changed, {f["name"]: f for f in changed["features"]})
        with pytest.raises(tare.ArtifactError, match=message):
            specs = tare._feature_specs(changed)
            tare._norm_specs(changed, specs, tare._group_specs(changed, specs))

    f("norm is 'l3', want one of l1", lambda m, f: f["l1"]["scaler"].update(norm="l3"))
    f("by is .*, want one name, or 4", lambda m, f: f["box"].update(by=["width", "height"]))
    f("by is .*, want one name, or 1", lambda m, f: f["left"].pop("by"))
    f("by is .*, want none", lambda m, f: f["fx"].update(by=["width"]))
    f("by of 'left' is 'box', want a number", lambda m, f: f["left"].update(by=["box"]))
    f("by of 'left' is 'left', want a number", lambda m, f: f["left"].update(by=["left"]))
    f("by of 'left' is 'other', want a number", lambda m, f: f["left"].update(by=["other"]))
    f("shape is .*, want that of an array", lambda m, f: f["l1"].pop("shape") and f["l1"].pop("per"))
    f("want nothing that is learned", lambda m, f: f["l1"].update(scope="global"))
    f("want nothing that is learned", lambda m, f: f["left"].update(impute={"kind": "mean"}))
    f("norm is 'loud'", lambda m, f: m["norms"][0].update(norm="loud"))
    f("features is .*, want two or more", lambda m, f: m["norms"][0].update(features=["fx"]))
    f("want numbers, no targets", lambda m, f: m["norms"][0].update(features=["fx", "goal"]))
    f("want numbers, no targets", lambda m, f: m["norms"][0].update(features=["fx", "fy"]))
    f("format is 1, want 2", lambda m, f: m.update(format=1))
