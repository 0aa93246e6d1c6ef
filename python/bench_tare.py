"""Measure tare.py: `python bench_tare.py [rows]`, 8 features of 1,000 series.

Prints seconds, the best of five runs, and millions of values a second; beside
it scikit-learn, if it is there, with one scaler for all rows.
"""

from __future__ import annotations

import io
import sys
import time

import numpy as np

import tare
from test_tare import OPTIONS, encode, sample

FEATURES, SERIES, LANDMARKS = 8, 1000, 131


def artifact(kind, **options):
    """Make an artifact with 8 features of one kind, of random numbers."""
    rng = np.random.default_rng(1)
    manifest, _ = sample(["none"])
    names = [f"f{i}" for i in range(FEATURES)]
    series = [f"plant-{i % 7}/pump-{i:06d}".encode() for i in range(SERIES)]
    series.sort()
    scaler = {"kind": kind, **OPTIONS.get(kind, {}), **options}
    manifest |= {
        "features": [{"name": n, "scaler": scaler} for n in names],
        "columns": names,
        "pooled": manifest["pooled"] * FEATURES,
        "series": {"learned": SERIES},
        "records": {"learned": 1000 * SERIES},
    }
    arrays = {
        "series.offsets": np.cumsum([0, *map(len, series)]).astype("<u8"),
        "series.bytes": np.frombuffer(b"".join(series), "|u1"),
        "series.records": np.full(SERIES, 1000, "<u8"),
    }
    for n in names:
        arrays |= {
            f"{n}.count": np.full(SERIES, 1000, "<u8"),
            f"{n}.missing": np.zeros(SERIES, "<u8"),
        }
        arrays |= {
            f"{n}.{stat}": np.full(SERIES, 1.0)
            for stat in ("data_min", "data_max", "data_mean", "data_var")
        }
        for param in tare._KINDS[kind].params:
            arrays[f"{n}.{param}"] = rng.uniform(1, 2, SERIES)
        if kind == "quantile":
            arrays[f"{n}.offsets"] = np.arange(SERIES + 1, dtype="<u8") * np.uint64(LANDMARKS)
            arrays[f"{n}.references"] = np.tile(np.linspace(0, 1, LANDMARKS), SERIES)
            arrays[f"{n}.quantiles"] = np.sort(
                rng.normal(0, 1, (SERIES, LANDMARKS)), axis=1
            ).ravel()
    return tare.load(io.BytesIO(encode(manifest, arrays)))


def best(run):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def report(what, seconds, values):
    print(f"{what:44} {seconds:8.3f} s {values / seconds / 1e6:8.1f} M values/s")


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
        scaler = artifact(kind, **options)
        names = [scaler.series[i] for i in rng.integers(0, SERIES, rows)]
        what = f"{kind} {options.get('output_distribution', '')}".strip()
        report(f"{what}, transform", best(lambda: scaler.transform(x, names)), x.size)
        z = scaler.transform(x, names)
        report(
            f"{what}, inverse_transform", best(lambda: scaler.inverse_transform(z, names)), x.size
        )
    report("finding the series of each row", best(lambda: scaler.series.ids(names)), rows)
    one = x[:1]
    scaler = artifact("standard")
    report("standard, one row", best(lambda: scaler.transform(one, names[0])), FEATURES)
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


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
