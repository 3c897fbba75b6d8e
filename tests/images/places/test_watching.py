"""An image that is deleted, cut or replaced after a set was opened is named."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sjft_tf.scripts import program

from sjft_tf.images import open_image_set
from sjft_tf.images.places import watching


@pytest.fixture
def birds(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "_opened", {})
    for name in ("owl", "tit"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.fromarray(np.full((4, 5, 3), 40 * i, np.uint8)).save(tmp_path / name / f"{i}.png")
        Image.fromarray(np.full((4, 5), 3000, np.uint16)).save(tmp_path / name / "3.png")  # Pillow reads this one
    return tmp_path


def delete(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:40])


def replace(path):
    path.with_name("new").write_bytes(b"not an image at all")
    path.with_name("new").replace(path)


@pytest.mark.parametrize("table", [False, True], ids=["folder", "csv"])
@pytest.mark.parametrize("which", ["1.png", "3.png"])
@pytest.mark.parametrize(("change", "expected"), [(delete, "is gone"), (cut, "40 now"), (replace, "19 now")])
def test_the_changed_file_is_named(birds, change, expected, which, table):
    rows = [f"{name}/{i}.png,{name}\n" for name in ("owl", "tit") for i in range(4)]
    (birds / "list.csv").write_text("path,label\n" + "".join(rows))
    images = open_image_set(f"csv:{birds / 'list.csv'}" if table else f"folder:{birds}")
    change(birds / "tit" / which)
    with pytest.raises(tf.errors.OpError) as failed:
        list(images.dataset())
    error = watching.changed_file(failed.value)
    assert f"{birds / 'tit' / which} " in str(error)
    assert expected in str(error)
    assert "and could not be read. What was finished before is kept. Bring the image back" in str(error)


def test_other_failures_are_not_explained_away(birds):
    open_image_set(f"folder:{birds}")
    broken = tf.errors.InternalError(None, None, "a kernel")
    assert watching.changed_file(broken) is None
    (birds / "owl" / "0.png").unlink()
    assert watching.changed_file(ValueError("a bug")) is None
    wrapped = RuntimeError("in fit")
    wrapped.__cause__ = broken
    assert "owl/0.png is gone" in str(watching.changed_file(wrapped))


def test_programs_ask(birds):
    images = open_image_set(f"folder:{birds}")
    (birds / "owl" / "0.png").unlink()
    with pytest.raises(tf.errors.NotFoundError) as failed:
        images.load(0)
    assert f"{birds / 'owl' / '0.png'} is gone" in str(program._changed_image(failed.value))
    assert program._changed_image(ValueError("a bug")) is None
