"""Normalize arrays with the numbers that ``tare`` has frozen.

An artifact, ``*.npz``, holds the mean and scale, the quantiles and so on of
every series and feature as they were at a training cutoff. This module reads
it and applies it, with the bits of the Go tool::

    import tare

    scaler = tare.load("plant.npz")
    Z = scaler.transform(X, series)          # X (n, n_features), series (n,)
    X = scaler.inverse_transform(Z, series)

It cannot learn. It needs numpy and Python 3.9 or later, and is one file: copy
it. ``python tare.py plant.npz`` checks an artifact and says what is in it.

Elementary functions: FreeBSD's msun, Copyright (C) 1993, 2004 by Sun
Microsystems, Inc. All rights reserved. Permission to use, copy, modify, and
distribute this software is freely granted, provided that this notice is
preserved. Quantiles of the normal distribution: Cephes Math Library,
Copyright 1984, 1987, 1989 by Stephen L. Moshier.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import os
import re
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ArtifactError", "Scaler", "SeriesNames", "UnknownLabelError", "UnknownSeriesError", "load",
]  # fmt: skip

FORMAT = 2  #: The newest version of the artifact's format that this module reads.
MAX_MAGNITUDE = 1e150  #: The largest magnitude of a value to be normalized.
MAX_LABEL = 64 << 10  #: The length of the longest label to be normalized, in bytes of UTF-8.

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Names = Union[str, int, Sequence[Any], ArrayLike]  #: of series, one or many


class ArtifactError(ValueError):
    """A file that is not, or no longer, what tare wrote."""


class UnknownSeriesError(LookupError):
    """A series that the artifact has not learned; its name is in ``series``."""

    def __init__(self, series: str, others: int = 0):
        self.series = series
        more = f", and {others} more" if others else ""
        super().__init__(f"series {series!r} is not in the artifact{more}")

    def __reduce__(self) -> tuple:
        return type(self), (self.series,)


class UnknownLabelError(ValueError):
    """A label that the artifact refuses: one that is none of the categories of its feature.

    Feature, label and row, counted from 0, are in ``feature``, ``label`` and ``row``.
    """

    def __init__(self, feature: str, label: Any, row: int, others: int = 0):
        self.feature, self.label, self.row = feature, label, row
        more = f", nor are those of {others} more rows" if others else ""
        super().__init__(
            f"row {row}, {feature}: label {_shortened(label)} is none of the categories{more}; "
            "learn with another handle_unknown than error to let such rows pass"
        )

    def __reduce__(self) -> tuple:
        return type(self), (self.feature, self.label, self.row)


def load(path: Union[str, os.PathLike, BinaryIO], *, verify: bool = True) -> Scaler:
    """Read an artifact.

    ``path`` names a file, or is one that is open for reading bytes. Checked
    are, in this order, the SHA-256 of the file, its structure and its numbers
    (all there, of the right type and shape, finite, no scale 0), and that the
    example rows in it come out to the last bit. ``verify=False`` leaves out
    the first and the last of these, for a file that was verified before.

    Raises ArtifactError if anything is wrong, OSError if there is no file.
    """
    if hasattr(path, "read"):
        name, data = getattr(path, "name", "artifact"), path.read()
    else:
        name = os.fspath(path)
        with open(path, "rb") as file:
            data = file.read()
    try:
        return Scaler(data, verify)
    except ArtifactError as error:
        raise ArtifactError(f"{name}: refused: {error}") from error.__cause__


class Scaler:
    """A frozen pipeline: ``load`` makes it, nothing changes it.

    Attributes have scikit-learn's names where it has them.

    id : str
        SHA-256 of the artifact, in 64 hexadecimal digits.
    manifest : dict
        What the artifact says about itself, as JSON.
    columns : list of str
        Names of what ``transform`` returns: of each number, and of each array once. A
        one-hot feature has one for each of its numbers: state_idle, state_run, ...
    inputs, targets : lists of str
        Those of the columns that a model reads, and those, behind them, that it
        predicts: the features with ``role: target``.
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Names of the columns that ``transform`` takes. An array has one for each of
        its numbers, in row-major order: image_0_0, image_0_1, ...
    series : SeriesNames
        Names of the learned series, in byte order.
    exact : dict of str to ndarray of bool
        By feature, of those that want exact quantiles: whether those of each series
        (of an array each group of each series) are, to the last bit, or a sketch's;
        behind them, if the feature is pooled, those of all series together.
    categories : dict of str to list
        By feature, of those that hold labels: the labels that were learned, in the
        order of their codes.
    """

    def __init__(self, data: bytes, verify: bool = True):
        self.id = _check_hash(data, verify)
        with _Archive(data, self.id) as archive:
            self.manifest = archive.manifest()
            specs = _feature_specs(self.manifest)
            groups = _group_specs(self.manifest, specs)
            norms = _norm_specs(self.manifest, specs, groups)
            body = archive.arrays(specs, groups)
        self.columns: list[str] = self.manifest["columns"]
        self.series = SeriesNames(body["series.offsets"], body["series.bytes"])
        names = [name for s in specs for name in s.column_names()]
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self._records = body["series.records"]
        self._features = [_feature_of(s, body) for s in specs]
        named = {f.spec.name: f for f in self._features}
        for f in self._ratios(self._features):
            f.divisors = [named[name] for name in f.spec.by]
        self._norms = [_Norm([named[name] for name in members], norm) for members, norm in norms]
        self._groups = [_Group(g, self._features, body) for g in groups]
        members = {m for g in groups for m in g.members}
        plain = [f for f in self._features if f.spec.name not in members]
        inputs = [f for f in plain if f.spec.role != "target"]
        targets = plain[len(inputs) :]
        self._outputs: list[_Output] = [*inputs, *self._groups, *targets]
        _check_columns(self.manifest, self._outputs)
        _check_widths(self.manifest, self._features, members)
        self.targets = [c.name for f in targets for c in f.columns()]
        self.inputs = self.columns[: len(self.columns) - len(self.targets)]
        out = [name for f in self._outputs for c in f.columns() for name in c.column_names()]
        self._names_out = np.array(out, dtype=object)
        self.exact = {f.spec.name: f.exact for f in self._features if f.exact is not None}
        labels = [f for f in self._features if isinstance(f, _Labels)]
        self.categories = {f.spec.name: f.named() for f in labels}
        self._pools = all(s.shared or s.pooled for s in specs) and all(g.shared for g in groups)
        self._pooled = self.manifest["normalize"]["unknown_series"] == "pooled"
        self._keyed = bool(self.manifest["record"].get("series", {}).get("fields"))
        self._reject = self.manifest["record"].get("bad_value") != "missing"
        _check_numbers(self)
        if verify:
            _check_examples(self)

    def __repr__(self) -> str:
        return (
            f"<tare.Scaler {self.manifest['pipeline']} revision {self.manifest['revision']}: "
            f"{len(self.series)} series, {len(self._features)} features, artifact {self.id[:16]}>"
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the output columns; the argument is not read.

        They are those of ``feature_names_in_``: an array has a name for each number.
        The members of a group that is whitened are left out, and its outputs follow
        the other features, before the targets: motion_pca0, motion_pca1, ... A one-hot
        feature has a name for each category that has a column: state_idle, state_run, ...
        """
        return self._names_out.copy()

    def transform(
        self,
        X: Any,
        series: Optional[Names] = None,
        *,
        columns: Optional[Sequence[str]] = None,
        unknown: Optional[str] = None,
    ) -> Floats:
        """Return the normalized form of X, (n, n_columns).

        X is an array, (n, n_features), in the order of ``feature_names_in_``,
        or anything with columns by name: a dict of arrays, a DataFrame, a
        structured array; columns that are no features are not read. NaN is a
        missing value, and stays one unless the feature has an ``impute``.

        A feature that is an array takes a column for each of its numbers; by name
        it is one column, (n, *shape). If it is the only feature, X may be (n,
        *shape), and the result is too.

        A feature that is onehot or ordinal takes labels: strings, numbers or bools, None
        and NaN where they are missing. X by name has them in a column like any other; else
        it is an array of objects, or of strings if all features are such. A number is the
        category that is written as Python writes it, or else the first that is a number
        of the same value; True and False are the categories true and false.

        columns names what the result is to hold, in that order; all by default. X
        then has the features that it is made of alone, in the same order, and behind
        them those that only divide others. Where a model serves there is no target
        yet: name ``inputs``. Columns that are divided by one norm are named all or none.

        series is the name of the series that all rows belong to, or one name
        for each row. Where records have no series it can be left out.

        Rows of a series that was not learned are NaN, but for features that all
        series share; or, if the artifact says ``unknown_series: pooled``, they are
        normalized with the numbers of all series together. unknown says otherwise:
        "missing" or "pooled", or "raise", which raises UnknownSeriesError.

        A magnitude above 1e150 is a ValueError, or missing if the artifact says
        ``bad_value: missing``; so is a label of more than 64 KiB. A label that is none of
        the categories raises UnknownLabelError with ``handle_unknown: error``.
        """
        outputs = self._outputs if columns is None else self._named(list(columns))
        features = self._features
        if columns is not None:
            features = [m for f in outputs for m in f.members()]
            features += [m for f in outputs for m in f.reads()]
            features = list(dict.fromkeys(features))
        sources = [f.vocabulary if isinstance(f, _Labels) else f.spec for f in features]
        x, shape = _matrix(X, sources, self._reject)
        x = self._admit(x, features)
        ids = self._ids(series, len(x), unknown)
        target = _spans([f.spec.width for f in outputs])
        place = dict(zip(features, _spans([f.spec.size for f in features])))
        for f in features:
            strange = int(np.sum(x[:, place[f]] < 0)) if f.warns else 0
            if strange:
                text = f"{f.spec.name}: {strange} labels are none of the categories"
                warnings.warn(text, stacklevel=2)
        parts = [
            _Part(f.spec, _columns_of(f, place), at, f.forward) for f, at in zip(outputs, target)
        ]
        out = _by_block(x, ids, parts, sum(f.spec.width for f in outputs))
        where = dict(zip(outputs, target))
        for norm in self._norms:
            norm.forward(out, where)
        return out.reshape(shape) if out.shape[1] == math.prod(shape[1:]) else out

    def inverse_transform(
        self,
        Y: Any,
        series: Optional[Names] = None,
        *,
        columns: Optional[Sequence[str]] = None,
        unknown: Optional[str] = None,
    ) -> NDArray:
        """Return what ``transform`` maps to Y, in the units of the records.

        Y has a column for each of ``columns``, which are all by default, and one
        for each number of an array; name ``targets`` to map predictions back. The
        result has the same shape. The outputs of a group that is whitened are named
        all or none of them; its members come back in the order of
        ``feature_names_in_``, and in their place among ``columns`` if those are
        given. What was clipped comes back as the bound, and rows of a series that
        was not learned as for ``transform``. What was divided by its own norm is NaN,
        and so is what was divided by another feature, unless that is among columns.

        The outputs of a one-hot feature are named all or none of them too, and their
        largest decides. Where labels come back, the result is an array of objects:
        floats for numbers; labels as strings, numbers or bools, as the records had them;
        None for a label that is missing or unknown, and "infrequent_sklearn" for the
        infrequent ones.
        """
        outputs = self._outputs if columns is None else self._named(list(columns))
        y, shape = _matrix(Y, [c for f in outputs for c in f.columns()])
        ids = self._ids(series, len(y), unknown)
        source = _spans([f.spec.width for f in outputs])
        features = self._features
        if columns is not None:
            features = [m for f in outputs for m in f.members()]
        place = dict(zip(features, _spans([f.spec.size for f in features])))
        target = [place[f] if isinstance(f, _Feature) else _columns_of(f, place) for f in outputs]
        parts = [_Part(f.spec, *at, f.backward) for f, *at in zip(outputs, source, target)]
        out = _by_block(y, ids, parts, sum(f.spec.size for f in features))
        _inverse_alone(out, place, self._norms, self._ratios(features))
        if any(isinstance(f, _Labels) for f in features):
            return _with_labels(out, place)
        return out.reshape(shape) if all(isinstance(f, _Feature) for f in outputs) else out

    @staticmethod
    def _ratios(features: Any) -> list[_Ratio]:
        return [f for f in features if isinstance(f, _Ratio)]

    def _named(self, columns: list[str]) -> list[_Output]:
        """Return what has columns of these names, all of which must be named."""
        owner = {c.name: f for f in self._outputs for c in f.columns()}
        outputs = []
        while columns:
            if columns[0] not in owner:
                want = ", ".join(self.columns)
                raise ValueError(f"no column {columns[0]!r}, want some of {want}")
            output = owner[columns[0]]
            names = [c.name for c in output.columns()]
            if columns[: len(names)] != names:
                raise ValueError(f"column {columns[0]!r} alone, want {', '.join(names)}")
            outputs.append(output)
            columns = columns[len(names) :]
        return outputs

    def known(self, series: Names) -> NDArray[np.bool_]:
        """Return whether each series was learned; a single bool for one name."""
        return self.series.ids(series) >= 0

    def learned(self, series: Union[str, int, None]) -> dict[str, dict[str, Any]]:
        """Return what was learned of one series: numbers by name, by feature.

        None stands for a series that was not learned: its numbers are those of all
        series together, where the artifact has them.

        The statistics are those of the values after the pre-transforms. Of an
        array they are arrays with an item for each group. The landmarks of a
        quantile scaler are arrays; a list of them for the groups of an array. Of a
        group that is whitened they are the count of rows, the mean, the matrix
        whiten, (outputs, members), and its inverse unwhiten. Of a feature that holds
        labels they are the counts of records with a label and without, the categories,
        for each its count and whether it is infrequent, and how many records any of
        these counts may lack.

        Raises UnknownSeriesError.
        """
        if series is None and self._pools:
            everything = [*self._features, *self._groups]
            return {f.spec.name: f.learned(len(self.series)) for f in everything}
        if series is None:
            raise UnknownSeriesError("")
        at = self.series.ids(series)
        if at.ndim > 0:
            raise TypeError(f"learned takes the name of one series, not {series!r}")
        if at < 0:
            raise UnknownSeriesError(str(series))
        return {f.spec.name: f.learned(int(at)) for f in [*self._features, *self._groups]}

    def _admit(self, x: Floats, features: list[_Feature]) -> Floats:
        """Return x without the magnitudes that the artifact has no numbers for."""
        low = np.fmin.reduce(x, axis=None, initial=0.0)
        high = np.fmax.reduce(x, axis=None, initial=0.0)
        if -MAX_MAGNITUDE <= low and high <= MAX_MAGNITUDE:
            return x
        beyond = np.abs(x) > MAX_MAGNITUDE
        if self._reject:
            row, i = np.argwhere(beyond)[0]
            names = [name for f in features for name in f.spec.column_names()]
            raise ValueError(
                f"row {row}, {names[i]}: {x[row, i]}, "
                f"want a magnitude up to {MAX_MAGNITUDE}, or NaN"
            )
        return np.where(beyond, np.nan, x)

    def _ids(self, series: Optional[Names], n: int, unknown: Optional[str]) -> Ints:
        """Return the number of the series of each of n rows.

        Of an unknown one it is -1, or, if that is to have the numbers of all series
        together, one behind the last.
        """
        if unknown is None:
            unknown = "pooled" if self._pooled else "missing"
        if unknown not in ("missing", "pooled", "raise"):
            raise ValueError(f"unknown is {unknown!r}, want 'missing', 'pooled' or 'raise'")
        if unknown == "pooled" and not self._pools:
            raise ValueError("unknown is 'pooled', but the artifact has no numbers of all series")
        if series is None and self._keyed:
            raise TypeError(f"series is missing: say of which of {len(self.series)} each row is")
        series = "" if series is None else series
        items = _items(series)
        ids = self.series.ids(series if items is None else items)
        if items is None:
            items, ids = [series], np.full(n, ids)
        if len(ids) != n:
            raise ValueError(f"{len(ids)} series for {n} rows, want one a row, or one for all")
        if unknown == "raise" and np.any(ids < 0):
            strange = list(dict.fromkeys(_name(s) for s, at in zip(items, ids) if at < 0))
            raise UnknownSeriesError(strange[0], len(strange) - 1)
        return np.where(ids < 0, len(self.series), ids) if unknown == "pooled" else ids


