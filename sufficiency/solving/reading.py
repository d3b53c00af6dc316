"""A Pyomo model taken apart into the columns and rows that a solver wants, names kept.

Components that can hand over their arrays (``as_columns``, ``as_rows``, ``as_cost``; see
``placement/sparse.py``) are taken at once. Any other variable, constraint or objective is taken
element by element: a rule that somebody adds by hand is never lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp
from numpy.typing import NDArray
from pyomo.repn import generate_standard_repn

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Labels:
    """What columns or rows are called: a (name, index) each, kept in blocks of one name.

    Behaves as a list of such pairs, and answers for all of one name at once.
    """

    def __init__(self, blocks: Iterable[tuple[str, Sequence[Any] | NDArray[Any]]] = ()) -> None:
        self._names: list[str] = []
        self._indices: list[NDArray[Any]] = []
        codes, places = [np.zeros(0, dtype=np.int16)], [np.zeros(0, dtype=np.int32)]
        for name, indices in blocks:
            codes.append(np.full(len(indices), len(self._names), dtype=np.int16))
            places.append(np.arange(len(indices), dtype=np.int32))
            self._names.append(name)
            self._indices.append(_as_array(indices))
        self._code, self._place = np.concatenate(codes), np.concatenate(places)

    def __len__(self) -> int:
        return len(self._code)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        lists = [indices.tolist() for indices in self._indices]
        for code, place in zip(self._code.tolist(), self._place.tolist(), strict=True):
            yield self._names[code], lists[code][place]

    def __getitem__(self, at: Any) -> Any:
        """One (name, index), or the labels at positions or where a mask holds."""
        if isinstance(at, (int, np.integer)):
            code, place = self._code[at], self._place[at]
            return self._names[code], self._indices[code][place : place + 1].tolist()[0]
        chosen = Labels()
        chosen._names, chosen._indices = self._names, self._indices
        chosen._code, chosen._place = self._code[at], self._place[at]
        return chosen

    def __add__(self, other: Labels) -> Labels:
        both = Labels()
        both._names = self._names + other._names
        both._indices = self._indices + other._indices
        both._code = np.concatenate([self._code, other._code + np.int16(len(self._names))])
        both._place = np.concatenate([self._place, other._place])
        return both

    def among(self, *names: str) -> Bools:
        """Where one of these names stands."""
        wanted = np.array([name in names for name in self._names], dtype=bool)
        return wanted[self._code] if len(wanted) else np.zeros(0, dtype=bool)

    def of(self, name: str) -> tuple[Ints, NDArray[Any]]:
        """Positions of a name, and the indices there (whole numbers, or objects)."""
        at = np.flatnonzero(self.among(name))
        found = [
            self._indices[code][self._place[at[self._code[at] == code]]]
            for code, own in enumerate(self._names)
            if own == name
        ]
        if len(found) != 1:  # a name that came twice, by concatenation, or not at all
            return at, _as_array([index for _, index in self[at]])
        return at, found[0]


def _as_array(indices: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    if isinstance(indices, np.ndarray):
        return indices
    if all(isinstance(index, int) for index in indices):
        return np.array(indices, dtype=np.int64)
    objects = np.empty(len(indices), dtype=object)
    objects[:] = indices
    return objects


class _Columns:
    """Columns of a model, in blocks; elements of ordinary variables join when they are met."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, Any]] = []
        self.lower: list[Any] = []
        self.upper: list[Any] = []
        self.integer: list[Any] = []
        self.first: dict[Any, int] = {}
        self.count = 0
        self._single: dict[int, int] = {}
        self._known: list[Any] = []

    def take(self, variable: Any) -> None:
        """A variable that hands over its arrays."""
        index, lower, upper, integer = variable.as_columns()
        self.first[variable] = self.count
        self._add(variable.local_name, index, lower, upper, integer)

    def of(self, data: Any) -> int:
        """The column of one element."""
        parent = data.parent_component()
        if hasattr(parent, "as_columns"):
            return self.first[parent] + int(parent.position(data.index()))
        if id(data) not in self._single:
            self._single[id(data)] = self.count
            self._known.append(data)  # kept alive, so that its id stays its own
            lower, upper = data.bounds
            self._add(
                parent.local_name,
                [data.index()],
                [-math.inf if lower is None else lower],
                [math.inf if upper is None else upper],
                [not data.is_continuous()],
            )
        return self._single[id(data)]

    def _add(self, name: str, index: Any, lower: Any, upper: Any, integer: Any) -> None:
        self.blocks.append((name, index))
        self.lower.append(lower)
        self.upper.append(upper)
        self.integer.append(integer)
        self.count += len(index)


