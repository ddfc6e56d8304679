#include "support/sqs_server/queue.hpp"

#include <algorithm>

namespace sluice::sqs_server {

queue::queue(std::string name, const std::string& arn, std::uint32_t number, queue_settings settings,
             instant now)
    : name_(std::move(name)),
      arn_(arn),
      number_(number),
      settings_(std::move(settings)),
      created_(now),
      modified_(now),
      oldest_sent_(instant::max()) {}

queue::~queue() {
  while (!waiters_.empty()) wake_one();
  ready_.clear();
  ready_groups_.clear();
  for (auto& [name, group] : groups_) group.messages.clear();
}

outcome<> queue::apply(const attribute_map& changes, instant now) {
  auto applied = settings_.apply(changes);
  if (applied) modified_ = now;
  return applied;
}

queue::sent queue::send(payload_ptr content, const uuid& id, std::optional<seconds> delay, instant now) {
  advance(now);
  std::string deduplication_key;
  if (fifo()) {
    deduplication_key = content->deduplication_id;
    // A group cannot hold a line feed, so keys of different groups differ.
    if (settings_.deduplicates_by_group()) deduplication_key += '\n' + content->group;
    if (const sent* before = deduplication_.find(deduplication_key, now)) return *before;
  }
  const message& m = add(std::move(content), id, now, delay.value_or(settings_.delay()), now);
  ++totals_.sent;
  if (fifo()) deduplication_.remember(deduplication_key, {id, m.sequence}, now);
  return {id, m.sequence};
}

void queue::adopt(payload_ptr content, const uuid& id, instant now) {
  advance(now);
  add(std::move(content), id, now, seconds(0), now);
}

message& queue::add(payload_ptr content, const uuid& id, instant sent_at, seconds delay, instant now) {
  message& m = slab_.allocate();
  m.content = std::move(content);
  m.id = id;
  m.sent = sent_at;
  oldest_sent_ = std::min(oldest_sent_, sent_at);
  if (fifo()) {
    m.sequence = ++sequence_;
    m.group = &groups_[m.content->group];
    m.group->messages.push_back(m);
  }
  if (delay > seconds(0)) {
    place(m, message::place::delayed);
    schedule(m, now + delay);
  } else {
    make_visible(m);
  }
  return m;
}

void queue::adopt_dead_letter(const message& from, const std::string& source_arn, instant now) {
  // A FIFO queue starts the retention anew, a standard one does not.
  message& m = add(from.content, from.id, fifo() ? now : from.sent, seconds(0), now);
  m.first_received = from.first_received;
  m.receive_count = from.receive_count;
  m.dead_letter_source = &source_arn;
}

void queue::duplicate(const message& m, instant now) {
  if (fifo()) return;  // a second delivery out of order is no delivery that FIFO allows
  message& copy = add(m.content, m.id, m.sent, seconds(0), now);
  copy.first_received = m.first_received;
  copy.receive_count = m.receive_count;
}

// Visibility

void queue::place(message& m, message::place to) {
  const auto counter = [this](message::place p) -> std::size_t* {
    switch (p) {
      case message::place::delayed: return &counts_.delayed;
      case message::place::ready: return &counts_.visible;
      case message::place::in_flight: return &counts_.in_flight;
      case message::place::nowhere: break;
    }
    return nullptr;
  };
  if (m.group != nullptr && m.where == message::place::in_flight) --m.group->in_flight;
  if (m.group != nullptr && to == message::place::in_flight) ++m.group->in_flight;
  if (auto* before = counter(m.where)) --*before;
  if (auto* after = counter(to)) ++*after;
  m.where = to;
}

void queue::make_visible(message& m) {
  place(m, message::place::ready);
  if (m.group != nullptr) return refresh(*m.group);
  ready_.push_back(m);
  wake_one();
}

/// Puts the group into the list of those that can be received from, or takes it out, or forgets it.
void queue::refresh(message_group& g) {
  const bool can_receive =
      g.in_flight == 0 && !g.messages.empty() && g.messages.front().where == message::place::ready;
  if (can_receive && !g.is_linked()) {
    ready_groups_.push_back(g);
    wake_one();
  } else if (!can_receive && g.is_linked()) {
    ready_groups_.erase(ready_groups_.s_iterator_to(g));
  }
}

void queue::schedule(message& m, instant due) {
  due_.push(m, due);
  if (&due_.first() == &m) wake_one();  // who waits must learn the new time
}

void queue::unschedule(message& m) noexcept {
  if (m.due_position != 0) due_.erase(m);
}

void queue::advance(instant now) {
  while (!due_.empty() && due_.first_due() <= now) {
    message& m = due_.first();
    due_.erase(m);
    make_visible(m);
  }
  if (oldest_sent_ != instant::max() && oldest_sent_ + settings_.retention() <= now) sweep_expired(now);
}

/// Deletes what is older than the retention allows. `oldest_sent_` then is exact, so that the next sweep
/// comes when there is something to find; at most one a second, because each looks at every message.
void queue::sweep_expired(instant now) {
  std::vector<message*> expired;
  instant oldest = instant::max();
  slab_.for_each([&](message& m) {
    if (m.sent + settings_.retention() <= now) {
      expired.push_back(&m);
    } else {
      oldest = std::min(oldest, m.sent);
    }
  });
  for (message* m : expired) erase(*m);
  totals_.expired += expired.size();
  oldest_sent_ =
      oldest == instant::max() ? oldest : std::max(oldest, now - settings_.retention() + seconds(1));
}

std::optional<instant> queue::next_due() const noexcept {
  if (due_.empty()) return std::nullopt;
  return due_.first_due();
}

void queue::wake_one() noexcept {
  if (waiters_.empty()) return;
  waiter& w = waiters_.front();
  waiters_.pop_front();
  w.wake();
}

void queue::erase(message& m) {
  unschedule(m);
  message_group* const group = m.group;
  if (group != nullptr) {
    group->messages.erase(group->messages.s_iterator_to(m));
  } else if (m.where == message::place::ready) {
    ready_.erase(ready_.s_iterator_to(m));
  }
  place(m, message::place::nowhere);
  const payload_ptr content = std::move(m.content);
  slab_.release(m);
  if (group == nullptr) return;
  refresh(*group);
  if (group->messages.empty()) groups_.erase(content->group);
}

// Receive

outcome<> queue::receive(const receive_options& o, instant now, std::vector<received>& out) {
  advance(now);
  if (counts_.in_flight >= in_flight_max) {
    if (fifo()) return {};
    return errors::over_limit(name_);
  }
  const std::size_t count_max = std::min(o.count_max, in_flight_max - counts_.in_flight);
  if (!fifo()) {
    receive_standard(count_max, o.visibility, now, out);
    return {};
  }
  const std::string attempt_id(o.attempt_id);
  if (!attempt_id.empty() && receive_again(o, now, out)) return {};
  receive_groups(count_max, o.visibility, now, out);
  if (!attempt_id.empty() && !out.empty()) {
    attempt a{{}, now + o.visibility};
    for (const received& r : out) a.handles.push_back(r.receipt);
    attempts_.remember(attempt_id, std::move(a), now);
  }
  return {};
}

void queue::receive_standard(std::size_t count_max, seconds visibility, instant now,
                             std::vector<received>& out) {
  while (out.size() < count_max && !ready_.empty()) {
    message& m = ready_.front();
    if (expires_or_dies(m, now)) continue;
    ready_.pop_front();
    deliver(m, visibility, now, out);
  }
}

/// As many as can be had of one group, then of the next: a group is not left with some of its messages in
/// flight and room for more.
void queue::receive_groups(std::size_t count_max, seconds visibility, instant now,
                           std::vector<received>& out) {
  while (out.size() < count_max && !ready_groups_.empty()) {
    message_group& g = ready_groups_.front();
    const std::size_t before = out.size();
    for (auto i = g.messages.begin(); i != g.messages.end() && out.size() < count_max;) {
      message& m = *i++;
      if (m.where != message::place::ready) break;
      // The last message of a group takes the group with it.
      const bool last = i == g.messages.end();
      if (expires_or_dies(m, now)) {
        if (last) break;
        continue;
      }
      deliver(m, visibility, now, out);
    }
    if (out.size() > before) refresh(g);
  }
}

/// The same messages with the same handles, hidden anew, if none was deleted, changed or lost since.
bool queue::receive_again(const receive_options& o, instant now, std::vector<received>& out) {
  attempt* const a = attempts_.find(std::string(o.attempt_id), now);
  if (a == nullptr) return false;
  std::vector<message*> messages;
  for (const handle& h : a->handles) {
    message* const m = slab_.find(h.slot, h.generation);
    if (m == nullptr || m->where != message::place::in_flight || m->handles != h.serial) return false;
    if (due_.due_of(*m) != a->due) return false;
    messages.push_back(m);
  }
  a->due = now + o.visibility;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    unschedule(*messages[i]);
    schedule(*messages[i], a->due);
    out.push_back({messages[i], a->handles[i]});
  }
  return true;
}

