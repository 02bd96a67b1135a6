"""The reelscope command, the Python client and the local stack."""
