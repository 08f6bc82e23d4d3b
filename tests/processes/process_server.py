"""Runs `gsdd` commands in several processes that find one another as under torchrun, forked from one that has imported
everything.

Each line on stdin is a JSON object, and so is each answer on stdout. Keys of a request:
- arguments: words after `gsdd`; or script: a Python file to run instead
- processes, threads: how many processes, and threads of each
- signals: [[rank, signal], ...] that are sent as soon as a file is there
- after: that file
"""

import os
import runpy
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from line_server import answer_lines, forked
from torch.distributed import TCPStore

from gsdd.cli.main import exit_code

IMPORTED = ("spandrel", "gsdd.cli.compress", "gsdd.run.compress", "torchvision.models", "torch.distributed")


def child(request: dict, rank: int, port: int) -> int:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(request["processes"])}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    torch.set_num_threads(request["threads"])
    if "arguments" in request:
        return exit_code(request["arguments"])
    runpy.run_path(request["script"])
    return 0


def serve(request: dict) -> dict:
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with tempfile.TemporaryFile("w+") as output:
        ranks = range(request["processes"])
        pids = [forked(output.fileno(), partial(child, request, rank, store.port)) for rank in ranks]
        if "signals" in request:
            while not Path(request["after"]).exists():
                time.sleep(0.01)
            for rank, number in request["signals"]:
                os.kill(pids[rank], number)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        output.seek(0)
        return {"codes": codes, "text": output.read()}


if __name__ == "__main__":
    answer_lines(IMPORTED, serve)
