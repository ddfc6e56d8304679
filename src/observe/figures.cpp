#include "observe/figures.hpp"

namespace sluice::observe {
namespace {

constexpr figure<counter> counts[] = {
    {"received", "sluice_messages_received_total", "Messages received, redelivered ones included.",
     &counters::received},
    {"rows", "sluice_rows_loaded_total", "Rows committed to the target table.", &counters::rows},
    {"set_aside", "sluice_messages_set_aside_total",
     "Messages in the quarantine, or sent to the dead-letter queue.", &counters::set_aside},
    {"duplicates", "sluice_messages_duplicate_total",
     "Messages that an earlier commit had taken: deleted, not loaded again.", &counters::duplicates},
    {"deleted", "sluice_messages_deleted_total", "Messages that SQS confirmed as deleted.",
     &counters::deleted},
    {"delete_failures", "sluice_messages_delete_failed_total",
     "Messages that could not be deleted; they come again, and the ledger knows them.",
     &counters::delete_failures},
    {"given_back", "sluice_messages_given_back_total", "Messages made visible again without being loaded.",
     &counters::given_back},
    {"extended", "sluice_messages_extended_total", "Messages whose visibility timeout was extended.",
     &counters::extended},
    {"receives", "sluice_sqs_receives_total", "ReceiveMessage calls that were answered.",
     &counters::receives},
    {"empty_receives", "sluice_sqs_empty_receives_total", "ReceiveMessage calls that brought no message.",
     &counters::empty_receives},
    {"receive_failures", "sluice_sqs_receive_failures_total", "ReceiveMessage calls that failed.",
     &counters::receive_failures},
    {"requests", "sluice_sqs_requests_total", "Requests to SQS of all kinds: what AWS bills.",
     &counters::requests},
    {"batches", "sluice_transactions_committed_total", "Transactions committed, one a batch.",
     &counters::batches},
    {"claims", "sluice_transactions_claimed_total",
     "Transactions committed in claim form: after a ledger conflict, a refused row, or a commit whose answer "
     "was lost.",
     &counters::claims},
    {"load_failures", "sluice_transactions_failed_total", "Transactions that failed and were tried again.",
     &counters::load_failures},
};

constexpr figure<gauge> levels[] = {
    {"receiving", "sluice_receives_in_flight", "ReceiveMessage calls in flight.", &counters::receiving},
    {"held", "sluice_messages_held", "Messages received and not yet settled.", &counters::held},
    {"segments_used", "sluice_segments_used", "Batches that hold messages.", &counters::segments_used},
    {"loading", "sluice_transactions_in_flight", "Transactions under way.", &counters::loading},
    {"settling", "sluice_settles_in_flight", "Calls that delete, extend or give back, in flight.",
     &counters::settling},
    {"database_connections", "sluice_database_connections", "Open connections to PostgreSQL.",
     &counters::database_connections},
    {"databases_away", "sluice_loaders_waiting", "Loaders that wait for PostgreSQL to answer again.",
     &counters::databases_away},
    {"queues_away", "sluice_pollers_waiting", "Pollers that wait after a receive that failed.",
     &counters::queues_away},
    {"queue_visible", "sluice_queue_messages_visible",
     "Messages that wait in the queue, as SQS estimates it; -1 before the first look.",
     &counters::queue_visible},
    {"queue_in_flight", "sluice_queue_messages_in_flight",
     "Messages that some consumer has received and not deleted, as SQS estimates it; -1 before the first "
     "look.",
     &counters::queue_in_flight},
    {"queue_delayed", "sluice_queue_messages_delayed",
     "Messages whose delay has not passed, as SQS estimates it; -1 before the first look.",
     &counters::queue_delayed},
};

constexpr figure<histogram> times[] = {
    {"receive", "sluice_receive_duration_seconds",
     "Receives that brought messages, from call to answer, the wait of the long poll included.",
     &counters::receive_time},
    {"batch_age", "sluice_batch_age_seconds", "From a batch's first message to the start of its load.",
     &counters::batch_age},
    {"load", "sluice_load_duration_seconds",
     "From the first try of a transaction to its commit, pauses between tries included.",
     &counters::load_time},
    {"copy", "sluice_copy_duration_seconds",
     "Of the try that committed: COPY of ledger keys and rows, from BEGIN until COMMIT.",
     &counters::copy_time},
    {"commit", "sluice_commit_duration_seconds", "COMMIT, from query to answer.", &counters::commit_time},
    {"delete", "sluice_delete_duration_seconds", "DeleteMessageBatch, from call to answer.",
     &counters::delete_time},
    {"send_to_commit", "sluice_send_to_commit_seconds",
     "Of each message, from SQS's SentTimestamp to the commit: the lag.", &counters::send_to_commit},
};

}  // namespace

std::span<const figure<counter>> counter_figures() noexcept {
  return counts;
}
std::span<const figure<gauge>> gauge_figures() noexcept {
  return levels;
}
std::span<const figure<histogram>> histogram_figures() noexcept {
  return times;
}

}  // namespace sluice::observe
