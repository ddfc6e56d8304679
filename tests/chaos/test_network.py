"""Whatever the network does to queue or database: when it is over sluice goes on by itself, and each row is there once."""

import concurrent.futures

import pytest

from faults import FAULTS
from recovery import SEED, recovers

AT_ONCE = 4


@pytest.fixture(scope="module")
def running(request, programs, tmp_path_factory):
    """All cases that were asked for, several at once: most of the time they wait."""
    wanted = [item.callspec for item in request.session.items if item.function is test_it_recovers_by_itself]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {c.id: pool.submit(recovers, **c.params, programs=programs, folder=tmp_path_factory.mktemp(c.id)) for c in wanted}


@pytest.mark.parametrize("peer", ["queue", "database"])
@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_it_recovers_by_itself(running, request, kind, peer):
    print(f"SLUICE_SEED={SEED}")
    running[request.node.callspec.id].result()
