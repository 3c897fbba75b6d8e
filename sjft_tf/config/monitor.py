"""What TensorBoard gets beside the curves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sjft_tf.config.option import Section, option
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class MonitorConfig(Section):
    """What TensorBoard gets beside the curves; changes no result."""

    profile: str = option(
        "", "START:STOP writes a profiler trace of these steps of the run, from 0, STOP not included", free=True
    )
    projector_images: int = option(
        2000,
        "most training, validation and test images in TensorBoard's projector; 0: none",
        limits=(0, 8192),
        free=True,
    )

    def profiled_steps(self, total_steps: int) -> range:
        """The steps that --profile names, of a run of so many; empty when it is off.

        Raises:
            InputError: it is not START:STOP with 0 <= START < STOP, or the run has no such steps.
        """
        given = self.profile
        if not given:
            return range(0)
        steps = re.fullmatch(r"(\d{1,10}):(\d{1,10})", given, re.ASCII)
        if not steps or int(steps[1]) >= int(steps[2]):
            raise InputError(f"--profile must be START:STOP, two step numbers such as 20:25. Received: {given!r}")
        if int(steps[2]) > total_steps:
            raise InputError(
                f"--profile={given} goes beyond the {total_steps} steps of the run (--rounds x --steps_per_round)"
            )
        return range(int(steps[1]), int(steps[2]))
