"""What may be asked of the graph API's tables; each function works in the caller's transaction."""

from collections.abc import Iterable
from typing import Any

import orjson
import sqlalchemy as sa

from penstock.services.graph_store import ENTITY, LINK, POSITION, RECORD, RELATION


def position(connection: sa.Connection, stream: str) -> tuple[int, int] | None:
    row = connection.execute(sa.select(POSITION).where(POSITION.c.stream == stream)).one_or_none()
    return None if row is None else (row.epoch, row.next)


def stats(connection: sa.Connection, tenant: str | None) -> dict[str, Any]:
    def of(table: sa.Table) -> list[sa.ColumnElement[bool]]:
        return [] if tenant is None else [table.c.tenant == tenant]

    def by_type(table: sa.Table) -> dict[str, int]:
        chosen = sa.select(table.c.type, sa.func.count().label("number")).where(*of(table))
        ordered = chosen.group_by(table.c.type).order_by(table.c.type)
        return {row.type: row.number for row in connection.execute(ordered)}

    records = connection.scalar(sa.select(sa.func.count()).select_from(RECORD).where(*of(RECORD)))
    return {"entities": by_type(ENTITY), "relations": by_type(RELATION), "records": records}


def entities(
    connection: sa.Connection, type: str | None, key: str | None, tenant: str | None, limit: int
) -> list[dict[str, Any]]:
    wanted = {"type": type, "key": key, "tenant": tenant}
    given = [ENTITY.c[name] == value for name, value in wanted.items() if value is not None]
    order = (ENTITY.c.type, ENTITY.c.key, ENTITY.c.tenant)
    rows = connection.execute(sa.select(ENTITY).where(*given).order_by(*order).limit(limit))
    return [_entity(row) for row in rows]


def neighbors(connection: sa.Connection, type: str, key: str, tenant: str | None, limit: int) -> list[dict[str, Any]]:
    """Relations of an entity, outgoing first, with the entity at their other end (null: nobody described it)."""
    found: list[dict[str, Any]] = []
    for direction, here, there in (("out", "from", "to"), ("in", "to", "from")):
        there_type, there_key = RELATION.c[f"{there}_type"], RELATION.c[f"{there}_key"]
        same = (ENTITY.c.type == there_type) & (ENTITY.c.key == there_key) & (ENTITY.c.tenant == RELATION.c.tenant)
        chosen = sa.select(
            RELATION.c.type,
            RELATION.c.tenant,
            RELATION.c.properties,
            there_type.label("there_type"),
            there_key.label("there_key"),
            ENTITY.c.properties.label("described"),
        ).select_from(RELATION.outerjoin(ENTITY, same))
        chosen = chosen.where(RELATION.c[f"{here}_type"] == type, RELATION.c[f"{here}_key"] == key)
        if tenant is not None:
            chosen = chosen.where(RELATION.c.tenant == tenant)
        order = (RELATION.c.type, there_type, there_key, RELATION.c.tenant)
        for row in connection.execute(chosen.order_by(*order).limit(limit - len(found))):
            end = {"tenant": row.tenant, "type": row.there_type, "key": row.there_key}
            end["properties"] = None if row.described is None else orjson.loads(row.described)
            relation = {"type": row.type, "properties": orjson.loads(row.properties)}
            found.append({"direction": direction, "relation": relation, "entity": end})
    return found


def record(connection: sa.Connection, id: str) -> dict[str, Any] | None:
    row = connection.execute(sa.select(RECORD).where(RECORD.c.id == id)).one_or_none()
    if row is None:
        return None

    def linked(table: sa.Table, *order: str) -> Iterable[sa.Row[Any]]:
        chosen = sa.select(table).join(LINK, LINK.c.target == table.c.digest).where(LINK.c.record == id)
        return connection.execute(chosen.order_by(*(table.c[name] for name in order)))

    return {
        "id": row.id,
        "tenant": row.tenant,
        "stream": row.stream,
        "offset": row.offset,
        "entities": [_entity(entity) for entity in linked(ENTITY, "type", "key")],
        "relations": [_relation(found) for found in linked(RELATION, "type", "from_key", "to_key")],
    }


def _entity(row: sa.Row[Any]) -> dict[str, Any]:
    return {"tenant": row.tenant, "type": row.type, "key": row.key, "properties": orjson.loads(row.properties)}


def _relation(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "tenant": row.tenant,
        "type": row.type,
        "from": {"type": row.from_type, "key": row.from_key},
        "to": {"type": row.to_type, "key": row.to_key},
        "properties": orjson.loads(row.properties),
    }
