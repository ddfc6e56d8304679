"""Messages that are counted: what was sent, and what became of it."""

import collections
import http.client
import itertools
import json
import urllib.parse

QUEUE = "login-queue"
# Refused by the reader, and, once `refuse_some` was called, by the table.
BAD = [
    lambda m: "not JSON",
    lambda m: json.dumps({"foo": "oops_wrong_msg_type"}),
    lambda m: json.dumps(m | {"user_id": 17}),
    lambda m: json.dumps(m | {"device_id": "a\0b"}),
    lambda m: json.dumps(m | {"locale": "refused"}),
]
BAD_RATE = 0.01


def refuse_some(world, table="user_logins"):
    world.sql(f"ALTER TABLE {table} ADD CONSTRAINT no_such_locale CHECK (locale <> 'refused')")


class Messages:
    """Sends to a queue that checks no signatures, and remembers the user ids of good messages and the message ids of bad ones."""

    queue = QUEUE

    def __init__(self, endpoint, choose):
        self._connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint).netloc, timeout=10)
        self._choose = choose
        self._url = self._call("GetQueueUrl", QueueName=self.queue)["QueueUrl"]
        self._numbers = itertools.count()
        self.good, self.bad, self.all = set(), set(), set()

    def _call(self, operation, **request):
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"}
        self._connection.request("POST", "/", json.dumps(request), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    def _whole(self, user):
        return {
            "user_id": user,
            "app_version": "2.3.0",
            "device_type": "ios",
            "ip": "10.0.0.1",
            "locale": None,
            "device_id": user,
        }

    def _body(self, user):
        whole = self._whole(user)
        if self._choose.random() < BAD_RATE:
            return None, self._choose.choice(BAD)(whole)
        return user, json.dumps(whole)

    def send_ten(self):
        ten = [self._body(f"user-{next(self._numbers)}") for _ in range(10)]
        entries = [{"Id": str(i), "MessageBody": body} | self._around(user) for i, (user, body) in enumerate(ten)]
        # Those that the queue's faults refuse are in "Failed", and were never sent.
        for sent in self._call("SendMessageBatch", QueueUrl=self._url, Entries=entries)["Successful"]:
            (user, body), id = ten[int(sent["Id"])], sent["MessageId"]
            self._sent(id, user, body)

    def _sent(self, id, user, body):
        self.all.add(id)
        (self.bad if user is None else self.good).add(user or id)

    def _around(self, user):
        """What an entry has beside its body."""
        return {}

    def _rows(self, world):
        """Those that should be in the table, and those that are."""
        return self.good, world.sql("SELECT user_id FROM user_logins")

    def _set_aside(self, world):
        return self.bad, world.sql("SELECT message_id FROM sluice.quarantine")

    def _claimed(self):
        """Whose keys should be in the ledger."""
        return self.all

    def differences(self, world):
        """What is not as it should be: how many are lost, how many twice, and each in words."""
        lost = twice = 0
        words = []
        for what, (wanted, rows) in [
            ("rows", self._rows(world)),
            ("set aside", self._set_aside(world)),
            ("ledger", (self._claimed(), world.sql("SELECT message_id FROM sluice.ledger"))),
        ]:
            found = collections.Counter(row[0] for row in rows)
            lost += len(wanted - found.keys())
            twice += sum(n - 1 for n in found.values())
            words += [f"{what}: {id} is missing" for id in sorted(wanted - found.keys())]
            words += [f"{what}: {id} is there {n} times" for id, n in found.items() if n > 1]
            words += [f"{what}: {id} was never sent" for id in sorted(found.keys() - wanted)]
        return lost, twice, words
