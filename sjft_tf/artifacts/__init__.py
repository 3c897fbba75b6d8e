"""Files a run leaves behind: written atomically, stamped with what they were made from.

An artifact is complete or absent, and found again only by what was made from the same inputs.
"""

from sjft_tf.artifacts.artifact import Artifact
from sjft_tf.artifacts.formats import REMAKE, Missing, load_npz, read_json, save_npz, write_json
from sjft_tf.artifacts.row_file import (
    RowFile,
    give_back,
    map_rows,
    partial_folder,
    publish,
    reserve,
    row_checksums,
)
from sjft_tf.artifacts.stamps import OTHER_WORKDIR, ArtifactMismatch, Stamp, check_made_from, fingerprint
from sjft_tf.artifacts.writing import (
    FREE_SPACE,
    NoSpace,
    atomic_directory,
    atomic_write,
    check_room,
    refusal,
    remove_directory,
    remove_leftovers,
    shortage,
)

__all__ = [
    "FREE_SPACE",
    "OTHER_WORKDIR",
    "REMAKE",
    "Artifact",
    "ArtifactMismatch",
    "Missing",
    "NoSpace",
    "RowFile",
    "Stamp",
    "atomic_directory",
    "atomic_write",
    "check_made_from",
    "check_room",
    "fingerprint",
    "give_back",
    "load_npz",
    "map_rows",
    "partial_folder",
    "publish",
    "read_json",
    "refusal",
    "remove_directory",
    "remove_leftovers",
    "reserve",
    "row_checksums",
    "save_npz",
    "shortage",
    "write_json",
]
