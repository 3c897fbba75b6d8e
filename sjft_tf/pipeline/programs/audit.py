"""The leakage audit alone, without a run after it."""

from __future__ import annotations

from sjft_tf.config import RunConfig
from sjft_tf.images import Audit, Leak
from sjft_tf.pipeline.checking.begun_run import refuse_other_target
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.pipeline.sharding.workers import keeping_workers
from sjft_tf.pipeline.stages.audit import audit_of, repeats_of, roles
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir


@keeping_workers()
def audit(config: RunConfig, workdir: Workdir) -> list[str]:
    """Audits the sets and says what was found: source images in the target, training images among
    the held-out ones or in several classes.
    """
    with held_back(workdir):
        sets = open_sets(config, workdir)
        refuse_other_target(config, sets, workdir)
        outcome = None if sets.source is None else audit_of(config, sets, workdir)
        repeats = repeats_of(sets, workdir)
    # The files lie elsewhere until they are told of here.
    return _of_source(sets, outcome, workdir) + _of_target(sets, repeats, workdir)


def _of_source(sets: Sets, outcome: Audit | None, workdir: Workdir) -> list[str]:
    if outcome is None:
        return []
    count = {role: sum(leak.role == role for leak in outcome.leaks) for role in outcome.judged}
    identical = {role: sum(leak.role == role and leak.kind == "identical" for leak in outcome.leaks) for role in count}
    lines = [
        f"{role:>10}: {count[role]} of {len(sets.source_images())} source images show one of the {len(images)} {role} "
        f"images, {identical[role]} of them byte-identical"
        for role, images in roles(sets).items()
    ]
    lines.append(f"      list: {workdir.leaks_csv}")
    return lines + ([f"   picture: {workdir.leaks_picture}"] if outcome.leaks else [])


def _of_target(sets: Sets, repeats: tuple[Leak, ...], workdir: Workdir) -> list[str]:
    what = {role: f"show one of the {len(images)} {role} images" for role, images in sets.scored().items()}
    lines = [
        f"{role:>10}: {len(kinds)} of {len(sets.target)} training images {shown}, {kinds.count('identical')} of them "
        "byte-identical"
        for role, shown in {**what, "training": "are in another class too"}.items()
        for kinds in [[leak.kind for leak in repeats if leak.role == role]]
    ]
    lines.append(f"      list: {workdir.repeats_csv}")
    return lines + ([f"    others: {workdir.not_repeated} (for --target_rows)"] if repeats else [])
