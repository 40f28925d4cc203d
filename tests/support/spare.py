"""`parley` that loads its libraries first, and is told its environment then: one line of JSON."""

import json
import os
import sys

import bots.serve  # noqa: F401 - what takes two seconds to load
from cli.main import main

if told := sys.stdin.readline():  # else it was not needed
    os.environ.clear()
    os.environ.update(json.loads(told))
    main()
