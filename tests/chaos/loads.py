"""What may be loaded, and how it is counted in the end: a queue, settings, a table, and the messages for them."""

import collections
import json
import pathlib
import secrets

from messages import QUEUE, Messages, refuse_some

HOLD_MAX_S = 2
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/login-events.toml"


class Rows(Messages):
    """Each good message one row, each bad one in the quarantine."""

    queues = [QUEUE]
    settings = {}
    choices = {}
    faults = {}
    one_trouble_each = False  # for every message

    @classmethod
    def prepare(cls, world):
        """Gives what sluice has in its environment beside what it always has."""
        world.ok("init-db")
        refuse_some(world)
        return cls.settings

    def _letters(self):
        url = self._call("GetQueueUrl", QueueName="login-dead")["QueueUrl"]
        while letters := self._call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
            "Messages"
        ):
            yield from letters


class Outages(Rows):
    """No message may be received more than three times, whatever PostgreSQL does: it would be in the dead-letter queue. So nothing
    else costs a receive: the queue's answers arrive.

    Each of two processes may receive and give back a message before it knows of the outage."""

    queues = ["login-dead,VisibilityTimeout=300", f"{QUEUE},DeadLetter=login-dead:3"]
    settings = {"SLUICE_HOLD_MAX": f"{HOLD_MAX_S}s", "SLUICE_STATEMENT_TIMEOUT": "2s"}
    faults = dict.fromkeys(["duplicate_rate", "lost_delete_rate", "stale_handle_rate", "cut_rate", "error_rate"], 0)
    one_trouble_each = True

    @classmethod
    def prepare(cls, world):
        settings = super().prepare(world)
        world.sql(
            """CREATE TABLE disk_full (yes boolean);
            CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$BEGIN
              IF EXISTS (SELECT FROM disk_full) THEN RAISE 'no space left' USING ERRCODE = 'disk_full'; END IF;
              RETURN NULL;
            END$$;
            CREATE TRIGGER look BEFORE INSERT ON user_logins EXECUTE FUNCTION look()"""
        )
        return settings

    def differences(self, world):
        lost, twice, words = super().differences(world)
        words += [f"dead-lettered: {letter['MessageId']}" for letter in self._letters()]
        return lost, twice, words


class DeadLetters(Rows):
    """Each bad message in the dead-letter queue; twice, where a process was killed between the send and the commit."""

    queues = ["login-dead,VisibilityTimeout=300", f"{QUEUE},DeadLetter=login-dead:1000"]
    settings = {"SLUICE_BAD_MESSAGES": "dlq"}

    def _set_aside(self, world):
        return self.bad, [[id] for id in {self._sent_as(letter) for letter in self._letters()}]

    def _sent_as(self, letter):
        return letter["MessageAttributes"]["sluice.message_id"]["StringValue"]


class Left(DeadLetters):
    """Each bad message left in the queue, which moves it to the dead-letter queue itself; without a key in the ledger.

    So many receives that those of a good one, whose process is killed each time, do not reach it. Where the queue had
    given it twice, it moves both."""

    queues = ["login-dead,VisibilityTimeout=300", f"{QUEUE},DeadLetter=login-dead:10"]
    settings = {"SLUICE_BAD_MESSAGES": "leave"}

    def _sent_as(self, letter):
        return letter["MessageId"]

    def _claimed(self):
        return self.all - self.bad


class Groups(Rows):
    """A FIFO queue of seven groups, whose rows are loaded in the order of each group."""

    queue = QUEUE + ".fifo"
    queues = [f"{queue},FifoQueue=true"]
    settings = {"SLUICE_QUEUE": queue}
    choices = {"SLUICE_BATCH_ROWS": ["3", "7"]}  # so that one answer of the queue is several batches
    faults = {"duplicate_rate": 0}  # a FIFO queue gives a message to one at a time

    @classmethod
    def prepare(cls, world):
        super().prepare(world)
        world.sql("ALTER TABLE user_logins ADD COLUMN loaded bigserial")
        return cls.settings

    def _around(self, user):
        return {"MessageGroupId": f"g{_number(user) % 7 if user else 0}", "MessageDeduplicationId": secrets.token_hex(8)}

    def differences(self, world):
        lost, twice, words = super().differences(world)
        last = collections.defaultdict(lambda: -1)
        for [user] in world.sql("SELECT user_id FROM user_logins ORDER BY loaded"):
            group, number = _number(user) % 7, _number(user)
            if number < last[group]:
                words.append(f"group {group}: {number} after {last[group]}")
            last[group] = number
        return lost, twice, words


class Keyed(Rows):
    """What the table would refuse is not always tried: its key may be that of another message, and known. Then it need not be
    set aside."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._refused = {}  # by the table: its user, by message id

    def _sent(self, id, user, body):
        super()._sent(id, user, body)
        if user is None and '"refused"' in body:
            self._refused[id] = json.loads(body)["user_id"]

    def _untried(self):
        """Messages of bad ones that may be missing in the quarantine."""
        raise NotImplementedError

    def _set_aside(self, world):
        bad, found = super()._set_aside(world)
        return bad - (self._untried() - {row[0] for row in found}), found


class Events(Keyed):
    """A business key: each event is sent twice, and is one row if one of the two is good, whatever the other is."""

    settings = {"SLUICE_LOAD_KEY": "/user_id"}

    def _body(self, user):
        return super()._body(f"user-{_number(user) // 2}")

    def _untried(self):
        return {id for id, user in self._refused.items() if user in self.good}

    def differences(self, world):
        """A key is a digest, of which only the number is known."""
        lost, twice, words = super().differences(world)
        [[keys]] = world.sql("SELECT count(*) FROM sluice.business_ledger")
        if int(keys) != len(self.good):
            words.append(f"business ledger: {keys} keys, for {len(self.good)} events")
        return lost, twice, words


class Newest(Keyed):
    """Upsert: of the messages with one key the newest is the row. No two of a key are sent in one millisecond.

    A newer message of its batch has the key of one that is not tried."""

    KEYS = 100

    @classmethod
    def prepare(cls, world):
        plan = world.folder / "newest.toml"
        columns = EXAMPLE.read_text().split("[[column]]", 1)[1]
        plan.write_text(
            '[table]\nname = "newest"\nkey = ["number"]\n\n'
            '[[column]]\nname = "number"\ntype = "integer"\nfrom = "key"\n\n'
            '[[column]]\nname = "sent_at"\ntype = "timestamptz"\nfrom = "@sent_timestamp"\n\n[[column]]' + columns
        )
        settings = {"SLUICE_CONFIG": str(plan), "SLUICE_MODE": "upsert"}
        world.ok("init-db", env=world.environment(**settings))
        refuse_some(world, "newest")
        return settings

    def _whole(self, user):
        return super()._whole(user) | {"key": _number(user) % self.KEYS}

    def _newest(self):
        return {_number(user) % self.KEYS: user for user in sorted(self.good, key=_number)}

    def _rows(self, world):
        return set(self._newest().values()), world.sql("SELECT user_id FROM newest")

    def _untried(self):
        newest = self._newest()
        return {id for id, user in self._refused.items() if _number(newest[_number(user) % self.KEYS]) > _number(user)}


def _number(user):
    return int(user.split("-")[1])


LOADS = {"rows": Rows, "outages": Outages, "dlq": DeadLetters, "leave": Left, "fifo": Groups, "upsert": Newest, "key": Events}
