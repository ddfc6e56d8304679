"""The queues of a world, by boto3."""

import json

import boto3
from botocore.config import Config

from world import ACCESS_KEY, REGION, SAMPLES, SECRET_KEY

BAD_BODY = next(line for line in SAMPLES.read_text().splitlines() if "foo" in json.loads(line))


def client(world, **config):
    """boto3's client of its queue server; `config` is botocore's."""
    return boto3.client(
        "sqs",
        endpoint_url=world.endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(**config),
    )


def dead_letters(world, queue="login-dead"):
    sqs = client(world)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = []
    while True:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"])
        if "Messages" not in got:
            return found
        found += got["Messages"]
        done = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(got["Messages"])]
        sqs.delete_message_batch(QueueUrl=url, Entries=done)


def send_each(world, queue, lines, group_by=None):
    """The line of each message id; on a FIFO queue its field `group_by` is the message's group."""
    sqs = client(world)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    entries = [{"Id": str(i), "MessageBody": line} for i, line in enumerate(lines)]
    for entry in entries if group_by else []:
        entry |= {"MessageGroupId": json.loads(entry["MessageBody"])[group_by], "MessageDeduplicationId": entry["Id"]}
    sent = {}
    for first in range(0, len(entries), 10):
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries[first : first + 10])
        assert not answer.get("Failed")
        sent |= {each["MessageId"]: lines[int(each["Id"])] for each in answer["Successful"]}
    return sent


def attributes(letter):
    return {name: value["StringValue"] for name, value in letter.get("MessageAttributes", {}).items()}
