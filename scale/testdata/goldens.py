"""Writes power.json, kbins.json and learned.json beside itself, with scikit-learn 1.9.1.

    python -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    venv/bin/python goldens.py

The first two are in the form of testdata/golden/scalers; params are scale.Spec's.
learned.json holds what scikit-learn learns from values that both sides make from a
seed, see stream; scale/testdata has no values of them.
"""

import json
import os
import warnings

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer, PowerTransformer

warnings.simplefilter("ignore")
METHODS = {"yeo_johnson": "yeo-johnson", "box_cox": "box-cox"}


def number(x):
    x = float(x)
    if np.isnan(x):
        return "NaN"
    return x if np.isfinite(x) else ("Inf" if x > 0 else "-Inf")


def rows(a):
    return [[number(x) for x in row] for row in np.atleast_2d(a)]


def write(name, value):
    with open(os.path.join(os.path.dirname(__file__), name), "w") as file:
        json.dump({"cases": value}, file, separators=(",", ":"))
        file.write("\n")


def power_case(name, kind, standardize, train, test, back):
    t = PowerTransformer(method=METHODS[kind], standardize=standardize).fit(train)
    fitted = {"lambdas_": [number(x) for x in t.lambdas_]}
    if standardize:
        fitted["mean_"] = [number(x) for x in t._scaler.mean_]
        fitted["scale_"] = [number(x) for x in t._scaler.scale_]
    return {
        "name": name,
        "params": {"kind": kind, "standardize": standardize},
        "train": rows(train), "fitted": fitted,
        "test": rows(test), "transform": rows(t.transform(test)),
        "inverse_input": rows(back), "inverse": rows(t.inverse_transform(back)),
    }


def power():
    r = np.random.default_rng(20261124)
    n = r.normal(size=(40, 3))
    signed = np.column_stack([n[:, 0], np.exp(n[:, 1]) - 2, -np.exp(0.7 * n[:, 2])])
    signed[3, 1] = np.nan
    positive = np.exp(n) * [1, 5, 1e-3] + [0, 20, 0]
    back = np.array([[-3.0, -3, -3], [-1, -1, -1], [0, 0, 0], [0.5, 0.5, 0.5], [2, 2, 2], [40, 40, 40], [-40, -40, -40]])
    far = np.array([[-200.0, -1e6, -1e3], [0, 0, 0], [1e3, 50, 12], [np.nan, 1, -1]])
    cases = []
    for standardize in (True, False):
        cases.append(power_case(f"signed {standardize}", "yeo_johnson", standardize, signed, np.vstack([signed[:8], far]), back))
        cases.append(power_case(f"positive {standardize}", "box_cox", standardize, positive, np.vstack([positive[:8], np.abs(far[2:]), [[1e-9, 1e9, 1]]]), back))
    constant = np.tile([5.0, -2.0, 0.1], (4, 1))
    cases.append(power_case("constant", "yeo_johnson", True, constant, constant[:1] + [[0], [1]], back))
    offset = np.array([[2003.0], [1950.0], [1997.0], [2000.0], [2009.0]])
    cases.append(power_case("far from 0", "yeo_johnson", True, offset, offset, back[:5, :1]))
    binary = np.array([[0.0], [0], [1], [0], [1], [0], [0], [0]])
    cases.append(power_case("two values", "yeo_johnson", True, binary, binary[:3], back[1:4, :1]))
    write("power.json", cases)


def kbins():
    r = np.random.default_rng(7)
    train = np.column_stack([r.normal(size=50), r.exponential(size=50), r.integers(0, 4, 50), np.full(50, 3.0), 0.08 * (np.arange(50) + r.uniform(size=50)) - 2])
    train[::2, 4] = 0.5
    test = np.vstack([train[:12], train.min(0) - 1, train.max(0) + 1, np.zeros(5), np.full(5, 2.0)])
    cases = []
    for strategy in ("uniform", "quantile", "kmeans"):
        for n_bins in (2, 5, 10):
            t = KBinsDiscretizer(n_bins=n_bins, encode="ordinal", strategy=strategy).fit(train)
            codes = np.column_stack([np.minimum(np.arange(10), n - 1) for n in t.n_bins_]).astype(float)
            cases.append({
                "name": f"{strategy} {n_bins}",
                "params": {"kind": "kbins", "strategy": strategy, "n_bins": n_bins},
                "train": rows(train), "fitted": {"bin_edges_": [[number(x) for x in e] for e in t.bin_edges_]},
                "test": rows(test), "transform": rows(t.transform(test)),
                "inverse_input": rows(codes), "inverse": rows(t.inverse_transform(codes)),
            })
    write("kbins.json", cases)


def stream(seed, n):
    """Return three uniform numbers for each of n values: SplitMix64's, in (0, 1)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.arange(3 * n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)).astype(float) + 0.5).reshape(n, 3).T * 2.0**-53


def data(name, n):
    u, v, w = stream(1, n)
    normal = np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
    return {
        "lognormal": lambda: np.exp(normal),
        "gamma": lambda: -np.log(u * v),
        "uniform": lambda: 1 + u,
        "bimodal": lambda: np.where(w < 0.3, 20 + 2 * normal, 50 + 5 * normal),
        "left": lambda: 10 * np.exp(np.log(u) / 5),
        "signed": lambda: 1 - np.exp(0.7 * normal),
    }[name]()


def learned():
    cases = []
    for name in ("lognormal", "gamma", "uniform", "bimodal", "left", "signed"):
        for n in (100, 3000, 100000):
            x = data(name, n)[:, None]
            for kind, method in METHODS.items():
                if kind == "yeo_johnson" or x.min() > 0:
                    t = PowerTransformer(method=method).fit(x)
                    cases.append({"data": name, "n": n, "kind": kind, "params": [number(p[0]) for p in (t.lambdas_, t._scaler.mean_, t._scaler.scale_)]})
            for strategy in ("quantile", "kmeans"):
                t = KBinsDiscretizer(encode="ordinal", strategy=strategy, subsample=None).fit(x)
                cases.append({"data": name, "n": n, "kind": "kbins", "strategy": strategy, "params": [number(e) for e in t.bin_edges_[0]]})
    write("learned.json", cases)


power()
kbins()
learned()
