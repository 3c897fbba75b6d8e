"""The front door for Python: what the programs do, as functions.

- `fine_tune`: the whole job, a `Run`; `load_run` opens one that was made before.
- `neighbors`, `influence_scores`, `advise`, `compare`: the parts that also stand alone.
- `open_images`: an image set, to look at.

Sets are given as the programs take them, or as arrays, or as a `tf.data.Dataset`; settings by the names of their flags.
"""

from sjft_tf.api.comparing import compare
from sjft_tf.api.looking import advise, influence_scores, neighbors, open_images
from sjft_tf.api.runs import Run, fine_tune, load_run

__all__ = ["Run", "advise", "compare", "fine_tune", "influence_scores", "load_run", "neighbors", "open_images"]