_Columns = Union[slice, list[int]]  #: of a table


class _Part(NamedTuple):
    """Some columns of a table, and what makes others of them."""

    spec: Union[_Spec, _LabelSpec, _GroupSpec]
    source: _Columns
    target: _Columns
    step: Callable[[Floats, Ints], Floats]


def _spans(sizes: list[int]) -> list[slice]:
    """Return the columns of things that lie one behind the other."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(a, b) for a, b in zip(ends, ends[1:])]


def _columns_of(f: _Output, place: dict[Union[_Feature, _Labels], slice]) -> _Columns:
    """Return the columns of a feature, or of all that it or a group is made of."""
    if f.reads() == [f]:
        return place[f]
    return [i for m in f.reads() for i in range(place[m].start, place[m].stop)]


def _by_block(x: Floats, ids: Ints, parts: list[_Part], width: int) -> Floats:
    """Run the columns of each part through its step, in blocks that fit a cache."""
    out = np.full((len(x), width), np.nan)
    with np.errstate(all="ignore"):
        for part in parts:
            if not part.spec.shared and not np.any(ids >= 0):
                continue
            block = max(1, _BLOCK // part.spec.weight)
            for start in range(0, len(x), block):
                rows = slice(start, start + block)
                numbers = x[rows, part.source] + 0.0  # a copy, in which -0 is 0 as in records
                out[rows, part.target] = part.step(numbers, ids[rows])  # -1 reads the last series
            if not part.spec.shared:
                unknown = np.flatnonzero(ids < 0)
                out[np.ix_(unknown, np.arange(width)[part.target])] = np.nan
    return out


_BLOCK = 1 << 14


def _with_labels(x: Floats, place: dict[Union[_Feature, _Labels], slice]) -> NDArray[np.object_]:
    """Return a table with labels in the place of their codes."""
    out = x.astype(object)
    for f, at in place.items():
        if isinstance(f, _Labels):
            out[:, at] = f.label(x[:, at])
    return out


# What goes in: tables and names of series.


def _matrix(
    X: Any, specs: list[_Source], reject: bool = True
) -> tuple[Floats, tuple[int, ...]]:
    """Return X as a table with a column for each number, and the shape of the result.

    Columns are picked by name if X has names. A label becomes its code; one that is
    too long is missing unless it is to be rejected.
    """
    by_name = (
        isinstance(X, Mapping)
        or hasattr(X, "columns")
        or getattr(getattr(X, "dtype", None), "names", None)
    )
    if by_name:
        x = _stack([_feature_columns(X, spec, reject) for spec in specs], specs)
        return x, x.shape
    labels = any(isinstance(spec, _Vocabulary) for spec in specs)
    x = _as_array(X) if labels else _floats(X, "X")
    width = sum(spec.size for spec in specs)
    if len(specs) == 1 and specs[0].shape and x.ndim > 1 and x.shape[1:] == specs[0].shape:
        return x.reshape(len(x), width), x.shape
    if x.ndim != 2 or x.shape[1] != width:
        names = ", ".join(spec.title() for spec in specs)
        raise ValueError(f"X has shape {x.shape}, want (n, {width}): {names}")
    if labels:
        spans = _spans([spec.size for spec in specs])
        parts = [
            _read(x[:, at] if spec.shape else x[:, at.start], spec, reject)
            for spec, at in zip(specs, spans)
        ]
        x = np.column_stack(parts)
    return x, x.shape


def _as_array(X: Any) -> NDArray:
    """Return X as an array that has not made one type of several; pandas' NA is None."""
    x = np.asarray(X, dtype=object if isinstance(X, (list, tuple)) else None)
    if x.dtype.kind == "O" and hasattr(X, "isna"):
        return X.to_numpy(object, na_value=None)
    return x


def _read(values: Any, spec: _Source, reject: bool) -> Floats:
    """Return the numbers of a column, or the codes of its labels."""
    if isinstance(spec, _Vocabulary):
        return spec.codes(values, reject)
    return _floats(values, f"column {spec.name!r}")


def _feature_columns(X: Any, spec: _Source, reject: bool) -> Floats:
    """Return the numbers of a feature: (n,), or of an array (n, size)."""
    if not spec.shape:
        return _read(_column(X, spec.name), spec, reject)
    values = X[spec.name] if spec.name in _names(X) else None
    if values is None and spec.column_names()[0] in _names(X):
        parts = [_floats(_column(X, name), f"column {name!r}") for name in spec.column_names()]
        return np.stack(parts, axis=1)
    x = _rows(_column(X, spec.name) if values is None else values, spec)
    if x.ndim == 0 or x.shape[1:] not in (spec.shape, (spec.size,)):
        raise ValueError(f"column {spec.name!r} has shape {x.shape}, want (n, *{spec.shape})")
    return x.reshape(len(x), spec.size)


def _rows(values: Any, spec: _Spec) -> Floats:
    """Return a column of arrays as one array; None is an array of NaN."""
    if np.asarray(values).dtype.kind != "O":
        return _floats(values, f"column {spec.name!r}")
    missing = np.full(spec.shape, np.nan)
    rows = [
        missing if v is None else _floats(v.tolist() if hasattr(v, "tolist") else v, spec.name)
        for v in values
    ]
    return np.stack(rows) if rows else np.empty((0, *spec.shape))


def _names(X: Any) -> list[Any]:
    """Return the names of the columns of X."""
    have = getattr(X, "column_names", None) or getattr(X, "columns", None)
    return list(X) if isinstance(X, Mapping) else list(X.dtype.names if have is None else have)


def _column(X: Any, name: str) -> Any:
    try:
        return X[name]
    except (KeyError, ValueError, IndexError) as error:
        have = ", ".join(map(str, _names(X)))
        raise ValueError(f"X has no column {name!r}, only {have}") from error


def _stack(columns: list[Floats], specs: list[_Source]) -> Floats:
    for column, spec in zip(columns, specs):
        dimensions = 2 if spec.shape else 1
        if column.ndim != dimensions or len(column) != len(columns[0]):
            raise ValueError(
                f"column {spec.name!r} has shape {column.shape}, "
                f"want one dimension and the length of {specs[0].name!r}, {columns[0].shape}"
            )
    return np.column_stack(columns)


def _floats(values: Any, what: str) -> Floats:
    """Return values as float64; None is NaN. Text and truth are not numbers."""
    x = np.asarray(values)
    if x.dtype.kind == "O" and any(isinstance(v, (str, bytes, bool)) for v in x.flat):
        raise TypeError(f"{what} has text or bools, want numbers")
    if x.dtype.kind == "O" and hasattr(values, "to_numpy"):  # pandas' NA
        x = values.to_numpy(np.float64, na_value=np.nan)
    if x.dtype.kind not in "fiuO":
        raise TypeError(f"{what} has dtype {x.dtype}, want numbers")
    return x.astype(np.float64, copy=False)


class SeriesNames(Sequence):
    """The names of the learned series, in byte order: a sequence of str.

    Names are decoded when they are needed. ``name in series`` and ``ids`` take
    constant time for each name, after the first time.
    """

    def __init__(self, offsets: NDArray[np.uint64], text: NDArray[np.uint8]):
        self._offsets = offsets
        self._text = text.tobytes()
        self._table: Optional[_Table] = None

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, at: Union[int, slice]) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        i = range(len(self))[at]
        return _decode(self._text[int(self._offsets[i]) : int(self._offsets[i + 1])])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, (str, bytes, int, np.integer)) and bool(self.ids(name) >= 0)

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3]))
        return f"<{len(self)} series: {shown}{', ...' if len(self) > 3 else ''}>"

    def _encoded(self) -> Iterator[bytes]:
        """Yield the names as they lie in the artifact."""
        offsets = self._offsets.tolist()
        return (self._text[a:b] for a, b in zip(offsets, offsets[1:]))

    def ids(self, series: Names) -> Ints:
        """Return the number of each name, -1 for one that is not here.

        The result has no dimension for one name, and one for many. An integer
        stands for its digits, a tuple or list for the compact JSON array of
        its items, which is what names a series by several fields.
        """
        if self._table is None:
            self._table = _Table((_decode(name), i) for i, name in enumerate(self._encoded()))
        items = _items(series)
        if items is None:
            return np.array(self._table[_name(series)])
        return np.fromiter(map(self._table.__getitem__, items), np.int64, len(items))


class _Table(dict):
    """Numbers of series by name: -1 for others."""

    def __missing__(self, key: Any) -> int:
        return -1 if type(key) is str else self.get(_name(key), -1)


def _items(series: Any) -> Optional[list]:
    """Return the names in series, lists as tuples; None if it is a single name."""
    if hasattr(series, "columns"):  # a DataFrame: a name of several fields in each row
        series = series.to_numpy()
    for convert in ("tolist", "to_pylist"):
        series = getattr(series, convert, lambda: series)()
    if isinstance(series, (str, bytes, int)):
        return None
    items = list(series)
    return [tuple(s) for s in items] if items and isinstance(items[0], list) else items


def _name(series: Any) -> str:
    """Return the name of a series that is given as one of several types."""
    if isinstance(series, str):
        return str(series)
    if isinstance(series, bytes):
        return _decode(series)
    if isinstance(series, (int, np.integer)) and not isinstance(series, bool):
        return str(int(series))
    if isinstance(series, (tuple, list)):
        text = json.dumps([_name(s) for s in series], ensure_ascii=False, separators=(",", ":"))
        return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    raise TypeError(
        f"series {series!r} is of type {type(series).__name__}, want a string or an integer"
    )


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


# Features: pre-transforms, imputation, scaler.


class _Pre(NamedTuple):
    """A pre-transform: a fixed function before anything is learned."""

    forward: Callable[[Floats], Floats]
    inverse: Callable[[Floats], Floats]


class _Spec(NamedTuple):
    """How the manifest says that a feature is normalized."""

    name: str
    kind: str
    scaler: dict
    pre: list[Any]  # each with forward and inverse
    impute: Optional[str]  # mean, median, constant
    constant: float  # in the units of the record
    shape: tuple[int, ...]  # of an array; () for a number
    per: str  # "": statistics of each number; none: of the whole array; else of an axis
    scope: str  # global: statistics of all series together
    fixed: Optional[dict[str, list[float]]]  # mean and scale in place of learned ones
    exact: str  # whether exact quantiles are a must: require, prefer; "" for a sketch's
    role: str  # target: what a model predicts; "" for what it reads
    pooled: bool  # whether statistics of all series together are behind those of each
    by: tuple[str, ...] = ()  # features that a ratio is of; () for none

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """Numbers that come out."""
        return self.size

    @property
    def weight(self) -> int:
        """Numbers that a row takes."""
        return self.size

    @property
    def layout(self) -> tuple[int, ...]:
        """An array as outer, groups, inner: those with the same middle index share statistics.

        A number has no dimension.
        """
        if not self.shape:
            return ()
        if self.per == "none" or self.alone and self.per == "":
            return 1, 1, self.size
        if self.fixed and len(self.fixed["mean"] + self.fixed["scale"]) == 2:
            return 1, 1, self.size
        if self.per == "":
            return 1, self.size, 1
        axis = int(self.per)
        outer = math.prod(self.shape[:axis])
        return outer, self.shape[axis], math.prod(self.shape[axis + 1 :])

    @property
    def groups(self) -> int:
        return self.layout[1] if self.shape else 1

    @property
    def alone(self) -> bool:
        """Whether the record alone normalizes it."""
        return self.kind in ("normalizer", "ratio")

    @property
    def learns(self) -> bool:
        return self.fixed is None and not self.alone

    @property
    def shared(self) -> bool:
        """Whether all series, also unknown ones, share the statistics, or there are none."""
        return self.scope == "global" or not self.learns

    def n_entries(self, n_series: int) -> int:
        """Return the length of the arrays: series after series, the groups of each."""
        if not self.learns:
            return 0
        return self.groups if self.shared else (n_series + self.pooled) * self.groups

    def column_names(self) -> list[str]:
        """Return a name for each number."""
        if not self.shape:
            return [self.name]
        return [f"{self.name}_{'_'.join(map(str, at))}" for at in np.ndindex(*self.shape)]

    def title(self) -> str:
        return f"{self.name}[{','.join(map(str, self.shape))}]" if self.shape else self.name

    @property
    def params(self) -> tuple[str, ...]:
        return _KINDS[self.kind].params

    @property
    def ragged(self) -> bool:
        return self.kind in ("quantile", "kbins")

    @property
    def learns_impute(self) -> bool:
        return self.impute in ("mean", "median")


