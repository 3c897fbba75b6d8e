"""A folder where a file of a run belongs, or the other way round: refused before anything is written or removed."""

import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.workdir import Workdir

FILES = ("config.json", "outputs.json", "neighbors.npz", "trunk.weights.h5", "comparison.md", "rounds/00/metrics.json")
FILES += ("rounds/01/model.weights.h5", "checkpoints/step-00000003/state.npz", "influence/kept.json", "images/test.npz")


@pytest.fixture
def workdir(tmp_path):
    workdir = Workdir(tmp_path / "run")
    with workdir.locked():
        artifacts.write_json(workdir.times, {})
    return workdir


@pytest.mark.parametrize("name", FILES)
def test_a_folder_for_a_file(workdir, name):
    (workdir.root / name / "mine").mkdir(parents=True)
    with (
        pytest.raises(InputError, match=rf"{name} is a folder, where a file of a run belongs.*Move it"),
        workdir.locked(),
    ):
        pass
    assert (workdir.root / name / "mine").is_dir()


@pytest.mark.parametrize("name", ["rounds", "checkpoints", "logs", "saved_model", "images", "shared", "rounds/00"])
def test_a_file_for_a_folder(workdir, name):
    (workdir.root / name).parent.mkdir(exist_ok=True)
    (workdir.root / name).write_text("mine")
    with pytest.raises(InputError, match=rf"{name} is a file, where a folder of a run belongs"), workdir.locked():
        pass
    assert (workdir.root / name).read_text() == "mine"


def test_what_is_in_its_place_passes(workdir):
    for name in ("rounds/00", "checkpoints/step-00000001", "saved_model/assets.extra", "logs", "runs/plain/seed0"):
        (workdir.root / name).mkdir(parents=True)
    (workdir.root / "rounds" / "00" / "state.npz").touch()
    (workdir.root / "elsewhere").mkdir()
    (workdir.root / "checkpoints.old").touch()
    (workdir.root / "images").symlink_to(workdir.root / "elsewhere")
    with workdir.locked():
        pass


def test_neither_is_written_over_anywhere(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(InputError, match=r"a\.json is a folder, and a file is to be written there"):
        artifacts.write_json(tmp_path / "a.json", {})
    (tmp_path / "b").touch()
    with pytest.raises(InputError, match="b is a file, and a folder"), artifacts.atomic_directory(tmp_path / "b"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b"]
