/* The protocol by which a message becomes a row: what a process asks of SQS and of PostgreSQL, and when.
 *
 * Spin tries every order of the steps below, with each fault at each point, until nothing more can happen
 * (check.py). A step is what SQS or PostgreSQL does for one request, and is done as a whole. A set of
 * messages is a mask. Faults are paid from `faults`, so that every run has an end.
 *
 * Message 1 is good. The last message is judged each time that it is loaded, and may be found bad or good:
 * its body may arrive broken, the other process may have another plan, the table may have changed meanwhile.
 */

#ifndef MESSAGES
#define MESSAGES 2 /* or 3 */
#endif
#define PROCESSES 2
#ifndef RECEIVES_MAX
#define RECEIVES_MAX 3 /* maxReceiveCount: instead of one receive more, SQS moves the message */
#endif
#ifndef OUTAGE_COST
#define OUTAGE_COST PROCESSES /* receives that one outage may cost a message */
#endif
#ifndef OUTAGE_ANSWERS
#define OUTAGE_ANSWERS 0 /* 1: in an outage the database still answers a probe, and takes no rows */
#endif

/* The rules. -DWITHOUT=n takes the n-th out; its comment is its name on the page (check.py). */
#ifndef WITHOUT
#define WITHOUT 0
#endif
#define RULE(n) (WITHOUT != n)
#define LEDGER_IS_UNIQUE RULE(1) /* A key is in the ledger once. */
#define KEY_NOT_AFTER_ROW RULE(2) /* The key is committed with the row, not after it. */
#define KEY_NOT_BEFORE_ROW RULE(3) /* The key is committed with the row, not before it. */
#define ONLY_CLAIMED_ROWS RULE(4) /* In claim form only the rows whose keys were new are copied. */
#define EACH_KEY_ALONE RULE(5) /* After a conflict each key is claimed by itself. */
#define ROWS_ARE_COUNTED RULE(6) /* The rows that the table has taken are counted before the commit. */
#define DELETE_AFTER_COMMIT RULE(7) /* A message is deleted only after the commit. */
#define UNKNOWN_IS_NO_COMMIT RULE(8) /* A COMMIT that got no reply is not taken for done. */
#define SYNC_IN_TRANSACTION RULE(9) /* synchronous_commit is set in the transaction, not in the session. */
#define BAD_MESSAGES_CLAIM RULE(10) /* A message that is set aside claims its key, too. */
#define SET_ASIDE_IN_TRANSACTION RULE(11) /* The entry of a bad message is committed with its key. */
#define LEDGER_OUTLIVES_QUEUE RULE(12) /* A key outlives its message in the queue. */
#define LEDGER_OUTLIVES_HOLD RULE(13) /* A key outlives the longest hold of its message after that. */
#define HELD_STAYS_HIDDEN RULE(14) /* A message that is held is hidden on and on. */
#define NO_RECEIVE_WHILE_AWAY RULE(15) /* From a failed load until the database answers no receive begins. */
#define POLLS_END_BEFORE_GIVE_BACK RULE(16) /* Receives in flight end before messages are given back. */
#define CLAIM_AFTER_UNKNOWN RULE(17) /* After an unknown outcome the claim form is used. */

#define ALL ((1 << MESSAGES) - 1)
#define DOUBTFUL (1 << (MESSAGES - 1)) /* may be judged bad */
#define GOOD (ALL - DOUBTFUL)
#define has(set, m) (((set) >> (m)) & 1)
#define without(set, other) ((set) & (ALL - ((set) & (other))))
#define name(p) ('A' + (p))

/* The batch that has a message's newest receipt handle. Older handles are stale. */
#define NONE 0
#define FILLING(p) (1 + 2 * (p))
#define LOADING(p) (2 + 2 * (p))
#define is_its(p, handle) ((handle) == FILLING(p) || (handle) == LOADING(p))

/* The queue. */
mtype = { visible, in_flight, deleted, expired };
mtype at[MESSAGES] = visible;
byte handle[MESSAGES] = NONE;
byte received[MESSAGES];

/* The database. What is `soft` was committed, and is not on disk. */
bool up = true;
byte ledger, rows, set_aside, soft;

/* A process: receives fill one batch while another is loaded. `away` is what it knows of the database. */
mtype = { idle, load, open, key_owed, entry_owed, committed, waiting };
mtype stage[PROCESSES] = idle;
bool polling[PROCESSES] = true; /* a receive is in flight */
bool away[PROCESSES];
bool claim[PROCESSES];    /* claim form, not fast form */
byte filling[PROCESSES];
byte batch[PROCESSES];
byte fresh[PROCESSES];    /* of `batch`: the keys that the open transaction has taken */
byte bad[PROCESSES];      /* of `fresh`: judged bad */
bool dropped[PROCESSES];  /* a trigger has dropped the row of the last message of `fresh` */
bool unprepared[PROCESSES]; /* the pooler gave it a session without the settings of this process */

