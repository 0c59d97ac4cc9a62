"""What a check finds wrong: collected, so that all of it is told."""

import sys

SHOWN = 50
problems = []


def expect(sound, problem):
    if not sound:
        problems.append(problem)
    return sound


def told(where, sound):
    """Ends a check of `where`: says what is wrong with it, or that it is `sound`."""
    for problem in problems[:SHOWN]:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(f"{len(problems)} problems in {where}")
    print(sound)
