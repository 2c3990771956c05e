"""The leaves of records of a known layout: where they stand is worked out once, and read without a walk.

It serves records as most are: objects in objects, lists of scalars, no rules for fields, no personal names. The others
are walked (see `_walk`), and give the same.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from penstock.agents.redact._policy import Rule
from penstock.agents.redact._strategy import Strategy
from penstock.agents.redact._walk import Learn, Renamed, Shapes, number_text, told_number
from penstock.model.record import Data

MOST_FIELDS: Final = 256


class Plan:
    """Where the leaves of one layout stand.

    Objects are numbered from the outside in, the record is 0. Leaves are numbered: texts object by object, then
    numbers, then the items of lists, of which there may be more or fewer from record to record.
    """

    __slots__ = (
        "base",
        "first_number",
        "fixed",
        "lists",
        "named",
        "nested",
        "numbers",
        "places",
        "singles",
        "texts",
        "told_numbers",
    )

    def __init__(self, data: Data, base: Rule, shapes: Shapes, learn: Learn) -> None:
        self.base = base
        self.nested: list[tuple[int, str]] = []
        self.texts: list[tuple[int, Any]] = []
        self.singles: list[tuple[int, str]] = []
        self.numbers: list[tuple[int, str]] = []
        self.told_numbers: list[tuple[int, str]] = []
        self.lists: list[tuple[int, str, tuple[int, ...], str]] = []
        self.places: list[tuple[int, str, str]] = []
        self.named: dict[int, tuple[int, ...]] = {}
        called: dict[tuple[int, str], tuple[int, ...]] = {}
        singles, numbers = [], []
        for at, (part, path) in enumerate(objects := [(data, "")]):
            names = tuple(part)
            calls, _ = shapes.get(names) or learn(names)
            called.update(((at, names[place]), recognizers) for place, recognizers in calls)
            texts = []
            for name, value in part.items():
                kind, place = type(value), (at, name, path + name)
                if kind is str:
                    texts.append(place)
                elif kind is int or kind is float:
                    numbers.append(place)
                elif kind is dict:
                    self.nested.append((at, name))
                    objects.append((value, f"{path}{name}."))
                elif kind is list:
                    self.lists.append((at, name, called.get((at, name), ()), f"{path}{name}."))
            if len(texts) > 1:
                self.texts.append((at, itemgetter(*(name for _, name, _ in texts))))
                self.places += texts
            else:
                singles += texts
        self.singles = [(at, name) for at, name, _ in singles]
        self.numbers = [(at, name) for at, name, _ in numbers if (at, name) not in called]
        self.told_numbers = [(at, name) for at, name, _ in numbers if (at, name) in called]
        self.first_number = len(self.places) + len(singles)
        numbers.sort(key=lambda place: place[:2] in called)  # as the two lists above
        self.places += singles + numbers
        self.fixed = len(self.places)
        for number, (at, name, _) in enumerate(self.places):
            if (at, name) in called:
                self.named[number] = called[at, name]


def plan(data: Data, base: Rule, shapes: Shapes, learn: Learn) -> Plan | None:
    """The plan for records with the layout of `data`; None where they have to be walked."""
    fields = 0
    for part in (objects := [data]):
        names = tuple(part)
        fields += len(names)
        if fields > MOST_FIELDS or (shapes.get(names) or learn(names))[1]:
            return None
        for value in part.values():
            if type(value) is dict:
                objects.append(value)
            elif type(value) is list and not {dict, list}.isdisjoint(map(type, value)):
                return None
    return Plan(data, base, shapes, learn)


class FlatLeaves:
    """What a plan reads of one record; as `_walk.Leaves`.

    Attributes
    ----------
    same_layout
        Whether the tree has the layout of the record: texts became texts, if anything.
    """

    __slots__ = ("_objects", "_ours", "_plan", "named", "same_layout", "texts", "tree")

    names: Sequence[int] = ()
    whole: Sequence[tuple[int, Strategy]] = ()
    rules: Mapping[int, Rule] = {}  # never written
    prefix = ""

    def __init__(self, plan: Plan, data: Data) -> None:
        self.tree: Any = data
        self.same_layout = True
        self._plan = plan
        self._ours: set[int] | None = None
        self.named: Mapping[int, tuple[int, ...]] = plan.named
        self._objects: list[Any] = [data]
        objects = self._objects
        for at, name in plan.nested:
            objects.append(objects[at][name])
        self.texts: list[str] = []
        texts = self.texts
        for at, get in plan.texts:
            texts += get(objects[at])
        for at, name in plan.singles:
            texts.append(objects[at][name])
        for at, name in plan.numbers:
            texts.append(number_text(objects[at][name]))
        for at, name in plan.told_numbers:
            texts.append(told_number(objects[at][name]))
        for at, name, called, _ in plan.lists:
            if called:
                more = range(len(texts), len(texts) + len(objects[at][name]))
                self.named = {**self.named, **dict.fromkeys(more, called)}
            texts += map(_told if called else _text, objects[at][name])

    @property
    def base(self) -> Rule:
        return self._plan.base

    def key(self, number: int) -> Any:
        return self._place(number)[1]

    def path(self, number: int, renamed: Renamed) -> str:
        plan = self._plan
        if number < plan.fixed:
            return plan.places[number][2]
        place, index = self._item(number)
        return f"{plan.lists[place][3]}{index}"

    def replace(self, number: int, value: Any) -> None:
        plan = self._plan
        if number < plan.fixed:
            at, name, _ = plan.places[number]
            self._own(at)[name] = value
            if number >= plan.first_number or value is None:
                self.same_layout = False
            return
        self.same_layout = False
        place, index = self._item(number)
        at, name, _, _ = plan.lists[place]
        holder, mark = self._own(at), -1 - place
        assert self._ours is not None
        if mark not in self._ours:
            self._ours.add(mark)
            holder[name] = holder[name].copy()
        holder[name][index] = value

    def _place(self, number: int) -> tuple[int, Any]:
        if number < self._plan.fixed:
            return self._plan.places[number][:2]
        return self._item(number)

    def _item(self, number: int) -> tuple[int, int]:
        """Which list an item is in, and its index there."""
        index = number - self._plan.fixed
        for place, (at, name, _, _) in enumerate(self._plan.lists):
            length = len(self._objects[at][name])
            if index < length:
                return place, index
            index -= length
        raise IndexError(number)

    def _own(self, at: int) -> Any:
        """An object, to be written to: from the first time on a copy, in copies of those around it."""
        ours = self._ours
        if ours is None:
            ours = self._ours = set()
        objects = self._objects
        if at in ours:
            return objects[at]
        ours.add(at)
        copy = objects[at] = objects[at].copy()
        if at:
            around, name = self._plan.nested[at - 1]
            self._own(around)[name] = copy
        else:
            self.tree = copy
        return copy


def _text(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    return number_text(value) if kind is int or kind is float else ""


def _told(value: Any) -> str:
    """As `_text`, in a list whose name vouches for a category."""
    kind = type(value)
    return value if kind is str else told_number(value) if kind is int or kind is float else ""
