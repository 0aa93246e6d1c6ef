"""Tests of whitening in tare.py: against the Go tool and scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tare
from test_tare import assert_ulps, go, pack, seed  # noqa: F401

FEATURES = ["t", "a", "b", "c"]


def learn(go, folder, seed, whiten, features="[t, a, {name: b, pre: asinh}, c]", missing=True):  # noqa: F811
    """Learn 1,000 records of three series; return the scaler, and records as a table."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(1000, 4)) @ r.normal(size=(4, 4)) + [0, 10, -5, 1e3]
    if missing:
        x[r.uniform(size=x.shape) < 0.05] = np.nan
    series = [f"s{i % 3}" for i in range(len(x))]
    rows = [
        {"s": s, **{k: None if np.isnan(v) else v for k, v in zip(FEATURES, row.tolist())}}
        for s, row in zip(series, x)
    ]
    source = folder / "train.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = folder / "whiten.yaml"
    config.write_text(
        "version: 1\npipeline: whiten\nrecord: {series: s}\ncutoff: {end: true}\n"
        f"output: {{value: features}}\nfeatures: {features}\nwhiten: [{whiten}]\n"
    )
    go("fit", "-c", config, "-o", folder / "w.npz", source)
    return tare.load(folder / "w.npz"), x, series, source


def numbers(lines, names):
    rows = [json.loads(line) for line in lines.splitlines()]
    return np.array([[np.nan if r.get(n) is None else r[n] for n in names] for r in rows])


@pytest.mark.parametrize(
    "options",
    [
        "method: pca, n_components: 2",
        "method: pca, n_components: 0.9, scope: global",
        "method: zca, shrinkage: 0.1",
        "method: zca_cor",
        "method: cholesky, scope: global",
    ],
)
def test_whitening_as_go(go, tmp_path, seed, options):  # noqa: F811
    """transform and inverse_transform have the bits of tare transform and tare inverse."""
    s, x, series, source = learn(
        go,
        tmp_path,
        seed,
        f"{{name: g, features: [c, a, b], {options}}}",
        "[t, {name: a, impute: mean}, {name: b, pre: asinh}, {name: c, scaler: none}]",
    )
    assert list(s.feature_names_in_) == FEATURES
    names = list(s.get_feature_names_out())
    assert names == s.columns and names[0] == "t" and names[1].startswith("g_")
    z = s.transform(x, series)
    out = go("transform", "-a", tmp_path / "w.npz", source)
    assert_ulps(z, numbers(out, names), 0, "transform")
    back = s.inverse_transform(z, series)
    raw = go("inverse", "-a", tmp_path / "w.npz", "-", input=out)
    assert_ulps(back, numbers(raw, FEATURES), 0, "inverse")
    members = s.inverse_transform(z[:, 1:], series, columns=names[1:])
    assert_ulps(members, back[:, [3, 1, 2]], 0, "members by name, in their order")
    if len(names) > 2:
        with pytest.raises(ValueError, match="alone, want"):
            s.inverse_transform(z[:, 1:2], series, columns=names[1:2])
    unknown = s.transform(x[-3:], "new")
    assert np.isnan(unknown[:, 0]).all()
    assert np.isnan(unknown[:, 1:]).all() == ("global" not in options)


def test_whitening_as_scikit_learn(go, tmp_path, seed):  # noqa: F811
    s, x, _, _ = learn(
        go,
        tmp_path,
        seed,
        "{name: g, features: [a, b, c], method: pca, scope: global}",
        "[t, a, b, c]",
        missing=False,
    )
    pca = make_pipeline(StandardScaler(), PCA(whiten=True)).fit(x[:, 1:])
    np.testing.assert_allclose(s.transform(x, "s0")[:, 1:], pca.transform(x[:, 1:]), atol=1e-9)


def test_ledoit_wolf_as_scikit_learn(go, tmp_path, seed):  # noqa: F811
    none = ", ".join(f"{{name: {k}, scaler: none}}" for k in FEATURES)
    whiten = "{name: g, features: [t, a, b, c], method: zca, shrinkage: ledoit_wolf, scope: global}"
    s, x, _, _ = learn(go, tmp_path, seed, whiten, f"[{none}]", missing=False)
    got = s.learned("s0")["g"]
    n = len(x)
    # The covariance is divided by n - 1 here, by n there.
    want = LedoitWolf().fit(x).covariance_ * n / (n - 1)
    np.testing.assert_allclose(got["unwhiten"] @ got["unwhiten"].T, want, rtol=1e-9, atol=1e-9)
    assert got["count"] == n


def test_refused_groups(go, tmp_path, seed):  # noqa: F811
    whiten = "{name: g, features: [a, b], method: zca}"
    learn(go, tmp_path, seed, whiten)
    with np.load(tmp_path / "w.npz") as z:
        members = {name: z.zip.read(name) for name in z.zip.namelist()}
    text = members["manifest.json"].decode()

    def refused(old, new, why):
        assert old in text, old
        changed = {**members, "manifest.json": text.replace(old, new, 1).encode()}
        (tmp_path / "bad.npz").write_bytes(pack(list(changed.items())))
        with pytest.raises(tare.ArtifactError, match=why):
            tare.load(tmp_path / "bad.npz")

    refused('"format":2', '"format":1', "want 2 for .*features that are whitened")
    refused('"features":["a","b"]', '"features":["a","a"]', "of no other group")
    refused('"features":["a","b"]', '"features":["a","x"]', "of no other group")
    refused('"features":["a","b"]', '"features":["b","a"]', "examples")
    refused('"features":["a","b"]', '"features":[]', "at least one")
    refused('"method":"zca"', '"method":"pca"', "columns")
    refused('"method":"zca"', '"method":"ica"', "want pca, zca")
    refused('"name":"g"', '"name":"t"', "nothing else has")
    refused('"method":"zca"', '"method":"zca","scope":"global"', "that of 'a'")
    count = members["g.count.npy"]
    members["g.count.npy"] = count[:128] + (10**6).to_bytes(8, "little") + count[136:]
    refused('"revision":1', '"revision":1', "more rows than values")


def test_group_before_targets(go, tmp_path, seed):  # noqa: F811
    """Columns are inputs, groups, targets; where a model serves there is no target."""
    s, x, series, source = learn(
        go,
        tmp_path,
        seed,
        "{name: g, features: [a, c], method: zca}",
        "[{name: t, role: target}, a, b, c]",
        missing=False,
    )
    assert s.columns == ["b", "g_zca0", "g_zca1", "t"]
    assert (s.inputs, s.targets) == (["b", "g_zca0", "g_zca1"], ["t"])
    x = {name: x[:, i] for i, name in enumerate(FEATURES)}
    z = s.transform(x, series)
    out = go("transform", "-a", tmp_path / "w.npz", source)
    assert_ulps(z, numbers(out, s.columns), 0, "transform")
    served = np.stack([x["b"], x["a"], x["c"]], axis=1)
    assert_ulps(s.transform(served, series, columns=s.inputs), z[:, :3], 0, "inputs")
    del x["t"]
    assert_ulps(s.transform(x, series, columns=s.inputs), z[:, :3], 0, "inputs by name")
    back = s.inverse_transform(z[:, 3:], series, columns=s.targets)
    raw = go("inverse", "-a", tmp_path / "w.npz", "-", input=out)
    assert_ulps(back, numbers(raw, ["t"]), 0, "targets")
