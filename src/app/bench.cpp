#include <fmt/format.h>

#include <utility>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/progress.hpp"
#include "observe/counters.hpp"
#include "pg/catalogue.hpp"
#include "pg/quarantine.hpp"
#include "pipeline/sqs_queue.hpp"
#include "record/reader.hpp"

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;
using executor = boost::asio::any_io_executor;

/// The settings, but for a table like the target and of its own, and a quarantine whatever is done else.
config on_table_of_its_own(config c) {
  c.plan.table += "_sluice_bench";
  c.bad = pg::bad_messages::quarantine;
  return c;
}

failure refused(const pg::server_error& e, std::string_view what) {
  failure f = e.why;
  return std::move(f).in(what);
}

// Messages that nobody counted would be loaded into a table that is dropped.
awaitable<result<>> look_at_queue(executor on, const config& c) {
  auto session = make_session(c, on);
  if (!session) co_return session.error();
  sqs::client client(on, *session);
  const auto queue = co_await find_queue(client, c);
  if (!queue) co_return queue.error();
  const pipeline::backlog depth = pipeline::read_backlog(queue->attributes);
  const auto held = depth.visible + depth.in_flight + depth.delayed;
  if (held == 0) co_return result<>();
  co_return failure{errc::bad_configuration,
                    fmt::format("{} holds {} messages: a benchmark needs a queue that is empty, and its own",
                                queue->url, grouped(held)),
                    "make a queue for it"};
}

// Whatever can be refused is refused before a message is sent.
awaitable<result<int>> prepare(executor on, const config& real, const config& c) {
  if (auto empty = co_await look_at_queue(on, c); !empty) co_return empty.error();
  auto keys = load_keys(c);
  if (!keys) co_return keys.error();
  if (auto reader = record::reader::make(c.plan, *keys); !reader) co_return reader.error();

  pg::connection database(on, c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  if (auto fits = co_await plan_load(database, real); !fits) co_return fits.error();
  const std::string name = pg::target_name(c.plan);
  const std::string sql =
      fmt::format("CREATE TABLE {} (LIKE {} INCLUDING ALL)", name, pg::target_name(real.plan));
  if (const auto made = co_await database.query(sql); !made) {
    failure f = refused(made.error(), "make the table of the benchmark");
    if (f.fix.empty()) f.fix = fmt::format("a benchmark that was killed leaves it: DROP TABLE {}", name);
    co_return f;
  }
  co_return exit_code::done;
}

/// What a benchmark has left in the database, and takes away.
struct leavings {
  std::uint64_t rows = 0;
  std::uint64_t set_aside = 0;
};

awaitable<result<int>> take_away(executor on, const config& c, leavings& found) {
  pg::connection database(std::move(on), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  const std::string name = pg::target_name(c.plan);
  const auto counted = co_await database.query("SELECT count(*) FROM " + name);
  if (!counted) co_return refused(counted.error(), "count the rows");
  found.rows = std::stoull(counted->values.at(0).at(0).value());
  pg::quarantine_filter own;
  own.target = name;
  const auto aside = co_await pg::drop_quarantine(database, own);
  if (!aside) co_return aside.error();
  found.set_aside = *aside;
  if (const auto gone = co_await database.query("DROP TABLE " + name); !gone) {
    co_return refused(gone.error(), "drop the table of the benchmark");
  }
  co_return exit_code::done;
}

void print_times(std::string_view what, const observe::histogram& times) {
  const auto all = times.read();
  fmt::print("  {:<20}{:>9.1f} ms{:>9.1f} ms\n", what, all.quantile(0.5) * 1e3, all.quantile(0.99) * 1e3);
}

// Whether the rows are right: each message once, in the table or in the quarantine.
int conclude(const config& c, std::uint64_t sent, const observe::counters& counted, const leavings& found) {
  fmt::print("  {:<20}{:>12}{:>12}\n", "how long it took", "half", "99%");
  print_times("ReceiveMessage", counted.receive_time);
  print_times("COPY and COMMIT", counted.load_time);
  print_times("DeleteMessageBatch", counted.delete_time);

  // Elsewhere a message may make several rows, or meet another with its key.
  const bool each_is_a_row =
      c.mode != pg::load_mode::upsert && c.plan.business_key.empty() && c.plan.rows.empty();
  const std::uint64_t settled = found.rows + found.set_aside;
  bool right = counted.deleted.get() >= sent;
  if (each_is_a_row) right = settled == sent || (c.mode == pg::load_mode::at_least_once && settled > sent);
  if (right) {
    fmt::print("  checked: {} messages, {} rows, {} set aside\n", grouped(sent), grouped(found.rows),
               grouped(found.set_aside));
    return exit_code::done;
  }
  print_failure({errc::bad_answer,
                 fmt::format("{} messages were sent, {} are rows, {} were set aside", grouped(sent),
                             grouped(found.rows), grouped(found.set_aside)),
                 "if it was stopped, the rest is in the queue: purge it"});
  return exit_code::failed;
}

}  // namespace

int bench(const config& real, const send_options& o) {
  const config c = on_table_of_its_own(real);
  const int made = run_to_end([&](executor on) { return prepare(std::move(on), real, c); });
  if (made != exit_code::done) return made;

  std::uint64_t sent = 0;
  observe::counters counted;
  int code = send(c, o, sent);
  if (code == exit_code::done) code = run(c, true, counted);

  leavings found;
  const int gone = run_to_end([&](executor on) { return take_away(std::move(on), c, found); });
  if (code != exit_code::done) {
    if (sent > 0)
      fmt::print(stderr, "sluice: the messages that it sent may still be in the queue: purge it\n");
    return code;
  }
  return gone == exit_code::done ? conclude(c, sent, counted, found) : gone;
}

}  // namespace sluice::app
