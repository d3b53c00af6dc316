"""Pyomo variables, rules and objective that stay arrays until somebody looks at an element.

A model of a large authority has millions of variables and rows, which numpy makes in a moment and
Python objects in minutes. :class:`SparseVar`, :class:`SparseRows` and :class:`SparseObjective` are
ordinary Pyomo components: an element that is asked for, by ``m.placed[3]``, by iteration or by any
Pyomo writer, is there. Whoever wants all of them at once takes the arrays (``as_columns``,
``as_rows``, ``as_cost``), and from these alone the elements that were asked for are left out,
because whoever asked may have changed them.

:class:`Linear` is the vocabulary in which a whole family of rows is written, as its equation is::

    m.placed.sums(...) - most * m.open.each(s, t) <= 0.0
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp
from numpy.typing import NDArray
from pyomo.core.base.constraint import IndexedConstraint
from pyomo.core.base.objective import ScalarObjective
from pyomo.core.base.var import IndexedVar
from pyomo.core.expr import LinearExpression

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[Any]
"""What elements are called: whole numbers, or an array of objects (names, tuples)."""


def as_index(index: Sequence[Any] | Index) -> Index:
    """Whole numbers as integers, names and tuples as objects."""
    if isinstance(index, np.ndarray):
        return index
    if all(isinstance(i, int) for i in index):
        return np.array(index, dtype=np.int64)
    objects = np.empty(len(index), dtype=object)
    objects[:] = index
    return objects


def parts(index: Index) -> tuple[Index, ...]:
    """The columns of an index of tuples; an index of single values is its own one column."""
    if index.dtype != object or not len(index) or not isinstance(index[0], tuple):
        return (index,)
    return tuple(as_index(list(column)) for column in zip(*index, strict=True))


# ------------------------------------------------------------------ expressions


class Linear:
    """In each row of a family a sum of coefficients times variables, and a constant.

    ``terms`` holds for each variable a sparse matrix, rows by positions of the variable.
    Expressions of as many rows can be added; ``share * expression`` scales, by one number or by one
    for each row; ``<=``, ``>=`` and ``==`` with numbers make the family.
    """

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]  # == makes a rule and compares nothing

    def __init__(
        self, rows: int, terms: dict[SparseVar, Any], constant: float | Floats = 0.0
    ) -> None:
        self.rows, self.terms = rows, terms
        self.constant = np.broadcast_to(np.asarray(constant, dtype=float), rows)

    def __add__(self, other: Linear | float | Floats) -> Linear:
        if not isinstance(other, Linear):
            return Linear(self.rows, self.terms, self.constant + other)
        terms = dict(self.terms)
        for variable, matrix in other.terms.items():
            terms[variable] = terms[variable] + matrix if variable in terms else matrix
        return Linear(self.rows, terms, self.constant + other.constant)

    def __sub__(self, other: Linear | float | Floats) -> Linear:
        return self + (-1.0 * other)

    def __rmul__(self, factor: float | Floats) -> Linear:
        by_row = np.broadcast_to(np.asarray(factor, dtype=float), self.rows)
        terms = {}
        for variable, matrix in self.terms.items():
            scaled = matrix.copy()
            scaled.data *= np.repeat(by_row, np.diff(matrix.indptr))
            terms[variable] = scaled
        return Linear(self.rows, terms, by_row * self.constant)

    def take(self, rows: Ints) -> Linear:
        """Only some rows, in this order."""
        if len(rows) == self.rows and np.array_equal(rows, np.arange(self.rows)):
            return self
        terms = {variable: matrix[rows] for variable, matrix in self.terms.items()}
        return Linear(len(rows), terms, self.constant[rows])

    def added_up(self, sizes: Ints) -> Linear:
        """Rows added up in groups of these sizes that follow one another."""
        start = np.concatenate([[0], np.cumsum(sizes)])
        groups = sp.csr_array(
            (np.ones(self.rows), np.arange(self.rows), start), shape=(len(sizes), self.rows)
        )
        terms = {variable: sp.csr_array(groups @ each) for variable, each in self.terms.items()}
        return Linear(len(sizes), terms, np.asarray(groups @ self.constant))

    def __le__(self, bound: float | Floats) -> Rule:
        return Rule(self, -math.inf, bound)

    def __ge__(self, bound: float | Floats) -> Rule:
        return Rule(self, bound, math.inf)

    def __eq__(self, bound: Any) -> Rule:  # type: ignore[override]  # as Pyomo's expressions do
        return Rule(self, bound, bound)


class Rule:
    """A family of rows: ``lower <= terms <= upper``, the constant of the expression within them."""

    def __init__(self, expression: Linear, lower: float | Floats, upper: float | Floats) -> None:
        self.rows = expression.rows
        self.terms = expression.terms
        for matrix in self.terms.values():
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
        self.lower: Floats = np.zeros(self.rows) + lower - expression.constant
        self.upper: Floats = np.zeros(self.rows) + upper - expression.constant


# ------------------------------------------------------------------ components


class _Lazy:
    """What variables and rules have in common: elements that are made when asked for."""

    _data: dict[Any, Any]

    def _name_elements(self, index: Sequence[Any] | Index) -> None:
        self.index_array = as_index(index)
        self._position: dict[Any, int] | None = None

    def position(self, element: Any) -> int:
        """Where an element stands in the arrays.

        Raises:
            KeyError: when there is no such element.
        """
        if self._position is None:
            self._position = {name: i for i, name in enumerate(self.index_array.tolist())}
        return self._position[element]

    def index_set(self) -> Any:
        """The names of all elements, as a Pyomo set."""
        elements = pyo.SetOf(dict.fromkeys(self.index_array.tolist()))
        elements.construct()
        return elements

    def __len__(self) -> int:
        return len(self.index_array)

    def __contains__(self, element: Any) -> bool:
        try:
            return self.position(element) >= 0
        except KeyError:
            return False

    def keys(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Names of the elements, all of which exist from now on."""
        if len(self._data) < len(self):
            made = dict(self._data)
            self._data.clear()
            for element in self.index_array.tolist():
                if element in made:
                    self._data[element] = made[element]
                else:
                    self._getitem_when_not_present(element)
        found: Iterator[Any] = super().keys(*args, **options)  # type: ignore[misc]  # of Pyomo's class beside it
        return found

    def __delitem__(self, element: Any) -> None:
        raise TypeError("elements cannot be deleted; fix the variable or deactivate the row")

    def _getitem_when_not_present(self, element: Any) -> Any:
        """The element as Pyomo knows it; variables and rows each make their own."""
        raise NotImplementedError

    def _touched(self) -> Ints:
        """Positions of elements that were asked for."""
        return np.array([self.position(element) for element in self._data], dtype=np.int64)


