"""Leakage: which source images are images of the target, whole or slightly changed (see `search.find_leaks`).

- `thumbnails`: every image becomes a gray picture of 32 px and, from that, a signature of 55 numbers.
- `alignment`: two small pictures laid over each other and compared.
- `search`: candidates by signature, then the comparison.
"""

from sjft_tf.images.audit.search import (
    AUDIT_SETTINGS,
    Audit,
    Leak,
    LeakSearcher,
    Thumbnails,
    find_conflicts,
    find_leaks,
    identical_rows,
    in_several_classes,
    label_groups,
    near_copies,
)
from sjft_tf.images.audit.thumbnails import MIN_AUDITED_SIDE

__all__ = [
    "AUDIT_SETTINGS",
    "MIN_AUDITED_SIDE",
    "Audit",
    "Leak",
    "LeakSearcher",
    "Thumbnails",
    "find_conflicts",
    "find_leaks",
    "identical_rows",
    "in_several_classes",
    "label_groups",
    "near_copies",
]