class _Feature:
    """One feature, ready for use.

    ``at`` holds the entry of each value: the place of its statistics. Its shape is
    that of the values, or goes with it as numpy's broadcasting has it.
    """

    warns = False

    def __init__(self, spec: _Spec, body: dict[str, NDArray]):
        self.spec = spec
        if spec.learns:
            self.stats = {name: body[f"{spec.name}.{name}"] for name in _STATISTICS}
            self.params = [body[f"{spec.name}.{name}"] for name in spec.params]
        else:
            self.stats = {}
            given = [np.array(spec.fixed[name]) for name in spec.params] if spec.fixed else []
            self.params = [np.broadcast_to(p, spec.groups) for p in given]
        self.offsets = body.get(f"{spec.name}.offsets")
        self.impute = body.get(f"{spec.name}.impute")
        self.exact = _marks(spec.name, body) if spec.exact else None
        self.step = _KINDS[spec.kind].make(self)
        if spec.impute == "constant":
            self.constant = float(self.prepare(np.array([spec.constant]))[0])
            if np.isnan(self.constant):
                raise ArtifactError(
                    f"feature {spec.name!r}: impute: constant {spec.constant} "
                    "is outside the domain of the pre-transforms or the scaler"
                )

    def first(self, ids: Ints) -> Ints:
        """Return the entry of the first group of each series."""
        if self.spec.shared:
            return np.zeros_like(ids)
        return ids if self.spec.groups == 1 else ids * self.spec.groups

    def entries(self, ids: Ints) -> Ints:
        """Return the entries of arrays of these series, in their layout."""
        first = self.first(ids)
        if not self.spec.shape:
            return first
        return first[:, None, None, None] + np.arange(self.spec.groups)[:, None]

    def members(self) -> list[_Feature]:
        return [self]

    def reads(self) -> list[_Feature]:
        """Return what transform is given the numbers of."""
        return [self]

    def columns(self) -> list[_Spec]:
        """Return what transform writes."""
        return [self.spec]

    def forward(self, x: Floats, ids: Ints) -> Floats:
        """Transform rows of series."""
        at = self.entries(ids)
        return self.transform(x.reshape(len(at), *self.spec.layout), at).reshape(len(at), -1)

    def backward(self, y: Floats, ids: Ints) -> Floats:
        """Take rows of series back."""
        at = self.entries(ids)
        return self.inverse(y.reshape(len(at), *self.spec.layout), at).reshape(len(at), -1)

    def prepare(self, x: Floats) -> Floats:
        for pre in self.spec.pre:
            x = pre.forward(x)
        return x

    def filled(self, x: Floats, at: Ints) -> Floats:
        """Return what the scaler is given."""
        x = self.prepare(x)
        if self.spec.learns_impute:
            x = np.where(np.isnan(x), self.impute[at], x)
        elif self.spec.impute:
            x = np.where(np.isnan(x), self.constant, x)
        return x

    def transform(self, x: Floats, at: Ints) -> Floats:
        return self._scale(self.step.transform, self.filled(x, at), at)

    def inverse(self, y: Floats, at: Ints) -> Floats:
        return self.undo(self._scale(self.step.inverse, y, at))

    def undo(self, x: Floats) -> Floats:
        """Return what the pre-transforms map to x."""
        for pre in reversed(self.spec.pre):
            x = pre.inverse(x)
        return x

    def _scale(self, step: Callable[[Floats, Ints], Floats], x: Floats, at: Ints) -> Floats:
        if not self.spec.ragged or x.ndim == 1:
            return step(x, at)
        return step(x.ravel(), np.broadcast_to(at, x.shape).ravel()).reshape(x.shape)

    def learned(self, series: int) -> dict[str, Any]:
        first = int(self.first(np.array(series)))
        if not self.spec.shape:
            return self._entry(first)
        entries = [self._entry(first + g) for g in range(self.spec.groups)]
        return {
            name: [e[name] for e in entries]
            if self.offsets is not None and name in self.spec.params
            else np.array([e[name] for e in entries])
            for name in entries[0]
        }

    def _entry(self, at: int) -> dict[str, Any]:
        numbers = {name: array[at].item() for name, array in self.stats.items()}
        if self.impute is not None:
            numbers["impute"] = self.impute[at].item()
        if self.exact is not None:
            numbers["exact"] = self.exact[at].item()
        for name, array in zip(self.spec.params, self.params):
            if self.offsets is None:
                numbers[name] = array[at].item()
            else:
                numbers[name] = array[int(self.offsets[at]) : int(self.offsets[at + 1])]
        return numbers


class _Ratio(_Feature):
    """Numbers that are divided by other numbers of their record.

    divisors has one feature for each index of the last axis, or one for all.
    """

    divisors: list[_Feature]

    def reads(self) -> list[_Feature]:
        return [*dict.fromkeys(self.divisors), self]

    def each(self, numbers: Ints) -> list[_Feature]:
        """Return what divides these numbers of an array."""
        return [self.divisors[i] for i in numbers % len(self.divisors)]

    def forward(self, x: Floats, ids: Ints) -> Floats:
        *others, _ = self.reads()
        by = [others.index(d) for d in self.each(np.arange(self.spec.size))]
        return self.divide(x[:, len(others) :], x[:, by])

    def backward(self, y: Floats, ids: Ints) -> Floats:
        """Return y as it is: _inverse_alone knows the divisors."""
        return y

    def divide(self, x: Floats, by: Floats) -> Floats:
        y = self.filled(x, np.empty(0, np.int64)) / np.where(by > 0, by, np.nan)
        return _bound(y, 0.0, 1.0) if self.spec.scaler.get("clip") else y

    def multiply(self, y: Floats, by: Floats) -> Floats:
        return self.undo(y * np.where(by > 0, by, np.nan))


class _Norm:
    """Features of which the outputs in one record are divided by their norm."""

    def __init__(self, members: list[_Feature], norm: str):
        self.members, self.norm = members, norm

    def forward(self, out: Floats, where: Mapping[Any, slice]) -> None:
        """Divide the columns of the members, which are there all or none."""
        there = [f for f in self.members if f in where]
        if there and len(there) < len(self.members):
            names = ", ".join(f.spec.name for f in self.members)
            raise ValueError(f"column {there[0].spec.name!r} is divided by a norm of {names}: name all")
        if there:
            columns = [where[f].start for f in there]
            with np.errstate(all="ignore"):
                out[:, columns] = _by_norm(out[:, columns], self.norm)


def _inverse_alone(
    out: Floats, where: Mapping[_Feature, Any], norms: list[_Norm], ratios: list[_Ratio]
) -> None:
    """Do what is left when the columns of all others are in the units of the record.

    What was divided by a norm is NaN; what was divided by another feature is
    multiplied, if that is there.
    """
    for norm in norms:
        for f in norm.members:
            if f in where:
                out[:, where[f]] = np.nan
    nothing = np.full((len(out), 1), np.nan)
    for f in ratios:
        by = [out[:, where[d]] if d in where else nothing for d in f.each(np.arange(f.spec.size))]
        with np.errstate(all="ignore"):
            out[:, where[f]] = f.multiply(out[:, where[f]], np.concatenate(by, axis=1))


class _LabelSpec(NamedTuple):
    """How the manifest says that a feature's labels become numbers.

    All series share what was learned of them.
    """

    name: str
    encoding: dict
    role: str  # as that of a _Spec
    width: int = 0  # numbers that come out: known with the categories

    size = 1
    shape = ()
    kind = "none"
    scope = "global"
    shared = True
    pooled = False
    fixed = None
    by = ()
    alone = False
    learns = True
    exact = ""
    groups = 1

    @property
    def weight(self) -> int:
        return self.width

    def column_names(self) -> list[str]:
        return [self.name]

    def title(self) -> str:
        return self.name


class _Labels:
    """A feature that holds labels, ready for use.

    A label's code is its place among the categories. NaN stands for a missing label, -1
    for one that is none of them, and one past the last for the infrequent ones together.
    """

    exact = None

    def __init__(self, spec: _LabelSpec, body: dict[str, NDArray]):
        name, encoding = spec.name, spec.encoding
        self.count, self.missing, self.error = (
            body[f"{name}.{k}"].item() for k in ("count", "missing", "labels.error")
        )
        self.counts = body[f"{name}.labels.count"]
        self.infrequent = _infrequent(spec, body[f"{name}.infrequent"])
        kind = _label_kind(body[f"{name}.labels.kind"].item(), name)
        categories = _categories(spec, body, kind)
        self.vocabulary = _Vocabulary(name, categories, encoding["handle_unknown"] == "error")
        self.step = _ENCODERS[encoding["kind"]].make(encoding, categories, self.infrequent)
        self.spec = spec._replace(width=self.step.width)
        dropping = "drop" in encoding or "drop_label" in encoding
        handling = encoding["handle_unknown"]
        self.warns = handling == "warn" or dropping and handling != "error"
        values = [*map(kind.value, categories), _INFREQUENT, None]
        self._labels = np.array(values, dtype=object)

    def named(self) -> list[Any]:
        """Return the categories as they come back from codes."""
        return self._labels[:-2].tolist()

    def label(self, codes: Floats) -> NDArray[np.object_]:
        """Return the labels of codes, None for one that is missing or unknown."""
        return self._labels[_known(codes, len(self._labels) - 1)]

    def first(self, ids: Ints) -> Ints:
        return np.zeros_like(ids)

    def members(self) -> list[_Labels]:
        return [self]

    def reads(self) -> list[_Labels]:
        return [self]

    def columns(self) -> list[_Name]:
        return [_Name(name) for name in self.step.names(self.spec.name, self.vocabulary.labels)]

    def forward(self, x: Floats, ids: Ints) -> Floats:
        return self.step.transform(x[:, 0])

    def backward(self, y: Floats, ids: Ints) -> Floats:
        return self.step.inverse(y)[:, None]

    def learned(self, series: int) -> dict[str, Any]:
        return {
            "count": self.count,
            "missing": self.missing,
            "categories": self.named(),
            "counts": self.counts,
            "infrequent": self.infrequent,
            "error": self.error,
        }


_INFREQUENT = "infrequent_sklearn"  # scikit-learn's name of all infrequent categories together


class _LabelKind(NamedTuple):
    """What labels were in the records."""

    name: str
    has: Callable[[str], bool]  # whether a label is of the kind
    value: Callable[[str], Any]  # what it is in Python
    order: Callable[[str], Any]  # of two labels that of the lesser is less; bytes decide the rest


def _is_json_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", text, re.ASCII))


def _number_of(text: str) -> Any:
    """Return the value of a number in JSON; one that is no finite float64 as it is written."""
    x = float(text)
    if not math.isfinite(x):
        return text
    return int(text) if text.lstrip("-").isdigit() else x


_LABEL_KINDS = {
    1: _LabelKind("text", lambda text: True, str, lambda text: 0),
    2: _LabelKind("number", _is_json_number, _number_of, float),
    3: _LabelKind("bool", ("false", "true").__contains__, "true".__eq__, lambda text: 0),
}


def _label_kind(number: int, name: str) -> _LabelKind:
    if number not in _LABEL_KINDS:
        raise ArtifactError(f"{name}.labels.kind.npy: {number}, want 1 to {len(_LABEL_KINDS)}")
    return _LABEL_KINDS[number]


def _categories(spec: _LabelSpec, body: dict[str, NDArray], kind: _LabelKind) -> list[str]:
    """Return the labels of a file, in the order of their codes."""
    name = f"{spec.name}.labels"
    offsets, text = body[f"{name}.offsets"], body[f"{name}.bytes"].tobytes()
    _check_rising(f"{name}.offsets", offsets, len(text))
    ends = offsets.tolist()
    try:
        labels = [text[a:b].decode() for a, b in zip(ends, ends[1:])]
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{name}.bytes.npy: a label is not UTF-8: {error}") from error
    if not labels or len(set(labels)) != len(labels):
        raise ArtifactError(f"feature {spec.name!r}: want at least one category, and each once")
    for label in labels:
        if not kind.has(label):
            raise ArtifactError(f"feature {spec.name!r}: {_shortened(label)} is no {kind.name}")
    given = spec.encoding.get("categories")
    if given is not None and labels != given:
        raise ArtifactError(f"feature {spec.name!r}: the categories are not those given")
    keys = [(kind.order(label), label.encode()) for label in labels]
    if given is None and any(a >= b for a, b in zip(keys, keys[1:])):
        raise ArtifactError(f"feature {spec.name!r}: the categories are not sorted")
    return labels


def _infrequent(spec: _LabelSpec, marks: Floats) -> NDArray[np.bool_]:
    limits = "min_frequency" in spec.encoding or "max_categories" in spec.encoding
    if not np.all((marks == 0) | ((marks == 1) & limits)):
        want = "0 or 1" if limits else "0 without min_frequency and max_categories"
        raise ArtifactError(f"{spec.name}.infrequent.npy: want {want}")
    return marks == 1


class _Vocabulary:
    """A column of labels, and their codes."""

    shape = ()
    size = 1

    def __init__(self, name: str, labels: list[str], reject: bool):
        self.name, self.labels = name, labels
        self._codes = _Codes(labels)
        self._reject = reject

    def title(self) -> str:
        return self.name

    def codes(self, values: Any, reject_long: bool) -> Floats:
        """Return the codes of labels. They are unknown only where that is no error."""
        x = _as_array(values)
        if x.ndim != 1:
            raise ValueError(f"column {self.name!r} has shape {x.shape}, want one dimension")
        if x.dtype.kind in "biuf":
            distinct, at = np.unique(x, return_inverse=True)
            codes = self._look_up(distinct.tolist())[at]
        else:
            codes = self._look_up(x.tolist())
        self._admit(x, codes, reject_long)
        return codes

    def _look_up(self, labels: list[Any]) -> Floats:
        try:
            return np.fromiter(map(self._codes.__getitem__, labels), np.float64, len(labels))
        except TypeError:
            odd = next(label for label in labels if not isinstance(label, _LABEL_TYPES))
            raise TypeError(
                f"column {self.name!r} has {odd!r} of type {type(odd).__name__}, "
                "want strings, numbers, bools or None"
            ) from None

    def _admit(self, x: NDArray, codes: Floats, reject_long: bool) -> None:
        """Refuse labels that are unknown, and have those that are too long missing."""
        for row in np.flatnonzero(codes < 0):
            size = _bytes_of(x[row])
            if size <= MAX_LABEL:
                continue
            if reject_long:
                want = f"want up to {MAX_LABEL}, or None"
                raise ValueError(f"row {row}, {self.name}: a label of {size} bytes, {want}")
            codes[row] = np.nan
        strange = np.flatnonzero(codes < 0)
        if self._reject and len(strange):
            row = int(strange[0])
            raise UnknownLabelError(self.name, _text(x[row]), row, len(strange) - 1)


class _Codes(dict):
    """Codes of labels: by their text, or if they are numbers by their value."""

    def __init__(self, labels: list[str]):
        super().__init__(zip(labels, map(float, range(len(labels)))))
        self._by_value: dict[Any, float] = {}
        for label, code in self.items():
            if _is_json_number(label):
                self._by_value.setdefault(_number_of(label), code)

    def __missing__(self, label: Any) -> float:
        if type(label) is str:
            return -1.0
        if label is None or isinstance(label, _FLOATS) and np.isnan(label):
            return math.nan
        code = self.get(_text(label), -1.0)
        if code < 0 and isinstance(label, _NUMBERS) and not isinstance(label, bool):
            return self._by_value.get(label, -1.0)
        return code


_FLOATS = (float, np.floating)
_NUMBERS = (int, np.integer, *_FLOATS)
_LABEL_TYPES = (str, bytes, np.bool_, *_NUMBERS, type(None))


def _text(label: Any) -> str:
    """Return a label as JSON writes it, a string as it is."""
    if isinstance(label, str):
        return str(label)
    if isinstance(label, bytes):
        return _decode(label)
    if isinstance(label, (bool, np.bool_)):
        return "true" if label else "false"
    if not isinstance(label, _NUMBERS):
        raise TypeError(f"a label of type {type(label).__name__}")
    return repr(label.item() if isinstance(label, np.generic) else label)


def _bytes_of(label: Any) -> int:
    """Return the length of a label, at least where it is long."""
    if not isinstance(label, (str, bytes)) or 4 * len(label) <= MAX_LABEL:
        return 0
    return len(_text(label).encode("utf-8", "surrogatepass"))


def _shortened(label: Any) -> str:
    text = repr(label)
    return text if len(text) <= 60 else f"{text[:60]}..."


