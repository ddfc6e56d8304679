#include "pipeline/ticket_queue.hpp"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using namespace sluice;
using namespace sluice::pipeline;
using namespace std::chrono_literals;

namespace {

/// A batch of 25 messages, of which every tenth is bad.
struct ticket_fixture {
  /// So many of them are committed.
  explicit ticket_fixture(std::size_t committed = 25)
      : b({.rows_max = 100, .row_bytes = 1'000, .body_bytes = 1'000, .handle_bytes = 1'000}) {
    for (std::uint8_t i = 0; i < 25; ++i) {
      copy::segment::entry e{.message_id = {},
                             .hidden_until = soon,
                             .body = "{}",
                             .receipt_handle = std::string_view(handles).substr(i, 1)};
      if (i % 10 == 3) {
        REQUIRE(b.rows.add_refused(e, {"not_json"}));
      } else {
        REQUIRE(b.rows.add(e, b.rows.rows().size(), 1));
      }
    }
    b.rows.commit(committed);
  }
  /// Serves all that waits, as the queue answers `failed` to each first call, and all is well at the second.
  void serve_all(const std::vector<sqs::batch_failure>& failed, bool leave_bad = false) {
    while (!tickets.empty()) {
      settlement one(tickets.take(), leave_bad, tickets);
      one.answered(failed, later);
      if (one.open() > 0) one.answered({}, later);
      CHECK(one.open() == 0);
    }
  }

  steady_time soon = steady_time{} + 1s, later = steady_time{} + 30s;
  std::string handles = "abcdefghijklmnopqrstuvwxyz";
  batch b;
  ticket_queue tickets;
};

sqs::batch_failure failure_of(std::size_t index, bool sender_fault) {
  return {.index = index,
          .sender_fault = sender_fault,
          .code = sender_fault ? "ReceiptHandleIsInvalid" : "InternalError"};
}

}  // namespace

TEST_CASE("a batch is asked for in tickets of ten, which count as its calls") {
  ticket_fixture f;
  f.tickets.ask(f.b, request::remove);
  CHECK(f.tickets.size() == 3);
  CHECK(f.b.calls == 3);
  CHECK_FALSE(f.tickets.adds_up());
  CHECK(f.tickets.take().count == 10);
  CHECK(f.tickets.take().first == 10);
  CHECK(f.tickets.take().count == 5);
}

TEST_CASE("what is asked for first goes first, and what is for later waits until it is released") {
  ticket_fixture f;
  f.tickets.ask(f.b, request::give_back, true);
  CHECK(f.tickets.empty());
  f.tickets.ask(f.b, request::remove);
  f.tickets.ask_first({&f.b, 0, 10, request::extend});
  CHECK(f.tickets.take().what == request::extend);
  f.tickets.release_later();
  CHECK(f.tickets.size() == 6);
}

TEST_CASE("each message of a ticket has one ending, and they add up") {
  ticket_fixture f;
  f.tickets.ask(f.b, request::remove);
  f.serve_all({failure_of(1, false), failure_of(4, true)});
  CHECK(f.tickets.ended(ending::done) == 22);
  CHECK(f.tickets.ended(ending::told) == 3);  // refused for good
  CHECK(f.tickets.adds_up());
}

TEST_CASE(
    "only entries that may still be done are asked for again, and the first code of a refusal is kept") {
  ticket_fixture f;
  f.tickets.ask(f.b, request::remove);
  settlement one(f.tickets.take(), false, f.tickets);
  const std::vector failed = {failure_of(9, false), failure_of(2, true), failure_of(5, true),
                              failure_of(0, false)};
  const auto o = one.answered(failed, f.later);
  CHECK(o.done == 6);
  CHECK(o.refused == 2);
  CHECK(o.code == "ReceiptHandleIsInvalid");
  REQUIRE(one.open() == 2);
  CHECK(one.handles()[0] == f.b.rows.receipt_handle(f.b.rows.slots()[0]));
  CHECK(one.handles()[1] == f.b.rows.receipt_handle(f.b.rows.slots()[9]));
  one.end(ending::given_up);
  CHECK(f.tickets.ended(ending::given_up) == 2);
}

TEST_CASE("bad messages that are left in the queue are not deleted, and are told otherwise") {
  ticket_fixture f;
  f.tickets.ask(f.b, request::remove);
  f.serve_all({}, true);
  CHECK(f.tickets.ended(ending::done) == 22);
  CHECK(f.tickets.ended(ending::not_asked) == 3);
  CHECK(f.tickets.adds_up());
}

TEST_CASE("of a batch that is half loaded what is committed is deleted, and what is open is given back") {
  ticket_fixture f(0);
  f.b.rows.commit(12);
  f.b.rows.hold_back();
  for (const request what : {request::remove, request::give_back}) f.tickets.ask(f.b, what);
  std::vector<std::string> deleted, given_back;
  while (!f.tickets.empty()) {
    const ticket t = f.tickets.take();
    settlement one(t, false, f.tickets);
    for (const std::string_view handle : one.handles()) {
      (t.what == request::remove ? deleted : given_back).emplace_back(handle);
    }
    one.answered({}, f.later);
  }
  CHECK(deleted.size() == 12);
  CHECK(deleted.back() == "l");
  CHECK(given_back.size() == 12);  // but for the one that is held back
  CHECK(given_back.front() == "n");
  CHECK(f.tickets.ended(ending::not_asked) == 26);
  CHECK(f.tickets.adds_up());
}

TEST_CASE("an extension marks those as hidden that were extended, and no others") {
  ticket_fixture f;
  f.tickets.ask_first({&f.b, 10, 10, request::extend});
  settlement one(f.tickets.take(), true, f.tickets);
  one.answered(std::vector{failure_of(3, false), failure_of(6, true)}, f.later);
  one.end(ending::told);
  const auto slots = f.b.rows.slots();
  CHECK(slots[9].hidden_until == f.soon);
  CHECK(slots[12].hidden_until == f.later);
  CHECK(slots[13].hidden_until == f.soon);              // asked for again
  CHECK(slots[16].hidden_until == steady_time::max());  // never again
  CHECK(f.tickets.adds_up());
}
