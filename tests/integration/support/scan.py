"""Looks for a value in files, in the forms in which programs write values down."""

import base64


def forms(value):
    """`value` raw, as UTF-16, in hex of either case, and in base64 and base64url wherever it may begin in what was encoded.
    Bytes that are no text are characters of Latin-1."""
    found = {value, value.decode("latin-1").encode("utf-16-le"), value.hex().encode(), value.hex().upper().encode()}
    for before in range(3):
        padded = b"\0" * before + value
        whole = len(padded) // 3 * 3  # what follows the value changes the rest
        encoded = base64.b64encode(padded[:whole])
        inner = encoded[(before * 8 + 5) // 6 :]  # what stands before the value changes these
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def scan(folders, values):
    """Every (file, form) in which one of `values` is."""
    wanted = {form for value in values for form in forms(value)}
    hits = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                hits += [(str(path), form) for form in wanted if form in content]
    return hits
