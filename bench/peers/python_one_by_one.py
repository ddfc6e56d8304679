"""The exercise's way: receive up to ten, then for each message one INSERT, one commit, one delete."""

import base64
import datetime
import json
import os

import boto3
import psycopg

INSERT = "INSERT INTO user_logins VALUES (%s, %s, %s, %s, %s, %s, %s)"


def masked(value):
    return base64.b64encode(value.encode()).decode()


def row(body):
    e = json.loads(body)
    return (
        e["user_id"],
        e["device_type"],
        masked(e["ip"]),
        masked(e["device_id"]),
        e["locale"],
        int(e["app_version"].split(".")[0]),
        datetime.datetime.now(datetime.UTC).date(),
    )


def main():
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=os.environ["SLUICE_QUEUE"])["QueueUrl"]
    with psycopg.connect() as database:
        while True:
            for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
                database.execute(INSERT, row(m["Body"]))
                database.commit()
                sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])


main()
