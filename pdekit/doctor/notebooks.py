"""What the notebooks need: engines, JupyterLab with this environment's kernel, and the widget extensions."""

import sys
import time
from pathlib import Path

import pdekit
from pdekit.doctor.check import Check, version, without_lab


def check_cluster(name: str) -> Check:
    if version("ipyparallel") is None:
        return without_lab(name, "ipyparallel is not installed")
    start = time.monotonic()
    with pdekit.Cluster(ranks=2) as cluster:
        up = time.monotonic()
        state = cluster.state
    found = f"{cluster.ranks} engines up in {up - start:.1f} s, down in {time.monotonic() - up:.1f} s"
    if state != "ready" or cluster.state != "stopped":
        return Check(
            name, "broken", f"{state}, then {cluster.state}: {cluster.message}", "see the lines above"
        )
    return Check(name, "ok", found)


def check_jupyter(name: str) -> Check:
    if version("jupyterlab") is None:
        return without_lab(name, "JupyterLab is not installed")
    from jupyter_client.kernelspec import KernelSpecManager

    program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    if program not in ("python", "python3", sys.executable):
        remedy = f"{sys.executable} -m ipykernel install --sys-prefix"
        return Check(name, "broken", f"the kernel python3 starts another Python, {program}", remedy)
    return Check(name, "ok", f"JupyterLab {version('jupyterlab')}, kernel python3 of this environment")


def check_widgets(name: str) -> Check:
    if version("jupyterlab") is None:
        return without_lab(name, "JupyterLab is not installed")
    from jupyter_core.paths import jupyter_path

    wanted = {"@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets", "anywidget": "anywidget"}
    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    absent = [
        package
        for path, package in wanted.items()
        if not any((f / path / "package.json").exists() for f in folders)
    ]
    if absent:
        remedy = f"pip install --force-reinstall {' '.join(absent)}, then reload the page"
        return Check(name, "missing", f"no JupyterLab extension of {' and '.join(absent)}", remedy)
    return Check(name, "ok", ", ".join(f"{package} {version(package)}" for package in wanted.values()))
