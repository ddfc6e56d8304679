"""The AWS SDK for JavaScript: client.mjs talks to the server, the checks are here."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from local_sqs import ACCESS_KEY, REGION, SECRET_KEY

HERE = pathlib.Path(__file__).parent
# scripts/test.sh installs the client's packages there, once, before any test runs.
INSTALLED = pathlib.Path(__file__).parents[3] / "build" / "javascript"


@pytest.fixture(scope="module")
def javascript(server, tmp_path_factory):
    assert (INSTALLED / "installed").exists(), "no packages in build/javascript: run this by scripts/test.sh pytest"
    # Node looks for packages beside the program's own file.
    place = tmp_path_factory.mktemp("javascript")
    (place / "node_modules").symlink_to(INSTALLED / "node_modules")
    client = shutil.copy(HERE / "client.mjs", place)
    settings = {
        **os.environ,
        "SQS_ENDPOINT": server.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }

    def run(scenario):
        done = subprocess.run(
            ["node", client, scenario], cwd=place, env=settings, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_life_of_messages(javascript):
    seen = javascript("life")
    assert seen["sent"] == 10
    assert seen["bodies"] == [f"message {i} é €" for i in range(10)]
    assert seen["bytes"] == list(range(10))
    assert seen["newHandles"]
    assert seen["deleted"] == 9
    [failed] = seen["failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "ReceiptHandleIsInvalid", True)
    assert seen["attributes"]["VisibilityTimeout"] == "60"
    assert seen["attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_dead_letters_and_their_way_back(javascript):
    seen = javascript("deadLetters")
    assert seen["after"] == 0
    assert seen["letter"]["DeadLetterQueueSourceArn"].endswith(":js-source")
    assert seen["status"] == "COMPLETED"
    assert seen["back"] == ["poison"]


def test_what_is_wrong_is_refused_by_name(javascript):
    seen = javascript("refusals")
    for what in ("body", "header", "secret"):
        assert "The request signature we calculated does not match" in seen[what]["text"], what
    assert "Date in Credential scope does not match" in seen["date"]["text"]
    assert "Credential should be scoped to a valid region" in seen["region"]["text"]
    assert "Signature not yet current" in seen["clock"]["text"]
    for what in ("body", "header", "date", "secret", "region", "clock"):
        assert seen[what]["name"] in ("SignatureDoesNotMatch", "InvalidSignatureException"), what
        assert seen[what]["status"] == 403, what
    assert seen["key"]["name"] in ("InvalidClientTokenId", "UnrecognizedClientException")
    assert seen["none"]["name"] in ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
    assert seen["sent"] == "0"
