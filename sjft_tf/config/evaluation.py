"""What of an image is scored."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config.option import Section, option
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class EvaluationConfig(Section):
    """What of an image is scored when the figures are made; scoring between rounds always looks at the center crop."""

    eval_views: str = option(
        "center",
        "views averaged for figures: one crop, four corners and center mirrored too, or whole images at several sides",
        ("center", "ten_crop", "dense"),
        free=True,
    )
    eval_scales: list[str] = option(
        [],
        "eval_views=dense: a side in pixels; give the flag again for more; none: --resize and an eighth either way",
        free=True,
    )
    all_probabilities: bool = option(
        False, "write the probabilities of all classes too, where predictions are written", free=True
    )

    def sides(self) -> tuple[int, ...]:
        """The sides of dense evaluation that were given, as numbers."""
        given = self.eval_scales
        if not all(text.isdecimal() and 1 <= int(text) <= 8192 for text in given):
            raise InputError(f"--eval_scales must be sides in pixels, from 1 to 8192. Received: {', '.join(given)}")
        return tuple(int(text) for text in given)

    def check(self) -> None:
        if self.eval_scales and self.eval_views != "dense":
            raise InputError(f"--eval_scales is for --eval_views=dense. Received: {self.eval_views}")
        self.sides()
