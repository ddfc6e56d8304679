#include "observe/events.hpp"

#include <algorithm>

namespace sluice::observe {
namespace {

constexpr event table[] = {
    {"start_refused", level::error,
     "A setting, the plan, a key, the queue or the table will not do; nothing was done, the exit code is 2.",
     "The line says what to change; `sluice check` shows all that is wrong."},
    {"admin_listening", level::info,
     "The status page, the metrics and the health checks are at this address.", ""},
    {"admin_failed", level::warning, "The status page cannot be served; messages move all the same.",
     "Free the address, or give another with `SLUICE_ADMIN`."},
    {"start_delayed", level::warning,
     "The queue or the database does not answer while `run` starts; it is tried again after a pause.",
     "Nothing if it passes; after `limits.queue_away_max` sluice ends with 2."},
    {"log_lines_dropped", level::warning,
     "What reads standard error had stopped, or refused lines; so many are missing before this one. Messages "
     "moved all the same.",
     "Look at what collects the log: is its target away, its disk full?"},
    {"emf_dropped", level::warning,
     "Metrics documents (`log.emf`) were not written, as what reads standard output has stopped or refuses "
     "them.",
     "Look at what collects the log: is its target away, its disk full?"},
    {"bodies_not_kept", level::warning,
     "There is no key ring to seal with: of a message that cannot become a row the quarantine keeps the "
     "reason, "
     "and not the body, which then is nowhere.",
     "Set `SLUICE_KEYS` or `SLUICE_KEYS_FILE` (`sluice keygen`), or `load.bad_messages` to `dlq` or "
     "`leave`."},
    {"large_bodies_stay", level::warning,
     "There is no key ring to seal with: a bad message that the dead-letter queue does not take, as it is "
     "too "
     "large with its reason, stays in its queue until SQS moves it after its `maxReceiveCount`.",
     "Set `SLUICE_KEYS` or `SLUICE_KEYS_FILE` (`sluice keygen`), and these go to the quarantine."},
    {"key_ring_readable", level::warning,
     "Others may read the file of the key ring, and open all that it masks.",
     "`chmod 600` it, or 640 where it is root's."},
    {"mask_weak", level::warning, "A column is masked so that much of it can be read all the same.",
     "`fix` names a better way; `sluice check` grades all columns."},
    {"started", level::info, "Messages are received from now on.", ""},
    {"drain_progressed", level::info, "What a drain has done so far, every five seconds.", ""},
    {"batch_committed", level::debug, "One transaction is in the table.", ""},
    {"messages_left", level::warning,
     "Messages that cannot become rows stay in the queue (`load.bad_messages = leave`; with `dlq` and no key "
     "ring, those that the dead-letter queue does not take).",
     "Look at the dead-letter queue, where SQS moves them after its `maxReceiveCount`."},
    {"messages_set_aside", level::info,
     "Messages that cannot become rows are in the quarantine or the dead-letter queue, with a reason code: "
     "the sum "
     "of ten seconds.",
     "`sluice quarantine list`; many of one reason mean that a producer has changed its messages."},
    {"traced_message_set_aside", level::info,
     "A message that belongs to a trace (AWSTraceHeader; `traceparent` with `log.traceparent`) cannot become "
     "a "
     "row; `trace` is the trace's id. Of ten seconds ten are told.",
     ""},
    {"receive_failed", level::warning, "SQS did not give messages; it is asked again after a pause.",
     "Nothing if it passes. If it stays: the network, the credentials, or SQS's own status."},
    {"answer_too_large", level::warning,
     "An answer of the queue was over 64 MiB; its messages come again, and this loop asks for half as many "
     "from now on.",
     "Nothing, unless it is SQS itself, whose ten largest messages fit: then tell us."},
    {"answer_left", level::warning,
     "Bodies have become much larger than they were, and an answer waited for half of the visibility timeout "
     "for "
     "memory; it was not read, and its messages come again after their visibility timeout.",
     "Nothing if it passes: fewer receives are in flight from now on. If it stays, PostgreSQL takes too "
     "little "
     "at a time."},
    {"digest_mismatched", level::warning,
     "A body did not arrive as it was sent; the message stays in the queue and comes again, three times at "
     "most.",
     "Nothing for one. If it repeats, something between SQS and sluice changes what it carries."},
    {"sent_timestamp_missing", level::warning,
     "The queue does not say when messages were sent (SQS does; some emulators do not). Said once by each "
     "loop.",
     "Nothing is lost or doubled, but the ledger never forgets these messages: empty `sluice.ledger_default` "
     "now "
     "and then, when the queue is empty."},
    {"load_failed", level::warning,
     "A transaction did not commit; its messages stay hidden and it is tried again after a pause.",
     "Nothing if it passes. If it stays: PostgreSQL's log, its connections and its disk."},
    {"load_too_slow", level::warning,
     "A transaction took too long; it is tried again with half of its messages. `held_back` are those of the "
     "batch that took too long alone: they come again later.",
     "Look for a slow trigger, or a session that holds locks."},
    {"load_given_up", level::warning,
     "A transaction did not commit for `limits.hold_max` while others did; its messages went back to the "
     "queue.",
     "The line says what went wrong. If it repeats, look for locks that these rows wait for, and for slow "
     "triggers."},
    {"database_away", level::error,
     "PostgreSQL has not answered, or the table has taken no row, for `limits.hold_max`; messages went back "
     "to the queue, none are received.",
     "`load_failed` says which. Bring PostgreSQL back, or the table in order; sluice goes on by itself, and "
     "nothing is lost."},
    {"database_back", level::info,
     "PostgreSQL answers again; one message is received and held until it is loaded, then more and more.",
     ""},
    {"settle_failed", level::warning,
     "A delete, an extension or a return of messages failed; it is tried again after a pause.",
     "Nothing if it passes: a message that comes again is known by the ledger."},
    {"settle_refused", level::warning,
     "SQS refused to delete, to extend or to give back messages, and would refuse again, with this code.",
     "A message that was not deleted comes again and is known by the ledger. If it repeats, "
     "`queue.visibility` is too short for the time that a message is held."},
    {"calls_limited", level::info,
     "The limit of open files allows fewer calls in flight than the settings do.",
     "Raise the limit, where SQS is far away and the rate is not what it should be."},
    {"task_protection_failed", level::warning,
     "ECS does not protect this task from scale-in; it is not asked again.",
     "Allow the task role `ecs:UpdateTaskProtection`; it is for tasks of a service only."},
    {"ledger_upkeep_failed", level::warning,
     "The ledger could not be told how long the queue keeps messages, or its partitions could not be made or "
     "dropped (a backup or a report may hold locks); it is tried again within an hour.",
     "Nothing if it passes. Else within three days, before the partitions run out: see what holds locks on "
     "`sluice.ledger`; `sluice check` names the grant that is missing."},
    {"left_in_flight", level::warning,
     "A drain has ended while other consumers, or a delay, still hide messages of the queue.",
     "Drain again later, if those messages are yours to move."},
    {"keys_reloaded", level::info, "SIGHUP: the key ring was read again; its primary key masks from now on.",
     ""},
    {"old_key_let_go", level::info,
     "Nothing is held any more that was masked with the key which was primary before: it is committed, or "
     "back in "
     "the queue.",
     ""},
    {"keys_kept", level::error, "SIGHUP: the new key ring will not do; sluice goes on with the one it has.",
     "The line says what is wrong with the file; correct it and send SIGHUP again."},
    {"stopping", level::info,
     "A signal came: nothing more is received, what is held is committed, and what is left goes back.", ""},
    {"stopped", level::info, "The run has ended, with its totals.", ""},
    {"failed", level::error,
     "The run has ended on what only a person can correct; what was not committed is in the queue.",
     "The line says what to change; then start sluice again."},
};

}  // namespace

std::span<const event> all_events() noexcept {
  return table;
}

const event* find_event(std::string_view name) noexcept {
  const auto found = std::ranges::find(table, name, &event::name);
  return found == std::end(table) ? nullptr : found;
}

}  // namespace sluice::observe
