"""Options, fixed seeds and the location of real data for every test."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Before TensorFlow, for which it sets oneDNN.
import sjft_tf  # noqa: F401

# What is started in the background ignores Ctrl-C; some tests, and the programs they start, are about it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Timings on a shared machine say nothing about the code, and the same examples every time make failures repeatable.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


# Files that take longest, in this order: begun first, so that no worker is left alone with one at the end.
LONGEST = (
    *("test_main_job", "test_readme", "test_compare_program", "test_interruption", "test_determinism"),
    *("test_programs", "test_distribution", "test_search_benchmarks", "test_trunk_selectors", "test_trunks"),
    *("test_build", "test_step", "test_evaluation", "test_advise", "test_audit_program", "test_prune_program"),
)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")
    parser.addoption("--fuzz", type=int, default=60, help="mutations of each fuzzer")
    parser.addoption("--large", action="store_true", help="also run the tests on real data in SJFT_TEST_DATA")


def pytest_collection_modifyitems(config, items):
    for marker in ("slow", "large"):
        if not config.getoption(f"--{marker}"):
            skip = pytest.mark.skip(reason=f"marked {marker}: run with --{marker}")
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(skip)
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_collection_finish():
    # TensorFlow's objects never become garbage, and tracing graphs makes many that are not: looked through as often as
    # Python does by itself, they take a seventh of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def _seeds():
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of unpacked real image sets and weights; the test skips where there is none."""
    folder = os.environ.get("SJFT_TEST_DATA")
    if not folder:
        pytest.skip("SJFT_TEST_DATA is not set: it names a folder with flowers102/, tiny_imagenet/ and weights/")
    return Path(folder)
