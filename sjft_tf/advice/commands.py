"""Settings as the command that gives them."""

from __future__ import annotations

import dataclasses
import shlex

from sjft_tf.config import RunConfig


def flags_of(config: RunConfig) -> list[str]:
    """One flag for every setting that is not the default, in the order of the sections."""
    flags = []
    for group in dataclasses.fields(config):
        section = getattr(config, group.name)
        plain = type(section)()
        for item in dataclasses.fields(section):
            value = getattr(section, item.name)
            if value == getattr(plain, item.name):
                continue
            if isinstance(value, bool):
                flags.append(f"--{item.name}" if value else f"--no{item.name}")
            elif isinstance(value, list):
                flags += [f"--{item.name}={one}" for one in value]
            else:
                flags.append(f"--{item.name}={value}")
    return flags


def command(program: str, config: RunConfig, workdir: str, *more: str) -> str:
    """`python scripts/PROGRAM.py ...`, quoted for a shell."""
    return shlex.join(["python", f"scripts/{program}.py", *flags_of(config), f"--workdir={workdir}", *more])