class SparseVar(_Lazy, IndexedVar):  # type: ignore[misc]  # Pyomo is not typed
    """A variable with bounds by array; ``integer`` where it takes whole numbers only.

    Args:
        index: names of the elements.
        lower, upper: one number for all, or one for each.
        integer: the same.
    """

    def __init__(
        self,
        index: Sequence[Any] | Index,
        *,
        lower: float | Floats = 0.0,
        upper: float | Floats = math.inf,
        integer: bool | NDArray[np.bool_] = False,
    ) -> None:
        IndexedVar.__init__(self, pyo.Any, dense=False)
        self._name_elements(index)
        count = len(self.index_array)
        self.lower_array: Floats = np.zeros(count) + lower
        self.upper_array: Floats = np.zeros(count) + upper
        self.integer_array = np.zeros(count, dtype=bool) | integer
        self._tables: Any = None

    def _getitem_when_not_present(self, element: Any) -> Any:
        at = self.position(element)
        data = IndexedVar._getitem_when_not_present(self, self.index_array[at : at + 1].tolist()[0])
        lower, upper = float(self.lower_array[at]), float(self.upper_array[at])
        if self.integer_array[at]:
            data.domain = pyo.Binary if (lower, upper) == (0.0, 1.0) else pyo.Integers
        data.setlb(None if math.isinf(lower) else lower)
        data.setub(None if math.isinf(upper) else upper)
        return data

    def as_columns(self) -> tuple[Index, Floats, Floats, NDArray[np.bool_]]:
        """Names, lower and upper bounds, whether integer; a fixed element is bounded by its value.

        Elements that were asked for are read back, for their bounds may have been changed.
        """
        lower, upper = self.lower_array.copy(), self.upper_array.copy()
        integer = self.integer_array.copy()
        for at, data in zip(self._touched(), self._data.values(), strict=True):
            least, most = (data.value, data.value) if data.fixed else data.bounds
            lower[at] = -math.inf if least is None else least
            upper[at] = math.inf if most is None else most
            integer[at] = not data.is_continuous()
        return self.index_array, lower, upper, integer

    # -- terms of rows

    def positions(self, *index: Index | Sequence[Any]) -> Ints:
        """Where elements stand in the arrays, by the columns of their names.

        Raises:
            KeyError: when there is no such element.
        """
        columns = [as_index(column) for column in index]
        if any(column.dtype == object for column in columns):
            names = zip(*(column.tolist() for column in columns), strict=True)
            return np.array(
                [self.position(n if len(columns) > 1 else n[0]) for n in names], dtype=np.int64
            )
        if self._tables is None:
            own = np.array([parts(self.index_array)], dtype=np.int64).reshape(len(columns), -1)
            shape = tuple(own.max(axis=1, initial=-1) + 1)
            table = np.full(shape, -1, dtype=np.int64)
            table[tuple(own)] = np.arange(len(self))
            self._tables = table
        try:
            found = np.asarray(self._tables[tuple(columns)], dtype=np.int64)
        except IndexError as error:
            raise KeyError(f"{self.local_name}: {error}") from error
        if (found < 0).any():
            missing = tuple(int(column[(found < 0).argmax()]) for column in columns)
            raise KeyError(f"{self.local_name}: {missing}")
        return found

    def each(self, *index: Index | Sequence[Any]) -> Linear:
        """One element in each row: as many rows as there are names in ``index``."""
        at = self.positions(*index)
        return self.sums(np.arange(len(at) + 1), at, np.ones(len(at)))

    def sums(self, start: Ints, positions: Ints, coefficients: Floats) -> Linear:
        """Row i is the sum over ``positions[start[i]:start[i+1]]`` with their coefficients."""
        shape = (len(start) - 1, len(self))
        matrix = sp.csr_array(
            (
                np.array(coefficients, dtype=float),
                np.asarray(positions, dtype=np.int32),
                np.asarray(start, dtype=np.int32),
            ),
            shape=shape,
        )
        return Linear(shape[0], {self: matrix})

    def listed(self, rows: Sequence[Sequence[tuple[Any, float]]]) -> Linear:
        """Row i is the sum over its list of (name, coefficient); for families of few rows."""
        lengths = np.array([0, *(len(row) for row in rows)], dtype=np.int64)
        at = [self.position(name) for row in rows for name, _ in row]
        coefficients = [coefficient for row in rows for _, coefficient in row]
        return self.sums(np.cumsum(lengths), np.array(at, dtype=np.int64), np.array(coefficients))

    def total(self, coefficients: float | Floats) -> Linear:
        """One row: the sum over all elements, with one coefficient for all or one for each."""
        return self.sums(
            np.array([0, len(self)]), np.arange(len(self)), np.zeros(len(self)) + coefficients
        )


