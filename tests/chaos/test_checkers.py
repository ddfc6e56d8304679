"""A checker that cannot fail proves nothing: each is shown a right end, and then ends that are wrong in one thing."""

import itertools
import random
import re

import pytest

import soak
from loads import LOADS, _number

SENT = 3000  # of which one in a hundred is bad


class Queue:
    """Takes what is sent, and gives what lies in the dead-letter queue."""

    def __init__(self):
        self._ids = itertools.count()
        self.letters = []

    def call(self, operation, **request):
        if operation == "GetQueueUrl":
            return {"QueueUrl": request["QueueName"]}
        if operation == "SendMessageBatch":
            return {"Successful": [{"Id": e["Id"], "MessageId": f"id-{next(self._ids)}"} for e in request["Entries"]]}
        assert operation == "ReceiveMessage"
        given, self.letters = self.letters[:10], self.letters[10:]
        return {"Messages": given}

    def bury(self, id):
        self.letters.append({"MessageId": id, "MessageAttributes": {"sluice.message_id": {"StringValue": id}}})


class End:
    """What is in database and dead-letter queue after a run in which all went well: a world to ask, and to spoil."""

    def __init__(self, load):
        self.load = load
        self.queue = Queue()
        made = type("Sent", (LOADS[load],), {"_call": lambda _, operation, **request: self.queue.call(operation, **request)})
        self.sent = made("http://nowhere:1", random.Random(1))
        for _ in range(SENT // 10):
            self.sent.send_ten()
        self.rows = sorted(self.sent.good, key=_number)
        if load == "upsert":
            self.rows = list({_number(user) % self.sent.KEYS: user for user in self.rows}.values())
        self.set_aside = sorted(self.sent.bad)
        self.ledger = sorted(self.sent.all)
        if load == "leave":
            self.ledger = sorted(self.sent.all - self.sent.bad)
        self.keys = len(self.rows)

    def sql(self, statement):
        table = re.search(r"FROM (\S+)", statement)[1]
        if table == "sluice.business_ledger":
            return [[str(self.keys)]]
        found = {"user_logins": self.rows, "newest": self.rows, "sluice.quarantine": self.set_aside, "sluice.ledger": self.ledger}
        return [[each] for each in found[table]]

    def differences(self):
        if self.load in ["dlq", "leave"]:
            for id in self.set_aside:
                self.queue.bury(id)
        return self.sent.differences(self)


def older_wins(end):
    newest = end.rows.pop()
    end.rows.append(f"user-{_number(newest) - end.sent.KEYS}")


def swap_in_a_group(end):
    end.rows[0], end.rows[7] = end.rows[7], end.rows[0]


def lose_a_bad_one(end):
    # Those that the table refuses need not be there: another message may have had their key before.
    end.set_aside.remove(min(end.sent.bad - getattr(end.sent, "_refused", {}).keys()))


def event_of_a_bad_one(end):
    return min(user for user in end.sent._refused.values() if user in end.sent.good)


# What is spoilt, under which loads, and how it is counted: lost, twice, and words that are said.
WRONG = {
    "a row is lost": (LOADS, lambda end: end.rows.pop(), 1, 0, "rows: user-.* is missing"),
    "a row is doubled": (LOADS, lambda end: end.rows.append(end.rows[-1]), 0, 1, "rows: user-.* is there 2 times"),
    "a row that nobody sent": (LOADS, lambda end: end.rows.append("user-999999"), 0, 0, "rows: user-999999 was never sent"),
    "a bad one is missing": (LOADS, lose_a_bad_one, 1, 0, "set aside: id-.* is missing"),
    "a bad one is set aside twice": (
        ["rows", "outages", "fifo", "upsert", "key"],
        lambda end: end.set_aside.append(end.set_aside[-1]),
        0,
        1,
        "set aside: id-.* is there 2 times",
    ),
    "a message is dead-lettered": (["outages"], lambda end: end.queue.bury("id-7"), 0, 0, "dead-lettered: id-7"),
    "a good one is set aside": (
        LOADS,
        lambda end: end.set_aside.append(min(end.sent.all - end.sent.bad)),
        0,
        0,
        "set aside: id-.* was never sent",
    ),
    "a key is missing": (LOADS, lambda end: end.ledger.pop(), 1, 0, "ledger: id-.* is missing"),
    "an event has no key": (["key"], lambda end: setattr(end, "keys", end.keys - 1), 0, 0, r"business ledger: \d+ keys"),
    "a bad one took the key of its event": (
        ["key"],
        lambda end: end.rows.remove(event_of_a_bad_one(end)),
        1,
        0,
        "rows: user-.* is missing",
    ),
    "a bad one has a key": (["leave"], lambda end: end.ledger.append(min(end.sent.bad)), 0, 0, "ledger: id-.* was never sent"),
    "an older version wins": (["upsert"], older_wins, 1, 0, "rows: user-.* was never sent"),
    "a group is out of order": (["fifo"], swap_in_a_group, 0, 0, r"group 0: \d+ after \d+"),
}


@pytest.mark.parametrize("load", LOADS)
def test_a_right_end_has_no_differences(load):
    end = End(load)
    assert len(end.sent.bad) > 10
    assert end.differences() == (0, 0, [])


@pytest.mark.parametrize("load, wrong", [(load, wrong) for wrong, (loads, *_) in WRONG.items() for load in loads])
def test_a_wrong_end_is_counted_and_said(load, wrong):
    _, spoil, lost, twice, words = WRONG[wrong]
    end = End(load)
    spoil(end)
    found = end.differences()
    assert found[:2] == (lost, twice)
    assert re.search(words, "\n".join(found[2]))


@pytest.mark.parametrize("load", ["dlq", "leave"])
def test_the_second_copy_of_a_dead_letter_is_no_fault(load):
    end = End(load)
    end.set_aside.append(end.set_aside[0])
    assert end.differences() == (0, 0, [])


def samples_of(**figures):
    """Of twenty minutes, with a rest at both ends; each figure is given as a function of the second."""
    made = object.__new__(soak.Samples)
    made.rows = [(second, {figure: value(second) for figure, value in figures.items()}) for second in range(1200)]
    made.rests = [(90, 100), (1190, 1200)]
    return made


@pytest.mark.parametrize("growing", [None, *soak.GROWTH_MAX])
def test_what_has_grown_is_found_and_what_swings_under_load_is_not(growing):
    def swings(second):
        return 40 + second % 7 * (1 if second < 101 or second > 1189 else 60)

    figures = dict.fromkeys(soak.GROWTH_MAX, swings)
    if growing:
        most = soak.GROWTH_MAX[growing]
        figures[growing] = lambda second: swings(second) + second * 2 * most / 1200
    assert soak.grown(samples_of(**figures)) == ([growing] if growing else [])
