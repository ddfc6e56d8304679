"""Clients that were not written here, against sluice-sqs."""

import pytest

from local_sqs import LocalSqs


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = LocalSqs(tmp_path_factory.mktemp("sqs"), "--access-key", "AKIADENIED:secret", "--deny", "AKIADENIED:SendMessage")
    yield made
    assert made.stop() == 0, made.log.read_text()
