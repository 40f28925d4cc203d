"""Many random texts through both renderings: `python -m benchmarks.links [TEXTS] [SEED]`.

Each is shown whole and at two places while it grows. Ends with 1 when something that the policy
refuses was active, and prints the smallest text that shows it.
"""

import random
import sys
import time

from tests.support.hostile_texts import text_of
from tests.support.platform_links import faults, smallest

MOST_SHOWN = 5


def main(texts: int = 100_000, seed: int = 0) -> int:
    began = time.monotonic()
    found = 0
    for number in range(seed, seed + texts):
        text = text_of(random.Random(number))
        if faults(text, random.Random(number)):
            found += 1
            if found <= MOST_SHOWN:
                least = smallest(text, number)
                print(number, repr(least), faults(least, random.Random(number))[:1], flush=True)
    took = time.monotonic() - began
    print(f"{texts} texts from seed {seed}: {found} with something active or lost, {took:.0f} s")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
