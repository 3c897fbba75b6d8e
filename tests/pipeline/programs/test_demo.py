"""The demo's table against means, spreads and Student's intervals of SciPy."""

import numpy as np
import pytest
from scipy import stats

from sjft_tf.pipeline.programs.demo import JOINT, PLAIN, SCRATCH, table

ACCURACY = {SCRATCH: [0.86, 0.84, 0.88], PLAIN: [0.88, 0.90, 0.89], JOINT: [0.91, 0.92, 0.94]}


def test_a_line_for_each_arm_beside_plain_fine_tuning():
    heading, *lines = table(ACCURACY)
    assert [line[:20].strip() for line in lines] == [SCRATCH, PLAIN, JOINT]
    assert len({line.index("%") for line in lines}) == 1
    assert heading.startswith("mean class accuracy ")
    for line, values in zip(lines, ACCURACY.values(), strict=True):
        mean, spread = (float(word.rstrip("%")) for word in line[20:].split()[:2])
        assert (mean, spread) == pytest.approx((100 * np.mean(values), 100 * np.std(values, ddof=1)), abs=0.005)
    assert lines[1].endswith("1.00%")  # with nothing to be compared with
    gains = np.subtract(ACCURACY[JOINT], ACCURACY[PLAIN])
    low, high = stats.t.interval(0.95, 2, gains.mean(), stats.sem(gains))
    assert lines[2].endswith(f"   {gains.mean():+.2%} ({low:+.2%} to {high:+.2%}): +3.00%, +2.00%, +5.00%")


def test_one_draw_has_neither_spread_nor_interval():
    *_, last = table({arm: values[:1] for arm, values in ACCURACY.items()})
    assert last == f"{JOINT:<20}  91.00%  0.00%   +3.00%: +3.00%"
