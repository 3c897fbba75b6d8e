"""Runs all benchmarks one after the other, writes their figures to one file, and says which of them moved.

  python benchmarks/run.py --data=DATA --out=benchmarks/results/current-avx512.json
  python benchmarks/run.py --only=search,training --out=runs/now.json
  python benchmarks/run.py --data=DATA --quick --out=runs/quick.json

Every benchmark is a process of its own. The file is written after each, with the machine, the versions and the commit
it was measured with: started again, what was measured with all the same is not measured again. Then figures are
compared with the committed file of the same stack and kind of processor, or with --compare. The exit status is 1 if
one got worse (see `comparing.verdict`) or a benchmark failed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import machine
from comparing import Figure, compare, table
from suite import SUITE, Benchmark, chosen

from sjft_tf.artifacts import read_json, write_json
from sjft_tf.errors import InputError

FOLDER = Path(__file__).resolve().parent
FORM = {
    "*": {
        "command": str,
        "date": str,
        "commit": str,
        "seconds": float,
        "machine": dict,
        "figures": [
            {
                "name": str,
                "ratio": float,
                "low": float,
                "high": float,
                "processor": (float, None),
                "unit": str,
            }
        ],
    }
}


def start(words: Sequence[str]) -> int:
    """Runs a program of this folder; its exit status."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ}
    return subprocess.run([sys.executable, FOLDER / words[0], *words[1:]], env=environment, check=False).returncode


def measure(words: Sequence[str], run: Callable[[Sequence[str]], int]) -> list[dict] | str:
    """The figures of one benchmark, or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.jsonl")
        status = run([words[0], f"--json={figures}", *words[1:]])
        if status:
            return f"ended with status {status}"
        found = [json.loads(line) for line in figures.read_text().splitlines()] if figures.exists() else []
    return found or "handed over no figure"


def measure_all(
    benchmarks: Sequence[Benchmark], out: Path, data: str, quick: bool, again: bool, run: Callable = start
) -> tuple[dict[str, dict], list[str]]:
    """Measures what `out` does not have yet, and writes it there one by one.

    Returns:
        The entries of these benchmarks by name, and the names of those that failed.
    """
    written = read_json(out, FORM, remedy="Name another file.") if out.exists() else {}
    here, entries, failed = {"commit": machine.commit(), "machine": machine.describe()}, {}, []
    for one in benchmarks:
        # Quick figures are others: they stand beside those of whole runs.
        name = f"{one.name} (quick)" if quick else one.name
        command = shlex.join(one.words("DATA", quick))
        if absent := one.absent(data):
            print(f"{name}: skipped, there is no {', '.join(absent)}: --data names the folder with it", flush=True)
            continue
        wanted, known = {"command": command, **here}, written.get(name, {})
        if not again and {key: known.get(key) for key in wanted} == wanted:
            print(f"{name}: measured already, {known['date']}; --again measures it anew", flush=True)
        else:
            print(f"\n{name}: {command}", flush=True)
            date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            begun, figures = time.perf_counter(), measure(one.words(data, quick), run)
            if isinstance(figures, str):
                print(f"{name}: failed, {figures}", flush=True)
                failed.append(name)
                continue
            taken = round(time.perf_counter() - begun, 1)
            written[name] = {"date": date, "seconds": taken, **wanted, "figures": figures}
            out.parent.mkdir(parents=True, exist_ok=True)
            write_json(out, written)
        entries[name] = written[name]
    return entries, failed


def before(path: Path | None) -> tuple[str, dict[str, dict]]:
    """What to compare with: its name, and the entries of the file at `path` or of the committed one."""
    if path is not None:
        return str(path), read_json(path, FORM, remedy="Name another file.")
    described = machine.describe()
    name = f"benchmarks/results/{described['stack']}-{described['kind']}.json"
    # As it was committed: --out may be the same file.
    text = machine.git("show", f"HEAD:{name}")
    entries = json.loads(text) if text else {}
    entries.pop("sha256", None)
    return (f"the committed {name}" if text else ""), entries


def differences(one: Mapping[str, dict], other: Mapping[str, dict]) -> list[str]:
    """What of machine, versions and arguments differs between two measurements of the same benchmarks."""
    found = set()
    for name in one.keys() & other.keys():
        sides = [
            {**entry["machine"], **entry["machine"]["settings"], **entry["machine"]["versions"]}
            for entry in (one[name], other[name])
        ]
        for key in sides[0].keys() - {"settings", "versions"}:
            if sides[0][key] != sides[1].get(key):
                found.add(f"{key}: {sides[0][key]}, now {sides[1].get(key)}")
        if one[name]["command"] != other[name]["command"]:
            found.add(f"{name}: {one[name]['command']}, now {other[name]['command']}")
    return sorted(found)


def figures_of(entries: Mapping[str, dict]) -> dict[str, list[Figure]]:
    """The figures by benchmark."""
    return {name: [Figure(**figure) for figure in entry["figures"]] for name, entry in entries.items()}


def main(argv: Sequence[str] | None = None, suite: tuple[Benchmark, ...] = SUITE, run: Callable = start) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="folder with flowers102/, tiny_imagenet/ and weights/")
    parser.add_argument("--only", default="", help="names or programs between commas; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes: does everything run?")
    parser.add_argument("--again", action="store_true", help="measure anew what is in the file already")
    parser.add_argument("--out", type=Path, required=True, help="file of figures, written after each benchmark")
    parser.add_argument("--compare", type=Path, help="another file of figures; default: the committed one")
    arguments = parser.parse_args(argv)
    try:
        benchmarks = chosen(arguments.only, suite)
        name, old = before(arguments.compare)
        new, failed = measure_all(benchmarks, arguments.out, arguments.data, arguments.quick, arguments.again, run)
    except (ValueError, InputError) as error:
        parser.error(str(error))
    stack = str(machine.describe()["stack"])
    goals = {entry: one.goals for one in benchmarks for entry in (one.name, f"{one.name} (quick)")}
    lines = compare(figures_of(old), figures_of(new), goals, stack)
    print(f"\nCompared with {name}:" if name else "\nNo figures of this stack and kind of processor are committed:")
    for difference in differences(old, new):
        print(f"  other {difference}")
    print(table(lines))
    worse = [line.name for line in lines if line.moved == "worse"]
    print(f"{len(lines)} figures; worse: {', '.join(worse) or 'none'}; failed: {', '.join(failed) or 'none'}")
    return 1 if worse or failed else 0


if __name__ == "__main__":
    sys.exit(main())
