"""A network of Linux network namespaces on this machine: nodes at a switch, each behind a cable of given bandwidth.

    with Network(nodes=2) as network:
        network.shape(100)  # Mb/s
        found = on_ranks(2, "shaped", ..., network=network)  # one rank a node, over TCP
        network.sent()  # bytes, for each node

A node is a namespace with one interface, `DEVICE`, whose other end is a port of a bridge in a namespace of its own.
What a node sends goes through a token bucket filter (tc-tbf(8)); both ways at once, as on a switched network. Needs
Linux, root, and iproute2's `ip` and `tc`; `lacking()` says what is missing.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

from pdekit import checks

DEVICE = "cable"
NAME = "pdekit"  # namespaces are NAME-PID-NODE, so that those of a process that died can be told
BURST = 1e-3  # seconds at full speed that may pass at once; less, and 1 Gb/s turned into half of that
SEGMENT = 70_000  # bytes of a burst at least, as TCP hands them over: cutting up 5 MB took 0.1 s of CPU
QUEUE = 1_000_000  # bytes that wait in front of the cable before any are dropped
ADDRESS = "192.0.2.{}"  # from the block reserved for examples (RFC 5737); it exists in the namespaces alone
SSH = """#!/bin/sh
# mpiexec calls this as it would call ssh: [options] host command...
while [ "${1#-}" != "$1" ]; do shift; done
host=$1
shift
exec ip netns exec "@-${host##*.}" sh -c "$*"
"""


def lacking() -> str:
    """Why there can be no namespaces here; empty if there can."""
    if sys.platform != "linux":
        return f"network namespaces need Linux, this is {sys.platform}"
    missing = [name for name in ("ip", "tc") if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} not found; apt-get install iproute2"
    if os.geteuid():
        return "network namespaces need root"
    try:
        with Network(nodes=1) as network:
            network.shape(100)
    except subprocess.CalledProcessError as error:
        return f"this kernel or container refuses `{' '.join(error.cmd)}`: {error.stderr.strip()}"
    return ""


class Network:
    """`nodes` namespaces at a switch. All of it is there inside `with` only; unshaped at first.

    ValueError if there are more than 250 nodes. subprocess.CalledProcessError, with its stderr, from `ip` and `tc`.
    """

    def __init__(self, nodes: int = 2) -> None:
        self.nodes = checks.whole("nodes", nodes, most=250)
        self._prefix = f"{NAME}-{os.getpid()}"
        self._made = ExitStack()

    def __enter__(self) -> "Network":
        sweep()
        with ExitStack() as made:  # taken down again if it cannot be finished
            folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="pdekit-ssh-")))
            self._ssh = folder / "ssh"
            self._ssh.write_text(SSH.replace("@", self._prefix))
            self._ssh.chmod(0o700)
            switch = self._namespace("switch", made)
            _ip("-n", switch, "link", "add", "switch", "up", "type", "bridge")
            for node in range(self.nodes):
                name, port = self._namespace(str(node + 1), made), f"port{node + 1}"
                _ip(
                    "link",
                    "add",
                    DEVICE,
                    "netns",
                    name,
                    "type",
                    "veth",
                    "peer",
                    "name",
                    port,
                    "netns",
                    switch,
                )
                _ip("-n", switch, "link", "set", port, "up", "master", "switch")
                _ip("-n", name, "address", "add", f"{self.hosts[node]}/24", "dev", DEVICE)
                _ip("-n", name, "link", "set", DEVICE, "up")
                _ip("-n", name, "link", "set", "lo", "up")
            self._made = made.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._made.close()

    def _namespace(self, node: str, made: ExitStack) -> str:
        name = f"{self._prefix}-{node}"
        _ip("netns", "add", name)
        made.callback(_remove, name)
        return name

    @property
    def hosts(self) -> list[str]:
        """The nodes' addresses."""
        return [ADDRESS.format(node + 1) for node in range(self.nodes)]

    def shape(self, megabits: float) -> None:
        """Let each node send at most `megabits` Mb/s (10^6 bits, of frames: headers count).

        After a pause the first millisecond's worth, or 70 kB, goes through at once.
        """
        rate = checks.positive("megabits", megabits) * 1e6  # bit/s
        burst = max(SEGMENT, round(rate / 8 * BURST))
        tbf = ("tbf", "rate", f"{round(rate)}bit", "burst", str(burst), "limit", str(QUEUE))
        for node in range(self.nodes):
            _run("tc", "-n", f"{self._prefix}-{node + 1}", "qdisc", "replace", "dev", DEVICE, "root", *tbf)

    def sent(self) -> list[int]:
        """Bytes that each node has sent since the start, headers included, by the kernel's own count."""
        return [self._count(node)["tx"]["bytes"] for node in range(self.nodes)]

    def dropped(self) -> list[int]:
        """Packets of each node that did not fit into its queue."""
        return [self._count(node)["tx"]["dropped"] for node in range(self.nodes)]

    def _count(self, node: int) -> dict:
        name = f"{self._prefix}-{node + 1}"
        return json.loads(_ip("-n", name, "-j", "-s", "link", "show", DEVICE))[0]["stats64"]

    def mpiexec(self, mpiexec: Sequence[str]) -> list[str]:
        """The command of mpich's `mpiexec` with a rank on each node in turn; `-n` and the program go after it."""
        inside = ["ip", "netns", "exec", f"{self._prefix}-1", *mpiexec]
        through = ["-launcher", "ssh", "-launcher-exec", str(self._ssh), "-iface", DEVICE]
        return [*inside, *through, "-hosts", ",".join(self.hosts), "-ppn", "1"]

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """`given`, with MPI on the cable: left to itself it finds the memory that the nodes share."""
        mine = {"UCX_TLS": "tcp,self", "UCX_NET_DEVICES": DEVICE}
        return {k: v for k, v in given.items() if not k.startswith("HYDRA_")} | mine


def sweep() -> None:
    """Remove namespaces of processes that were killed before they could."""
    for line in _ip("netns", "list").splitlines():
        name = line.split()[0]
        start, _, rest = name.partition("-")
        pid = rest.partition("-")[0]
        if start == NAME and pid.isdigit() and not Path("/proc", pid).exists():
            _remove(name)


def _remove(name: str) -> None:
    """A namespace, and the processes in it, which would keep it alive."""
    for pid in _ip("netns", "pids", name).split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _ip("netns", "delete", name)


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
