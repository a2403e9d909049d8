"""Python, torch, and what the machine has left."""

import platform
import shutil
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pdekit.doctor.check import AGAIN, Check, version, without_lab
from pdekit.memory import memory_available
from pdekit.processors import Crew, bound, cores, fitting

OLDEST = (3, 11)
ENGINES = 2  # of a cluster, by default
MEMORY = 1.3e9  # bytes: controller and two engines with torch
DISK = 0.5e9  # bytes
PORTS = 20  # that a controller of ipyparallel opens


def check_python(name: str) -> Check:
    found = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info < OLDEST:
        return Check(name, "broken", found, "install Python 3.11 or newer and make a new environment with it")
    return Check(name, "ok", found)


def check_torch(name: str) -> Check:
    if version("torch") is None:
        return Check(name, "missing", "not installed", AGAIN)
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    threads = f"{torch.get_num_threads()} threads here, 1 for each engine by default"
    found = f"{torch.__version__}, {build}, {torch.backends.cpu.get_cpu_capability()}, {threads}"
    if not bool((torch.ones(8, 8) @ torch.ones(8, 8) == 8).all()):
        return Check(name, "broken", f"{found}: a product of two matrices is wrong", AGAIN)
    return Check(name, "ok", found)


def check_cores(name: str) -> Check:
    count, processors = cores(), len(bound())
    crew = Crew(ENGINES, fitting(ENGINES, count), count)
    threads = f", {processors} hardware threads" if processors > count else ""
    found = f"{crew}{threads}"
    if crew.warning:
        return Check(name, "missing", found, "start fewer engines: Cluster(ranks=1)", needed=False)
    return Check(name, "ok", found)


def check_memory(name: str) -> Check:
    if version("psutil") is None:
        return without_lab(name, "psutil is not installed")
    free = memory_available()
    found = f"{free / 1e9:.1f} GB free, {MEMORY / 1e9:.1f} GB for two engines"
    if free < MEMORY:
        return Check(name, "missing", found, "close other programs, or start fewer engines: Cluster(ranks=1)")
    return Check(name, "ok", found)


def check_disk(name: str) -> Check:
    folders = {Path.cwd(), Path.home(), Path(tempfile.gettempdir())}
    free, folder = min((shutil.disk_usage(folder).free, str(folder)) for folder in folders)
    found = f"{free / 1e9:.1f} GB free in {folder}"
    if free < DISK:
        return Check(name, "missing", f"{found}, {DISK / 1e9:.1f} GB wanted", "make room there")
    return Check(name, "ok", found)


def check_ports(name: str) -> Check:
    with ExitStack() as opened:
        for _ in range(PORTS):
            server = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        opened.enter_context(socket.create_connection(server.getsockname(), timeout=5))
    return Check(name, "ok", f"{PORTS} ports of 127.0.0.1 can be opened and reached")
