"""As well as Python does it with the usual libraries: 8 threads, each collects up to 500 messages, loads them by COPY, then
deletes them ten at a time. At least once, as there is no ledger."""

import base64
import datetime
import json
import os
import threading

import boto3
import psycopg

THREADS = 8
BATCH = 500
COPY = "COPY user_logins (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date) FROM STDIN"


def masked(value):
    return base64.b64encode(value.encode()).decode()


def row(body, today):
    e = json.loads(body)
    return (
        e["user_id"],
        e["device_type"],
        masked(e["ip"]),
        masked(e["device_id"]),
        e["locale"],
        int(e["app_version"].split(".")[0]),
        today,
    )


def collect(sqs, url):
    batch = []
    while len(batch) < BATCH:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0 if batch else 1).get("Messages", [])
        if not got:
            break
        batch += got
    return batch


def work(url):
    sqs = boto3.session.Session().client("sqs")  # a session is not safe to share between threads
    with psycopg.connect() as database:
        while True:
            batch = collect(sqs, url)
            if not batch:
                continue
            today = datetime.datetime.now(datetime.UTC).date()
            with database.cursor() as cursor, cursor.copy(COPY) as copy:
                for m in batch:
                    copy.write_row(row(m["Body"], today))
            database.commit()
            for i in range(0, len(batch), 10):
                entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(batch[i : i + 10])]
                if sqs.delete_message_batch(QueueUrl=url, Entries=entries).get("Failed"):
                    raise SystemExit("a delete failed")


def main():
    url = boto3.client("sqs").get_queue_url(QueueName=os.environ["SLUICE_QUEUE"])["QueueUrl"]
    threads = [threading.Thread(target=work, args=(url,), daemon=True) for _ in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


main()
