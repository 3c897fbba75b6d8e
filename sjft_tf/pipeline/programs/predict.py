"""Naming the class of image files with an exported model, or with the model of a run."""

from __future__ import annotations

import itertools
import logging
import sys
from collections.abc import Iterator, Sequence

from sjft_tf import progress
from sjft_tf.config import EvaluationConfig
from sjft_tf.errors import InputError
from sjft_tf.images import MAX_PIXELS, ListedFile, PassedOver, told_passed_over, visible_name
from sjft_tf.pipeline.answering import models
from sjft_tf.pipeline.answering.formats import AnswerFormat, writing
from sjft_tf.pipeline.answering.heat_maps import HeatMapPictures, HeatMapRequest
from sjft_tf.pipeline.answering.image_files import find_files, readable
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


def predict(
    workdir: str,
    model: str,
    images: Sequence[str],
    form: AnswerFormat,
    views: EvaluationConfig | None = None,
    max_pixels: int = MAX_PIXELS,
    heat_maps: HeatMapRequest | None = None,
) -> Iterator[str]:
    """Writes the answer for every image, batch by batch: neither images nor answers are held.

    Args:
        workdir: a run whose SavedModel is used (for dense views its last round's model), or empty.
        model: the folder of a SavedModel, or empty.
        images: see `image_files.find_files`.
        form: where to and how.
        views: what of each image is looked at; None for the center crop.
        max_pixels: a file whose header claims more is left out.
        heat_maps: pictures of where the model looks, drawn beside the answers; None for none.

    Yields:
        The closing lines for the screen, when there is a file.

    Raises:
        InputError: no model, no images, or none that can be decoded; dense views or heat maps of a SavedModel.
    """
    if bool(workdir) == bool(model):
        raise InputError("Say which model answers: either --workdir=RUN or --model=SAVED_MODEL")
    form.check()
    views, pictures = views or EvaluationConfig(), None
    if heat_maps is not None:
        heat_maps.check(workdir)
    class_names, answer = models.open_model(workdir, model, views)
    given = models.value_range(workdir, model)
    passed = PassedOver()
    files = find_files(images, passed=passed)
    first = list(itertools.islice(files, 1))  # nothing is written where nothing is named
    if heat_maps is not None and heat_maps.folder:
        pictures = HeatMapPictures(Workdir(workdir), heat_maps, class_names, views)
    answered = left_out = 0
    with (
        writing(form, class_names, models.has_several_labels(workdir, model)) as write,
        progress.bar(None, "Predicting") as shown,
    ):
        for batch in _batches(itertools.chain(first, files)):
            encoded = [readable(file.path, max_pixels, given) for file in batch]
            known = [(file.path, content) for file, (content, _) in zip(batch, encoded, strict=True) if content]
            if known:
                answers = answer([content for _, content in known])
                for (path, content), probabilities in zip(known, answers, strict=True):
                    write(path, probabilities)
                    if pictures is not None:
                        pictures.draw(path, content, probabilities)
            for file, (_, reason) in zip(batch, encoded, strict=True):
                if reason:
                    log.warning(
                        "%s cannot be decoded (an image was expected): %s; left out",
                        *(visible_name(file.path) + (f" ({file.place})" if file.place else ""), reason),
                    )
            answered, left_out = answered + len(known), left_out + len(batch) - len(known)
            shown.update(len(batch))
            if not form.output:
                sys.stdout.flush()  # whoever reads along gets whole batches
        if not answered:
            raise InputError(f"None of the {left_out} files could be decoded, e.g. {visible_name(first[0].path)}")
    counted = f"{answered} images answered, {left_out} left out{told_passed_over(passed)}"
    told = [f"{counted}: {form.output}" if form.output else counted]
    if pictures is not None:
        told.append(f"{pictures.count} heat maps ({pictures.kind}): {pictures.folder}")
    if form.output:
        yield from told
    else:  # standard output is for the answers
        for line in told:
            log.info("%s", line)


def _batches(files: Iterator[ListedFile]) -> Iterator[list[ListedFile]]:
    while batch := list(itertools.islice(files, models.BATCH)):
        yield batch
