"""Measure tare beside scikit-learn and River: `python bench_peers.py TARE [records]`.

All read the same file of JSON records, 1,000 sensors with eight numbers each,
learn each sensor's mean and scale (or median and quartiles), and write all records
scaled. Printed is the processor's time for a record, in nanoseconds, the median of
six runs in turn, for a program that learns and one that transforms: both read the
file, and imports count for nobody.

scikit-learn learns from arrays, one scaler a sensor, with exact quantiles; River
learns record by record. Neither checks its input, has a cutoff, or writes what it
has learned to a file.

A second table has packed arrays beside numpy, for a number: spectra of 64 float32,
each bin standardized behind a logarithm, and images of 3 x 224 x 224 bytes, each
channel standardized, both to float32. numpy holds them all in memory.

A third has 64 numbers whitened together, for a record that is in memory already, as
tare's own benchmark (go test -bench Whiten ./bench) and scikit-learn's PCA see it.
tare learns record by record, with the moments of each number besides.
"""

from __future__ import annotations

import json
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from river import preprocessing as river
from sklearn.decomposition import PCA
from sklearn.preprocessing import RobustScaler, StandardScaler

SENSORS, RUNS = 1_000, 6
NAMES = [f"f{k}" for k in range(8)]


def records(path, n):
    """Write n records as tare's own benchmark does, 167 bytes on average."""
    r = random.Random(1)
    with path.open("w") as out:
        for i in range(n):
            numbers = "".join(
                f',"f{k}":{20 + 10 * k + 5 * r.gauss(0, 1):.{5 + k % 5}f}' for k in range(8)
            )
            sensor = r.randrange(SENSORS)
            out.write(f'{{"sensor":"pump-{sensor:04}","ts":{1_772_000_000_000 + 1000 * i}{numbers}}}\n')


def read(path):
    with path.open("rb") as lines:
        for line in lines:
            yield json.loads(line)


def arrays(path):
    """Return the records, their numbers, and the rows of each sensor."""
    all_records, rows = list(read(path)), defaultdict(list)
    for i, r in enumerate(all_records):
        rows[r["sensor"]].append(i)
    return all_records, np.array([[r[name] for name in NAMES] for r in all_records]), rows


def sklearn_fit(scaler, path):
    _, x, rows = arrays(path)
    return {sensor: scaler().fit(x[i]) for sensor, i in rows.items()}


def sklearn_transform(fitted, path, out):
    all_records, x, rows = arrays(path)
    for sensor, i in rows.items():
        x[i] = fitted[sensor].transform(x[i])
    with out.open("w") as lines:
        for r, y in zip(all_records, x.tolist()):
            r.update(zip(NAMES, y))
            lines.write(json.dumps(r, separators=(",", ":")) + "\n")


def river_fit(path):
    fitted = defaultdict(river.StandardScaler)
    for r in read(path):
        fitted[r["sensor"]].learn_one({name: r[name] for name in NAMES})
    return fitted


def river_transform(fitted, path, out):
    with out.open("w") as lines:
        for r in read(path):
            r.update(fitted[r["sensor"]].transform_one({name: r[name] for name in NAMES}))
            lines.write(json.dumps(r, separators=(",", ":")) + "\n")


def tare_config(folder, scaler):
    features = "".join(f"  - {{name: {name}, scaler: {scaler}}}\n" for name in NAMES)
    path = folder / f"{scaler}.yaml"
    path.write_text(
        "version: 1\npipeline: bench\n"
        "record: {format: json, series: sensor, time: {field: ts, layout: unix_ms}}\n"
        f"features:\n{features}cutoff: {{end: true}}\n"
    )
    return path


def programs(tare, folder, data):
    """Return the runs by name: of learning and of transforming, each without arguments."""

    def cli(*args):
        return lambda: subprocess.run([tare, *map(str, args)], check=True, stderr=subprocess.DEVNULL)

    out, all_runs = folder / "out.jsonl", {}
    for scaler, sklearn in [("standard", StandardScaler), ("robust", RobustScaler)]:
        config, npz = tare_config(folder, scaler), folder / f"{scaler}.npz"
        all_runs[f"tare, {scaler}"] = (
            cli("fit", "-c", config, "--force", "-o", npz, data),
            cli("transform", "-a", npz, "--meta", "none", "--force", "-o", out, data),
        )
        fitted = sklearn_fit(sklearn, data)
        all_runs[f"scikit-learn, {sklearn.__name__}"] = (
            lambda sklearn=sklearn: sklearn_fit(sklearn, data),
            lambda fitted=fitted: sklearn_transform(fitted, data, out),
        )
    fitted = river_fit(data)
    all_runs["River, StandardScaler"] = (
        lambda: river_fit(data),
        lambda: river_transform(fitted, data, out),
    )
    return all_runs


