"""What all programs share: flags made from the config's fields, recipes, errors without traceback, devices."""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags
from absl import logging as absl_logging
from sjft_tf.scripts.recipes import read_recipes, recipe_arguments

from sjft_tf import csv_files
from sjft_tf.artifacts import FREE_SPACE, refusal, shortage
from sjft_tf.config import EvaluationConfig, RunConfig, Section
from sjft_tf.errors import InputError, Stopped

FLAGS = flags.FLAGS
SomeSection = TypeVar("SomeSection", bound=Section)


_COLLECTED = gc.get_threshold()


def define_common() -> None:
    """Flags every program with a working directory has."""
    if "workdir" not in FLAGS:
        flags.DEFINE_string("workdir", None, "folder of this run: everything it makes lies there", required=True)


def define_config(*sections: str, without: Sequence[str] = ()) -> None:
    """Defines one flag for each field of the named config sections (all of them by default), but `without` these."""
    for section in dataclasses.fields(RunConfig):
        if not sections or section.name in sections:
            define_section(section.default_factory(), without)  # type: ignore[misc]


def define_section(section: Section, without: Sequence[str] = ()) -> None:
    """Defines one flag for each field of a section, but `without` these and those that are defined already."""
    for item in dataclasses.fields(section):  # type: ignore[arg-type]
        if item.name not in FLAGS and item.name not in without:
            _define(item)


def _define(item: dataclasses.Field) -> None:
    text, choices = item.metadata["help"], item.metadata["choices"]
    default = item.default if item.default is not dataclasses.MISSING else item.default_factory()  # type: ignore[misc]
    if isinstance(default, bool):
        flags.DEFINE_bool(item.name, default, text)
    elif isinstance(default, int):
        flags.DEFINE_integer(item.name, default, text)
    elif isinstance(default, float):
        flags.DEFINE_float(item.name, default, text)
    elif isinstance(default, list):
        flags.DEFINE_multi_string(item.name, default, text)
    elif choices:
        flags.DEFINE_enum(item.name, default, list(choices), text)
    else:
        flags.DEFINE_string(item.name, default, text)


def define_study() -> None:
    """Flags that every study has, the comparison among them."""
    flags.DEFINE_multi_string("seeds", ["0,1,2,3,4"], "seeds of the runs: of weights, batches and what is drawn")
    flags.DEFINE_float(
        "holdout_test",
        0.3,
        "without test images: share of each class set aside as such",
        lower_bound=0,
        upper_bound=0.9,
    )
    flags.DEFINE_bool("keep_weights", False, "keep the weights of every round of every run")
    flags.DEFINE_integer(
        "at_once",
        1,
        "runs done at the same time, each on its share of the processor cores; as many as there are cores get most "
        "done where networks are small and no GPU is there; with --engine=dask every worker does one",
        lower_bound=1,
    )
    flags.DEFINE_bool("plan", False, "list the runs and end")


class Doable(Protocol):
    """A study that can be done or planned."""

    failed: dict[str, str]

    def run(self) -> Iterator[str]:
        """Does it."""

    def plan(self) -> Iterator[str]:
        """Lists its runs."""


def do_study(study: Doable) -> None:
    """Does a study, or with --plan lists its runs; ends with status 1 if some of them failed."""
    say_lines(study.plan() if FLAGS.plan else study.run())
    if study.failed:
        sys.exit(f"{len(study.failed)} runs failed. The same command tries them again.")


def config_from_flags(**fixed: str | float) -> RunConfig:
    """The validated configuration; what this program has no flag for keeps its default or is `fixed`."""
    plain = RunConfig()
    names = [item.name for section in plain.sections() for item in dataclasses.fields(section)]
    given = {name: getattr(FLAGS, name) for name in names if name in FLAGS}
    return plain.with_settings(**given | fixed).validate()


def section_from_flags(kind: type[SomeSection]) -> SomeSection:
    """A section that is no part of a run's configuration, from its flags, checked field by field."""
    section = kind(**{item.name: getattr(FLAGS, item.name) for item in dataclasses.fields(kind)})  # type: ignore[arg-type]
    section.check_fields()
    section.check()
    return section


def evaluation_from_flags() -> EvaluationConfig | None:
    """The views that were asked for; None when no flag names any, for what the run was trained with."""
    names = [item.name for item in dataclasses.fields(EvaluationConfig) if item.name != "all_probabilities"]
    if not any(FLAGS[name].present for name in names):
        return None
    return EvaluationConfig(**{name: getattr(FLAGS, name) for name in names})


