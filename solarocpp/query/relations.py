"""What names mean at one place of a statement, and how large what they name can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from solarocpp.query.sizes import DOCUMENT, Size, largest

# Begins the name of a column that has none of its own.
_UNNAMED = " "


@dataclass(frozen=True)
class Relation:
    """The columns of what can stand in FROM; `others` is the size of those whose names are not known."""

    columns: Mapping[str, Size] = field(default_factory=dict)
    others: Size | None = None

    @property
    def sizes(self) -> list[Size]:
        """Of all of them."""
        return [*self.columns.values(), *([self.others] if self.others else [])]

    def with_column(self, name: str, size: Size) -> Relation:
        """One more; with an empty name, one that is called like its expression."""
        return Relation({**self.columns, name or f"{_UNNAMED}{len(self.columns)}": size}, self.others)

    def called(self, names: Sequence[str]) -> Relation:
        """The same under other names."""
        if not names:
            return self
        if self.others is not None or len(names) > len(self.columns):
            whole = largest(self.sizes)
            return Relation(dict.fromkeys(names, whole), whole)
        kept = list(self.columns.items())[len(names) :]
        return Relation(dict([*zip(names, self.columns.values(), strict=False), *kept]))

    def beside(self, other: Relation) -> Relation:
        """The columns of both."""
        columns = dict(self.columns)
        for name, size in other.columns.items():
            columns[name] = largest([columns[name], size]) if name in columns else size
        return Relation(columns, _either(self.others, other.others))

    def united(self, other: Relation) -> Relation:
        """Rows of both, under the names of this one."""
        if self.others is None and other.others is None and len(self.columns) == len(other.columns):
            pairs = zip(self.columns.items(), other.columns.values(), strict=True)
            return Relation({name: largest([size, more]) for (name, size), more in pairs})
        whole = largest([*self.sizes, *other.sizes])
        return Relation(dict.fromkeys(self.columns, whole), whole)

    def fanned(self) -> Relation:
        """The same, where each of its rows can be there many times."""
        return Relation(
            {name: _fanned(size) for name, size in self.columns.items()}, self.others and _fanned(self.others)
        )

    def find(self, names: Sequence[str]) -> Size | None:
        """The size of a column that is called by one of these names."""
        known = [self.columns[name] for name in names if name in self.columns]
        return largest(known) if known else None

    def unknown(self) -> list[Size]:
        """Sizes of what any other name can mean."""
        unnamed = [size for name, size in self.columns.items() if name.startswith(_UNNAMED)]
        return [*unnamed, *([self.others] if self.others else [])]


def _fanned(size: Size) -> Size:
    return size._replace(fanned=size.fanned or size.collected > 0)


def _either(one: Size | None, other: Size | None) -> Size | None:
    known = [size for size in (one, other) if size]
    return largest(known) if known else None


@dataclass(frozen=True)
class Scope:
    """What names mean at one place of a statement."""

    relation: Relation = Relation()
    """What FROM has, and the columns that have been named so far."""
    rows: bool = False
    """There is a FROM: what comes from further out is there once for each of its rows."""
    outer: Scope | None = None
    ctes: Mapping[str, Relation] = field(default_factory=dict)
    elements: Mapping[str, Size] = field(default_factory=dict)
    """Parameters of the lambdas around."""
    repeats: float = 1
    """How many times a value is made for one row: a lambda makes one for each element."""
    over_collected: bool = False
    """A list that is gone through was collected; `repeats` are for each byte of it."""

    def column(self, names: Sequence[str]) -> Size:
        """The size of a column, wherever it comes from."""
        if names[0] in self.elements:
            return self.elements[names[0]]
        if (size := self.relation.find(names)) is not None:
            return size
        sizes = self.relation.unknown()
        if self.outer is not None:
            size = self.outer.column(names)
            sizes.append(_fanned(size) if self.rows else size)
        return largest(sizes) if sizes else DOCUMENT

    def within(self, elements: Mapping[str, Size], repeats: float, *, over_collected: bool) -> Scope:
        """The scope of a lambda's body; of the lambdas around it, no average holds any more."""
        around = {name: size._replace(bytes=size.peak) for name, size in self.elements.items()}
        return replace(
            self,
            elements={**around, **elements},
            repeats=self.repeats * repeats,
            over_collected=self.over_collected or over_collected,
        )