ARRAYS = {  # name: dtype, shape, keys of the feature, axes of one mean, arrays
    "spectra": ("float32", (64,), "pre: log", (0,), 100_000),
    "images": ("uint8", (3, 224, 224), "per: 0", (0, 2, 3), 200),
}


def write_arrays(path, dtype, shape, n):
    """Write n arrays of random numbers above 0, one behind the other, and return their count."""
    r = np.random.default_rng(1)
    x = r.integers(0, 256, (n, *shape)) if dtype == "uint8" else np.exp(r.standard_normal((n, *shape)))
    x.astype(dtype).tofile(path)
    return x.size


def numpy_load(path, dtype, shape, log):
    x = np.fromfile(path, dtype).reshape(-1, *shape).astype(np.float32)
    return np.log(x, out=x) if log else x


def numpy_fit(path, dtype, shape, log, axes):
    x = numpy_load(path, dtype, shape, log)
    return [getattr(x, name)(axes, dtype=np.float64, keepdims=True).astype(np.float32)[0] for name in ("mean", "std")]


def numpy_transform(path, dtype, shape, log, fitted, out):
    x = numpy_load(path, dtype, shape, log)
    x -= fitted[0]
    x /= fitted[1]
    x.tofile(out)


def array_programs(tare, folder, name):
    """Return the runs on one kind of arrays by name, as programs does, and how many numbers it has."""
    dtype, shape, keys, axes, n = ARRAYS[name]
    data, out, config, npz = (folder / f"{name}.{end}" for end in ("in", "out", "yaml", "npz"))
    log = "log" in keys
    count = write_arrays(data, dtype, shape, n)
    config.write_text(
        f"version: 1\npipeline: bench\nrecord: {{format: binary, dtype: {dtype}}}\n"
        f"features: [{{name: {name}, shape: {list(shape)}, {keys}}}]\n"
        "cutoff: {end: true}\noutput: {dtype: float32, meta: none}\n"
    )

    def cli(*args):
        return lambda: subprocess.run([tare, *map(str, args)], check=True, stderr=subprocess.DEVNULL)

    cli("fit", "-c", config, "-o", npz, data)()
    fitted = numpy_fit(data, dtype, shape, log, axes)
    return count, {
        f"tare, {name}": (
            cli("fit", "-c", config, "--force", "-o", npz, data),
            cli("transform", "-a", npz, "--force", "-o", out, data),
        ),
        f"numpy, {name}": (
            lambda: numpy_fit(data, dtype, shape, log, axes),
            lambda: numpy_transform(data, dtype, shape, log, fitted, out),
        ),
    }


def whitening():
    """Print the median time of a record of 64 numbers, learned and transformed."""
    bench = ["go", "test", "-run", "^$", "-bench", "Whiten/.*/pca", "-cpu", "1", "-count", str(RUNS), "./bench"]
    lines = subprocess.run(bench, check=True, capture_output=True, text=True).stdout
    ours = [
        statistics.median(map(float, re.findall(rf"Whiten/{what}/pca\b.*?([\d.]+) cpu-ns", lines)))
        for what in ("learn", "apply")
    ]
    print(f"| tare, pca | {' | '.join(f'{t:,.0f} ns' for t in ours)} |")
    r = np.random.default_rng(1)
    x = r.standard_normal((100_000, 64)) @ r.standard_normal((64, 64))
    pca = PCA(whiten=True).fit(x)
    measure({"scikit-learn, PCA": (lambda: PCA(whiten=True).fit(x), lambda: pca.transform(x))}, len(x), 0)


def cpu():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure(all_runs, n, digits):
    """Print the median time of every run, for one of n."""
    took = {name: ([], []) for name in all_runs}
    for _ in range(RUNS):
        for name, pair in all_runs.items():
            for run, times in zip(pair, took[name]):
                start = cpu()
                run()
                times.append(1e9 * (cpu() - start) / n)
    for name, pair in took.items():
        print(f"| {name} | {' | '.join(f'{statistics.median(t):,.{digits}f} ns' for t in pair)} |")


def main(tare, n):
    head = "| | learn | transform |\n|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data = folder / "records.jsonl"
        records(data, n)
        print(head)
        measure(programs(tare, folder, data), n, 0)
        print("\n" + head)
        for name in ARRAYS:
            count, all_runs = array_programs(tare, folder, name)
            measure(all_runs, count, 1)
        print("\n" + head)
        whitening()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
