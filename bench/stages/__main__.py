"""`python -m bench.stages`: instructions of each stage of a pageview's way, against the committed figures."""

import argparse
import sys

from bench.stages.compare import COMMITTED, Comparison, Figures, compare, describe, read, render, write
from bench.stages.count import CountError, count, missing, valgrind_version


def main(words: list[str]) -> int:
    """The exit code: 0 fine, 1 a stage that is too dear or cannot be counted, 2 wrong usage or no valgrind."""
    parser = argparse.ArgumentParser("python -m bench.stages", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="exit with 1 where a stage needs over 10%% more")
    what.add_argument("--commit", action="store_true", help="write the figures to bench/stages/committed.json")
    flags = parser.parse_args(words)
    fault = missing()
    if fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 2
    try:
        now = Figures(describe(valgrind_version()), count())
    except CountError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    committed = read(COMMITTED)
    comparison = compare(committed or Figures(now.machine, {}), now)
    print(render(comparison, committed, now))
    if flags.commit:
        write(now, COMMITTED)
        print(f"written to {COMMITTED}")
        return 0
    return judge(comparison, flags.check)


def judge(comparison: Comparison, check: bool) -> int:
    """Say what is to be said; the exit code: 1 where `check` is asked for and something failed."""
    for remark in comparison.remarks:
        print(f"cheaper: {remark}")
    for failure in comparison.failures:
        print(f"{'FAILED' if check else 'would fail'}: {failure}", file=sys.stderr if check else sys.stdout)
    return 1 if check and comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