/* Each fault may cost a message one receive, and an outage one in each process; so a good message has
 * always one left. */
byte faults = RECEIVES_MAX - 1;

byte i; /* scratch, 0 between steps */

#define held(m) (has(filling[0] | batch[0], m) || has(filling[1] | batch[1], m))
#define other(p) (1 - (p))

/* ---- What must hold. */

mtype = { one_row, set_aside_once, commit_before_delete, no_dead_letter, queue_empties };
inline broken(property) {
  printf("BROKEN %e\n", property);
  assert(false)
}
inline check_once(now_rows, now_aside) {
  if /* a second row; a row of what was set aside; set aside twice, or as well as loaded */
  :: ((now_rows) & rows) || ((now_rows) & set_aside & GOOD) -> broken(one_row)
  :: ((now_aside) & (set_aside | rows)) || ((now_rows) & set_aside) -> broken(set_aside_once)
  :: else
  fi
}
inline check_delete(m) {
  if
  :: !has(without(rows | set_aside, soft), m) -> broken(commit_before_delete)
  :: else
  fi
}
/* When nothing can happen any more: each message was disposed of, and is gone from the queue. */
inline check_end() {
  if
  :: (without(rows | set_aside, soft) & GOOD) != GOOD || (set_aside & GOOD) -> broken(one_row)
  :: without(rows | set_aside, soft) != ALL -> broken(set_aside_once)
  :: else
  fi;
  for (i : 0 .. MESSAGES - 1) {
    if
    :: at[i] != deleted && at[i] != expired -> broken(queue_empties)
    :: else
    fi
  }
  i = 0
}

/* ---- The process receives. */

#define can_receive(p, m) (polling[p] && at[m] == visible && received[m] < RECEIVES_MAX)

inline receive(m, p) {
  d_step {
    can_receive(p, m) ->
      received[m]++;
      at[m] = in_flight;
      handle[m] = FILLING(p);
      filling[p] = filling[p] | (1 << m);
      printf("%c receives message %d (receive %d)\n", name(p), m + 1, received[m]);
      polling[p] = !(away[p] && NO_RECEIVE_WHILE_AWAY)
  }
}
/* It is a step only where no other receive follows. */
inline poll_ends(p) {
  d_step {
    polling[p] && away[p] && NO_RECEIVE_WHILE_AWAY ->
      polling[p] = false;
      printf("a receive of %c ends with nothing\n", name(p))
  }
}
/* SQS has answered, and nothing arrives. */
inline lose_receive(m, p) {
  d_step {
    can_receive(p, m) && faults > 0 ->
      faults--;
      received[m]++;
      at[m] = in_flight;
      handle[m] = NONE;
      printf("the answer with message %d is lost (receive %d)\n", m + 1, received[m]);
      polling[p] = !(away[p] && NO_RECEIVE_WHILE_AWAY)
  }
}
inline dead_letter(m) {
  d_step {
    at[m] == visible && received[m] == RECEIVES_MAX && (polling[0] || polling[1]) ->
      printf("SQS moves message %d to the dead-letter queue\n", m + 1);
      broken(no_dead_letter)
  }
}

/* ---- The process loads. */

inline take(p) {
  d_step {
    stage[p] == idle && filling[p] ->
      batch[p] = filling[p];
      filling[p] = 0;
      for (i : 0 .. MESSAGES - 1) {
        if
        :: handle[i] == FILLING(p) -> handle[i] = LOADING(p)
        :: else
        fi
      }
      i = 0;
      claim[p] = false;
      stage[p] = load;
      printf("%c begins to load its batch\n", name(p))
  }
}
inline failed(p) {
  stage[p] = load;
  away[p] = true;
  claim[p] = CLAIM_AFTER_UNKNOWN;
  fresh[p] = 0;
  bad[p] = 0;
  dropped[p] = false;
  unprepared[p] = false
}
inline cannot_load(p) {
  d_step {
    stage[p] == load && !up && !away[p] ->
      failed(p);
      printf("%c cannot load\n", name(p))
  }
}

