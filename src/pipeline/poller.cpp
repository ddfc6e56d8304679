#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/byte_budget.hpp"
#include "core/verdict.hpp"
#include "pipeline/lane.hpp"
#include "pipeline/message_copies.hpp"
#include "record/reasons.hpp"
#include "sqs/trace.hpp"

namespace sluice::pipeline {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t digest_tries = 3;  // wrong digests of a body until it is wrong for good
constexpr auto readings_apart = 2s;        // of what the queue says that it holds
constexpr std::size_t torn_max = 1'000;    // messages whose wrong digests are counted
constexpr std::size_t row_bytes_max = std::size_t{256} << 20;
constexpr std::size_t other_bytes = 1'024;  // of a message beside its body: handle, group, trace

// SQS hides a message when it answers, which after a long poll is long after it was asked. It is not known
// how long the answer was on its way. A quarter of the visibility is taken for the most: then the heartbeat,
// which comes at half of the rest, is still in time for an answer that took three quarters.
steady_time hidden_since(steady_time asked, clock::duration took, std::chrono::seconds visibility) {
  return asked + std::max<clock::duration>(took - visibility / 4, 0s);
}

// The pause after an answer without messages that came sooner than was asked: for `queue.wait = 0s`, and for
// a server or a proxy that does not wait.
std::chrono::milliseconds pace(std::chrono::seconds asked, clock::duration took, unsigned empty_in_a_row) {
  if (took > 0s && 2 * took >= asked && asked > 0s) return 0ms;
  return std::min<std::chrono::milliseconds>(10ms * (1U << std::min(empty_in_a_row, 7U)), 1s);
}

}  // namespace

// As many receives as there should be: wakes pollers, and makes new ones where too few are there. These are
// tasks of their own, not calls. NOLINTBEGIN(misc-no-recursion)
void lane::call_pollers() {
  if (stopping() || !may_receive()) return;
  const std::size_t target = receives_max();
  if (polling_ < target) may_poll_.notify(target - polling_);
  for (; pollers_ < target; ++pollers_) spawn(poll(), pollers_alive_);
}

awaitable<void> lane::poll() {
  const auto connection = ports_.open_queue();
  const listed<queue> in_list(receiving_, *connection);
  backoff wait({.tries_max = 0, .total_max = options_.queue_away_max}, ++seeds_);
  bool connected = false;
  unsigned empty_in_a_row = 0;

  while (!stopping()) {
    database_health::permit permit;  // ends when what came is in a batch
    if (polling_ < receives_max() && may_receive()) permit.take(health_, messages_max());
    if (permit.messages() == 0) {
      permit.release();
      const auto parked = clock::now();
      const bool wanted = co_await may_poll_.wait(unwanted_max);
      wait.skip(clock::now() - parked);
      if (wanted || pollers_ <= options_.pollers_min) continue;
      --pollers_;
      break;
    }
    const in_flight one(polling_);
    // Those beyond the least ask for a short while only, so that at the end of a burst they are gone soon.
    // A drain wants to know that nothing is there: a poll without a wait does not ask all of SQS's servers.
    const bool brief = options_.until_empty || polling_ > options_.pollers_min;
    const std::chrono::seconds longest = options_.until_empty ? 1s
                                         : brief              ? std::min(options_.wait, 1s)
                                                              : options_.wait;
    const auto asked = clock::now();
    const std::size_t most = permit.messages();
    const in_flight asked_for(awaited_, most);
    std::optional<in_flight<observe::gauge>> poll_of_all(std::in_place, counters_.receiving);
    auto reply = co_await connection->receive(most, longest);
    poll_of_all.reset();
    if (!reply) {
      connected = false;
      if (reply.error().code == errc::too_large && most > 1) {
        receive_fewer(most / 2);
        continue;
      }
      if (reply.error().code == no_memory()) {
        log_.warning("answer_left", {{"why", reply.error().what}});
        continue;
      }
      if (!co_await receive_failed(reply.error(), wait)) break;
      continue;
    }
    wait.reset();
    received_at_ = clock::now();
    const auto took = received_at_ - asked;
    if (!reply->empty()) note_size(*reply);
    received(reply->size(), asked, took, connected);
    connected = true;
    if (reply->empty()) {
      if (options_.until_empty) co_await check_empty(*connection);
      const auto rest = pace(longest, took, empty_in_a_row++);
      if (rest > 0ms) co_await pause(rest);
    } else {
      empty_in_a_row = 0;
      empty_since_ = {};
      const auto hidden = hidden_since(asked, took - connection->waited(), options_.visibility);
      co_await place(*connection, *reply, hidden, permit.on_trial());
    }
    connection->release();
  }
}