bool queue::expires_or_dies(message& m, instant now) {
  if (m.sent + settings_.retention() <= now) {
    ++totals_.expired;
    erase(m);
    return true;
  }
  const auto& redrive = settings_.redrive();
  if (!redrive || dead_letter_ == nullptr || m.receive_count < redrive->receives_max) return false;
  dead_letter_->adopt_dead_letter(m, arn_, now);
  ++totals_.dead;
  erase(m);
  return true;
}

void queue::deliver(message& m, seconds visibility, instant now, std::vector<received>& out) {
  place(m, message::place::in_flight);
  if (m.receive_count++ == 0) m.first_received = now;
  m.received = now;
  ++m.handles;
  // With a visibility of 0 it is visible at the next call, not in this one.
  schedule(m, now + visibility);
  ++totals_.received;
  out.push_back({&m, {number_, m.slot, m.generation, m.handles}});
}

message* queue::front(instant now) {
  advance(now);
  if (!fifo()) return ready_.empty() ? nullptr : &ready_.front();
  return ready_groups_.empty() ? nullptr : &ready_groups_.front().messages.front();
}

// Receipt handles

queue::answer queue::remove(const handle& h, instant now) {
  advance(now);
  message* const m = slab_.find(h.slot, h.generation);
  if (m == nullptr) return answer::done;  // deleted before
  const bool current = m->handles == h.serial;
  if (fifo() && !(current && m->where == message::place::in_flight)) return answer::expired;
  if (!current) return answer::done;
  erase(*m);
  ++totals_.deleted;
  return answer::done;
}

queue::answer queue::change_visibility(const handle& h, seconds timeout, instant now) {
  advance(now);
  message* const m = slab_.find(h.slot, h.generation);
  if (m == nullptr) return answer::gone;
  const bool current = m->handles == h.serial;
  if (fifo() && !(current && m->where == message::place::in_flight)) return answer::expired;
  if (!current) return answer::gone;
  if (m->where != message::place::in_flight) return answer::not_in_flight;
  if (now + timeout > m->received + visibility_max) return answer::beyond_limit;
  unschedule(*m);
  schedule(*m, now + timeout);
  advance(now);
  return answer::done;
}

bool queue::purge(instant now) {
  if (purged_ != instant{} && now < purged_ + seconds(60)) return false;
  purged_ = now;
  std::vector<message*> all;
  slab_.for_each([&](message& m) { all.push_back(&m); });
  for (message* m : all) erase(*m);
  oldest_sent_ = instant::max();
  return true;
}

queue::counts queue::count(instant now) {
  advance(now);
  return counts_;
}

}  // namespace sluice::sqs_server