/* Keys of a transaction that is open make another wait that has the same. */
#define may_begin(p) (stage[p] == load && up && !(LEDGER_IS_UNIQUE && (batch[p] & fresh[other(p)])))
#define known(p) (batch[p] & ledger)
#define looks_first(p) (LEDGER_IS_UNIQUE && (!claim[p] || ONLY_CLAIMED_ROWS))
#define choice(p) (looks_first(p) -> without(batch[p], ledger) : batch[p])

inline conflict(p) {
  d_step {
    may_begin(p) && !claim[p] && LEDGER_IS_UNIQUE && known(p) ->
      if
      :: EACH_KEY_ALONE -> claim[p] = true
      :: else -> stage[p] = committed
      fi;
      printf("%c, in fast form, meets a key that the ledger has\n", name(p))
  }
}
/* The fast form is rolled back. */
inline refused(p) {
  d_step {
    may_begin(p) && !claim[p] && !known(p) && (batch[p] & DOUBTFUL) ->
      claim[p] = true;
      printf("%c, in fast form, meets a row that the table refuses\n", name(p))
  }
}
inline begin(p, judged_bad, is_dropped, session) {
  d_step {
    may_begin(p) && (claim[p] || !LEDGER_IS_UNIQUE || !known(p)) &&
    ((!judged_bad && !is_dropped) || (choice(p) & DOUBTFUL)) && (!is_dropped || !ROWS_ARE_COUNTED) &&
    (!session || !SYNC_IN_TRANSACTION) ->
      fresh[p] = choice(p);
      bad[p] = judged_bad * DOUBTFUL;
      dropped[p] = is_dropped;
      unprepared[p] = session;
      stage[p] = open;
      if
      :: !claim[p] -> printf("%c copies keys and rows in fast form\n", name(p))
      :: claim[p] && looks_first(p) -> printf("%c claims the new keys, and copies their rows\n", name(p))
      :: else -> printf("%c copies all rows in claim form\n", name(p))
      fi;
      if
      :: !KEY_NOT_BEFORE_ROW -> ledger = ledger | fresh[p]; printf("+ the keys are committed at once\n")
      :: else
      fi;
      if
      :: judged_bad -> printf("+ message %d is judged bad\n", MESSAGES)
      :: else
      fi;
      if
      :: is_dropped -> printf("+ a trigger drops the row of message %d\n", MESSAGES)
      :: else
      fi;
      if
      :: session -> printf("+ the pooler gives it a session that it has not prepared\n")
      :: else
      fi
  }
}

/* PostgreSQL commits the open transaction of p: keys, rows and entries at once. */
#define good_rows(p) without(fresh[p], bad[p] | (dropped[p] * DOUBTFUL))
inline apply(p) {
  check_once(good_rows(p), SET_ASIDE_IN_TRANSACTION * bad[p]);
  rows = rows | good_rows(p);
  set_aside = set_aside | SET_ASIDE_IN_TRANSACTION * bad[p];
  ledger = ledger | (KEY_NOT_AFTER_ROW -> (BAD_MESSAGES_CLAIM -> fresh[p] : without(fresh[p], bad[p])) : 0);
  soft = (unprepared[p] -> soft | fresh[p] : 0); /* what is on disk has all before it there, too */
  if
  :: unprepared[p] -> printf("+ the commit is not on disk\n")
  :: !KEY_NOT_AFTER_ROW -> printf("+ the keys are not in the transaction\n")
  :: !BAD_MESSAGES_CLAIM && bad[p] -> printf("+ the key of message %d is not in the ledger\n", MESSAGES)
  :: !SET_ASIDE_IN_TRANSACTION && bad[p] -> printf("+ message %d is not set aside yet\n", MESSAGES)
  :: else
  fi
}
inline end_transaction(p) {
  fresh[p] = 0;
  bad[p] = 0;
  dropped[p] = false;
  unprepared[p] = false
}
inline found_up(p) {
  away[p] = false;
  polling[p] = true
}
inline commit(p) {
  d_step {
    stage[p] == open && up ->
      printf("%c commits\n", name(p));
      apply(p);
      found_up(p);
      if
      :: !KEY_NOT_AFTER_ROW && fresh[p] -> stage[p] = key_owed
      :: !SET_ASIDE_IN_TRANSACTION && bad[p] -> stage[p] = entry_owed
      :: else -> stage[p] = committed; end_transaction(p)
      fi
  }
}
/* Only where the rule is taken out: what is written by a transaction of its own. */
inline write_owed(p) {
  d_step {
    stage[p] == key_owed && up ->
      ledger = ledger | fresh[p];
      stage[p] = committed;
      end_transaction(p);
      printf("%c commits the keys\n", name(p))
  }
}
inline write_entry_owed(p) {
  d_step {
    stage[p] == entry_owed && up ->
      check_once(0, bad[p]);
      set_aside = set_aside | bad[p];
      stage[p] = committed;
      end_transaction(p);
      printf("%c sets the bad message aside\n", name(p))
  }
}
inline lose_reply(p, was_committed) {
  d_step {
    stage[p] == open && up && faults > 0 ->
      faults--;
      if
      :: was_committed -> printf("%c commits, and the reply is lost\n", name(p)); apply(p)
      :: else -> printf("%c asks for COMMIT, and the link breaks before\n", name(p))
      fi;
      failed(p);
      if
      :: UNKNOWN_IS_NO_COMMIT
      :: else -> stage[p] = committed; found_up(p)
      fi
  }
}

