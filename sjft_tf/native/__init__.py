"""Loops compiled to native code once per machine: by numba at first use, later loaded from a cache without it.

The cache holds object code and nothing else, no pickles. Like Python's own `__pycache__` it is code that this user's
programs run without asking: whoever can write into it can run anything as this user. So a folder is used only if it
belongs to this user and nobody else can write to it; the checksum in a file finds damage, not malice.
"""

from sjft_tf.native.kernel import Kernel, compile_native, native

__all__ = ["Kernel", "compile_native", "native"]
