"""A run works in folders that are its own: foreign ones are refused unchanged, users' files in its own ones stay."""

import json

import pytest

from sjft_tf.errors import InputError
from sjft_tf.owned_folder import MARKER
from sjft_tf.workdir import Workdir


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def lock(folder):
    with Workdir(folder).locked():
        return names(folder)


def test_new_and_empty_folders_are_marked_and_stay_ours(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "new" / "one"):
        assert lock(folder) == [".lock", MARKER]
        (folder / "notes.md").write_text("mine")
        assert lock(folder) == [".lock", MARKER, "notes.md"]


@pytest.mark.parametrize("name", ["photo.jpg", "config.json", ".git/HEAD", "train/a/0.png"])
def test_foreign_folders_are_refused_as_they_are(name, tmp_path):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("{}")
    (tmp_path / ".x.sjft-tmp").write_text("")
    before = names(tmp_path)
    with pytest.raises(InputError, match=r"holds other things \(.*\) and no run.*new or an empty folder"):
        lock(tmp_path)
    assert names(tmp_path) == before
    (tmp_path / MARKER).write_text("")
    assert MARKER in lock(tmp_path)


def test_the_root_and_the_home_folder_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path)
    for folder, words in (("/", "the root"), (tmp_path, "the home folder"), (tmp_path / "link", "the home folder")):
        with pytest.raises(InputError, match=f"is {words}.*Name a folder for this run"), Workdir(folder).locked():
            pass
    assert names(tmp_path) == ["link"]


def test_a_record_of_ours_is_told_from_another_package_s(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"sjft_tf": "0.1.0", "config": {}}))
    assert MARKER in lock(tmp_path)


def test_output_beside_a_new_run_is_no_hindrance(tmp_path):
    for name in ("log.txt", "train.log", "nohup.out"):
        (tmp_path / name).write_text("")
    assert MARKER in lock(tmp_path)


def test_leftovers_are_removed_from_own_folders_only(tmp_path):
    theirs, root = tmp_path / "theirs", tmp_path / "run"
    lock(root)
    for folder in (root, root / "rounds" / "00", root / "shared" / "table", root / "my notes", theirs):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".x.1.sjft-tmp").write_text("")
    (root / "images").symlink_to(theirs)
    (root / ".y.2.sjft-old").symlink_to(theirs)
    left = [name for name in lock(root) if "sjft-tmp" in name or "sjft-old" in name]
    assert left == [".y.2.sjft-old", "my notes/.x.1.sjft-tmp"]
    assert names(theirs) == [".x.1.sjft-tmp"]


@pytest.mark.parametrize("name", ["run[1]", "what?", "all*", "a\\b"])
def test_names_that_tensorflow_takes_for_patterns_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="which TensorFlow takes for a pattern"):
        lock(tmp_path / name)
    assert names(tmp_path) == []
