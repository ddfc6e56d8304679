// Credentials that end while sluice runs.
#include "aws/refreshing_provider.hpp"

#include <boost/asio/co_spawn.hpp>
#include <catch2/catch_test_macros.hpp>
#include <deque>

#include "unit/aws/network_fixture.hpp"

using namespace sluice;
using namespace sluice::aws;
using namespace tests;

namespace {

/// Gives what the test has put there, when the test opens the gate.
struct scripted_source {
  std::deque<result<credentials>> answers;
  asio::steady_timer* gate = nullptr;  ///< waited for, if there is one
  int fetches = 0;
  bool broken = false;
};

class source_of_script final : public credentials_source {
 public:
  explicit source_of_script(scripted_source& s) : script_(s) {}
  asio::awaitable<result<credentials>> fetch() override {
    ++script_.fetches;
    if (script_.broken) throw std::bad_alloc();
    if (script_.gate != nullptr) {
      boost::system::error_code cancelled;
      co_await script_.gate->async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    auto next = script_.answers.front();
    script_.answers.pop_front();
    co_return next;
  }

 private:
  scripted_source& script_;
};

struct refreshing : aws_network {
  scripted_source script;
  std::shared_ptr<refreshing_provider> provider =
      std::make_shared<refreshing_provider>(std::make_unique<source_of_script>(script), network);
  std::vector<std::string> got;  ///< key ids, or "failed", as they came

  void will_give(const char* id, std::chrono::seconds valid) {
    credentials c;
    c.access_key_id = id;
    c.expires_at = now + valid;
    script.answers.emplace_back(std::move(c));
  }
  void will_fail() { script.answers.emplace_back(failure(errc::timed_out, "no answer")); }

  asio::awaitable<void> ask(bool refresh, asio::cancellation_slot end) {
    auto c = co_await provider->get(refresh, end);
    got.push_back(c ? (*c)->access_key_id : c.error().code == errc::cancelled ? "ended" : "failed");
  }
  void start(bool refresh = false, asio::cancellation_slot end = {}) {
    asio::co_spawn(loop, ask(refresh, end), [](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
    });
    go_on();
  }
  void go_on() {
    loop.restart();
    loop.poll();
  }
  std::string get(bool refresh = false) {
    start(refresh);
    return got.back();
  }
};

}  // namespace

TEST_CASE("one fetch serves until fifteen minutes before the end") {
  refreshing p;
  p.will_give("first", 1h);
  CHECK(p.get() == "first");
  p.now += 44min;
  CHECK(p.get() == "first");
  CHECK(p.script.fetches == 1);
  p.now += 2min;
  p.will_give("second", 1h);
  CHECK(p.get() == "first");  // fetched beside that
  CHECK(p.get() == "second");
  CHECK(p.script.fetches == 2);
}

TEST_CASE("while new ones are fetched, all go on with the old, until these end") {
  refreshing p;
  asio::steady_timer gate(p.loop, asio::steady_timer::time_point::max());
  p.will_give("old", 20min);
  p.get();
  p.now += 10min;
  p.script.gate = &gate;
  p.will_give("new", 1h);
  p.start();  // whoever is first fetches, but does not wait: it may be a heartbeat's call
  p.start();
  CHECK(p.got == std::vector<std::string>{"old", "old", "old"});
  CHECK(p.script.fetches == 2);

  p.now += 11min;  // it has ended
  p.start();
  p.start();
  CHECK(p.got.size() == 3);
  gate.cancel();
  p.go_on();
  CHECK(p.got == std::vector<std::string>{"old", "old", "old", "new", "new"});
  CHECK(p.script.fetches == 2);
}

TEST_CASE("a fetch that fails is no matter while there is time, and is tried again in a minute") {
  refreshing p;
  p.will_give("old", 20min);
  p.get();
  p.now += 10min;
  p.will_fail();
  CHECK(p.get() == "old");
  p.now += 59s;
  CHECK(p.get() == "old");
  CHECK(p.script.fetches == 2);
  p.now += 1s;
  p.will_give("new", 1h);
  CHECK(p.get() == "old");
  CHECK(p.get() == "new");
}

TEST_CASE("once they have ended, a fetch that fails is a failure, and the next call tries anew") {
  refreshing p;
  p.will_give("old", 20min);
  p.get();
  p.now += 20min;
  p.will_fail();
  CHECK(p.get() == "failed");
  p.will_give("new", 1h);
  CHECK(p.get() == "new");
}

TEST_CASE("a refusal by the peer fetches new ones, once for all who were refused") {
  refreshing p;
  p.will_give("old", 1h);
  p.get();
  p.now += 1min;
  asio::steady_timer gate(p.loop, asio::steady_timer::time_point::max());
  p.script.gate = &gate;
  p.will_give("new", 1h);
  p.start(true);
  p.start(true);
  gate.cancel();
  p.go_on();
  CHECK(p.get(true) == "new");  // a refusal that was on its way when the new ones came
  CHECK(p.got == std::vector<std::string>{"old", "new", "new", "new"});
  CHECK(p.script.fetches == 2);
}

TEST_CASE("who gives up waiting leaves the fetch to the others, and the last of them ends it") {
  refreshing p;
  asio::steady_timer gate(p.loop, asio::steady_timer::time_point::max());
  asio::cancellation_signal first, second;
  const auto terminal = asio::cancellation_type::terminal;
  p.script.gate = &gate;
  p.will_give("new", 1h);
  p.start(false, first.slot());
  p.start(false, second.slot());
  first.emit(terminal);
  p.go_on();
  CHECK(p.got == std::vector<std::string>{"ended"});
  gate.cancel();
  p.go_on();
  CHECK(p.got == std::vector<std::string>{"ended", "new"});
  second.emit(terminal);  // late: nobody waits

  p.now += 1h;
  gate.expires_at(asio::steady_timer::time_point::max());
  p.will_give("late", 1h);
  p.will_give("last", 1h);
  p.start(false, first.slot());
  first.emit(terminal);
  p.start();  // before the other fetch knows that nobody waits for it
  CHECK(p.got == std::vector<std::string>{"ended", "new", "ended"});
  gate.cancel();
  p.go_on();
  CHECK(p.got == std::vector<std::string>{"ended", "new", "ended", "last"});
  CHECK(p.script.fetches == 3);
  p.loop.restart();
  CHECK(p.loop.run() == 0);  // nothing is left
}

TEST_CASE("what a source throws reaches whoever waits for it") {
  refreshing p;
  p.script.broken = true;
  CHECK_THROWS_AS(p.get(), std::bad_alloc);
}
