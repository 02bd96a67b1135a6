"""The local stack: what it consists of (`programs`), how one process is kept alive (`supervisor`), all of them together
(`local`), and a stack that keeps running on its own (`keeper`, `state`)."""