class SparseRows(_Lazy, IndexedConstraint):  # type: ignore[misc]  # Pyomo is not typed
    """A constraint with all its rows in one :class:`Rule`."""

    def __init__(self, index: Sequence[Any] | Index, rule: Rule | None) -> None:
        IndexedConstraint.__init__(self, pyo.Any)
        self._name_elements(index)
        self._all = Rule(Linear(0, {}), 0.0, 0.0) if rule is None else rule
        if self._all.rows != len(self.index_array):
            raise ValueError(f"{self._all.rows} rows for {len(self.index_array)} names")

    def _getitem_when_not_present(self, element: Any) -> Any:
        at = self.position(element)
        coefficients: list[float] = []
        variables: list[Any] = []
        for variable, matrix in self._all.terms.items():
            where = slice(matrix.indptr[at], matrix.indptr[at + 1])
            coefficients += matrix.data[where].tolist()
            variables += [variable[i] for i in variable.index_array[matrix.indices[where]].tolist()]
        body = LinearExpression(constant=0.0, linear_coefs=coefficients, linear_vars=variables)
        lower, upper = float(self._all.lower[at]), float(self._all.upper[at])
        if lower == upper:
            row = body == upper
        else:
            row = body <= upper if math.isinf(lower) else lower <= body
        name = self.index_array[at : at + 1].tolist()[0]
        return self._setitem_when_not_present(name, row)

    def activate(self) -> None:
        """Let the rows count, those that were asked for and the others."""
        self._active = True
        for data in self._data.values():
            data.activate()

    def deactivate(self) -> None:
        """Let no row count."""
        self._active = False
        for data in self._data.values():
            data.deactivate()

    def as_rows(self) -> tuple[Index, dict[SparseVar, Any], Floats, Floats, list[Any]]:
        """Names, terms, lower and upper bounds of the rows, and rows that were asked for.

        The latter are Pyomo's own from then on, and may have been changed.
        """
        rule, index = self._all, self.index_array
        if not self._data:
            return index, rule.terms, rule.lower, rule.upper, []
        rest = np.ones(len(index), dtype=bool)
        rest[self._touched()] = False
        terms = {variable: matrix[np.flatnonzero(rest)] for variable, matrix in rule.terms.items()}
        asked = [data for data in self._data.values() if data.active]
        return index[rest], terms, rule.lower[rest], rule.upper[rest], asked


