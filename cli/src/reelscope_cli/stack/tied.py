"""`python -m reelscope_cli.stack.tied PARENT_PID MODULE`: runs a module as `python -m MODULE` does, tied to its parent first.

A service ties itself to its parent, too, but only in its main: its imports take a second, on a busy machine several, in
which it would outlive a parent that is killed.
"""

from __future__ import annotations

import runpy
import sys

from reelscope_runtime.process import die_with_parent


def main() -> None:
    """Becomes the module named on the command line."""
    die_with_parent(int(sys.argv[1]))
    module = sys.argv[2]
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