class _Groups(NamedTuple):
    """Categories that are told apart: the frequent ones, then the infrequent ones together."""

    of: Ints  # of each category
    codes: Floats  # of each group's category; one past the last for the infrequent

    @classmethod
    def make(cls, infrequent: NDArray[np.bool_]) -> _Groups:
        frequent = np.flatnonzero(~infrequent)
        of = np.full(len(infrequent), len(frequent))
        of[frequent] = np.arange(len(frequent))
        rare = [len(infrequent)] if infrequent.any() else []
        return cls(of, np.array([*frequent, *rare], dtype=np.float64))


def _known(codes: Floats, n: int) -> Ints:
    """Return codes below n as places, n for all others."""
    return np.where((codes >= 0) & (codes < n), codes, n).astype(np.int64)


class _OneHot:
    """onehot: 1 in the column of the label's group, 0 elsewhere."""

    def __init__(self, groups: _Groups, dropped: int, to_rare: bool, reject: bool):
        self.codes = np.delete(groups.codes, [] if dropped < 0 else dropped)
        self.zeros = groups.codes[dropped] if dropped >= 0 else -1.0  # code of a row of zeros
        self.width = len(self.codes)
        column = np.arange(len(groups.codes))
        if dropped >= 0:
            column[dropped + 1 :] -= 1
            column[dropped] = -1
        self.column = np.append(column[groups.of], column[-1] if to_rare else -1)
        self.reject = reject

    def names(self, feature: str, labels: list[str]) -> list[str]:
        return [f"{feature}_{[*labels, _INFREQUENT][int(code)]}" for code in self.codes]

    def transform(self, codes: Floats) -> Floats:
        place = _known(codes, len(self.column) - 1)
        column = self.column[place]
        rows = np.flatnonzero(column >= 0)
        y = np.zeros((len(codes), self.width))
        y[rows, column[rows]] = 1.0
        unknown = place == len(self.column) - 1
        y[np.isnan(codes) | (unknown & self.reject)] = np.nan
        return y

    def inverse(self, y: Floats) -> Floats:
        """Return the code of the first of the largest numbers of each row."""
        total = np.add.accumulate(y, axis=1)[:, -1]  # from the first to the last as in Go
        codes = np.where(total == 0, self.zeros, self.codes[np.argmax(y, axis=1)])
        return np.where(np.isnan(total), np.nan, codes)


class _Ordinal:
    """ordinal: the number of the label's group."""

    def __init__(self, groups: _Groups, unknown: float, missing: float):
        self.numbers = np.append(groups.of.astype(np.float64), unknown)
        self.codes, self.missing = groups.codes, missing
        self.width = 1

    def names(self, feature: str, labels: list[str]) -> list[str]:
        return [feature]

    def transform(self, codes: Floats) -> Floats:
        numbers = self.numbers[_known(codes, len(self.numbers) - 1)]
        return np.where(np.isnan(codes), self.missing, numbers)[:, None]

    def inverse(self, y: Floats) -> Floats:
        """Return the codes of numbers, whose fraction is cut."""
        codes = np.append(self.codes, -1.0)[_known(y[:, 0], len(self.codes))]
        missing = np.isnan(y[:, 0]) | (y[:, 0] == self.missing)
        return np.where(missing & (codes < 0), np.nan, codes)


def _make_onehot(e: dict, labels: list[str], infrequent: NDArray[np.bool_]) -> _OneHot:
    groups, dropped = _Groups.make(infrequent), -1
    if "drop_label" in e:
        label = e["drop_label"]
        code = labels.index(label) if label in labels else -1
        if code < 0 or infrequent[code]:
            raise ArtifactError(f"drop_label {label!r} is not one of the frequent categories")
        dropped = int(groups.of[code])
    elif e.get("drop") == "first" or e.get("drop") == "if_binary" and len(groups.codes) == 2:
        dropped = 0
    if dropped == 0 and len(groups.codes) == 1:
        raise ArtifactError("drop leaves no column")
    handling = e["handle_unknown"]
    to_rare = bool(infrequent.any()) and handling in ("infrequent_if_exist", "warn")
    return _OneHot(groups, dropped, to_rare, handling == "error")


def _make_ordinal(e: dict, labels: list[str], infrequent: NDArray[np.bool_]) -> _Ordinal:
    values = [e.get(name, np.nan) for name in ("unknown_value", "encoded_missing_value")]
    frequent = int(np.sum(~infrequent))
    if any(0 <= v < frequent for v in values):
        raise ArtifactError(f"unknown or missing labels become {values}, which a category has")
    return _Ordinal(_Groups.make(infrequent), *map(float, values))


class _Encoder(NamedTuple):
    handle_unknown: tuple[str, ...]
    options: tuple[str, ...]  # of this kind alone
    make: Callable[[dict, list[str], NDArray[np.bool_]], Union[_OneHot, _Ordinal]]


_ENCODERS = {
    "onehot": _Encoder(
        ("error", "ignore", "infrequent_if_exist", "warn"), ("drop", "drop_label"), _make_onehot
    ),
    "ordinal": _Encoder(
        ("error", "use_encoded_value"), ("unknown_value", "encoded_missing_value"), _make_ordinal
    ),
}


def _feature_of(
    spec: Union[_Spec, _LabelSpec], body: dict[str, NDArray]
) -> Union[_Feature, _Labels]:
    if isinstance(spec, _LabelSpec):
        return _Labels(spec, body)
    return (_Ratio if spec.by else _Feature)(spec, body)


class _GroupSpec(NamedTuple):
    """How the manifest says that features are whitened together."""

    name: str
    method: str
    members: list[str]  # names of features
    size: int  # outputs
    shared: bool  # whether all series, also unknown ones, share the projection

    @property
    def width(self) -> int:
        return self.size

    @property
    def weight(self) -> int:
        return self.numbers

    @property
    def numbers(self) -> int:
        """Parameters of an entry: means, W and B."""
        return len(self.members) * (1 + 2 * self.size)

    def column_names(self) -> list[str]:
        return [f"{self.name}_{self.method}{i}" for i in range(self.size)]

    def n_entries(self, n_series: int) -> int:
        return 1 if self.shared else n_series


class _Name(NamedTuple):
    """One output of a group or of labels."""

    name: str
    shape: tuple[int, ...] = ()
    size: int = 1

    def column_names(self) -> list[str]:
        return [self.name]

    def title(self) -> str:
        return self.name


class _Group:
    """Features that are whitened together: z = W (x - mean), and back x = B z + mean."""

    def __init__(self, spec: _GroupSpec, features: list[_Feature], body: dict[str, NDArray]):
        self.spec = spec
        named = {f.spec.name: f for f in features}
        self._members = [named[name] for name in spec.members]
        self.count = body[f"{spec.name}.count"]
        self.params = body[f"{spec.name}.whiten"].reshape(len(self.count), spec.numbers)

    def members(self) -> list[_Feature]:
        return self._members

    def reads(self) -> list[_Feature]:
        return self._members

    def columns(self) -> list[_Name]:
        return [_Name(name) for name in self.spec.column_names()]

    def _split(self, ids: Ints) -> tuple[Floats, Floats, Floats]:
        """Return the means, W and B of rows, or of all where series share them."""
        p = self.params if self.spec.shared else self.params[ids]
        d, k = len(self._members), self.spec.size
        w, b = p[:, d : d + d * k], p[:, d + d * k :]
        return p[:, :d], w.reshape(len(p), k, d), b.reshape(len(p), d, k)

    def forward(self, x: Floats, ids: Ints) -> Floats:
        mean, w, _ = self._split(ids)
        members = [f.filled(x[:, i], f.first(ids)) for i, f in enumerate(self._members)]
        centered = np.stack(members, axis=1) - mean
        return _sum_products(centered, w)

    def backward(self, z: Floats, ids: Ints) -> Floats:
        mean, _, b = self._split(ids)
        x = _sum_products(z, b) + mean
        return np.stack([f.undo(x[:, i]) for i, f in enumerate(self._members)], axis=1)

    def learned(self, series: int) -> dict[str, Any]:
        at = 0 if self.spec.shared else series
        mean, w, b = self._split(np.array([at]))
        return {"count": self.count[at].item(), "mean": mean[0], "whiten": w[0], "unwhiten": b[0]}


_Output = Union[_Feature, _Labels, _Group]  #: what transform writes
_Source = Union[_Spec, _Vocabulary, _Name]  #: columns of a table


def _sum_products(x: Floats, m: Floats) -> Floats:
    """Return m x of each row, summed from the first column to the last as in Go."""
    z = np.zeros((len(x), m.shape[1]))
    for j in range(m.shape[2]):
        z += x[:, j : j + 1] * m[:, :, j]
    return z


def _marks(name: str, body: dict[str, NDArray]) -> NDArray[np.bool_]:
    marks = body[f"{name}.exact"]
    if np.any(marks > 1):
        raise ArtifactError(f"{name}.exact.npy: an item is neither 0 nor 1")
    return marks.astype(bool)


_STATISTICS = {
    "count": "<u8",
    "missing": "<u8",
    "data_min": "<f8",
    "data_max": "<f8",
    "data_mean": "<f8",
    "data_var": "<f8",
}


class _Identity:
    """none: values as they are."""

    def transform(self, x: Floats, at: Ints) -> Floats:
        return x

    inverse = transform


class _Normalizer:
    """normalizer: each group of an array of a record by its own norm."""

    def __init__(self, norm: str):
        self.norm = norm

    def transform(self, x: Floats, at: Ints) -> Floats:
        if x.ndim == 2:  # an array, and not its groups
            return _by_norm(x, self.norm)
        runs = np.moveaxis(x, 2, 1)
        y = _by_norm(runs.reshape(len(x) * x.shape[2], -1), self.norm)
        return np.moveaxis(y.reshape(runs.shape), 1, 2)

    def inverse(self, y: Floats, at: Ints) -> Floats:
        return np.full_like(y, np.nan)


_NORMS = ("l1", "l2", "max", "peak", "standard")


def _by_norm(x: Floats, norm: str) -> Floats:
    """Return each row less its mean and by its deviation (standard), or by its norm."""
    mean = 0.0
    if norm == "standard":
        mean, scale = _moments(x)
    elif norm == "l1":
        scale = _non_zero(_lanes(np.abs(x), 4))
    elif norm == "l2":
        scale = _non_zero(np.sqrt(_lanes(x * x, 4)))
    else:
        scale = _non_zero(np.max(np.abs(x), axis=1, keepdims=True))
    return (x - mean) / scale


def _moments(x: Floats) -> tuple[Floats, Floats]:
    """Return the mean of each row and its deviation, which is 1 of a constant row."""
    n = float(x.shape[1])
    mean = _lanes(x, 4) / n
    d = x - mean
    off, squares = _lanes(d, 2), _lanes(d * d, 2)
    mean, variance = mean + off / n, (squares - off * off / n) / n
    spread = n * mean * _EPSILON
    constant = variance <= n * _EPSILON * variance + spread * spread
    return mean, np.where(constant, 1.0, np.sqrt(variance))


_EPSILON = 2.0**-52


def _non_zero(scale: Floats) -> Floats:
    return np.where(scale < 10 * _EPSILON, 1.0, scale)


def _lanes(x: Floats, n: int) -> Floats:
    """Return the sum of each row as Go adds it: every n-th number in a lane of its own.

    What is left over at the end goes to the first lane. cumsum adds one by one.
    """
    whole = x.shape[1] // n
    lanes = np.zeros((len(x), n))
    if whole > 0:
        lanes = np.cumsum(x[:, : whole * n].reshape(len(x), whole, n), axis=1)[:, -1]
    for i in range(whole * n, x.shape[1]):
        lanes[:, 0] += x[:, i]
    sums = lanes[:, 0] + lanes[:, 1]
    return (sums + (lanes[:, 2] + lanes[:, 3]) if n == 4 else sums)[:, None]


class _Linear:
    """standard and robust: (x - center) / scale."""

    def __init__(self, center: Floats, scale: Floats):
        self.center, self.scale = center, scale

    def transform(self, x: Floats, at: Ints) -> Floats:
        return (x - self.center[at]) / self.scale[at]

    def inverse(self, y: Floats, at: Ints) -> Floats:
        return y * self.scale[at] + self.center[at]


class _MinMax:
    """minmax: x * scale + min, then into [low, high]."""

    def __init__(self, offset: Floats, scale: Floats, low: float = -np.inf, high: float = np.inf):
        self.offset, self.scale, self.low, self.high = offset, scale, low, high

    def transform(self, x: Floats, at: Ints) -> Floats:
        return _bound(x * self.scale[at] + self.offset[at], self.low, self.high)

    def inverse(self, y: Floats, at: Ints) -> Floats:
        return (y - self.offset[at]) / self.scale[at]


class _MaxAbs:
    """maxabs: x / scale, then into [-bound, bound]."""

    def __init__(self, scale: Floats, bound: float = np.inf):
        self.scale, self.bound = scale, bound

    def transform(self, x: Floats, at: Ints) -> Floats:
        return _bound(x / self.scale[at], -self.bound, self.bound)

    def inverse(self, y: Floats, at: Ints) -> Floats:
        return y * self.scale[at]


def _bound(x: Floats, low: float, high: float) -> Floats:
    """Return x within [low, high]; NaN stays NaN."""
    x = np.where(x < low, low, x)
    return np.where(x > high, high, x)


# What counts as an end of the range, normal output only: scikit-learn's
# BOUNDS_THRESHOLD. The ends of that output are the quantiles of it less 2^-52.
_MARGIN = 1e-7
_LOWEST, _HIGHEST = -5.199337582605575, 5.19933758270342


class _Power:
    """yeo_johnson and box_cox: (bend(x) - mean) / scale."""

    def __init__(
        self,
        bend: Callable[[Floats, Floats], Floats],
        unbend: Callable[[Floats, Floats], Floats],
        power: Floats,
        mean: Floats,
        scale: Floats,
    ):
        self.bend, self.unbend = bend, unbend
        self.power, self.mean, self.scale = power, mean, scale

    def transform(self, x: Floats, at: Ints) -> Floats:
        return (self.bend(x, self._powers(x, at)) - self.mean[at]) / self.scale[at]

    def inverse(self, y: Floats, at: Ints) -> Floats:
        return self.unbend(y * self.scale[at] + self.mean[at], self._powers(y, at))

    def _powers(self, x: Floats, at: Ints) -> Floats:
        return np.broadcast_to(self.power[at], x.shape)


_EPSILON = 2.0**-52


def _bend(u: Floats, power: Floats) -> Floats:
    """Return (e^(power u) - 1) / power, u where that is 0."""
    return np.where(np.abs(power) < _EPSILON, u, _expm1(power * u) / power)


def _unbend(y: Floats, power: Floats) -> Floats:
    return np.where(np.abs(power) < _EPSILON, y, _log1p(power * y) / power)


def _yeo_johnson(x: Floats, power: Floats) -> Floats:
    below = x < 0
    y = _bend(_log1p(np.abs(x)), np.where(below, 2 - power, power))
    return np.where(power == 1, x, np.where(below, -y, y))


def _yeo_johnson_inverse(y: Floats, power: Floats) -> Floats:
    below = y < 0
    x = _expm1(_unbend(np.abs(y), np.where(below, 2 - power, power)))
    return np.where(power == 1, y, np.where(below, -x, x))


