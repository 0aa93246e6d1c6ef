"""Measure tare.py: `python bench_tare.py [rows]`, 8 features of 1,000 series.

Prints seconds, the best of five runs, and millions of values (rows, series) a
second; beside it scikit-learn, if it is there, with one scaler for all rows.
"""

from __future__ import annotations

import io
import sys
import time

import numpy as np

import tare
from test_tare import OPTIONS, encode, sample

FEATURES, SERIES, MANY_SERIES, LANDMARKS = 8, 1_000, 100_000, 131
STATES = [f"state {i:02d}" for i in range(20)]


def artifact(kind, n=SERIES, **options):
    """Return the bytes of an artifact of random numbers, n series and 8 features of one kind."""
    rng = np.random.default_rng(1)
    manifest, _ = sample(["none"])
    names = [f"f{i}" for i in range(FEATURES)]
    series = [f"plant-{i % 7}/pump-{i:06d}".encode() for i in range(n)]
    series.sort()
    scaler = {"kind": kind, **OPTIONS.get(kind, {}), **options}
    manifest |= {
        "features": [{"name": name, "scaler": scaler} for name in names],
        "columns": names,
        "pooled": manifest["pooled"] * FEATURES,
        "series": {"learned": n},
        "records": {"learned": 1000 * n},
    }
    arrays = {
        "series.offsets": np.cumsum([0, *map(len, series)]).astype("<u8"),
        "series.bytes": np.frombuffer(b"".join(series), "|u1"),
        "series.records": np.full(n, 1000, "<u8"),
    }
    for name in names:
        arrays |= {
            f"{name}.count": np.full(n, 1000, "<u8"),
            f"{name}.missing": np.zeros(n, "<u8"),
        }
        arrays |= {
            f"{name}.{stat}": np.full(n, 1.0)
            for stat in ("data_min", "data_max", "data_mean", "data_var")
        }
        for param in tare._KINDS[kind].params:
            arrays[f"{name}.{param}"] = rng.uniform(1, 2, n)
        if kind == "quantile":
            arrays[f"{name}.offsets"] = np.arange(n + 1, dtype="<u8") * np.uint64(LANDMARKS)
            arrays[f"{name}.references"] = np.tile(np.linspace(0, 1, LANDMARKS), n)
            arrays[f"{name}.quantiles"] = np.sort(rng.normal(0, 1, (n, LANDMARKS)), axis=1).ravel()
    return encode(manifest, arrays)


def one_hot():
    """Return the bytes of an artifact of one feature that holds labels."""
    manifest, arrays = sample([])
    text = [s.encode() for s in STATES]
    encoding = {"kind": "onehot", "handle_unknown": "error"}
    feature = {"name": "state", "scaler": {"kind": "none"}, "scope": "global"}
    manifest |= {
        "format": 2,
        "features": [{**feature, "encoding": encoding}],
        "columns": [f"state_{s}" for s in STATES],
        "widths": [len(STATES)],
        "pooled": [{}],
    }
    manifest["series"]["records_over_max_series"] = 0
    train = manifest["records"]["train"]
    arrays |= {
        "state.count": np.array([train], "<u8"),
        "state.missing": np.array([0], "<u8"),
        "state.labels.offsets": np.cumsum([0, *map(len, text)]).astype("<u8"),
        "state.labels.bytes": np.frombuffer(b"".join(text), "|u1"),
        "state.labels.count": np.array([train, *[0] * (len(text) - 1)], "<u8"),
        "state.labels.error": np.array([0], "<u8"),
        "state.labels.kind": np.array([1], "|u1"),
        "state.infrequent": np.zeros(len(text)),
    }
    return encode(manifest, arrays)


def load(data):
    return tare.load(io.BytesIO(data))


def best(run):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def report(what, seconds, values):
    print(f"{what:44} {seconds:10.6f} s {values / seconds / 1e6:8.1f} M/s")


def main(rows):
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (rows, FEATURES))
    for kind, options in [
        ("standard", {}),
        ("minmax", {}),
        ("robust", {}),
        ("quantile", {}),
        ("quantile", {"output_distribution": "normal"}),
    ]:
        scaler = load(artifact(kind, **options))
        names = [scaler.series[i] for i in rng.integers(0, SERIES, rows)]
        what = f"{kind} {options.get('output_distribution', '')}".strip()
        report(f"{what}, transform", best(lambda: scaler.transform(x, names)), x.size)
        z = scaler.transform(x, names)
        report(
            f"{what}, inverse_transform", best(lambda: scaler.inverse_transform(z, names)), x.size
        )
    scaler, labels = load(one_hot()), rng.choice(np.array(STATES, dtype=object), (rows, 1))
    report("onehot, transform", best(lambda: scaler.transform(labels, "a")), rows)
    z = scaler.transform(labels, "a")
    report("onehot, inverse_transform", best(lambda: scaler.inverse_transform(z, "a")), rows)
    report("finding the series of each row", best(lambda: scaler.series.ids(names)), rows)
    one = x[:1]
    scaler = load(artifact("standard"))
    report("standard, one row", best(lambda: scaler.transform(one, names[0])), FEATURES)
    many = artifact("standard", MANY_SERIES)
    report(
        f"load {MANY_SERIES:,} series, {len(many) >> 20} MiB",
        best(lambda: load(many)),
        MANY_SERIES,
    )
    first = best(lambda: load(many).series.ids("a"))
    report("the same, and the first name found", first, MANY_SERIES)
    try:
        from sklearn import preprocessing
    except ImportError:
        return
    for peer in (
        preprocessing.StandardScaler(),
        preprocessing.QuantileTransformer(n_quantiles=LANDMARKS),
        preprocessing.QuantileTransformer(n_quantiles=LANDMARKS, output_distribution="normal"),
    ):
        peer.fit(x)
        report(f"scikit-learn {peer}, one series"[:44], best(lambda: peer.transform(x)), x.size)
    peer = preprocessing.OneHotEncoder(sparse_output=False).fit(labels)
    report("scikit-learn OneHotEncoder", best(lambda: peer.transform(labels)), rows)
    report("scikit-learn OneHotEncoder, inverse", best(lambda: peer.inverse_transform(z)), rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