/* ---- The process settles. */

#define is_loading(p) (stage[p] == load || stage[p] == open)
#define may_delete(p) (stage[p] == committed || (is_loading(p) && !DELETE_AFTER_COMMIT))
/* One call for the batch: its messages are done in their order. */
#define is_next(p, m) (has(batch[p], m) && !(batch[p] & ((1 << m) - 1)))

inline settled(p, m) {
  batch[p] = batch[p] - (1 << m);
  if
  :: batch[p] == 0 -> stage[p] = idle; end_transaction(p)
  :: else
  fi
}
inline remove(m, p) {
  d_step {
    may_delete(p) && is_next(p, m) && handle[m] == LOADING(p) ->
      printf("%c deletes message %d\n", name(p), m + 1);
      check_delete(m);
      if
      :: at[m] != expired -> at[m] = deleted
      :: else
      fi;
      handle[m] = NONE;
      settled(p, m)
  }
}
/* By a stale handle: SQS confirms it, and may do nothing. */
inline remove_stale(m, p, is_done) {
  d_step {
    may_delete(p) && is_next(p, m) && handle[m] != LOADING(p) ->
      printf("%c deletes message %d by a stale handle\n", name(p), m + 1);
      check_delete(m);
      if
      :: is_done && at[m] != expired -> at[m] = deleted
      :: else -> printf("+ SQS confirms it, and does nothing\n")
      fi;
      settled(p, m)
  }
}
inline lose_delete(m, p) {
  d_step {
    may_delete(p) && is_next(p, m) && handle[m] == LOADING(p) && faults > 0 ->
      faults--;
      printf("%c deletes message %d, and the call is lost or refused\n", name(p), m + 1);
      check_delete(m);
      handle[m] = NONE;
      settled(p, m)
  }
}

/* ---- The database is away for longer than messages are held. */

inline return_all(p) {
  for (i : 0 .. MESSAGES - 1) {
    if
    :: is_its(p, handle[i]) ->
      handle[i] = NONE;
      if
      :: at[i] == in_flight -> at[i] = visible
      :: else
      fi
    :: else
    fi
  }
  i = 0;
  filling[p] = 0;
  batch[p] = 0
}
inline give_back(p) {
  d_step {
    stage[p] == load && away[p] && !up &&
    !(polling[p] && POLLS_END_BEFORE_GIVE_BACK && NO_RECEIVE_WHILE_AWAY) ->
      printf("%c has waited for hold_max, and gives back what it holds\n", name(p));
      return_all(p);
      claim[p] = false;
      stage[p] = waiting;
      polling[p] = polling[p] || !NO_RECEIVE_WHILE_AWAY
  }
}
/* Only where a rule is taken out: what was received after that. */
inline give_back_more(p) {
  d_step {
    stage[p] == waiting && !up && filling[p] ->
      printf("%c gives back what it has received since\n", name(p));
      return_all(p)
  }
}
inline probe(p) {
  d_step {
    stage[p] == waiting && (up || OUTAGE_ANSWERS) ->
      stage[p] = idle;
      found_up(p);
      printf("%c finds that the database answers\n", name(p))
  }
}

/* ---- The process is killed. PostgreSQL rolls its open transaction back. A COMMIT that is done all the same
 * is `commit` and then this; a receive that still takes a message is `receive` and then this. */

inline die(p) {
  d_step {
    faults > 0 && (filling[p] || batch[p]) ->
      faults--;
      printf("%c is killed, and starts again\n", name(p));
      for (i : 0 .. MESSAGES - 1) {
        if
        :: is_its(p, handle[i]) -> handle[i] = NONE
        :: else
        fi
      }
      i = 0;
      filling[p] = 0;
      batch[p] = 0;
      end_transaction(p);
      claim[p] = false;
      stage[p] = waiting; /* it receives nothing before the database has answered */
      away[p] = true;
      polling[p] = false
  }
}

