"""What a worker that died left in its consumer groups, and how the next one takes it away.

A group waits for a member that died until its session ends, and only then gives its partitions to others: they stand
still for so long, and twice as long where a second one dies meanwhile. Whoever starts in the state folder of a dead
worker need not wait: the folder is locked for as long as its process lives, also one that stands still. So all
consumers of a worker carry the name of its folder as their client id, and the next worker in that folder asks each
group to let go of the members of that name (DescribeGroups and LeaveGroup) before it joins.

This only saves time. Where it cannot be done, or lets go of a member that is alive after all (a folder was copied), the
group does what it does at the end of a session, and the protocol of `agents/runtime/hop.py` bears that.
"""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

from penstock.agents.runtime.logs import logger

PATIENCE_SECONDS = 5.0
_FILE = "client.id"
_CLIENT_ID = re.compile(r"penstock-[0-9a-f]{32}")


def client_id(folder: Path) -> tuple[str, bool]:
    """The name of a worker's folder, and whether another worker may have had it: it is made once and then kept."""
    file = folder / _FILE
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
        known = file.read_text("utf-8")
        if _CLIENT_ID.fullmatch(known):
            return known, True
    made = f"penstock-{uuid.uuid4().hex}"
    fresh = file.with_suffix(".new")
    fresh.write_text(made, "utf-8")
    fresh.replace(file)
    return made, False


async def take_out(client: AIOKafkaClient, groups: Collection[str], name: str) -> int:
    """Let the groups go of the members whose client id is `name`.

    Returns how many there were. A group that cannot be asked, or does not answer in time, keeps them until their
    sessions end.
    """
    asked = (asyncio.wait_for(_take_out(client, group, name), PATIENCE_SECONDS) for group in groups)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for group, answer in zip(groups, answers, strict=True):
        if isinstance(answer, BaseException):  # also the cancellation that a lost connection lets out
            logger().debug("a group was not asked for dead members", group=group, reason=type(answer).__name__)
    return sum(answer for answer in answers if isinstance(answer, int))


async def _take_out(client: AIOKafkaClient, group: str, name: str) -> int:
    coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
    answer: Any = await client.send(coordinator, DescribeGroupsRequest([group]))
    members = [member for _, _, _, _, _, members, *_ in answer.groups for member in members]
    dead = [member_id for member_id, called, *_ in members if called == name]
    for member_id in dead:
        await client.send(coordinator, LeaveGroupRequest(group, member_id))
    return len(dead)
