"""A terminal for a program."""

import os
import pty
import termios


def on_a_terminal(world, *arguments, columns=120, **changes):
    """What a person at a terminal sees."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    process = world.start(*arguments, env=world.environment(LANG="C.UTF-8", **changes), stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait(30)
    return seen.decode()
