"""What lies beside files that are read: in their folders, told apart by name, nothing of what cannot be listed."""

from pathlib import Path

import pytest

from sjft_tf.images.places.beside import files_beside


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("a/1.jpg", "a/2.jpg", "a/x.txt", "a/.hidden.jpg", "b/1.jpg", "b/deep/3.jpg", "c/4.jpg", "0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("absolute", [False, True])
def test_folders_of_files_however_they_are_written(folders, absolute):
    start = f"{folders}/" if absolute else ""
    found = files_beside([f"{start}a/1.jpg", f"{start}b/../a/2.jpg", f"{start}b/1.jpg"], [f"{start}c/4.jpg"])
    assert found == ([], [f"{start}a/x.txt"])
    assert files_beside([f"{start}a/1.jpg"], [f"{start}a/x.txt"]) == ([f"{start}a/2.jpg"], [])


def test_the_working_folder_and_what_cannot_be_listed(folders):
    (folders / "1.png").touch()
    assert [Path(path).name for path in files_beside(["0.png", "gone/1.jpg", "gs://bucket/a.jpg"]).images] == ["1.png"]