#if MESSAGES > 2
#define THIRD(step) :: step
#else
#define THIRD(step)
#endif
#define EACH(step, ...) :: step(0, ##__VA_ARGS__) :: step(1, ##__VA_ARGS__) THIRD(step(2, ##__VA_ARGS__))

active [PROCESSES] proctype sluice() {
end:
  do
  :: poll_ends(_pid)
  EACH(receive, _pid)
  EACH(lose_receive, _pid)
  :: take(_pid)
  :: cannot_load(_pid)
  :: conflict(_pid)
  :: refused(_pid)
  :: begin(_pid, 0, 0, 0)
  :: begin(_pid, 1, 0, 0)
  :: begin(_pid, 0, 1, 0)
  :: begin(_pid, 0, 0, 1)
  :: begin(_pid, 1, 0, 1)
  :: commit(_pid)
  :: write_owed(_pid)
  :: write_entry_owed(_pid)
  :: lose_reply(_pid, 0)
  :: lose_reply(_pid, 1)
  EACH(remove, _pid)
  EACH(remove_stale, _pid, 0)
  EACH(remove_stale, _pid, 1)
  EACH(lose_delete, _pid)
  :: give_back(_pid)
  :: give_back_more(_pid)
  :: probe(_pid)
  :: die(_pid)
  od
}

/* ---- SQS. */

inline becomes_visible(m) {
  d_step {
    at[m] == in_flight && handle[m] == NONE ->
      at[m] = visible;
      printf("the visibility timeout of message %d ends\n", m + 1)
  }
}
inline comes_early(m) {
  d_step {
    at[m] == in_flight && handle[m] != NONE && (faults > 0 || !HELD_STAYS_HIDDEN) ->
      faults = faults - (HELD_STAYS_HIDDEN -> 1 : 0);
      at[m] = visible;
      printf("message %d is visible again while it is held\n", m + 1)
  }
}
inline forgets_delete(m) {
  d_step {
    at[m] == deleted && faults > 0 ->
      faults--;
      at[m] = visible;
      printf("message %d was deleted, and comes again\n", m + 1)
  }
}
/* Only of what was loaded or set aside: a message that the queue drops before is lost by its own setting. */
inline expire(m) {
  d_step {
    at[m] != expired && has(rows | set_aside, m) ->
      at[m] = expired;
      printf("the queue's retention of message %d ends\n", m + 1)
  }
}
inline forget(m) {
  d_step {
    has(ledger, m) && has(rows | set_aside, m) && (at[m] == expired || !LEDGER_OUTLIVES_QUEUE) &&
    (!held(m) || !LEDGER_OUTLIVES_HOLD) ->
      ledger = ledger - (1 << m);
      printf("the ledger forgets message %d\n", m + 1)
  }
}

active proctype time() {
end:
  do
  EACH(becomes_visible)
  EACH(comes_early)
  EACH(forgets_delete)
  EACH(expire)
  EACH(forget)
  EACH(dead_letter)
  od
}

/* ---- PostgreSQL. */

/* What is not on disk goes with it. `done`: the processes whose COMMIT was done, and not answered. */
inline goes(done) {
  d_step {
    up && faults >= OUTAGE_COST && (!(done & 1) || stage[0] == open) && (!(done & 2) || stage[1] == open) ->
      faults = faults - OUTAGE_COST;
      if
      :: done & 1 -> printf("A commits, and hears no reply\n"); apply(0)
      :: else
      fi;
      if
      :: done & 2 -> printf("B commits, and hears no reply\n"); apply(1)
      :: else
      fi;
      if
      :: OUTAGE_ANSWERS -> printf("the database takes no more rows\n")
      :: else -> printf("the database goes away\n")
      fi;
      rows = without(rows, soft);
      set_aside = without(set_aside, soft);
      ledger = without(ledger, soft);
      soft = 0;
      for (i : 0 .. PROCESSES - 1) {
        if
        :: stage[i] == open || stage[i] == key_owed || stage[i] == entry_owed -> failed(i)
        :: else
        fi
      }
      i = 0;
      up = false
  }
}
inline comes() {
  d_step {
    !up ->
      up = true;
      printf("the database answers again\n")
  }
}

active proctype postgres() {
end:
  do
  :: goes(0)
  :: goes(1)
  :: goes(2)
  :: goes(3)
  :: comes()
  od
}

active proctype verdict() {
  timeout ->
    d_step { check_end() }
}
