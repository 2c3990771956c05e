"""Whose a record is: its tenant, and the person that it is about."""

from collections.abc import Callable, Iterable, Sequence

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._sealing import plain, subject_id, subject_keys
from penstock.agents.tag._path import getter
from penstock.model.keyring import Keyring
from penstock.model.record import HEADER_TENANT, Record


def tenant_of(default: str) -> Callable[[Record], str]:
    """Finds a record's tenant: as `tag` noted it, else the header that its source wrote, else the pipeline's."""

    def tenant(record: Record) -> str:
        noted = record.note("tenant") if "tenant" in record.entry.notes else None
        if not isinstance(noted, str) or not noted:
            noted = record.header(HEADER_TENANT) if record.headers else None
        return noted or default

    return tenant


def subject_of(paths: Sequence[str]) -> Callable[[Record], str | None]:
    """Finds how a record names its subject, in plain form: the first of the fields at `paths` that says something."""
    getters = [getter(path) for path in paths]

    def subject(record: Record) -> str | None:
        for get in getters:
            value = get(record.data)
            if isinstance(value, str) or type(value) is int:
                name = plain(str(value))
                if name:
                    return name
        return None

    return subject


def names_of(value: str, recognizers: Iterable[Recognizer]) -> set[str]:
    """Every plain form by which the vault may know whom `value` names: its own, and one a category it may be of."""
    value = value.strip()
    names = {plain(value)}
    for recognizer in recognizers:
        patterns = range(len(recognizer.exact))
        if recognizer.is_value(value) or any(recognizer.takes(number, value) for number in patterns):
            names.add(plain(recognizer.canonical(value)))
    return names - {""}


def subjects_of(
    values: Iterable[str], tenants: Iterable[str], keyring: Keyring, recognizers: Sequence[Recognizer]
) -> set[tuple[str, ...]]:
    """What the vault may know those by whom `values` name, as `penstock.stores.vault.Vault.erase` takes it."""
    keys = subject_keys(keyring.keys)
    names = {name for value in values for name in names_of(value, recognizers)}
    return {tuple(subject_id(key, tenant, name) for key in keys) for tenant in tenants for name in names}