class SparseObjective(ScalarObjective):  # type: ignore[misc]  # Pyomo is not typed
    """An objective to be minimised, given as a :class:`Linear` of one row."""

    _total: Linear | None
    _expanded: Any
    _copying: bool

    def __init__(self, total: Linear) -> None:
        ScalarObjective.__init__(self, sense=pyo.minimize)
        self._total = total

    def construct(self, data: Any = None) -> None:
        """Called by Pyomo when the objective joins a model."""
        ScalarObjective.construct(self, data)
        self._data[None] = self

    @property
    def _args_(self) -> tuple[Any, ...]:
        """The expression where Pyomo keeps it: made when somebody looks, unless one was set."""
        if self._expanded is None and self._total is not None and not self._copying:
            coefficients: list[float] = []
            variables: list[Any] = []
            for variable, matrix in self._total.terms.items():
                coefficients += matrix.data.tolist()
                variables += [variable[i] for i in variable.index_array[matrix.indices].tolist()]
            self._expanded = LinearExpression(
                constant=float(self._total.constant[0]),
                linear_coefs=coefficients,
                linear_vars=variables,
            )
        return (self._expanded,)

    @_args_.setter
    def _args_(self, args: tuple[Any, ...]) -> None:
        self._expanded = args[0]
        self._total = None
        self._copying = False

    def __getstate__(self) -> Any:
        # What is copied is what is there, and not an expression made for the copy's sake.
        self._copying = True
        try:
            return ScalarObjective.__getstate__(self)
        finally:
            self._copying = False

    def as_cost(self) -> tuple[dict[SparseVar, Floats], float] | None:
        """Coefficients of every element of each variable, and the constant.

        None when the expression was asked for: then it is Pyomo's own, and may have been changed.
        """
        if self._total is None or self._expanded is not None:
            return None
        return (
            {variable: matrix.toarray().ravel() for variable, matrix in self._total.terms.items()},
            float(self._total.constant[0]),
        )