def _box_cox(x: Floats, power: Floats) -> Floats:
    return _bend(_log(x), power)


def _box_cox_inverse(y: Floats, power: Floats) -> Floats:
    return _exp(_unbend(y, power))


def _box_cox_shifted(x: Floats, power: Floats) -> Floats:
    """Return Box and Cox's y, but x, not x - 1, for a power of 1: the mean takes up the rest."""
    return np.where(power == 1, _positive(x), _box_cox(x, power))


def _box_cox_shifted_inverse(y: Floats, power: Floats) -> Floats:
    return np.where(power == 1, _positive(y), _box_cox_inverse(y, power))


def _positive(x: Floats) -> Floats:
    """Return x where it is above 0."""
    return np.where(x <= 0, np.nan, x)


def _unchanged(y: Floats) -> Floats:
    return y


class _KBins:
    """kbins: the number of the bin; each bin has its lower edge.

    offsets, (n_series + 1,), say where the edges of each series lie.
    """

    def __init__(self, offsets: NDArray, edges: Floats):
        self.first = offsets[:-1].astype(np.int64)
        self.bins = np.diff(offsets.astype(np.int64)) - 1
        self.edges = edges

    def transform(self, x: Floats, at: Ints) -> Floats:
        out = np.full(x.shape, np.nan)
        rows = np.flatnonzero((self.bins[at] > 0) & ~np.isnan(x))
        first = self.first[at[rows]]
        out[rows] = _segment(self.edges, x[rows], first, self.bins[at[rows]]) - first
        return out

    def inverse(self, y: Floats, at: Ints) -> Floats:
        out = np.full(y.shape, np.nan)
        rows = np.flatnonzero((y > -1) & (y < self.bins[at]))
        i = self.first[at[rows]] + y[rows].astype(np.int64)
        out[rows] = (self.edges[i + 1] + self.edges[i]) * 0.5
        return out


class _Quantile:
    """quantile: the rank among the landmarks of the series, to the normal distribution if asked.

    offsets, (n_series + 1,), say where the landmarks of each series lie in
    references and values, which rise within a series.
    """

    def __init__(self, offsets: NDArray, references: Floats, values: Floats, normal: bool):
        self.first = offsets[:-1].astype(np.int64)
        self.size = np.diff(offsets.astype(np.int64))
        self.references, self.values, self.normal = references, values, normal

    def transform(self, x: Floats, at: Ints) -> Floats:
        return self._where_learned(self._to_normal if self.normal else self._to_uniform, x, at)

    def inverse(self, y: Floats, at: Ints) -> Floats:
        return self._where_learned(self._from_normal if self.normal else self._from_uniform, y, at)

    def _where_learned(
        self, step: Callable[[Floats, Ints, Ints], Floats], x: Floats, at: Ints
    ) -> Floats:
        """Run step over the values of the series that have landmarks; others are NaN."""
        first, size = self.first[at], self.size[at]
        rows = np.flatnonzero(size)
        if len(rows) == len(x):
            return step(x, first, size)
        out = np.full(len(x), np.nan)
        if len(rows) > 0:
            out[rows] = step(x[rows], first[rows], size[rows])
        return out

    def _to_uniform(self, x: Floats, first: Ints, size: Ints) -> Floats:
        u = self._rank(x, first, size)
        u = np.where(x == self.values[first + size - 1], 1.0, u)
        return np.where(x == self.values[first], 0.0, u)

    def _to_normal(self, x: Floats, first: Ints, size: Ints) -> Floats:
        z = _bound(_normal_quantile(self._rank(x, first, size)), _LOWEST, _HIGHEST)
        z = np.where(x + _MARGIN > self.values[first + size - 1], _HIGHEST, z)
        return np.where(x - _MARGIN < self.values[first], _LOWEST, z)

    def _from_uniform(self, u: Floats, first: Ints, size: Ints) -> Floats:
        return self._value(u, 0.0, first, size)

    def _from_normal(self, z: Floats, first: Ints, size: Ints) -> Floats:
        return self._value(_normal_cdf(z), _MARGIN, first, size)

    def _rank(self, x: Floats, first: Ints, size: Ints) -> Floats:
        """Return the mean of numpy.interp upwards and, on mirrored data, downwards.

        Between two landmarks that is on the straight line from one to the
        other, at a run of equal landmarks in its middle.
        """
        i, last = _segment(self.values, x, first, size), first + size - 1
        above = np.minimum(i + 1, last)
        v, w = self.values[i], self.values[above]
        r, s = self.references[i], self.references[above]
        slope = (s - r) / (w - v)
        u = 0.5 * ((slope * (x - v) + r) + (s - slope * (w - x)))
        u = np.where(np.isinf(slope), 0.5 * (r + s), u)
        u = np.where(i == last, r, u)
        u = np.where(x < self.values[first], self.references[first], u)
        ties = np.flatnonzero(x == v)
        u[ties] = 0.5 * (r[ties] + self.references[self._run_start(i[ties], first[ties])])
        return np.where(np.isnan(x), np.nan, u)

    def _run_start(self, i: Ints, first: Ints) -> Ints:
        """Return the first of the equal values that end at i."""
        while True:
            before = np.maximum(i - 1, first)
            step = (before < i) & (self.values[before] == self.values[i])
            if not step.any():
                return i
            i = i - step

    def _value(self, u: Floats, margin: float, first: Ints, size: Ints) -> Floats:
        """Return the value at rank u; within margin of 0 and 1 the end of the range."""
        i, last = _segment(self.references, u, first, size), first + size - 1
        above = np.minimum(i + 1, last)
        v, r = self.values[i], self.references[i]
        slope = (self.values[above] - v) / (self.references[above] - r)
        x = np.where(i == last, v, slope * (u - r) + v)
        x = np.where(u + margin > 1, self.values[last], x)
        x = np.where((u <= 0) | (u - margin < 0), self.values[first], x)
        return np.where(np.isnan(u), np.nan, x)


def _segment(xs: Floats, x: Floats, first: Ints, size: Ints) -> Ints:
    """Return the last i in [first, first + size) with xs[i] <= x, or first, for each x.

    A binary search for all of x at once, each in its own part of xs.
    """
    i = first
    while True:
        half = size >> 1
        if not half.any():
            return i
        i = i + half * (xs[i + half] <= x)
        size = size - half


class _Kind(NamedTuple):
    params: tuple[str, ...]  # names of the arrays, in the order of the feature's params
    make: Callable[[_Feature], Any]


def _make_minmax(f: _Feature) -> _MinMax:
    ends = f.spec.scaler["feature_range"] if f.spec.scaler.get("clip") else ()
    return _MinMax(*f.params, *ends)


def _make_maxabs(f: _Feature) -> _MaxAbs:
    return _MaxAbs(*f.params, 1.0 if f.spec.scaler.get("clip") else np.inf)


def _make_quantile(f: _Feature) -> _Quantile:
    return _Quantile(f.offsets, *f.params, f.spec.scaler["output_distribution"] == "normal")


def _make_yeo_johnson(f: _Feature) -> _Power:
    return _Power(_yeo_johnson, _yeo_johnson_inverse, *f.params)


def _make_box_cox(f: _Feature) -> _Power:
    if f.spec.scaler.get("standardize"):
        return _Power(_box_cox_shifted, _box_cox_shifted_inverse, *f.params)
    return _Power(_box_cox, _box_cox_inverse, *f.params)


_KINDS = {
    "none": _Kind((), lambda f: _Identity()),
    "standard": _Kind(("mean", "scale"), lambda f: _Linear(*f.params)),
    "minmax": _Kind(("min", "scale"), _make_minmax),
    "maxabs": _Kind(("scale",), _make_maxabs),
    "robust": _Kind(("center", "scale"), lambda f: _Linear(*f.params)),
    "quantile": _Kind(("references", "quantiles"), _make_quantile),
    "yeo_johnson": _Kind(("lambda", "mean", "scale"), _make_yeo_johnson),
    "box_cox": _Kind(("lambda", "mean", "scale"), _make_box_cox),
    "kbins": _Kind(("bin_edges",), lambda f: _KBins(f.offsets, *f.params)),
    "normalizer": _Kind((), lambda f: _Normalizer(f.spec.scaler["norm"])),
    "ratio": _Kind((), lambda f: None),
}
_NEWER = ("yeo_johnson", "box_cox", "kbins")  # kinds that version 1 of the format does not know


class _Affine:
    """affine: x * scale + offset; NaN beyond MAX_MAGNITUDE."""

    def __init__(self, scale: float, offset: float):
        self.scale, self.offset = scale, offset

    def forward(self, x: Floats) -> Floats:
        y = x * self.scale + self.offset
        return np.where(np.abs(y) <= MAX_MAGNITUDE, y, np.nan)

    def inverse(self, y: Floats) -> Floats:
        return (y - self.offset) / self.scale


class _Clip:
    """clip: into [low, high]. What was clipped is lost, so the inverse changes nothing."""

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high

    def forward(self, x: Floats) -> Floats:
        return _bound(x, self.low, self.high)

    def inverse(self, y: Floats) -> Floats:
        return y


# The file: a zip of stored arrays and a manifest, with its hash as the comment.


def _check_hash(data: bytes, verify: bool) -> str:
    """Return the id in the last 64 bytes; it is the SHA-256 of all before them."""
    stated = bytes(data[-64:])
    if not re.fullmatch(rb"[0-9a-f]{64}", stated):
        raise ArtifactError("the last 64 bytes are no SHA-256: not an artifact, or a part of one")
    got = hashlib.sha256(memoryview(data)[:-64]).hexdigest() if verify else stated.decode()
    if got != stated.decode():
        raise ArtifactError(
            f"the file is damaged: its SHA-256 is {got}, but it says {stated.decode()}"
        )
    return got


class _Archive:
    """The members of a file. Every one must be expected, and as tare writes it."""

    _HEADER = 128  # bytes before the items of an array

    def __init__(self, data: bytes, comment: str):
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _BROKEN_ZIP as error:
            raise ArtifactError(f"no zip file: {error}") from error
        if self._zip.comment != comment.encode():
            raise ArtifactError("the comment of the zip file is not its hash")
        self._members = {m.filename: m for m in self._zip.infolist()}
        if sum(m.file_size for m in self._zip.infolist()) > len(data):
            raise ArtifactError("the members are longer than the file")

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def manifest(self) -> dict:
        text = self._read("manifest.json")
        try:
            manifest = json.loads(
                text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
            )
        except (ValueError, RecursionError) as error:
            raise ArtifactError(f"manifest.json: {error}") from error
        _check_manifest(manifest)
        return manifest

    def arrays(self, specs: list[_Spec], groups: list[_GroupSpec]) -> dict[str, NDArray]:
        """Read what a file with these features and groups holds, and nothing else may."""
        n_series = self._items("series.offsets", 8) - 1
        layout = [
            ("series.offsets", "<u8", n_series + 1),
            ("series.bytes", "|u1", self._items("series.bytes", 1)),
            ("series.records", "<u8", n_series),
        ]
        for spec in specs:
            layout += self._layout(spec, n_series)
        for g in groups:
            n = g.n_entries(n_series)
            layout += [(f"{g.name}.count", "<u8", n), (f"{g.name}.whiten", "<f8", n * g.numbers)]
        want = sorted([f"{name}.npy" for name, _, _ in layout] + ["manifest.json"], key=str.encode)
        got = [m.filename for m in self._zip.infolist()]
        odd = sorted(set(want) ^ set(got))
        if odd:
            raise ArtifactError(f"{odd[0]} is missing, or not of the features in the manifest")
        if got != want:
            raise ArtifactError("a member stands twice or out of order")
        return {name: self._array(name, dtype, n) for name, dtype, n in layout}

    def _layout(self, spec: _Spec, n_series: int) -> list[tuple[str, str, int]]:
        """List the arrays of a feature: name, dtype and length."""
        if isinstance(spec, _LabelSpec):
            return self._label_layout(spec.name)
        if not spec.learns:
            return []
        n = entries = spec.n_entries(n_series)
        layout = [(f"{spec.name}.{name}", dtype, entries) for name, dtype in _STATISTICS.items()]
        if spec.learns_impute:
            layout.append((f"{spec.name}.impute", "<f8", entries))
        if spec.exact:
            layout.append((f"{spec.name}.exact", "|u1", entries))
        if spec.ragged:
            layout.append((f"{spec.name}.offsets", "<u8", entries + 1))
            n = self._items(f"{spec.name}.{spec.params[0]}", 8)
        return layout + [(f"{spec.name}.{name}", "<f8", n) for name in spec.params]

    def _label_layout(self, name: str) -> list[tuple[str, str, int]]:
        """List the arrays of a feature that holds labels."""
        n = self._items(f"{name}.labels.count", 8)
        return [
            (f"{name}.count", "<u8", 1),
            (f"{name}.missing", "<u8", 1),
            (f"{name}.labels.offsets", "<u8", n + 1),
            (f"{name}.labels.bytes", "|u1", self._items(f"{name}.labels.bytes", 1)),
            (f"{name}.labels.count", "<u8", n),
            (f"{name}.labels.error", "<u8", 1),
            (f"{name}.labels.kind", "|u1", 1),
            (f"{name}.infrequent", "<f8", n),
        ]

    def _items(self, name: str, size: int) -> int:
        """Return how many items an array has by the size of its member."""
        member = self._member(f"{name}.npy")
        n = (member.file_size - self._HEADER) // size
        if n < 0 or name == "series.offsets" and n == 0:
            raise ArtifactError(f"{name}.npy has {member.file_size} bytes: too few")
        return n

    def _array(self, name: str, dtype: str, n: int) -> NDArray:
        """Return an array that cannot be written to. Its header has only one form."""
        want = self._HEADER + n * np.dtype(dtype).itemsize
        data = self._read(f"{name}.npy", want)
        text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({n},), }}"
        header = b"\x93NUMPY\x01\x00" + struct.pack("<H", self._HEADER - 10)
        header += text.ljust(self._HEADER - 11).encode() + b"\n"
        if data[: self._HEADER] != header:
            raise ArtifactError(
                f"{name}.npy begins with {data[: self._HEADER].rstrip()!r}, want {text}"
            )
        return np.frombuffer(data, dtype, n, self._HEADER) if n else np.empty(0, dtype)

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise ArtifactError(f"{name} is missing")
        member = self._members[name]
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ArtifactError(f"{name} is compressed, want it stored")
        return member

    def _read(self, name: str, size: Optional[int] = None) -> bytes:
        member = self._member(name)
        if size is not None and member.file_size != size:
            raise ArtifactError(f"{name} has {member.file_size} bytes, want {size}")
        try:
            data = self._zip.read(member)
        except _BROKEN_ZIP as error:
            raise ArtifactError(f"{name}: {error}") from error
        if len(data) != member.file_size:
            raise ArtifactError(
                f"{name} has {len(data)} bytes, but its header says {member.file_size}"
            )
        return data


# What zipfile raises on a file that is not in order.
_BROKEN_ZIP = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError,
    struct.error, IndexError,
)  # fmt: skip