// What is on trial is held until it is loaded, and what finds no batch goes back, at the price of a receive.
// So none is asked for that may find none, whatever the polls in flight bring: of large messages each may
// need a batch of its own. Where no batch is left, one that is on trial already may take more, as far as is
// known of their size: else a few messages that alone are never loaded would keep out all others.
std::size_t lane::messages_max() const {
  if (health_.trusted()) return options_.receive_max;
  const std::size_t room = pool_.unused() + (takes_one_more(pool_.filling()) ? 1 : 0);
  return room > awaited_ ? std::min(options_.receive_max, room - awaited_) : 0;
}

bool lane::takes_one_more(const batch* b) const {
  if (b == nullptr || !b->on_trial || b->rows.full()) return false;
  return b->rows.room() >= 2 * body_bytes_max_ + other_bytes;
}

// What waits in replies has a limit, too, as large bodies are a hundred times what small ones are.
std::size_t lane::receives_max() const {
  if (!health_.trusted())
    return std::min<std::size_t>(1 + health_.room() / options_.receive_max, receive_limit_.get());
  const std::size_t fit = options_.answer_bytes_max / std::max<std::size_t>(reply_bytes_, 1);
  return std::min(std::max<std::size_t>(fit, 1), receive_limit_.get());
}

void lane::note_size(std::span<const sqs::message> reply) noexcept {
  if (reply.empty()) return;
  std::size_t bytes = 0;
  for (const sqs::message& m : reply) {
    bytes += m.body.size();
    body_bytes_max_ = std::max(body_bytes_max_, m.body.size());
  }
  bytes = bytes / reply.size() * options_.receive_max;  // if it had been full
  if (std::exchange(reply_measured_, true)) bytes = std::max(bytes, reply_bytes_ - reply_bytes_ / 16);
  reply_bytes_ = bytes;
}

// Of SQS ten messages fit into an answer, however they are escaped; those of another server may not. What was
// in that answer is hidden, and comes again.
void lane::receive_fewer(std::size_t most) {
  empty_since_ = {};
  if (most >= options_.receive_max) return;  // another poller has learned it meanwhile
  options_.receive_max = most;
  log_.warning("answer_too_large", {{"messages_max", most}});
}

void lane::help() {
  receive_limit_.begin();
  call_pollers();
}

// One loop that keeps up with the queue needs none; one that has so many calls under way may not, and one
// that has no room cannot. While the database is away no loop can help.
void lane::call_for_help(steady_time now) {
  const bool needs_help = receive_limit_.is_busy() || !pool_.has_room();
  if (!ports_.call_for_help || !needs_help || !health_.trusted() || now - called_for_help_ < 100ms) return;
  called_for_help_ = now;
  ports_.call_for_help();
}

// Counts a reply, and says how many receives there should be now.
void lane::received(std::size_t messages, steady_time asked, clock::duration took, bool connected) {
  counters_.receives.add();
  counters_.received.add(messages);
  if (messages == 0) {
    counters_.empty_receives.add();
  } else {
    counters_.receive_time.add(took);
  }
  const bool full = messages >= options_.receive_max;
  auto demand = concurrency::demand::same;
  if (full && pool_.has_room()) demand = concurrency::demand::more;
  if (messages * 2 < options_.receive_max) demand = concurrency::demand::less;
  // One that took longer has waited for messages.
  const bool telling = full && connected && took < 1s;
  receive_limit_.answered(demand, telling ? std::optional(asked) : std::nullopt, asked + took);
  call_pollers();
  call_for_help(asked + took);
}
// NOLINTEND(misc-no-recursion)

