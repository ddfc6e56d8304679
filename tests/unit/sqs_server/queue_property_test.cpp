#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "support/seed.hpp"
#include "unit/sqs_server/queue_fixture.hpp"

namespace sluice::sqs_server {
namespace {

/// What SQS says of a queue, said as plainly as can be: a list of messages in the order of sending, each with
/// the time from which it is visible. Knows nothing of the order of a standard queue.
class naive_queue {
 public:
  struct entry {
    std::string body, group;
    instant visible_from;
    int receives = 0;
    int received_in = -1;  // call
    bool in_flight = false;
  };

  explicit naive_queue(bool fifo) : fifo_(fifo) {}

  void send(const std::string& body, const std::string& group, instant at) {
    entries.push_back({body, group, at});
  }
  void pass(instant now) {
    for (entry& e : entries) {
      if (e.in_flight && e.visible_from <= now) e.in_flight = false;
    }
  }
  /// `call` may have taken others of the group already.
  bool can_receive(const std::string& body, instant now, int call) const {
    const auto e = std::ranges::find(entries, body, &entry::body);
    if (e == entries.end() || e->in_flight || e->visible_from > now) return false;
    if (!fifo_) return true;
    // Nobody of its group is in flight, nor before it in the list.
    return std::none_of(entries.begin(), entries.end(),
                        [&](const entry& other) {
                          return other.group == e->group && other.in_flight && other.received_in != call;
                        }) &&
           std::none_of(entries.begin(), e,
                        [&](const entry& other) { return other.group == e->group && !other.in_flight; });
  }
  std::size_t receivable(instant now, int call) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(entries, [&](const entry& e) { return can_receive(e.body, now, call); }));
  }
  entry* find(const std::string& body) {
    const auto e = std::ranges::find(entries, body, &entry::body);
    return e == entries.end() ? nullptr : &*e;
  }
  queue::counts count(instant now) const {
    queue::counts c;
    for (const entry& e : entries) {
      ++(e.in_flight ? c.in_flight : e.visible_from > now ? c.delayed : c.visible);
    }
    return c;
  }
  std::vector<entry> entries;

 private:
  bool fifo_;
};

void compare_with_model(bool fifo, std::uint64_t seed) {
  queue_fixture f({}, fifo);
  naive_queue model(fifo);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  struct held {
    std::string body;
    queue::received r;
    int receives;
  };
  std::vector<held> handles;

  for (int step = 0; step < 2'000; ++step) {
    CAPTURE(step);
    f.now += milliseconds(below(3) == 0 ? below(2'000) : 1);
    model.pass(f.now);
    switch (below(5)) {
      case 0: {
        const std::string body = std::to_string(step), group = std::to_string(below(4));
        const seconds delay(fifo || below(2) == 0 ? 0 : below(4));
        if (fifo) {
          f.send_to(group, body);
        } else {
          f.send(body, delay);
        }
        model.send(body, group, f.now + delay);
        break;
      }
      case 1:
      case 2: {
        const std::size_t wanted = 1 + below(10);
        const seconds visibility(1 + below(5));
        const std::size_t receivable = model.receivable(f.now, step);
        const auto got = f.receive(wanted, visibility);
        // A FIFO queue may give more than the heads of its groups.
        CHECK(got.size() >= std::min(wanted, receivable));
        if (!fifo) CHECK(got.size() == std::min(wanted, receivable));
        for (const auto& r : got) {
          const std::string body = r.what->content->body_json;
          REQUIRE(model.can_receive(body, f.now, step));
          auto& e = *model.find(body);
          e = {body, e.group, f.now + visibility, e.receives + 1, step, true};
          REQUIRE(r.what->receive_count == static_cast<std::uint32_t>(e.receives));
          handles.push_back({body, r, e.receives});
        }
        break;
      }
      case 3: {
        if (handles.empty()) break;
        const held h = handles[below(handles.size())];
        auto* const e = model.find(h.body);
        const bool current = e != nullptr && e->receives == h.receives;
        const bool expired = fifo && e != nullptr && !(current && e->in_flight);
        CHECK(f.remove(h.r) == (expired ? queue::answer::expired : queue::answer::done));
        if (current && !expired) model.entries.erase(model.entries.begin() + (e - model.entries.data()));
        break;
      }
      default: {
        if (handles.empty()) break;
        const held h = handles[below(handles.size())];
        const seconds timeout(below(6));
        auto* const e = model.find(h.body);
        const bool ours = e != nullptr && e->receives == h.receives && e->in_flight;
        CHECK((f.q.change_visibility(h.r.receipt, timeout, f.now) == queue::answer::done) == ours);
        if (!ours) break;
        e->visible_from = f.now + timeout;
        model.pass(f.now);
      }
    }
    REQUIRE(f.q.count(f.now) == model.count(f.now));
  }
}

TEST_CASE("a queue does what a naive model says, whatever is asked of it") {
  const std::uint64_t seed = tests::seed();
  CAPTURE(seed);
  for (std::uint64_t i = 0; i < 5; ++i) {
    CAPTURE(i);
    compare_with_model(false, seed + i);
    compare_with_model(true, seed + i);
  }
}

}  // namespace
}  // namespace sluice::sqs_server
