// An admin server whose figures move as those of a busy run do, without queue and database: what the tests of
// the status page look at. Prints nothing; ends on SIGTERM or SIGINT.
//
//   status_demo PORT_FILE [steady|away] [quarantine|dlq|leave]
//                                           serves; "away" is a run whose database does not answer
//   status_demo --events                    the table of docs/events.md
//   status_demo --metrics                   the table of docs/metrics.md, without the figures of a run

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cmath>
#include <csignal>
#include <exception>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "observe/admin_server.hpp"
#include "observe/events.hpp"
#include "observe/figures.hpp"

namespace {

using namespace std::chrono_literals;
using namespace sluice::observe;
namespace asio = boost::asio;

/// Bumps counters as a run would that gets about 9,000 messages a second from a queue with a backlog.
class busy_run {
 public:
  busy_run(counters& c, logger& log) : c_(c), log_(log) {
    c_.database_connections.set(2);
    c_.queue_visible.set(1'840'000);
    c_.queue_in_flight.set(5'200);
    c_.queue_delayed.set(0);
  }

  void step(std::chrono::milliseconds since_last) {
    seconds_ += std::chrono::duration<double>(since_last).count();
    const double wave = 1 + 0.22 * std::sin(seconds_ / 23) + 0.1 * std::sin(seconds_ / 5.3) + noise_(random_);
    const auto messages =
        static_cast<std::uint64_t>(9'000 * wave * std::chrono::duration<double>(since_last).count());
    receive(messages);
    commit(messages, wave);
    c_.receiving.set(static_cast<std::int64_t>(22 * wave));
    c_.held.set(static_cast<std::int64_t>(3'100 * wave));
    c_.segments_used.set(2 + static_cast<std::int64_t>(wave * 2) % 4);
    c_.loading.set(1 + (messages % 2 == 0 ? 1 : 0));
    c_.settling.set(static_cast<std::int64_t>(11 * wave));
    c_.queue_visible.set(
        std::max<std::int64_t>(0, c_.queue_visible.get() - static_cast<std::int64_t>(messages)));
    if (++steps_ % 160 == 40) {
      log_.warning("receive_failed", {{"why", "SQS asks for fewer requests (ThrottlingException)"}});
    }
    if (steps_ % 900 == 60) {
      log_.warning("load_failed", {{"why", "COPY into user_logins: deadlock_detected (40P01)"}});
    }
  }

  void lose_database() {
    c_.databases_away.set(2);
    c_.database_connections.set(0);
    c_.receiving.set(0);
    c_.loading.set(0);
    log_.warning("load_failed", {{"why", "connect to db.internal:5432/logins as etl: connection refused"}});
    log_.error("database_away", {{"held_ms", 60'000}});
  }

 private:
  void receive(std::uint64_t messages) {
    const std::uint64_t calls = messages / 10;
    c_.received.add(messages);
    c_.receives.add(calls);
    c_.requests.add(calls * 2);
    for (std::uint64_t i = 0; i < calls; ++i) {
      c_.receive_time.add(about(18ms));
      c_.delete_time.add(about(14ms));
    }
  }
  void commit(std::uint64_t messages, double wave) {
    const std::uint64_t aside = steps_ % 3 == 0 ? messages / 150 : 0;
    const std::uint64_t again = steps_ % 7 == 0 ? messages / 200 : 0;
    c_.rows.add(messages - aside - again);
    c_.set_aside.add(aside);
    c_.duplicates.add(again);
    c_.deleted.add(messages);
    if (aside > 0) c_.set_aside_by_reason.add("missing_field user_id", aside - aside / 3);
    if (aside > 0) c_.set_aside_by_reason.add("wrong_type app_version", aside / 3);
    c_.batches.add();
    if (again > 0) c_.claims.add();
    c_.batch_age.add(about(34ms));
    const auto copied = about(34ms), committed = about(7ms);
    c_.copy_time.add(copied);
    c_.commit_time.add(committed);
    c_.load_time.add(copied + committed);
    for (std::uint64_t i = 0; i < messages; ++i) c_.send_to_commit.add(about(130ms) * wave);
  }
  std::chrono::duration<double, std::milli> about(std::chrono::milliseconds middle) {
    return std::chrono::duration<double, std::milli>(middle) * spread_(random_);
  }

  counters& c_;
  logger& log_;
  double seconds_ = 0;
  std::uint64_t steps_ = 0;
  std::minstd_rand random_{42};
  std::normal_distribution<double> noise_{0, 0.03};
  std::lognormal_distribution<double> spread_{0, 0.45};
};

asio::awaitable<void> drive(busy_run& run, bool away) {
  constexpr auto step = 50ms;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  auto at = std::chrono::steady_clock::now();
  for (int steps = 0; !away || steps < 5s / step; ++steps) {
    run.step(step);
    timer.expires_at(at += step);
    co_await timer.async_wait(asio::use_awaitable);
  }
  run.lose_database();
}

int serve(const std::string& port_file, bool away, const std::string& bad_messages) {
  asio::io_context loop(1);
  counters figures;
  logger log(log_format::text, level::off);
  state s{.figures = figures,
          .log = log,
          .what = {.version = "0.1.0",
                   .queue = "login-events",
                   .table = "public.user_logins",
                   .mode = "exactly_once",
                   .bad_messages = bad_messages,
                   .masked = "masked_ip and masked_device_id by aes_siv",
                   .receives_max = 64,
                   .segments = 6,
                   .connections_max = 2}};
  admin_server server(loop.get_executor(),
                      {.listen = parse_listen_address("127.0.0.1:0").value(), .hosts = {}}, s);
  const auto at = server.open();
  if (!at) {
    fmt::print(stderr, "{}\n", at.error().line());
    return 1;
  }
  busy_run run(figures, log);
  const auto rethrow = [](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  };
  asio::co_spawn(loop, drive(run, away), rethrow);
  asio::co_spawn(loop, server.run(), [&](std::exception_ptr e) {
    rethrow(e);
    loop.stop();
  });
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { server.close(); });
  // Written whole before it has its name, so that a reader never sees half of it.
  std::ofstream(port_file + ".part") << at->port() << '\n';
  if (std::rename((port_file + ".part").c_str(), port_file.c_str()) != 0) return 1;
  loop.run();
  return 0;
}

void print_events() {
  fmt::print("| event | level | what it means | what to do |\n|---|---|---|---|\n");
  for (const event& e : all_events()) {
    fmt::print("| `{}` | {} | {} | {} |\n", e.name, to_string(e.at), e.meaning,
               e.fix.empty() ? "nothing" : e.fix);
  }
}

void print_metrics() {
  const auto rows = [](const auto& figures, std::string_view type) {
    for (const auto& f : figures) fmt::print("| `{}` | {} | {} |\n", f.metric, type, f.help);
  };
  fmt::print("| metric | type | what it is |\n|---|---|---|\n");
  rows(counter_figures(), "counter");
  rows(gauge_figures(), "gauge");
  rows(histogram_figures(), "histogram");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--events") return print_events(), 0;
  if (first == "--metrics") return print_metrics(), 0;
  if (first.empty() || first.starts_with('-')) {
    fmt::print(stderr,
               "usage: status_demo PORT_FILE [steady|away] [quarantine|dlq|leave] | --events | --metrics\n");
    return 2;
  }
  return serve(std::string(first), argc > 2 && std::string_view(argv[2]) == "away",
               argc > 3 ? argv[3] : "quarantine");
}
