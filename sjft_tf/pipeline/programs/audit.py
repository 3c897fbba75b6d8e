"""The leakage audit alone, without a run after it."""

from __future__ import annotations

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.checking.begun_run import refuse_other_target
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.inputs import open_sets
from sjft_tf.pipeline.stages.audit import audit_of, roles
from sjft_tf.workdir import Workdir


def audit(config: RunConfig, workdir: Workdir) -> list[str]:
    """Audits the sets and says what was found."""
    with held_back(workdir):
        sets = open_sets(config, workdir)
        if sets.source is None:
            raise InputError("There is nothing to audit: give --source")
        refuse_other_target(config, sets, workdir)
        outcome = audit_of(sets, workdir)
    count = {role: sum(leak.role == role for leak in outcome.leaks) for role in outcome.judged}
    identical = {role: sum(leak.role == role and leak.kind == "identical" for leak in outcome.leaks) for role in count}
    lines = [
        f"{role:>10}: {count[role]} of {len(sets.source)} source images show one of the {len(images)} {role} images, "
        f"{identical[role]} of them byte-identical"
        for role, images in roles(sets).items()
    ]
    lines.append(f"      list: {workdir.leaks_csv}")
    return lines + ([f"   picture: {workdir.leaks_picture}"] if outcome.leaks else [])
