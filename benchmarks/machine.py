"""The machine and the versions that figures were measured with."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from sjft_tf.parallel import cores

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "numpy": ("numpy",),
    "numba": ("numba",),
    "faiss": ("faiss-cpu",),
}
SETTINGS = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "NUMBA_CPU_NAME")


def instructions(flags: set[str]) -> str:
    """The widest vector instructions among the processor's flags: "avx512", "avx2" or "other"."""
    return "avx512" if "avx512f" in flags else "avx2" if "avx2" in flags else "other"


def kind(found: str, settings: Mapping[str, str | None]) -> str:
    """The processor's kind in a file's name; an AVX-512 one that is kept from them is a kind of its own.

    >>> kind("avx512", {"ONEDNN_MAX_CPU_ISA": "AVX2"})
    'avx512-limited'
    """
    limited = any(settings.get(name) for name in ("ONEDNN_MAX_CPU_ISA", "NUMBA_CPU_NAME"))
    return f"{found}-limited" if limited else found


def describe() -> dict[str, object]:
    """Stack, processor, settings and versions, as JSON; nothing heavy is imported for it."""
    versions = {name: _version(names) for name, names in PACKAGES.items()}
    model, flags = _processor()
    settings = {name: os.environ.get(name) for name in SETTINGS}
    return {
        "stack": "addons" if (versions["keras"] or "").startswith("2.") else "current",
        "kind": kind(instructions(flags), settings),
        "processor": model,
        "cores": cores(),
        "instructions": instructions(flags),
        "settings": settings,
        "versions": {"python": platform.python_version(), **versions},
    }


def commit() -> str:
    """The commit that is checked out, with a digest of what was changed since; "" where there is no Git."""
    head = git("rev-parse", "HEAD").strip()
    # What was measured is no part of what measures.
    changes = git("diff", "HEAD", "--", "sjft_tf", "benchmarks", ":!benchmarks/results")
    return f"{head}+{hashlib.sha256(changes.encode()).hexdigest()[:8]}" if changes else head


def git(*arguments: str) -> str:
    """What the command prints; "" where it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _version(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _processor() -> tuple[str, set[str]]:
    """Model name and flags, on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor(), set()
    found = dict(map(str.strip, line.split(":", 1)) for line in reversed(lines) if ":" in line)
    return found.get("model name", platform.processor()), set(found.get("flags", "").split())
