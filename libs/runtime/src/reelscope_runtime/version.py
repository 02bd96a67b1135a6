"""Which release this is.

In a module of its own: looking it up imports a quarter of a second's worth of library, which a decoder process has no use for.
"""

from importlib.metadata import version

__version__ = version("reelscope-runtime")
