"""Random values of all settings: taken or refused with an InputError, and nothing else happens."""

import dataclasses
import random

from absl import flags
from sjft_tf.scripts import program

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.checking.settings import check_settings

TEXTS = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "x" * 5000,
        "ä\u202e🙂",
        "\ud800",
        "nan",
        "inf",
        "-1",
        "0",
        "1",
        "1e999",
        "1,2",
        ",",
        "a,a",
    ),
    *("1:2", ":", "3:1", "0.5", "%s", "{}", "../..", "folder:/none", "npz:", "digits", "digits#train", "digits&seed=x"),
    *("1-2", "head:0.1", "=", "a=b", "none", "9" * 400, "conv1", "\n", "*", "[", "1e-400", "-0"),
)
NUMBERS = (0, -1, 1, 2, 3, 7, 100, 2**31, 2**63, -(2**63), 10**30, 10**400)
REALS = (0.0, -0.0, -1.0, 0.5, 1.0, 1.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"))


def text_for(item, chance):
    """One value as it is written on the command line, mostly of the kind that the flag wants."""
    default = item.default if item.default is not dataclasses.MISSING else item.default_factory()
    if item.metadata["choices"] and chance.random() < 0.7:
        return str(chance.choice(list(item.metadata["choices"])))
    pools = {bool: ("true", "false"), int: NUMBERS, float: (*REALS, *NUMBERS[:9])}
    pool = pools.get(type(default), TEXTS)
    return str(chance.choice(pool if chance.random() < 0.9 else TEXTS))


def test_any_value_of_any_flag_is_taken_or_refused(request, monkeypatch):
    own = flags.FlagValues()
    monkeypatch.setattr(program, "FLAGS", own)
    for kind in ("bool", "integer", "float", "multi_string", "enum", "string"):
        define = getattr(flags, f"DEFINE_{kind}")
        monkeypatch.setattr(
            program.flags, f"DEFINE_{kind}", lambda *given, define=define: define(*given, flag_values=own)
        )
    program.define_config()
    sections = [dataclasses.fields(section.default_factory()) for section in dataclasses.fields(RunConfig)]
    items = [item for section in sections for item in section]
    # Small and offline, so that what is built to be judged costs little.
    base = ["program", "--target=folder:/none", "--selector=none", "--trunk=preact_resnet", "--weights=none"]
    base += ["--depth=8", "--width=2", "--image_size=16", "--resize=16", "--pad=0"]
    kept, chance, taken = {"trunk", "depth", "width", "image_size", "weights"}, random.Random(14), 0
    for number in range(request.config.getoption("--fuzz")):
        chosen = chance.sample([item for item in items if item.name not in kept], chance.choice((1, 1, 1, 2, 4)))
        if number % 10 == 0:
            chosen = [chance.choice([item for item in items if item.name in kept])]
        given = [f"--{item.name}={text_for(item, chance)}" for item in chosen]
        own.unparse_flags()
        for name in own:
            own[name].unparse()
        try:
            own([*base, *given])
            config = program.config_from_flags()
            if number % 10:
                check_settings(config)
            taken += 1
        except (InputError, flags.Error):
            pass
        except BaseException as error:
            error.add_note(f"case {number}: {given!r}")
            raise
    assert taken