def _unique(pairs: list[tuple[str, Any]]) -> dict:
    if len(dict(pairs)) != len(pairs):
        raise ValueError(f"a key stands twice among {', '.join(key for key, _ in pairs)}")
    return dict(pairs)


def _refuse_constant(token: str) -> None:
    raise ValueError(f"{token} is not JSON")


# The manifest. Errors name the value and what it should be.


def _check_manifest(m: Any) -> None:
    """Check what is read of the manifest, but for its features."""
    if not isinstance(m, dict):
        raise ArtifactError("manifest.json is no object")
    if "kind" in m:
        raise ArtifactError(f"a file of kind {m['kind']!r}, want an artifact")
    if not 1 <= _get(m, "", "format", int) <= FORMAT:
        raise ArtifactError(f"format {m['format']}, want 1 to {FORMAT}: another tare wrote it")
    _get(m, "", "pipeline", str)
    _get(m, "", "revision", int)
    _get(m, "", "cutoff", dict)
    _get(_get(m, "", "series", dict), "series", "learned", int)
    _get(_get(m, "", "records", dict), "records", "learned", int)
    _get(_get(m, "", "normalize", dict), "normalize", "unknown_series", str)
    record = _get(m, "", "record", dict)
    _get(_get(record, "record", "series", dict, {}), "record.series", "fields", list, [])
    if record.get("bad_value") not in ("reject", "missing"):
        raise _wrong("record.bad_value", record.get("bad_value"), "reject or missing")
    features, pooled = _objects(m, "", "features"), _objects(m, "", "pooled")
    if not features or len(pooled) != len(features):
        raise _wrong("pooled", pooled, f"one for each of {len(features)} features, at least one")


def _feature_specs(m: dict) -> list[Union[_Spec, _LabelSpec]]:
    specs = [
        _label_spec(at, f) if "encoding" in f else _feature_spec(at, f)
        for at, f in _objects(m, "", "features")
    ]
    newer = any(
        s.shape or s.shared or s.pooled or s.exact or s.role or s.kind in _NEWER for s in specs
    )
    if m["format"] == 1 and (newer or "splits" in m or m.get("whiten") or m.get("norms")):
        news = "arrays, what all series share or pool, exact quantiles, targets, splits"
        news += ", features that are whitened, what a record alone normalizes, labels, " + ", ".join(_NEWER)
        raise _wrong("format", 1, f"{FORMAT} for {news}")
    roles = [s.role for s in specs]
    if roles != sorted(roles):
        raise _wrong("features", roles, "those with the role target last")
    named = {s.name: s for s in specs}
    for spec in specs:
        for name in spec.by:
            by = named.get(name)
            if by is None or by.shape or by.by or by.role:
                raise _wrong(f"by of {spec.name!r}", name, "a number, no target and no ratio")
    pooled = m["normalize"]["unknown_series"] == "pooled"
    if pooled and not all(s.shared or s.pooled for s in specs):
        raise _wrong("normalize.unknown_series", "pooled", "it only where all features are pooled")
    names = [s.name for s in specs]
    if len(set(names)) != len(names) or "series" in names:
        raise ArtifactError(
            f"manifest.json: the names of the features are not unique: {', '.join(names)}"
        )
    return specs


def _group_specs(m: dict, specs: list[_Spec]) -> list[_GroupSpec]:
    """Return the groups; the columns tell how many outputs each has."""
    left = {s.name: s for s in specs if not isinstance(s, _LabelSpec)}
    columns = _get(m, "", "columns", list)
    groups = []
    for at, g in _objects(m, "", "whiten", []):
        name, method = _get(g, at, "name", str), _get(g, at, "method", str)
        members, scope = _get(g, at, "features", list), _get(g, at, "scope", str, "")
        if method not in ("pca", "zca", "zca_cor", "cholesky"):
            raise _wrong(f"{at}.method", method, "pca, zca, zca_cor or cholesky")
        if name in ["series", *(s.name for s in specs), *(other.name for other in groups)]:
            raise _wrong(f"{at}.name", name, "a name that nothing else has")
        if not members:
            raise _wrong(f"{at}.features", members, "at least one")
        for member in members:
            spec = left.pop(member, None) if isinstance(member, str) else None
            if spec is None or spec.shape or spec.fixed or spec.kind not in ("none", "standard"):
                want = "numbers, none and standard, of no other group"
                raise _wrong(f"{at}.features", members, want)
            if spec.scope != scope:
                raise _wrong(f"{at}.scope", scope, f"that of {member!r}, {spec.scope!r}")
            if spec.role:
                raise _wrong(f"{at}.features", members, f"no target, as {member!r} is")
        groups.append(_GroupSpec(name, method, members, 0, scope == "global"))
    return [g._replace(size=_outputs_of(g, columns)) for g in groups]


def _outputs_of(g: _GroupSpec, columns: list[str]) -> int:
    """Count the columns of a group."""
    names = g._replace(size=len(g.members)).column_names()
    if names[0] not in columns:
        raise _wrong("columns", columns, f"{names[0]!r} among them")
    rest, n = columns[columns.index(names[0]) :], 1
    while n < len(names) and rest[n : n + 1] == names[n : n + 1]:
        n += 1
    return n


_MAX_ONE_HOT = 1 << 14  # columns of all one-hot features


def _check_columns(m: dict, outputs: list[_Output]) -> None:
    columns, names = m["columns"], [c.name for f in outputs for c in f.columns()]
    if columns != names:
        raise ArtifactError(f"manifest.json: columns are {columns!r}, want {names!r}")
    if len(set(names)) != len(names):
        raise _wrong("columns", columns, "each name once")


def _check_widths(m: dict, features: list[Union[_Feature, _Labels]], members: set[str]) -> None:
    """Check how many columns each feature has, which is said where one holds labels."""
    labels = [f for f in features if isinstance(f, _Labels)]
    widths = [len(f.columns()) if f.spec.name not in members else 0 for f in features]
    if m.get("widths") != (widths if labels else None):
        raise _wrong("widths", m.get("widths"), repr(widths) if labels else "none")
    one_hot = sum(f.spec.width for f in labels if f.spec.encoding["kind"] == "onehot")
    if one_hot > _MAX_ONE_HOT:
        raise ArtifactError(f"{one_hot} one-hot columns, want up to {_MAX_ONE_HOT}")


def _norm_specs(
    m: dict, specs: list[_Spec], groups: list[_GroupSpec]
) -> list[tuple[list[str], str]]:
    """Return the members and the norm of each of the norms."""
    taken = {name for g in groups for name in g.members}
    numbers = {s.name for s in specs if isinstance(s, _Spec) and not s.shape and not s.role}
    left = numbers - taken
    norms = []
    for at, n in _objects(m, "", "norms", []):
        members, norm = _get(n, at, "features", list), _get(n, at, "norm", str)
        if norm not in _NORMS:
            raise _wrong(f"{at}.norm", norm, f"one of {', '.join(_NORMS)}")
        if len(members) < 2 or len(set(map(str, members))) < len(members):
            raise _wrong(f"{at}.features", members, "two or more")
        for name in members:
            if name not in left:
                raise _wrong(f"{at}.features", members, "numbers, no targets, of nothing else")
            left.remove(name)
        norms.append((members, norm))
    return norms


def _feature_spec(at: str, f: dict) -> _Spec:
    scaler = _get(f, at, "scaler", dict)
    _check_scaler(f"{at}.scaler", scaler)
    pre = [_pre(place, p) for place, p in _objects(f, at, "pre", [])]
    if scaler["kind"] == "box_cox":  # which has no result for the rest
        pre.append(_Pre(_positive, _unchanged))
    impute = _get(f, at, "impute", dict, {})
    kind = impute.get("kind")
    if kind not in (None, "mean", "median", "constant"):
        raise _wrong(f"{at}.impute", kind, "mean, median or constant")
    shape = _shape(f"{at}.shape", _get(f, at, "shape", list, []))
    per, scope = _get(f, at, "per", str, ""), _get(f, at, "scope", str, "")
    if per not in ("", *(["none"] if shape else []), *map(str, range(len(shape)))):
        raise _wrong(f"{at}.per", per, f"none or an axis of the shape {list(shape)}")
    if scope not in ("", "global"):
        raise _wrong(f"{at}.scope", scope, "global, or none")
    exact = _get(f, at, "exact", str, "")
    if exact not in ("", "require", "prefer") or exact and scaler["kind"] != "robust":
        raise _wrong(f"{at}.exact", exact, "require or prefer, with the scaler robust")
    role = _get(f, at, "role", str, "")
    if role not in ("", "target") or role and kind:
        raise _wrong(f"{at}.role", role, "target, of a feature without impute")
    pooled = _get(f, at, "pooled", bool, False)
    if pooled and (scope or "fixed" in f):
        raise _wrong(f"{at}.pooled", pooled, "none beside what all series share")
    spec = _Spec(
        _get(f, at, "name", str),
        scaler["kind"],
        scaler,
        pre,
        kind,
        _number(impute, f"{at}.impute", "constant", 0.0),
        shape,
        per,
        scope,
        None,
        exact,
        role,
        pooled,
        tuple(_get(f, at, "by", list, [])),
    )
    _check_alone(at, spec)
    return _with_fixed(f"{at}.fixed", spec, f["fixed"]) if "fixed" in f else spec


def _label_spec(at: str, f: dict) -> _LabelSpec:
    scaler, scope = _get(f, at, "scaler", dict), _get(f, at, "scope", str, "")
    others = [k for k in ("pre", "impute", "shape", "per", "fixed", "exact", "pooled") if k in f]
    if scaler.get("kind") != "none" or scope != "global" or others:
        raise _wrong(at, f, "the scaler none, the scope global and nothing else beside encoding")
    role = _get(f, at, "role", str, "")
    if role not in ("", "target"):
        raise _wrong(f"{at}.role", role, "target")
    encoding = _get(f, at, "encoding", dict)
    _check_encoding(f"{at}.encoding", encoding)
    if role and encoding["kind"] != "ordinal":
        raise _wrong(f"{at}.encoding.kind", encoding["kind"], "ordinal, of a target")
    return _LabelSpec(_get(f, at, "name", str), encoding, role)


def _check_encoding(at: str, e: dict) -> None:
    kind = _get(e, at, "kind", str)
    if kind not in _ENCODERS:
        raise _wrong(f"{at}.kind", kind, f"one of {', '.join(_ENCODERS)}")
    encoder = _ENCODERS[kind]
    handling = _get(e, at, "handle_unknown", str)
    if handling not in encoder.handle_unknown:
        want = f"one of {', '.join(encoder.handle_unknown)}"
        raise _wrong(f"{at}.handle_unknown", handling, want)
    for name in ("drop", "drop_label", "unknown_value", "encoded_missing_value"):
        if name in e and name not in encoder.options:
            raise _wrong(f"{at}.{name}", e[name], f"none with {kind}")
    given = _get(e, at, "categories", list, [])
    if not all(isinstance(label, str) for label in given):
        raise _wrong(f"{at}.categories", given, "strings")
    if "max_categories" in e and _get(e, at, "max_categories", int) < 1:
        raise _wrong(f"{at}.max_categories", e["max_categories"], "1 or more")
    if "min_frequency" in e and not _number(e, at, "min_frequency") > 0:
        raise _wrong(f"{at}.min_frequency", e["min_frequency"], "a number above 0")
    if "drop" in e and (e["drop"] not in ("first", "if_binary") or "drop_label" in e):
        raise _wrong(f"{at}.drop", e["drop"], "first or if_binary, and no drop_label")
    if "drop_label" in e:
        _get(e, at, "drop_label", str)
    if "unknown_value" in e and handling != "use_encoded_value":
        raise _wrong(f"{at}.unknown_value", e["unknown_value"], "none with another handle_unknown")
    for name in ("unknown_value", "encoded_missing_value"):
        if name in e and not _number(e, at, name).is_integer():
            raise _wrong(f"{at}.{name}", e[name], "an integer")


_MAX_SIZE = 1 << 24  # numbers of an array


def _shape(at: str, shape: list) -> tuple[int, ...]:
    for extent in shape:
        if not isinstance(extent, int) or isinstance(extent, bool) or extent < 1:
            raise _wrong(at, shape, "integers from 1 on")
    if len(shape) > 8 or math.prod(shape) > _MAX_SIZE:
        raise _wrong(at, shape, f"up to 8 extents, and {_MAX_SIZE} numbers")
    return tuple(shape)


def _check_alone(at: str, spec: _Spec) -> None:
    """Refuse what does not go with a feature that the record alone normalizes."""
    if spec.kind == "ratio":
        last = spec.shape[-1] if spec.shape else 1
        if len(spec.by) not in (1, last) or not all(isinstance(name, str) for name in spec.by):
            raise _wrong(f"{at}.by", list(spec.by), f"one name, or {last}")
    elif spec.by:
        raise _wrong(f"{at}.by", list(spec.by), "none: it belongs to a ratio")
    if spec.kind == "normalizer" and not spec.shape:
        raise _wrong(f"{at}.shape", list(spec.shape), "that of an array, which is normalized by itself")
    if spec.alone and (spec.scope or spec.learns_impute or spec.kind == "ratio" and spec.per):
        raise _wrong(at, spec.kind, "nothing that is learned or shared beside it")


def _with_fixed(at: str, spec: _Spec, fixed: Any) -> _Spec:
    """Return spec with the numbers that stand in the manifest."""
    if spec.kind != "standard" or spec.learns_impute:
        raise _wrong(at, fixed, "none: it belongs to a standard scaler that learns nothing")
    _get({at: fixed}, "", at, dict)
    for name in spec.params:
        given = _get(fixed, at, name, list)
        if len(given) not in (1, spec.groups) or not all(_is_number(x) for x in given):
            raise _wrong(f"{at}.{name}", given, f"1 number, or {spec.groups}")
        if name == "scale" and min(given) <= 0:
            raise _wrong(f"{at}.{name}", given, "numbers above 0")
    return spec._replace(fixed={n: [float(x) for x in fixed[n]] for n in spec.params})


def _check_scaler(at: str, scaler: dict) -> None:
    kind = _get(scaler, at, "kind", str)
    if kind not in _KINDS:
        raise _wrong(at, kind, f"one of {', '.join(_KINDS)}")
    _get(scaler, at, "clip", bool, False)
    _get(scaler, at, "standardize", bool, False)
    if kind == "minmax":
        ends = _get(scaler, at, "feature_range", list)
        if len(ends) != 2 or not all(_is_number(x) for x in ends) or not ends[0] < ends[1]:
            raise _wrong(f"{at}.feature_range", ends, "two numbers that rise")
    if kind == "normalizer" and scaler.get("norm") not in _NORMS:
        raise _wrong(f"{at}.norm", scaler.get("norm"), f"one of {', '.join(_NORMS)}")
    output = scaler.get("output_distribution")
    if kind == "quantile" and output not in ("uniform", "normal"):
        raise _wrong(f"{at}.output_distribution", output, "uniform or normal")


