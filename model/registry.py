"""Components by name: the name is the file's.

`Registry("penstock.connectors.sources", "penstock.sources").load("csv")` imports `connectors/sources/csv.py`.
Packages below the given one are looked through as well (`agents/<family>/<name>.py`); a module whose name starts with
an underscore is a part of others, not a component. Third parties add components by entry points of the given group,
whose names must not be taken.
"""

import difflib
import importlib
import pkgutil
from functools import cached_property
from importlib.metadata import entry_points
from types import ModuleType

from penstock.model.errors import ConfigurationError


class Registry:
    """The components below one package.

    Parameters
    ----------
    package : str
        Dotted name of the package whose modules are the components.
    group : str
        Entry-point group of components from elsewhere.
    kind : str
        What a component is called in messages.
    skip : frozenset of str
        Names of subpackages and modules that hold no components.
    """

    def __init__(self, package: str, group: str, kind: str, skip: frozenset[str] = frozenset()) -> None:
        self._package = package
        self._group = group
        self._kind = kind
        self._skip = skip

    @cached_property
    def modules(self) -> dict[str, str]:
        """Name of each component -> dotted name of its module.

        Raises
        ------
        ConfigurationError
            Two components have one name.
        """
        found: dict[str, str] = {}
        for name, module in [*self._own(self._package), *self._foreign()]:
            if name in found:
                raise ConfigurationError(f"two {self._kind}s are called {name}: {found[name]} and {module}")
            found[name] = module
        return found

    def load(self, name: str) -> ModuleType:
        """The module of the component called `name`, or that has it among its ALIASES.

        Raises
        ------
        ConfigurationError
            There is none; the message gives the nearest name.
        """
        if name in self.modules:
            return importlib.import_module(self.modules[name])
        for module_name in self.modules.values():
            module = importlib.import_module(module_name)
            if name in getattr(module, "ALIASES", ()):
                return module
        near = difflib.get_close_matches(name, self.modules, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(self.modules))}"
        raise ConfigurationError(f"no {self._kind} is called {name}", hint=hint)

    def name(self, name: str) -> str:
        """The name that `name` (itself or an alias) stands for."""
        if name in self.modules:
            return name
        return self.load(name).__name__.rpartition(".")[2]

    def _own(self, package: str) -> list[tuple[str, str]]:
        found = []
        for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
            if info.name in self._skip or info.name.startswith("_"):
                continue
            path = f"{package}.{info.name}"
            found += self._own(path) if info.ispkg else [(info.name, path)]
        return found

    def _foreign(self) -> list[tuple[str, str]]:
        return [(point.name, point.module) for point in entry_points(group=self._group)]
