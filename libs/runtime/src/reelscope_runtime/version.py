"""Which release this is.

In a module of its own: looking it up imports much that a decoder process, which starts in half a second, has no use for.
"""

from importlib.metadata import version

__version__ = version("reelscope-runtime")
