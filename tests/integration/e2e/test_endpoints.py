"""Endpoints by two parsers: what sluice takes, Python reads alike. A request must not go to another host than a person sees."""

import os
import pathlib
import random
import secrets
import subprocess
import urllib.parse

CORPUS = pathlib.Path(__file__).resolve().parents[2] / "fuzz/corpus/endpoint_url"
NAMES = [
    "localhost",
    "sqs.eu-west-1.amazonaws.com",
    "a-b.c0",
    "xn--bcher-kva.example",
    "10.0.0.1",
    "127.0.0.1",
    "[::1]",
    "[fd00:ec2::23]",
]
ODD = [*"./:@?#[]%\\ -_~", "//", "..", "%2e", "%40", "127.0.0.1", "1.2.3.4", ".5", "::", "x", "é", ":80", "user:p@", "\t", "h"]


def plain(choose):
    """One that must be taken."""
    port = choose.choice(["", "", f":{choose.randint(1, 65535)}"])
    path = "".join(choose.choice(["/a", "/%20b", "/c.d", "//"]) for _ in range(choose.randint(0, 3)))
    query = choose.choice(["", "", "?x=1&y=2", "?"])
    return f"{choose.choice(['http', 'https', 'HTTP'])}://{choose.choice(NAMES)}{port}{path}{query}"


def odd(choose):
    """One of those, changed in a few places."""
    url = plain(choose)
    for _ in range(choose.randint(1, 4)):
        at = choose.randint(0, len(url))
        url = url[:at] + choose.choice(ODD) + url[at + choose.randint(0, 2) :]
    return url


def by_python(url):
    split = urllib.parse.urlsplit(url)
    port = split.port or {"http": 80, "https": 443}[split.scheme]
    target = split.path + ("?" + split.query if "?" in url else "")
    return f"{split.scheme} {split.hostname} {port} {target if target.startswith('/') else '/' + target}"


def test_what_is_taken_is_read_as_python_reads_it(programs):
    seed = int(os.environ.get("SLUICE_SEED") or secrets.randbits(32))
    print(f"seed: SLUICE_SEED={seed}")
    choose = random.Random(seed)
    good = [plain(choose) for _ in range(1000)]
    found = [each.read_bytes().decode(errors="replace") for each in sorted(CORPUS.iterdir())]
    urls = good + [odd(choose) for _ in range(4000)] + [line for text in found for line in text.splitlines()]
    urls = [url for url in urls if "\n" not in url and "\r" not in url]
    done = subprocess.run(
        [programs / "endpoint_lines"], input="\n".join(urls) + "\n", capture_output=True, text=True, check=True, timeout=60
    )
    read = done.stdout.split("\n")[:-1]
    assert len(read) == len(urls)
    for url, ours in zip(urls, read, strict=True):
        assert ours == "refused" or ours == by_python(url), url
    assert [url for url, ours in zip(good, read, strict=False) if ours == "refused"] == []
    assert "refused" in read[len(good) :]