// Whether the body may be right when it comes again. Only wrong digests are counted, as receives have other
// causes: after an outage all messages have many. Where nobody counts receives, it is not waited for.
bool lane::is_torn(const sqs::message& m) {
  if (m.digests_ok || m.receive_count == 0) return false;
  if (torn_.size() >= torn_max) torn_.clear();
  if (++torn_[std::string(m.message_id)] >= digest_tries) return false;
  log_.warning("digest_mismatched", {{"message_id", m.message_id}});
  return true;
}

// The views in `messages` live until this waits.
awaitable<void> lane::place(queue& from, std::span<const sqs::message> messages, steady_time hidden,
                            bool on_trial) {
  // Nobody extends what is not in a batch yet: after half of its visibility it goes back.
  const auto give_up = hidden + options_.visibility / 2;
  const auto returns_before = returns(on_trial);
  std::optional<message_copies> kept;
  while (!messages.empty()) {
    // It stays hidden until its time is over, and so does what comes after it.
    if (options_.in_order && is_torn(messages.front())) co_return;
    // What came before in this answer may have gone back.
    if (options_.in_order && returns(on_trial) != returns_before) break;
    if (try_place(messages.front(), hidden, on_trial)) {
      messages = messages.subspan(1);
      continue;
    }
    if (stopping() || clock::now() >= give_up) break;
    if (!kept) messages = kept.emplace(messages).get();
    const clock::duration rest = std::min<clock::duration>(give_up - clock::now(), 1s);
    co_await room_.wait(rest);
  }
  if (messages.empty()) co_return;
  if (!kept) messages = kept.emplace(messages).get();
  co_await polls_over(hidden + options_.visibility - 1s);
  while (may_come_again()) co_await room_.wait(poll_look);
  if (queues_closed_) co_return;

  std::array<std::string_view, sqs::batch_entries_max> handles{};
  const std::size_t count = std::min(messages.size(), handles.size());
  std::ranges::transform(messages.first(count), handles.begin(), &sqs::message::receipt_handle);
  // A stop gives it the time of a settler's calls, not that of polls. If it fails they come back by
  // themselves when their visibility timeout has passed.
  std::erase(receiving_, &from);
  {
    const listed<queue> as_call(settling_, from);
    const auto failed = co_await from.hide(std::span(handles).first(count), 0s);
    if (!failed) {
      static_cast<void>(may_settle_again(request::give_back, failed.error()));
    } else {
      settlement::outcome o{.done = count - failed->size(), .refused = failed->size()};
      if (o.refused > 0) o.code = failed->front().code;
      note_answer(request::give_back, o, clock::now());
    }
  }
  receiving_.push_back(&from);
}

// False when there is no room. A message that is taken is in a batch; one that may have been changed on its
// way is left in the queue.
bool lane::try_place(const sqs::message& m, steady_time hidden, bool on_trial) {
  if (!options_.in_order && is_torn(m)) return true;
  const auto id = parse_uuid(m.message_id);
  if (!id) {
    fail({errc::bad_answer, "the queue gave a message id that is not a UUID",
          "sluice needs SQS's own message ids"});
    return true;
  }
  if (m.sent_ms == 0 && !std::exchange(timeless_, true)) log_.warning("sent_timestamp_missing");
  const copy::segment::entry entry{.message_id = *id,
                                   .sent_ms = m.sent_ms,
                                   .hidden_until = hidden + options_.visibility,
                                   .receive_count = m.receive_count,
                                   .body = m.body,
                                   .receipt_handle = m.receipt_handle,
                                   .group_id = m.group_id,
                                   .trace_id = sqs::trace_id(m)};
  for (;;) {
    batch* b = pool_.open(clock::now());
    if (b == nullptr) return false;
    const bool first = b->rows.empty();
    if (!first && b->on_trial != on_trial) {  // they go different ways when the load fails
      pool_.seal();
      work_.notify();
      continue;
    }
    if (encode(*b, m, entry)) {
      counters_.held.add();
      b->hidden = first ? hidden : std::min(b->hidden, hidden);
      if (first) {
        b->keys = reader_.keys();
        b->on_trial = on_trial;
        counters_.segments_used.add();
      }
      if (b->rows.full()) pool_.seal();
      if (first || b->at == batch::stage::sealed) work_.notify();
      return true;
    }
    if (first && b->rows.rows().capacity() >= row_bytes_max) {
      fail({errc::too_large, "one message makes more than 256 MiB of rows",
            "the plan multiplies what it reads: shorten it"});
      return true;
    }
    if (first) {
      b->rows.make_room(b->rows.rows().capacity() * 2, m.body.size(),
                        m.receipt_handle.size() + m.group_id.size() + entry.trace_id.size());
    } else {
      pool_.seal();
      work_.notify();
    }
  }
}

