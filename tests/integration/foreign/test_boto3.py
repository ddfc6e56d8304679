import json
import re
import socket
import threading
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local_sqs import ACCESS_KEY, REGION, SECRET_KEY, LocalSqs


def connect(server, key=ACCESS_KEY, secret=SECRET_KEY, region=REGION, attempts=1, read_timeout=60, **more):
    return boto3.client(
        "sqs",
        endpoint_url=server.endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(read_timeout=read_timeout, retries={"total_max_attempts": attempts}),
        **more,
    )


@pytest.fixture
def sqs(server):
    return connect(server)


@pytest.fixture
def queue(sqs, request):
    """The URL of a queue of the test's own."""
    return sqs.create_queue(QueueName=re.sub(r"\W", "_", request.node.name)[:80])["QueueUrl"]


def arn(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def count(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(attributes[n]) for n in names)


def receive(sqs, url, **more):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more).get("Messages", [])


def test_batches_go_in_and_out(sqs, queue):
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": str(i), "MessageBody": f"message {i} é €"} for i in range(10)])
    assert len(sent["Successful"]) == 10 and "Failed" not in sent
    messages = receive(sqs, queue, MessageSystemAttributeNames=["All"])
    assert sorted(m["Body"] for m in messages) == [f"message {i} é €" for i in range(10)]
    assert {m["MessageId"] for m in messages} == {s["MessageId"] for s in sent["Successful"]}
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in messages} == {"1"}
    assert count(sqs, queue) == (0, 10, 0)
    entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
    assert len(sqs.delete_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 10
    assert count(sqs, queue) == (0, 0, 0)


def test_attributes_of_messages(sqs, queue):
    # boto3 compares the digests that the server gives with its own.
    sqs.send_message(
        QueueUrl=queue,
        MessageBody="x",
        MessageAttributes={
            "text": {"DataType": "String.label", "StringValue": "\u20ac"},
            "number": {"DataType": "Number", "StringValue": "1.5"},
            "bytes": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
        },
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988"}},
    )
    [message] = receive(sqs, queue, MessageAttributeNames=["All"], MessageSystemAttributeNames=["AWSTraceHeader"])
    assert message["MessageAttributes"]["bytes"] == {"DataType": "Binary", "BinaryValue": bytes(range(256))}
    assert message["MessageAttributes"]["text"] == {"DataType": "String.label", "StringValue": "\u20ac"}
    assert message["Attributes"] == {"AWSTraceHeader": "Root=1-5759e988"}


def test_visibility(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    [message] = receive(sqs, queue, VisibilityTimeout=60)
    assert receive(sqs, queue) == []
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    [again] = receive(sqs, queue)
    entries = [{"Id": "a", "ReceiptHandle": again["ReceiptHandle"], "VisibilityTimeout": 0}]
    assert sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)["Successful"] == [{"Id": "a"}]
    assert len(receive(sqs, queue)) == 1


def test_attributes_of_queues(sqs, queue):
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "7", "DelaySeconds": "2"})
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "7"
    assert attributes["QueueArn"].endswith(":test_attributes_of_queues")
    assert sqs.get_queue_url(QueueName="test_attributes_of_queues")["QueueUrl"] == queue
    assert queue in sqs.list_queues(QueueNamePrefix="test_attributes")["QueueUrls"]
    sqs.send_message(QueueUrl=queue, MessageBody="later")
    assert count(sqs, queue) == (0, 0, 1)


def test_dead_letters_and_their_way_back(sqs, queue):
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn(sqs, dead), "maxReceiveCount": 2})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    for expected in (1, 1, 0):
        assert len(receive(sqs, queue, VisibilityTimeout=0)) == expected
    [letter] = receive(sqs, dead, VisibilityTimeout=0, MessageSystemAttributeNames=["All"])
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == arn(sqs, queue)
    assert letter["Attributes"]["ApproximateReceiveCount"] == "3"

    sqs.start_message_move_task(SourceArn=arn(sqs, dead))
    [task] = sqs.list_message_move_tasks(SourceArn=arn(sqs, dead))["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert [m["Body"] for m in receive(sqs, queue)] == ["poison"]


def test_a_move_can_be_cancelled(sqs, queue):
    dead = sqs.create_queue(QueueName="slow-dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn(sqs, dead), "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    for i in range(5):
        sqs.send_message(QueueUrl=dead, MessageBody=str(i))
    task = sqs.start_message_move_task(SourceArn=arn(sqs, dead), DestinationArn=arn(sqs, queue), MaxNumberOfMessagesPerSecond=1)
    assert sqs.list_message_move_tasks(SourceArn=arn(sqs, dead))["Results"][0]["TaskHandle"] == task["TaskHandle"]
    assert sqs.cancel_message_move_task(TaskHandle=task["TaskHandle"])["ApproximateNumberOfMessagesMoved"] < 5
    assert sqs.list_message_move_tasks(SourceArn=arn(sqs, dead))["Results"][0]["Status"] == "CANCELLED"


def test_fifo(sqs):
    url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    sent = [sqs.send_message(QueueUrl=url, MessageBody=b, MessageGroupId=g) for g, b in (("1", "a"), ("2", "b"), ("1", "c"))]
    assert sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="1")["MessageId"] == sent[0]["MessageId"]
    assert len(sent[0]["SequenceNumber"]) == 20
    first = receive(sqs, url, MessageSystemAttributeNames=["MessageGroupId"], ReceiveRequestAttemptId="try")
    assert [m["Body"] for m in first] == ["a", "c", "b"]
    assert [m["ReceiptHandle"] for m in receive(sqs, url, ReceiveRequestAttemptId="try")] == [m["ReceiptHandle"] for m in first]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first[2]["ReceiptHandle"], VisibilityTimeout=0)
    with pytest.raises(ClientError, match="The receipt handle has expired") as refused:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=first[2]["ReceiptHandle"])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_a_long_poll_ends_with_the_message(server, sqs, queue):
    threading.Timer(0.5, lambda: connect(server).send_message(QueueUrl=queue, MessageBody="at last")).start()
    start = time.monotonic()
    assert [m["Body"] for m in receive(sqs, queue, WaitTimeSeconds=20)] == ["at last"]
    assert 0.4 < time.monotonic() - start < 10


