"""The leakage audit by workers: what one process finds."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.sharding import auditing
from sjft_tf.pipeline.stages.audit import audit_of
from sjft_tf.run_sets import open_sets
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Twelve target images, and twenty source images of which five are changed copies, mirrored ones among them."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(4)

    def image():
        noise = Image.fromarray(rng.integers(0, 256, (40, 40, 3)).astype(np.uint8))
        pixels = np.asarray(noise.filter(ImageFilter.GaussianBlur(2)), np.float32)
        return Image.fromarray(np.clip((pixels - 128) * 4 + 128, 0, 255).astype(np.uint8))

    targets = [image() for _ in range(12)]
    copies = [one.resize((36, 36)) for one in targets[:3]] + [
        one.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for one in targets[3:5]
    ]
    for name, images in (("target", targets), ("source", [image() for _ in range(15)] + copies)):
        for row, one in enumerate(images):
            path = folder / name / f"class {row % 2}" / f"{row:02d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            one.save(path, quality=80)
    return (
        RunConfig()
        .replace("data", target=f"folder:{folder / 'target'}", source=[f"folder:{folder / 'source'}"])
        .replace("engine", shard_images=3)
    )


def audit(config, folder):
    workdir = Workdir(folder)
    return audit_of(config, open_sets(config, workdir, lambda line: None), workdir), workdir


def by_workers(config):
    return config.replace("engine", engine="dask")


@pytest.fixture(scope="module")
def wanted(settings, tmp_path_factory):
    found, workdir = audit(settings, tmp_path_factory.mktemp("local"))
    assert len(found.leaks) == 5
    return found, workdir.leaks_csv.read_bytes()


def test_the_audit_of_one_process(settings, wanted, tmp_path, here):
    engine = here()
    found, workdir = audit(by_workers(settings), tmp_path)
    assert found == wanted[0]
    assert workdir.leaks_csv.read_bytes() == wanted[1]
    assert len(engine.done) == 7
    assert not (tmp_path / "shards" / "audit").exists()


def test_what_was_broken_off_is_gone_on_with(settings, wanted, tmp_path, here):
    broken = here(most=4)
    with pytest.raises(KeyboardInterrupt):
        audit(by_workers(settings), tmp_path)
    rest = here()
    assert audit(by_workers(settings), tmp_path)[0] == wanted[0]
    assert len(broken.done) + len(rest.done) == 7


def test_a_worker_that_rounds_otherwise(settings, tmp_path, here, monkeypatch):
    answers = iter(["one", "another"])
    monkeypatch.setattr(auditing, "_probed", lambda source, protected: next(answers))
    here()
    with pytest.raises(InputError, match="its arithmetic rounds otherwise than the launcher's"):
        audit(by_workers(settings), tmp_path)