bool lane::encode(batch& b, const sqs::message& m, copy::segment::entry e) {
  copy::arena& rows = b.rows.rows();
  const std::size_t start = rows.size();
  record::outcome o{.what = record::outcome::kind::refused, .why = record::reasons::wrong_digest};
  if (m.digests_ok) {
    o = reader_.read(m.body,
                     {.message_id = e.message_id,
                      .sent_ms = e.sent_ms,
                      .received_ms = epoch_ms(),
                      .receive_count = e.receive_count,
                      .attributes = m.attributes},
                     rows);
  }
  e.business_key = o.business_key;
  switch (o.what) {
    case record::outcome::kind::row: return b.rows.add(e, start, o.rows);
    case record::outcome::kind::refused:
      return b.rows.add_refused(e, {.reason = o.why, .column = std::string(o.column)});
    case record::outcome::kind::full: return false;
  }
  return false;
}

// Whether to go on receiving.
awaitable<bool> lane::receive_failed(const failure& f, backoff& wait) {
  const verdict v = classify(f);
  if (v == verdict::cancelled && stopping()) co_return false;
  counters_.receive_failures.add();
  if (v == verdict::throttle) receive_limit_.throttled();
  if (wait.failures() > 0 && wait.since() < received_at_) wait.reset();  // another poller was answered
  const auto delay = may_pass(v) ? wait.next(clock::now()) : std::nullopt;
  if (!delay) {
    fail(f);
    co_return false;
  }
  log_.warning("receive_failed",
               {{"why", f.what}, {"fix", f.fix}, {"verdict", to_string(v)}, {"retry_in_ms", delay->count()}});
  counters_.queues_away.add();
  co_await pause(*delay);
  counters_.queues_away.sub();
  co_return true;
}

// A drain ends when polls were empty, nothing of ours is under way, and the queue has said twice, some
// seconds apart, that it holds nothing: its counts lag. What others hold may come back, so that is waited
// for; but not for longer than it can stay hidden.
awaitable<void> lane::check_empty(queue& q) {
  if (std::exchange(checking_, true)) co_return;
  co_await look_whether_empty(q);
  checking_ = false;
}

awaitable<void> lane::look_whether_empty(queue& q) {
  const auto now = clock::now();
  if (!pool_.idle() || !tickets_.empty()) {
    empty_since_ = {};
    co_return;
  }
  if (empty_since_ == steady_time{}) empty_since_ = now;
  if (nothing_since_ < empty_since_) nothing_since_ = {};
  if (nothing_since_ != steady_time{} && now - nothing_since_ < readings_apart) co_return;
  const auto depth = co_await q.depth();
  if (depth) {
    depth_unknown_since_.reset();
    if (pool_.idle() && empty_since_ != steady_time{}) note_depth(*depth);
    co_return;
  }
  if (stopping()) co_return;
  if (!depth_unknown_since_) depth_unknown_since_ = now;
  if (!may_pass(classify(depth.error())) || now - *depth_unknown_since_ >= options_.queue_away_max)
    fail(depth.error());
}

void lane::note_depth(const backlog& depth) {
  const auto now = clock::now();
  const bool nothing = depth.visible == 0 && depth.in_flight == 0 && depth.delayed == 0;
  if (!nothing) {
    nothing_since_ = {};
    if (now - empty_since_ <= options_.visibility + 5s) return;
    log_.warning("left_in_flight", {{"messages", depth.in_flight}, {"delayed", depth.delayed}});
    stop();
  } else if (nothing_since_ == steady_time{}) {
    nothing_since_ = now;
  } else {
    stop();
  }
}

}  // namespace sluice::pipeline
