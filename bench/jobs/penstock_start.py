"""penstock, fused, with the moments of its start written to the report: seconds since the epoch, by name."""

import time

moments = {"interpreter": time.time()}

import asyncio  # noqa: E402 # the clock is read before anything is imported
import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
from pathlib import Path  # noqa: E402

from _penstock import Worker, configuration, logs, work  # noqa: E402

moments["imports"] = time.time()


async def note(worker: Worker, report: Path) -> None:
    """Write down when each service joined its group."""
    ready = False
    while not ready:
        ready = worker.ready()
        for name, service in (*worker.owners.items(), *worker.hops.items()):
            if service.joined.is_set():
                moments.setdefault("joined: agent" if name in worker.hops else f"joined: {name}", time.time())
        await asyncio.sleep(0.005)  # services are made anew, so there is no one event to wait for
    written = report.with_suffix(".part")
    written.write_text(json.dumps(moments), encoding="utf-8")
    written.rename(report)


def main() -> None:
    logs.configure("WARNING", os.environ)
    config = configuration()
    if config.get("trace"):
        for client in ("aiokafka", "faust", "mode"):
            logging.getLogger(client).setLevel("DEBUG")
        logging.getLogger().setLevel("DEBUG")
    tasks = []

    def started(worker: Worker) -> None:
        moments["topics"] = time.time()
        tasks.append(asyncio.create_task(note(worker, Path(config["report"]))))

    asyncio.run(work(config, "fused", started))


if __name__ == "__main__":
    main()