def test_a_client_that_went_away_takes_no_message(server, sqs, queue):
    hasty = connect(server, read_timeout=1)
    with pytest.raises(ReadTimeoutError):
        hasty.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    hasty.close()
    time.sleep(0.2)
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert len(receive(sqs, queue)) == 1


def test_errors_are_those_that_boto3_knows(sqs, queue):
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as missing:
        sqs.get_queue_url(QueueName="none")
    assert missing.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert missing.value.response["ResponseMetadata"]["RequestId"]
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle="garbage")
    with pytest.raises(sqs.exceptions.TooManyEntriesInBatchRequest):
        sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(11)])
    with pytest.raises(sqs.exceptions.InvalidMessageContents):
        sqs.send_message(QueueUrl=queue, MessageBody="\x01")
    sqs.purge_queue(QueueUrl=queue)
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
        sqs.purge_queue(QueueUrl=queue)
    sqs.delete_queue(QueueUrl=queue)
    with pytest.raises(sqs.exceptions.QueueDeletedRecently):
        sqs.create_queue(QueueName="test_errors_are_those_that_boto3_knows")


def spoil_body(request, **_):
    request.body += b" "
    request.headers["Content-Length"] = str(len(request.body))


def spoil_header(request, **_):
    request.headers["X-Amz-Target"] = "AmazonSQS.PurgeQueue"


def spoil_date(request, **_):
    request.headers["X-Amz-Date"] = "20200102T030405Z"


@pytest.mark.parametrize(
    "spoil, text",
    [
        (spoil_body, "The request signature we calculated does not match"),
        (spoil_header, "The request signature we calculated does not match"),
        (spoil_date, "Date in Credential scope does not match"),
    ],
)
def test_what_was_changed_after_signing_is_refused(server, sqs, queue, spoil, text):
    spoiled = connect(server)
    spoiled.meta.events.register("before-send.sqs", spoil)
    with pytest.raises(ClientError, match=text) as refused:
        spoiled.send_message(QueueUrl=queue, MessageBody="x")
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert count(sqs, queue) == (0, 0, 0)


@pytest.mark.parametrize(
    "change, code, text",
    [
        ({"secret": "wrong"}, "SignatureDoesNotMatch", "does not match the signature you provided"),
        ({"key": "AKIANOBODY"}, "InvalidClientTokenId", "The security token included in the request is invalid"),
        ({"aws_session_token": "stray"}, "InvalidClientTokenId", "The security token included in the request is invalid"),
        ({"region": "us-west-2"}, "SignatureDoesNotMatch", "Credential should be scoped to a valid region"),
    ],
)
def test_who_is_not_known_is_refused(server, queue, change, code, text):
    with pytest.raises(ClientError, match=text) as refused:
        connect(server, **change).send_message(QueueUrl=queue, MessageBody="x")
    assert refused.value.response["Error"]["Code"] == code


def test_a_denied_action_is_denied(server, queue):
    denied = connect(server, key="AKIADENIED", secret="secret")
    assert receive(denied, queue) == []
    with pytest.raises(ClientError, match="not authorized to perform: sqs:sendmessage") as refused:
        denied.send_message(QueueUrl=queue, MessageBody="x")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def cut_reply(server):
    """The size of the reply to a call that is not signed. boto3 takes half a body for an empty one."""
    request = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.0\r\n"
        b"X-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 2\r\n\r\n{}"
    )
    with socket.create_connection(("127.0.0.1", int(server.endpoint.rsplit(":", 1)[1])), timeout=5) as connection:
        connection.sendall(request)
        return len(b"".join(iter(lambda: connection.recv(4096), b"")))


def test_faults_can_be_set_while_it_runs(tmp_path):
    server = LocalSqs(tmp_path, "--queue", "q", "--seed", "7", "--clock-offset-s", "600")
    try:
        url = f"{server.endpoint}/000000000000/q"
        with pytest.raises(ClientError, match="Signature expired"):
            connect(server).send_message(QueueUrl=url, MessageBody="x")
        server.set_faults(throttle_rate=1)
        with pytest.raises(ClientError) as throttled:
            connect(server).send_message(QueueUrl=url, MessageBody="x")
        assert throttled.value.response["Error"]["Code"] == "RequestThrottled"
        server.set_faults(cut_rate=1, cut_after_bytes=0)
        with pytest.raises(ConnectionClosedError):
            connect(server).send_message(QueueUrl=url, MessageBody="x")
        server.set_faults(cut_rate=1, cut_after_bytes=270)
        assert cut_reply(server) == 270
        server.set_faults(latency_ms=300)
        start = time.monotonic()
        assert len(receive(connect(server), url)) == 1
        assert time.monotonic() - start > 0.29
        server.set_faults(error_rate=0.5, seed=3)
        patient = connect(server, attempts=10)
        for i in range(10):
            patient.send_message(QueueUrl=url, MessageBody=str(i))
        assert server.stats()["errors"]["RequestThrottled"] == 1
    finally:
        assert server.stop() == 0
