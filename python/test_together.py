"""Every kind of feature in one artifact: tare.py against the Go tool."""

from __future__ import annotations

import json

import numpy as np
import tare
from test_tare import assert_ulps, go, seed  # noqa: F401

CONFIG = """
version: 1
pipeline: all
record: {series: s, time: {field: ts, layout: unix}}
features:
  - {name: y, role: target, scaler: yeo_johnson}
  - {name: state, scaler: onehot, handle_unknown: infrequent_if_exist, min_frequency: 3}
  - a
  - {name: b, pre: asinh}
  - {name: w, fixed: {mean: 0, scale: 1}}
  - {name: grade, role: target, scaler: ordinal}
  - {name: box, shape: [2], scaler: ratio, by: w}
  - {name: clip, shape: [3], scaler: normalizer, norm: peak}
  - {name: fx, impute: mean}
  - {name: fy, scaler: robust}
  - {name: k, scaler: kbins}
whiten: [{name: g, features: [a, b], method: zca, scope: global}]
norms: [{features: [fx, fy], norm: l2}]
normalize: {unknown_series: pooled}
cutoff: {event_time: 1970-01-01T00:10:00Z}
splits: [{name: validation, until: 1970-01-01T00:12:00Z}, {name: test}]
output: {value: vector, meta: none}
"""


def record(r, i):
    """Return one: series new has no training records, and some labels are rare."""
    a = r.normal()
    return {
        "s": str(r.choice(["p", "q"])) if i < 880 else "new",
        "ts": i,
        "y": float(np.exp(r.normal())),
        "state": f"x{i}" if r.uniform() < 0.02 else str(r.choice(["on", "off", "idle"])),
        "a": a,
        "b": a + r.normal() / 3,
        "w": r.uniform(1, 9),
        "grade": int(r.integers(3)),
        "box": r.uniform(0, 9, 2).tolist(),
        "clip": r.normal(size=3).tolist(),
        "fx": None if r.uniform() < 0.1 else r.normal(),
        "fy": 3 * r.normal(),
        "k": r.uniform(),
    }


def test_everything_together(go, tmp_path, seed):  # noqa: F811
    r = np.random.default_rng(seed)
    records = [record(r, i) for i in range(900)]
    (tmp_path / "c.yaml").write_text(CONFIG)
    data = tmp_path / "d.jsonl"
    data.write_text("".join(json.dumps(x) + "\n" for x in records))
    artifact, out = tmp_path / "a.npz", tmp_path / "out.f64"
    go("fit", "-c", tmp_path / "c.yaml", "-o", artifact, data)
    go("verify", "-a", artifact, data)
    go("transform", "-a", artifact, "-o", out, data)
    s = tare.load(artifact)
    assert s.columns[-4:] == ["g_zca0", "g_zca1", "y", "grade"]
    names = ["y", "state", "a", "b", "w", "grade", "box", "clip", "fx", "fy", "k"]
    x = {name: [x[name] for x in records] for name in names}
    z = s.transform(x, [x["s"] for x in records])
    want = np.fromfile(out, dtype="<f8").reshape(len(records), -1)
    assert_ulps(z, want, 0, "transform")
    back = s.inverse_transform(z, [x["s"] for x in records])
    at = {name: i for i, name in enumerate(s.feature_names_in_)}
    for name in ("y", "a", "b", "w"):
        got = back[:, at[name]].astype(float)
        np.testing.assert_allclose(got, x[name], rtol=1e-9, atol=1e-9)
    assert list(back[:, at["grade"]]) == x["grade"]
    known = [i for i, v in enumerate(x["state"]) if v in ("on", "off", "idle")]
    assert [back[i, at["state"]] for i in known] == [x["state"][i] for i in known]