def _pre(at: str, p: dict) -> Any:
    """Make a pre-transform of its description."""
    kind = _get(p, at, "kind", str)
    if kind == "affine":
        scale = _number(p, at, "scale")
        if scale == 0:
            raise _wrong(f"{at}.scale", scale, "another number")
        return _Affine(scale, _number(p, at, "offset", 0.0))
    if kind == "clip":
        low, high = _number(p, at, "min", -np.inf), _number(p, at, "max", np.inf)
        if not low < high or np.isinf([low, high]).all():
            raise _wrong(at, f"clip from {low} to {high}", "two bounds that rise, or one")
        return _Clip(low, high)
    if kind not in _FUNCTIONS:
        raise _wrong(at, kind, f"one of {', '.join([*_FUNCTIONS, 'affine', 'clip'])}")
    return _FUNCTIONS[kind]


def _get(obj: dict, at: str, key: str, kind: type, *default: Any) -> Any:
    """Return obj[key], which must be of a type, or the default if it is not there."""
    value = obj.get(key, *default)
    if not isinstance(value, kind) or kind is int and isinstance(value, bool):
        raise _wrong(f"{at}.{key}" if at else key, value, _JSON_TYPES[kind])
    return value


_JSON_TYPES = {
    str: "a string",
    int: "an integer",
    bool: "true or false",
    list: "an array",
    dict: "an object",
}


def _objects(obj: dict, at: str, key: str, *default: Any) -> list[tuple[str, dict]]:
    """Return the place and value of each item of obj[key], an array of objects."""
    place = f"{at}.{key}" if at else key
    items = [(f"{place}[{i}]", item) for i, item in enumerate(_get(obj, at, key, list, *default))]
    for where, item in items:
        _get({where: item}, "", where, dict)
    return items


def _number(obj: dict, at: str, key: str, *default: float) -> float:
    value = obj.get(key, *default)
    if not (_is_number(value) or default and value is default[0]):
        raise _wrong(f"{at}.{key}", value, f"a number within ±{MAX_MAGNITUDE}")
    return float(value)


def _is_number(x: Any, most: float = MAX_MAGNITUDE) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool) and abs(x) <= most


def _wrong(place: str, value: Any, want: str) -> ArtifactError:
    return ArtifactError(f"manifest.json: {place} is {value!r}, want {want}")


# The numbers: none that no training can have left behind.


def _check_numbers(s: Scaler) -> None:
    _check_rising("series.offsets", s.series._offsets, len(s.series._text))
    last = None
    for name in s.series._encoded():
        if last is not None and name <= last:
            raise ArtifactError(f"series {_decode(name)!r} does not sort after {_decode(last)!r}")
        last = name
    learned = s.manifest["series"]["learned"], s.manifest["records"]["learned"]
    if learned != (len(s.series), sum(s._records.tolist())):
        raise ArtifactError(
            f"{len(s.series)} series, but manifest.json says {learned[0]}, of {learned[1]} records"
        )
    for f in s._features:
        if isinstance(f, _Labels):
            _check_labels(f, s)
        else:
            _check_feature(f, s)
    for g in s._groups:
        _check_group(g)


def _check_rising(name: str, offsets: NDArray[np.uint64], end: int) -> None:
    if offsets[0] != 0 or offsets[-1] != end or np.any(offsets[:-1] > offsets[1:]):
        raise ArtifactError(f"{name} do not rise from 0 to {end}")


def _check_feature(f: _Feature, s: Scaler) -> None:
    if not f.spec.learns:
        return
    count, missing = f.stats["count"], f.stats["missing"]

    def refuse(bad: NDArray[np.bool_], why: str) -> None:
        if not bad.any():
            return
        series, group = divmod(int(np.argmax(bad)), f.spec.groups)
        of = f", series {s.series[series]!r}" if series < len(s.series) else ""
        of = "" if f.spec.shared else of
        of += f", group {group}" if f.spec.shape else ""
        raise ArtifactError(f"feature {f.spec.name!r}{of}: {why}")

    values = _values(f.spec, s)
    refuse(
        (count > values) | (missing != values - count),
        "the values and those missing are not its records",
    )
    if f.spec.exact == "require":
        refuse(~f.exact, "exact quantiles are required, but these are a sketch's")
    numbers = [f.stats[name] for name in ("data_min", "data_max", "data_mean", "data_var")]
    numbers += [] if f.impute is None else [f.impute]
    numbers += [] if f.spec.ragged else f.params
    for array in numbers:
        odd = np.where(count > 0, ~np.isfinite(array), ~np.isnan(array))
        refuse(odd, "a number learned from values is not finite, or one from none is not NaN")
    refuse(f.stats["data_min"] > f.stats["data_max"], "its minimum is above its maximum")
    refuse(f.stats["data_var"] < 0, "its variance is below 0")
    if f.spec.ragged:
        _check_ragged(f, refuse)
    elif "scale" in f.spec.params:
        refuse(f.params[f.spec.params.index("scale")] == 0, "a scale of 0")


def _check_labels(f: _Labels, s: Scaler) -> None:
    if f.count + f.missing != _of_all(s):
        raise ArtifactError(f"feature {f.spec.name!r}: its labels are not those of the records")
    left = f.count - sum(f.counts.tolist())
    given = "categories" in f.spec.encoding
    if left < f.error or left > 0 and f.error == 0 and not given:
        total = f.count - left
        raise ArtifactError(
            f"feature {f.spec.name!r}: the counts of the categories are {total} together, "
            f"of {f.count} labels, with an error of {f.error}"
        )
    most = f.spec.encoding.get("max_categories")
    n = int(np.sum(~f.infrequent)) + bool(f.infrequent.any())
    if most is not None and n > most:
        raise ArtifactError(f"feature {f.spec.name!r}: {n} categories, want up to {most}")


def _check_group(g: _Group) -> None:
    learned = g.count[:, None] > 0
    if np.any(np.where(learned, ~np.isfinite(g.params), ~np.isnan(g.params))):
        raise ArtifactError(
            f"group {g.spec.name!r}: a number learned from rows is not finite, "
            "or one from none is not NaN"
        )
    for f in g.members():
        if np.any(g.count > f.stats["count"]):
            raise ArtifactError(f"group {g.spec.name!r}: more rows than values of {f.spec.name!r}")