def say(text: str = "") -> None:
    """A line for the user on standard output."""
    print(text, flush=True)


def say_lines(lines: Iterable[str]) -> None:
    """Several lines for the user on standard output."""
    for line in lines:
        say(line)


def start_tensorflow(seed: int = 0, deterministic: bool = False, aside: bool = False, logical_cpus: int = 1) -> None:
    """Sets seeds and memory growth, and prints the devices: a GPU that was silently not found is noticed.

    Args:
        seed: for Keras, NumPy and Python.
        deterministic: bit-equal results.
        aside: this and all messages go to standard error, because standard output is for results.
        logical_cpus: devices the CPU is divided into.
    """
    import keras
    import tensorflow as tf

    from sjft_tf.training import set_seeds

    # What was imported stays, and need not be looked through again.
    gc.freeze()
    gc.set_threshold(*_COLLECTED)
    if logical_cpus > 1:
        part = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [part] * logical_cpus)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        # Without this TensorFlow takes all of the GPU's memory at once, also beside somebody else's work.
        tf.config.experimental.set_memory_growth(gpu, True)
    names = [tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus]
    where = ", ".join(names) if names else "none found, working on the CPU"
    if aside:
        logging.getLogger("sjft_tf").handlers = [logging.StreamHandler(sys.stderr)]
    devices = f"TensorFlow {tf.__version__}, Keras {keras.__version__}; {os.cpu_count()} CPU cores; GPUs: {where}"
    print(devices, file=sys.stderr if aside else sys.stdout, flush=True)
    set_seeds(seed, deterministic)


def _changed_image(error: Exception) -> InputError | None:
    """What to say if TensorFlow failed on an image that was deleted or changed meanwhile."""
    if "tensorflow" not in sys.modules:
        return None
    from sjft_tf.images import changed_file

    return changed_file(error)


def start(main: Callable[[list[str]], None], define: Callable[[], None]) -> None:
    """Defines the flags, parses the command line and runs `main`; bad input ends with status 2, without traceback."""

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1:
            sys.exit(f"error: unexpected argument {argv[1]!r}; flags look like --name=value (see --help)")
        # Importing TensorFlow makes some hundred thousand objects that stay: to look through them again and again for
        # garbage is a quarter of the time.
        gc.set_threshold(50_000, 20, 20)
        # TensorFlow tells its own small steps through absl; ours go to the screen as they are.
        absl_logging.set_verbosity(absl_logging.WARNING)
        logger = logging.getLogger("sjft_tf")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.handlers = [logging.StreamHandler(sys.stdout)]
        csv_files.write_raw(FLAGS.raw_csv)
        try:
            main(argv)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except Stopped as end:
            print(end, file=sys.stderr)
            sys.exit(128 + end.signal)
        except KeyboardInterrupt:
            print("Ended by Ctrl-C. What is finished stays; the same command goes on.", file=sys.stderr)
            sys.exit(128 + signal.SIGINT)
        except Exception as error:
            if changed := _changed_image(error):
                print(f"error: {changed}", file=sys.stderr)
                sys.exit(2)
            if (denied := refusal(error)) is not None:
                print(f"error: Something could not be read or written ({denied}). Check its rights.", file=sys.stderr)
                sys.exit(2)
            if (reason := shortage(error)) is None:
                raise
            print(f"error: There is no room left ({reason}): {error}. {FREE_SPACE}", file=sys.stderr)
            sys.exit(2)

    before = set(FLAGS)
    define()
    if "raw_csv" not in FLAGS:
        flags.DEFINE_bool(
            "raw_csv",
            False,
            "write names to CSV files as they are, also what a spreadsheet takes for a formula",
        )
    # --help lists the main module's own flags and text; ours are defined here, for whichever program was started.
    for name in sorted(set(FLAGS) - before):
        FLAGS.register_key_flag_for_module(sys.argv[0], FLAGS[name])
    sys.modules["__main__"].__doc__ = sys.modules[main.__module__].__doc__
    sys.argv[1:] = recipe_arguments(sys.argv[1:])
    app.run(guarded, argv=[sys.argv[0], *read_recipes(sys.argv[1:], FLAGS)])
