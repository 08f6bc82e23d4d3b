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
import sys
import tempfile
import time
import traceback
from pathlib import Path

import torch
from line_server import answer_lines
from torch.distributed import TCPStore

from gsdd.cli.main import exit_code

IMPORTED = ("spandrel", "gsdd.cli.compress", "gsdd.run.compress", "torchvision.models", "torch.distributed")


def child(request: dict, rank: int, port: int, output: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(request["processes"])}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    torch.set_num_threads(request["threads"])
    code = exit_code(request["arguments"]) if "arguments" in request else run(request["script"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(script: str) -> int:
    runpy.run_path(script)
    return 0


def start(request: dict, rank: int, port: int, output: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            child(request, rank, port, output)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(99)
    return pid


def serve(request: dict) -> dict:
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with tempfile.TemporaryFile("w+") as output:
        ranks = range(request["processes"])
        pids = [start(request, rank, store.port, output.fileno()) for rank in ranks]
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