def _values(spec: _Spec, s: Scaler) -> NDArray[np.uint64]:
    """Return how many values, present and missing, each entry has."""
    records = s._records
    if spec.shared or spec.pooled:
        of_all = np.array([_of_all(s)], dtype=np.uint64)
        records = of_all if spec.shared else np.concatenate([records, of_all])
    share = spec.size // spec.groups
    if np.any(records > (2**64 - 1) // share):
        raise ArtifactError(f"feature {spec.name!r}: more than 2^64 values")
    return np.repeat(records * np.uint64(share), spec.groups)


def _of_all(s: Scaler) -> int:
    """Return how many records the statistics of all series together are of."""
    train = _get(s.manifest["records"], "records", "train", int)
    train -= _get(s.manifest["series"], "series", "records_over_max_series", int)
    if not 0 <= train < 1 << 63:
        raise ArtifactError(f"manifest.json: {train} records of all series")
    return train


def _check_ragged(f: _Feature, refuse: Callable[[NDArray[np.bool_], str], None]) -> None:
    """Check that the landmarks or edges of each series rise, and references lie within [0, 1]."""
    first = f.params[0]
    _check_rising(f"{f.spec.name}.offsets", f.offsets, len(first))
    size = np.diff(f.offsets.astype(np.int64))
    learned = f.stats["count"] > 0
    if f.spec.kind == "kbins":
        what, one = "edges", "an edge"
        refuse(learned & (size < 2), "fewer than two edges of bins")
    else:
        what, one = "landmarks", "a landmark"
        refuse(learned & (size == 0), "no landmarks")
    owner = np.repeat(np.arange(len(size)), size)

    def refuse_at(bad: NDArray[np.bool_], why: str) -> None:
        refuse(np.bincount(owner[bad], minlength=len(size)) > 0, why)

    for array in f.params:
        odd = np.where(learned[owner], ~np.isfinite(array), ~np.isnan(array))
        refuse_at(odd, f"{one} learned from values is not finite, or one from none is not NaN")
        falls = np.zeros(len(array), bool)
        falls[1:] = (array[1:] < array[:-1]) & (owner[1:] == owner[:-1])
        refuse_at(falls, f"the {what} do not rise")
    if f.spec.kind == "quantile":
        refuse_at((first < 0) | (first > 1), "a reference outside of [0, 1]")


def _check_examples(s: Scaler) -> None:
    """Run the manifest's rows: they must come out, and back, to the last bit."""
    examples = _objects(s.manifest, "", "examples")
    if not examples:
        return
    names = [_get(example, at, "series", str) for at, example in examples]
    pooled = np.array([_get(example, at, "pooled", bool, False) for at, example in examples])
    if np.any(pooled) and not s._pools:
        raise ArtifactError("an example is of an unknown series, for which there are no numbers")
    most = max(1, min(_PICKS, _PICKED // len(s._features)))
    picks = [_picks(f.spec.size, most) for f in s._features]
    spans = dict(zip(s._features, _spans([len(p) for p in picks])))
    width = sum(map(len, picks))
    places = dict(zip(s._features, picks))
    titles_in = [f.spec.title() for f, numbers in places.items() for _ in numbers]
    titles_out = []
    for f in s._outputs:
        plain = isinstance(f, _Feature)
        titles_out += [f.spec.title()] * len(places[f]) if plain else [c.name for c in f.columns()]
    raw, normalized, inverse = (
        np.array([_example_row(example, at, key, n) for at, example in examples])
        for key, n in (("raw", width), ("normalized", len(titles_out)), ("inverse", width))
    )
    ids = np.where(pooled, len(s.series), s.series.ids(names))
    if np.any(ids < 0):
        name = names[int(np.argmax(ids < 0))]
        raise ArtifactError(f"an example is of series {name!r}, which is not in the artifact")
    z, back, end = np.empty_like(normalized), np.empty_like(raw), 0
    where: dict[Any, slice] = {}
    with np.errstate(all="ignore"):
        for f in s._outputs:
            if not isinstance(f, _Feature):
                columns, end = slice(end, end + f.spec.width), end + f.spec.width
                rows = _columns_of(f, spans)
                z[:, columns] = f.forward(raw[:, rows] + 0.0, ids)
                back[:, rows] = f.backward(z[:, columns] + 0.0, ids)
                continue
            numbers, rows = places[f], spans[f]
            columns, end = slice(end, end + len(numbers)), end + len(numbers)
            where[f] = columns
            if isinstance(f, _Ratio):
                by = [spans[d].start for d in f.each(numbers)]
                z[:, columns] = f.divide(raw[:, rows] + 0.0, raw[:, by])
                back[:, rows] = z[:, columns]
                continue
            inner = f.spec.layout[2] if f.spec.shape else 1
            at = f.first(ids)[:, None] + numbers // inner % f.spec.groups
            z[:, columns] = f.transform(raw[:, rows] + 0.0, at)
            back[:, rows] = f.inverse(z[:, columns] + 0.0, at)
        for norm in s._norms:
            norm.forward(z, where)
        _inverse_alone(back, {m: spans[m] for n in s._norms for m in n.members}, s._norms, [])
        for f in s._ratios(s._features):
            by = [spans[d].start for d in f.each(places[f])]
            back[:, spans[f]] = f.multiply(back[:, spans[f]], back[:, by])
    for what, got, want, titles in (
        ("normalized", z, normalized, titles_out),
        ("inverse", back, inverse, titles_in),
    ):
        differ = (got != want) & ~(np.isnan(got) & np.isnan(want))
        if differ.any():
            row, i = np.argwhere(differ)[0]
            raise ArtifactError(
                f"{examples[row][0]}, series {names[row]!r}, {titles[i]}: {what} "
                f"{float(got[row, i])!r}, the artifact says {float(want[row, i])!r}"
            )


_PICKS, _PICKED = 16, 1 << 14  # numbers of an array in an example, and of the row


def _picks(size: int, most: int) -> Ints:
    """Return the places of those numbers of an array that an example holds."""
    n = min(size, most)
    return np.arange(n) * (size - 1) // max(1, n - 1)


def _example_row(example: dict, at: str, key: str, n: int) -> list[float]:
    row = _get(example, at, key, list)
    if len(row) != n or not all(x is None or _is_number(x, sys.float_info.max) for x in row):
        raise _wrong(f"{at}.{key}", row, f"{n} numbers or nulls")
    return [np.nan if x is None else float(x) for x in row]


# Elementary functions. numpy's differ in their last bit from machine to machine
# and from Go's; these are built from +, -, *, / and the square root alone, in
# the order of the Go tool (scale/elementary.go, scale/normal.go), and so have
# its bits.

_LN2_HI, _LN2_LO = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # ln 2 in two parts
_LOG2_E = 1.44269504088896338700e00
_EXP_MAX, _EXP_MIN = 7.09782712893383973096e02, -7.45133219101941108420e02  # beyond: infinite, 0

# (log(1+f) - log(1-f) - 2s) / s^3 in s^2, where s = f/(2+f).
_LOG_POLY = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
    2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
    1.479819860511658591e-01,
)
# r - r(exp(r)+1)/(exp(r)-1) + 2, divided by r^2, in r^2.
_EXP_POLY = (
    1.66666666666666657415e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
    -1.65339022054652515390e-06, 4.13813679705723846039e-08,
)
# 6/r ((exp(r)+1)/(exp(r)-1) - 2/r) in r^2/2.
_EXPM1_POLY = (
    1.0, -3.33333333333331316428e-02, 1.58730158725481460165e-03, -7.93650757867487942473e-05,
    4.00821782732936239552e-06, -2.01099218183624371326e-07,
)
# (sinh(x) - x) / x^3 in x^2: Taylor's series.
_SINH_POLY = (
    1 / 6, 1 / 120, 1 / 5040, 1 / 362880, 1 / 39916800, 1 / 6227020800, 1 / 1307674368000,
    1 / 355687428096000, 1 / 121645100408832000,
)


def _poly(x: Floats, c: tuple[float, ...]) -> Floats:
    """Return c[0] + x (c[1] + x (c[2] + ...))."""
    y = x * c[-1]
    y += c[-2]
    for a in reversed(c[:-2]):
        y *= x
        y += a
    return y


def _log(x: Floats) -> Floats:
    """Return the natural logarithm, NaN for x <= 0."""
    m, k = _normalize(x)
    return np.where(x > 0, _log_sum(k, m - 1, 0.0), np.nan)


def _log1p(x: Floats) -> Floats:
    """Return log(1 + x), NaN for x <= -1."""
    return np.where(x > -1, _log1p_sum(x, 0.0), np.nan)


def _asinh(x: Floats) -> Floats:
    """Return log(x + sqrt(x^2 + 1)), carrying the errors of root and sum along."""
    a = np.abs(x)
    u, rest = _add_one(a * a)
    root = np.sqrt(u)
    high = _short(root)
    low = root - high
    rest = rest + ((u - high * high) - 2 * high * low - low * low)  # u - root^2
    total = a + (root - 1)
    near = _log1p_sum(total, (root - 1) - (total - a) + rest / (2 * root))
    m, k = _normalize(a)
    return np.copysign(np.where(a >= 1 << 28, _log_sum(k + 1, m - 1, 0.0), near), x)


def _short(x: Floats) -> Floats:
    """Return x cut to 21 bits. Its square is exact, and so is its product with what was cut."""
    return (x.view(np.int64) & ~0xFFFFFFFF).view(np.float64)


def _log1p_sum(x: Floats, e: Union[Floats, float]) -> Floats:
    """Return log(1 + x + e) for a small correction e of x > -1."""
    near = (x > -0.29289321881345247560) & (
        x < 0.41421356237309504880
    )  # 1 + x in (sqrt 1/2, sqrt 2)
    u, rest = _add_one(x)
    m, k = _normalize(u)
    f = np.where(near, x, m - 1)
    c = np.where(near, e / (1 + x), (rest + e) / u)
    return _log_sum(np.where(near, 0, k), f, c)


def _add_one(x: Floats) -> tuple[Floats, Floats]:
    """Return 1 + x and what its rounding took away."""
    total = 1 + x
    return total, np.where(np.abs(x) < 1, x - (total - 1), 1 - (total - x))


def _normalize(x: Floats) -> tuple[Floats, Ints]:
    """Return m in [sqrt 1/2, sqrt 2) and k with x = m 2^k, for x > 0."""
    tiny = x < 2.0**-1022
    bits = np.where(tiny, x * 2.0**54, x).view(np.int64)
    k = (bits - 0x3FE6A09E667F3BCD) >> 52  # the bits of sqrt 1/2
    return (bits - (k << 52)).view(np.float64), np.where(tiny, k - 54, k)


def _log_sum(k: Ints, f: Floats, c: Union[Floats, float]) -> Floats:
    """Return k ln 2 + log(1 + f) + c for a small correction c and 1 + f in [sqrt 1/2, sqrt 2)."""
    s = f / (2 + f)
    z = s * s
    half = 0.5 * f * f
    tail = s * (half + z * _poly(z, _LOG_POLY)) + (k * _LN2_LO + c)
    return k * _LN2_HI - ((half - tail) - f)


def _exp(x: Floats) -> Floats:
    """Return e^x."""
    inside = (x >= _EXP_MIN) & (x <= _EXP_MAX)
    v, rest, k = _exp_parts(np.where(inside, x, 0.0))
    y = np.where(inside, np.ldexp(1 + (v - rest), k), np.nan)
    return np.where(x > _EXP_MAX, np.inf, np.where(x < _EXP_MIN, 0.0, y))


def _sinh(x: Floats) -> Floats:
    """Return (e^x - e^-x) / 2."""
    a = np.abs(x)
    z = a * a
    v, rest, k = _exp_parts(np.where((a >= 1) & (a < 711), a, 1.0))
    reciprocal = np.ldexp(1 / (1 + (v - rest)), -2 * k)
    e, lost = _add_one(v)
    y = np.copysign(np.ldexp(e + (lost - rest - reciprocal), k - 1), x)
    return np.where(a < 1, x + x * (z * _poly(z, _SINH_POLY)), np.where(a < 711, y, x * np.inf))


def _exp_parts(x: Floats) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """Return v, |v| <= ln(2)/2, a rest of up to v^2/2 and k with e^x = (1 + v - rest) 2^k."""
    hi, lo, k = _split_exp(x)
    r = hi - lo
    t = r * r
    c = r - t * _poly(t, _EXP_POLY)
    return hi, lo - (r * c) / (2 - c), k


def _split_exp(x: Floats) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """Return x as k ln 2 + hi - lo, |hi - lo| <= ln(2)/2."""
    k = np.trunc(_LOG2_E * x + np.copysign(0.5, x))
    return x - k * _LN2_HI, k * _LN2_LO, k.astype(np.int32)


def _expm1(x: Floats) -> Floats:
    """Return e^x - 1."""
    inside = (x >= -38.816242111356935) & (x <= _EXP_MAX)  # -56 ln 2
    hi, lo, k = _split_exp(np.where(inside, x, 0.0))
    r = hi - lo
    c = (hi - r) - lo
    half = 0.5 * r
    square = r * half
    q = _poly(square, _EXPM1_POLY)
    t = 3 - q * half
    e = square * ((q - t) / (6 - r * t))
    y = np.where(k == 0, r - (r * e - square), _scaled_expm1(k, r, r * (e - c) - c - square))
    y = np.where(inside, y, np.nan)
    return np.where(x > _EXP_MAX, np.inf, np.where(x < -38.816242111356935, -1.0, y))


def _scaled_expm1(k: NDArray[np.int32], r: Floats, e: Floats) -> Floats:
    """Return 2^k (1 + r - e) - 1 in the order that loses least."""
    one = np.ldexp(1.0, -k)
    return np.select(
        [k == -1, (k == 1) & (r < -0.25), k == 1, (k <= -2) | (k > 56), k < 20],
        [
            0.5 * (r - e) - 0.5,
            -2 * (e - (r + 0.5)),
            1 + 2 * (r - e),
            np.ldexp(1 - (e - r), k) - 1,
            np.ldexp((1 - one) - (e - r), k),
        ],
        np.ldexp((r - (e + one)) + 1, k),
    )


def _square(y: Floats) -> Floats:
    """Return the inverse of the square root, which is never negative."""
    return np.where(y < 0, np.nan, y * y)


_FUNCTIONS = {
    "log": _Pre(_log, _exp),
    "log1p": _Pre(_log1p, _expm1),
    "sqrt": _Pre(np.sqrt, _square),
    "asinh": _Pre(_asinh, _sinh),
}

# (erf(x)-x) / x in x^2, |x| < 0.84375, and its denominator.
_ERF = (
    (
        1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02,
        -5.77027029648944159157e-03, -2.37630166566501626084e-05,
    ),
    (
        1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03,
        1.32494738004321644526e-04, -3.96022827877536812320e-06,
    ),
)
# erf(x) - _ERF_AT_ONE in x-1, 0.84375 <= x < 1.25.
_ERF_ONE = (
    (
        -2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01,
        3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02,
        -2.16637559486879084300e-03,
    ),
    (
        1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02,
        1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02,
    ),
)
# log(x erfc(x)) + x^2 + 0.5625 in 1/x^2, 1.25 <= x < 1/0.35.
_ERFC = (
    (
        -9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e01,
        -6.23753324503260060396e01, -1.62396669462573470355e02, -1.84605092906711035994e02,
        -8.12874355063065934246e01, -9.81432934416914548592e00,
    ),
    (
        1.0, 1.96512716674392571292e01, 1.37657754143519042600e02, 4.34565877475229228821e02,
        6.45387271733267880336e02, 4.29008140027567833386e02, 1.08635005541779435134e02,
        6.57024977031928170135e00, -6.04244152148580987438e-02,
    ),
)
# The same, x >= 1/0.35.
_ERFC_FAR = (
    (
        -9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e01,
        -1.60636384855821916062e02, -6.37566443368389627722e02, -1.02509513161107724954e03,
        -4.83519191608651397019e02,
    ),
    (
        1.0, 3.03380607434824582924e01, 3.25792512996573918826e02, 1.53672958608443695994e03,
        3.19985821950859553908e03, 2.55305040643316442583e03, 4.74528541206955367215e02,
        -2.24409524465858183362e01,
    ),
)
# (x/sqrt(2 pi) - w) / w^3 in w^2, w = p - 1/2, |w| <= 3/8.
_CENTER = (
    (
        -1.23916583867381258016e0, 1.39312609387279679503e1, -5.66762857469070293439e1,
        9.80010754185999661536e1, -5.99633501014107895267e1,
    ),
    (
        -1.18331621121330003142e0, 1.59056225126211695515e1, -8.20372256168333339912e1,
        2.00260212380060660359e2, -2.25462687854119370527e2, 8.63602421390890590575e1,
        4.67627912898881538453e0, 1.95448858338141759834e0, 1.0,
    ),
)
# z (z - log(z)/z - x) in 1/z, z = sqrt(-2 log p), 2 <= z < 8.
_TAIL = (
    (
        -8.57456785154685413611e-4, -3.50424626827848203418e-2, -1.40256079171354495875e-1,
        2.18663306850790267539e0, 1.46849561928858024014e1, 4.40805073893200834700e1,
        5.71628192246421288162e1, 3.15251094599893866154e1, 4.05544892305962419923e0,
    ),
    (
        -9.33259480895457427372e-4, -3.80806407691578277194e-2, -1.42182922854787788574e-1,
        2.50464946208309415979e0, 1.50425385692907503408e1, 4.13172038254672030440e1,
        4.53907635128879210584e1, 1.57799883256466749731e1, 1.0,
    ),
)
# The same, 8 <= z < 64.
_FAR_TAIL = (
    (
        6.23974539184983293730e-9, 2.65806974686737550832e-6, 3.01581553508235416007e-4,
        1.23716634817820021358e-2, 2.01485389549179081538e-1, 1.33303460815807542389e0,
        3.93881025292474443415e0, 6.91522889068984211695e0, 3.23774891776946035970e0,
    ),
    (
        6.79019408009981274425e-9, 2.89247864745380683936e-6, 3.28014464682127739104e-4,
        1.34204006088543189037e-2, 2.16236993594496635890e-1, 1.37702099489081330271e0,
        3.67983563856160859403e0, 6.02427039364742014255e0, 1.0,
    ),
)
_ERF_AT_ONE = 8.45062911510467529297e-01  # rounded to 24 bits
_EXP_M2 = 0.13533528323661269189  # exp(-2)
_ONE_LESS_EXP_M2 = 0.86466471676338730811
_SQRT_2PI = 2.50662827463100050242
_SQRT_2, _SQRT_HALF = 1.41421356237309504880, 0.70710678118654752440


def _quotient(x: Floats, p: tuple[tuple[float, ...], tuple[float, ...]]) -> Floats:
    return _poly(x, p[0]) / _poly(x, p[1])


def _normal_cdf(x: Floats) -> Floats:
    """Return the probability that a standard normal variable is below x."""
    a = np.abs(x)
    z = a * _SQRT_HALF
    half = 0.5 * (z + z * _quotient(z * z, _ERF))
    tail = _normal_tail(a, z)
    return np.where(z < 0.84375, 0.5 + np.copysign(half, x), np.where(x > 0, 1 - tail, tail))


def _normal_tail(a: Floats, z: Floats) -> Floats:
    """Return the probability beyond a, where z = a/sqrt 2 >= 0.84375.

    The exponential of -a^2/2 comes from a itself, with a^2 in two parts: the
    rounding of z would cost a relative error of a^2.
    """
    near = 0.5 * ((1 - _ERF_AT_ONE) - _quotient(z - 1, _ERF_ONE))
    s = 2 / (a * a)
    correction = np.where(z < 2.8571428571428571429, _quotient(s, _ERFC), _quotient(s, _ERFC_FAR))
    b = _short(a)
    far = _exp(-(0.5 * b * b) - 0.5625) * _exp(0.5 * (b - a) * (b + a) + correction)
    far = far / (_SQRT_2 * a)
    return np.where(z < 1.25, near, np.where(a > 40, 0.0, far))


def _normal_quantile(p: Floats) -> Floats:
    """Return the x below which a standard normal variable lies with probability p.

    That is -inf for 0, inf for 1 and NaN outside of [0, 1].
    """
    upper = p > _ONE_LESS_EXP_M2
    w = p - 0.5
    square = w * w
    x = _SQRT_2PI * (w + w * ((square * _poly(square, _CENTER[0])) / _poly(square, _CENTER[1])))
    tails = np.flatnonzero(~((p > _EXP_M2) & ~upper))
    tail = _normal_quantile_tail(np.where(upper, 1 - p, p)[tails])
    x[tails] = np.where(upper[tails], -tail, tail)
    return np.where(p == 0, -np.inf, np.where(p == 1, np.inf, x))


def _normal_quantile_tail(p: Floats) -> Floats:
    """Return the quantile of p <= exp(-2)."""
    z = np.sqrt(-2 * _log(p))
    y = 1 / z
    first = z - _log(z) / z
    x = (y * _poly(y, _TAIL[0])) / _poly(y, _TAIL[1])
    far = np.flatnonzero(~(z < 8))
    x[far] = (y[far] * _poly(y[far], _FAR_TAIL[0])) / _poly(y[far], _FAR_TAIL[1])
    return x - first


# The command.


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Check an artifact and print what is in it; return 0, 1 for no file, 5 for a refused one."""
    parser = argparse.ArgumentParser(
        prog="tare.py", description="Check an artifact of tare and say what is in it."
    )
    parser.add_argument("artifact", help="an artifact, *.npz")
    path = parser.parse_args(arguments).artifact
    try:
        scaler = load(path)
    except ArtifactError as error:
        print(error, file=sys.stderr)
        return 5
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    print(_summary(path, scaler))
    return 0


def _summary(path: str, s: Scaler) -> str:
    m = s.manifest
    cutoff = ", ".join(f"{key} {value}" for key, value in m["cutoff"].items() if key != "kind")
    lines = [
        f"artifact  {path}",
        f"id        {s.id}",
        f"pipeline  {m['pipeline']}, revision {m['revision']}",
        f"cutoff    {m['cutoff'].get('kind')}{': ' + cutoff if cutoff else ''}",
        f"learned   {m['records']['learned']} records of {len(s.series)} series",
        "",
        *_aligned([_feature_row(f, pooled) for f, pooled in zip(m["features"], m["pooled"])]),
        *(_categories_line(f) for f in s._features if isinstance(f, _Labels)),
        "",
        f"examples: ok ({len(m['examples'])} rows)",
    ]
    return "\n".join(lines)


def _feature_row(f: dict, pooled: dict) -> list[str]:
    var = pooled.get("var")
    numbers = [
        pooled.get("min"),
        pooled.get("mean"),
        None if var is None else var**0.5,
        pooled.get("max"),
    ]
    pre = "+".join(p["kind"] for p in f.get("pre", [])) or "-"
    counts = [str(pooled.get("count")), str(pooled.get("missing"))]
    return [
        f["name"] + (str(f["shape"]).replace(" ", "") if "shape" in f else ""),
        pre,
        f.get("encoding", f["scaler"])["kind"],
        *counts,
        *("-" if x is None else f"{x:.6g}" for x in numbers),
    ]


_SHOWN = 10  # categories in a line


def _categories_line(f: _Labels) -> str:
    n, rare = len(f.counts), int(np.sum(f.infrequent))
    each = zip(f.vocabulary.labels[:_SHOWN], f.counts.tolist(), f.infrequent)
    parts = [
        f"{json.dumps(label[:60], ensure_ascii=False)} {count}{' (infrequent)' if mark else ''}"
        for label, count, mark in each
    ]
    more = f", and {n - _SHOWN} more" if n > _SHOWN else ""
    lacks = f"; a count may lack up to {f.error}" if f.error else ""
    of_them = f", {rare} of them infrequent" if rare else ""
    return f"{f.spec.name}: {n} categories{of_them}: {', '.join(parts)}{more}{lacks}"


def _aligned(rows: list[list[str]]) -> list[str]:
    rows = [["feature", "pre", "scaler", "values", "missing", "min", "mean", "sd", "max"], *rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]


if __name__ == "__main__":
    sys.exit(main())