def take_apart(model: Any) -> dict[str, Any]:
    """Columns, rows, matrix and costs of a linear Pyomo model, by the names of ``StandardForm``.

    Columns come in the order in which variables stand in the model; elements of ordinary variables
    follow in the order in which objective and constraints use them. Rows that a model states
    element by element follow the others.

    Raises:
        ValueError: when a constraint or the objective is not linear, or there is not one objective.
    """
    columns = _Columns()
    for variable in model.component_objects(pyo.Var, descend_into=True):
        if hasattr(variable, "as_columns"):
            columns.take(variable)
    cost_parts, offset, cost_entries = _objective(model, columns)
    blocks: list[tuple[str, Any]] = []
    by_variable: dict[Any, list[tuple[int, Any]]] = {variable: [] for variable in columns.first}
    lower, upper = [np.zeros(0)], [np.zeros(0)]
    ordinary: list[Any] = []
    count = 0
    for constraint in model.component_objects(pyo.Constraint, active=True, descend_into=True):
        if not hasattr(constraint, "as_rows"):
            ordinary += [data for data in constraint.values() if data.active]
            continue
        index, terms, least, most, asked = constraint.as_rows()
        blocks.append((constraint.local_name, index))
        lower.append(least)
        upper.append(most)
        for variable, matrix in terms.items():
            by_variable[variable].append((count, matrix))
        count += len(index)
        ordinary += asked
    entries: list[tuple[int, int, float]] = []
    for data in ordinary:
        body = _linear(data.body, data.name)
        least, most = data.lb, data.ub
        if (least is None and most is None) or not body.linear_vars:
            _check_constant(data, body.constant, least, most)
            continue
        entries += [
            (count, columns.of(variable), value)
            for variable, value in zip(body.linear_vars, body.linear_coefs, strict=True)
        ]
        blocks.append((data.parent_component().local_name, [data.index()]))
        lower.append(np.array([-math.inf if least is None else least - body.constant]))
        upper.append(np.array([math.inf if most is None else most - body.constant]))
        count += 1
    matrix = _matrix(columns, by_variable, entries, count)
    cost = np.zeros(columns.count)
    for variable, values in cost_parts.items():
        cost[columns.first[variable] : columns.first[variable] + len(values)] = values
    for column, value in cost_entries:
        cost[column] += value
    return {
        "columns": Labels(_joined(columns.blocks)),
        "rows": Labels(_joined(blocks)),
        "start": matrix.indptr.astype(np.int32),
        "index": matrix.indices.astype(np.int32),
        "value": matrix.data,
        "cost": cost,
        "offset": offset,
        "lower": _together(columns.lower, float),
        "upper": _together(columns.upper, float),
        "integer": _together(columns.integer, bool),
        "row_lower": np.concatenate(lower),
        "row_upper": np.concatenate(upper),
    }


def _objective(
    model: Any, columns: _Columns
) -> tuple[dict[Any, Any], float, list[tuple[int, float]]]:
    """Costs by variable, the constant, and costs of single columns."""
    found = list(model.component_data_objects(pyo.Objective, active=True, descend_into=True))
    if len(found) != 1:
        raise ValueError(f"the model has {len(found)} objectives; one is wanted")
    whole = found[0].as_cost() if hasattr(found[0], "as_cost") else None
    if whole is not None:
        return whole[0], whole[1], []
    sign = 1.0 if found[0].is_minimizing() else -1.0
    body = _linear(found[0].expr, found[0].name)
    entries = [
        (columns.of(variable), sign * value)
        for variable, value in zip(body.linear_vars, body.linear_coefs, strict=True)
    ]
    return {}, sign * float(body.constant), entries


def _linear(expression: Any, name: str) -> Any:
    body = generate_standard_repn(expression, compute_values=True)
    if not body.is_linear():
        raise ValueError(f"{name} is not linear")
    return body


def _check_constant(data: Any, constant: float, least: float | None, most: float | None) -> None:
    """A row without variables holds, or no plan can."""
    if (least is not None and constant < least) or (most is not None and constant > most):
        raise ValueError(f"{data.name} holds no variable and cannot be kept")


def _matrix(
    columns: _Columns,
    by_variable: dict[Any, list[tuple[int, Any]]],
    entries: list[tuple[int, int, float]],
    count: int,
) -> Any:
    """The matrix by columns, variable by variable, so that nothing large is sorted."""
    pieces = []
    done = 0
    for variable, stacked in by_variable.items():
        start = np.zeros(count + 1, dtype=np.int32)
        for first, matrix in stacked:
            start[first + 1 : first + 1 + matrix.shape[0]] = np.diff(matrix.indptr)
        np.cumsum(start, out=start)
        whole = sp.csr_array(
            (
                _together([matrix.data for _, matrix in stacked], float),
                _together([matrix.indices for _, matrix in stacked], np.int32),
                start,
            ),
            shape=(count, len(variable)),
        )
        pieces.append(whole.tocsc())
        done += len(variable)
    # Variables that hand over arrays come first, in this order; the rest follow one by one.
    pieces.append(sp.csc_array((count, columns.count - done)))
    result = _beside(pieces, count)
    if entries:
        row, column, value = zip(*entries, strict=True)
        result = (result + sp.csc_array((value, (row, column)), shape=result.shape)).tocsc()
    result.sort_indices()
    return result


def _beside(pieces: list[Any], count: int) -> Any:
    """Matrices by columns, one beside the other."""
    counts = np.concatenate([[0], *(np.diff(piece.indptr) for piece in pieces)])
    data = np.concatenate([piece.data for piece in pieces])
    indices = np.concatenate([piece.indices for piece in pieces])
    return sp.csc_array((data, indices, np.cumsum(counts)), shape=(count, len(counts) - 1))


def _together(arrays: list[Any], kind: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype=kind), *(np.asarray(a, dtype=kind) for a in arrays)])


def _joined(blocks: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Blocks with single elements of one name that follow each other put into one."""
    joined: list[tuple[str, Any]] = []
    for name, index in blocks:
        last = joined[-1] if joined else None
        if last is not None and last[0] == name and isinstance(last[1], list):
            last[1].extend(list(index))
        else:
            joined.append((name, list(index) if isinstance(index, list) else index))
    return joined
