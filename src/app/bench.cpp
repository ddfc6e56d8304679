#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/progress.hpp"
#include "core/encoding.hpp"
#include "observe/counters.hpp"
#include "pg/catalogue.hpp"
#include "pg/quarantine.hpp"
#include "pg/table_place.hpp"
#include "pipeline/sqs_queue.hpp"
#include "record/reader.hpp"

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;
using executor = boost::asio::any_io_executor;

/// If PostgreSQL cut the name, it could be that of the target itself.
std::string name_beside(std::string_view table) {
  constexpr std::string_view suffix = "_sluice_bench";
  std::size_t kept = std::min(table.size(), record::identifier_bytes_max - suffix.size());
  while (kept > 0 && kept < table.size() && !starts_character(table[kept])) --kept;
  return std::string(table.substr(0, kept)).append(suffix);
}

/// The settings, but for a table like the target and of its own, a quarantine whatever is done else, and no
/// business keys: these would be taken for ever from the events that the sample is of.
config on_table_of_its_own(config c) {
  c.plan.table = name_beside(c.plan.table);
  c.plan.business_key.clear();
  c.bad = pg::bad_messages::quarantine;
  return c;
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

// Whatever can be refused is refused before a message is sent. The new table is beside the real one, wherever
// that was found.
awaitable<result<int>> prepare(executor on, const config& real, config& c) {
  if (auto empty = co_await look_at_queue(on, c); !empty) co_return empty.error();
  auto keys = load_keys(c);
  if (!keys) co_return keys.error();
  if (auto reader = record::reader::make(c.plan, *keys); !reader) co_return reader.error();

  pg::connection database(on, c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  const auto fits = co_await plan_load(database, real);
  if (!fits) co_return fits.error();
  const auto place = co_await pg::find_table(database, real.plan.schema, real.plan.table);
  if (!place) co_return place.error();
  c.plan.schema = place->schema;
  const std::string name = pg::target_name(c.plan);
  const std::string sql = fmt::format("CREATE TABLE {} (LIKE {} INCLUDING ALL)", name, fits->target);
  if (auto made = co_await database.query(sql); !made) {
    failure f = std::move(made.error().why).in("make the table of the benchmark");
    if (f.code == sqlstate("42P07"))
      f.fix = fmt::format("a benchmark that was killed leaves it: DROP TABLE {}", name);
    co_return f;
  }
  co_return exit_code::done;
}

/// What a benchmark has left in the database.
struct leavings {
  std::uint64_t rows = 0;
  std::uint64_t set_aside = 0;
};

// Whether that is each message once, in the table or in the quarantine, and nobody else's.
bool is_right(const config& c, std::uint64_t sent, const observe::counters& counted, const leavings& found) {
  // Elsewhere a message may make several rows, or meet another with its key.
  const bool each_is_a_row = c.mode != pg::load_mode::upsert && c.plan.rows.empty();
  return each_is_a_row ? found.rows + found.set_aside == sent : counted.deleted.get() == sent;
}

// Takes away what is the benchmark's own. What else may be there could be messages of somebody who sent
// meanwhile, and they are nowhere else.
awaitable<result<int>> take_away(executor on, const config& c, std::uint64_t sent,
                                 const observe::counters& counted) {
  pg::connection database(std::move(on), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  const std::string name = pg::target_name(c.plan);
  auto rows = co_await database.query("SELECT count(*) FROM " + name);
  if (!rows) co_return std::move(rows.error().why).in("count the rows");
  pg::quarantine_filter own;
  own.target = name;
  const auto aside = co_await pg::count_quarantine(database, own);
  if (!aside) co_return aside.error();

  const leavings found{.rows = std::stoull(rows->values.at(0).at(0).value()), .set_aside = *aside};
  const bool nothing_was_loaded = found.rows == 0 && found.set_aside == 0;
  const bool right = is_right(c, sent, counted, found);
  if (right || nothing_was_loaded) {
    if (auto dropped = co_await pg::drop_quarantine(database, own); !dropped) co_return dropped.error();
    if (auto gone = co_await database.query("DROP TABLE " + name); !gone)
      co_return std::move(gone.error().why).in("drop the table of the benchmark");
  }
  if (right) {
    fmt::print("  checked: {} messages, {} rows, {} set aside\n", grouped(sent), grouped(found.rows),
               grouped(found.set_aside));
    co_return exit_code::done;
  }
  print_failure(
      {errc::bad_answer,
       fmt::format("{} messages were sent, {} are rows of {}, {} were set aside", grouped(sent),
                   grouped(found.rows), name, grouped(found.set_aside)),
       fmt::format(
           "{}what it sent and did not load is in the queue: purge it",
           nothing_was_loaded ? "" : "the table is kept, in case that somebody else sent messages, too; ")});
  co_return exit_code::failed;
}

void print_times(std::string_view what, const observe::histogram& times) {
  const auto all = times.read();
  fmt::print("  {:<20}{:>9.1f} ms{:>9.1f} ms\n", what, all.quantile(0.5) * 1e3, all.quantile(0.99) * 1e3);
}

void print_all_times(const observe::counters& counted) {
  fmt::print("  {:<20}{:>12}{:>12}\n", "how long it took", "half", "99%");
  print_times("ReceiveMessage", counted.receive_time);
  print_times("COPY", counted.copy_time);
  print_times("COMMIT", counted.commit_time);
  print_times("DeleteMessageBatch", counted.delete_time);
}

}  // namespace

int bench(const config& real, const send_options& o) {
  config c = on_table_of_its_own(real);
  const int made = run_to_end([&](executor on) { return prepare(std::move(on), real, c); });
  if (made != exit_code::done) return made;

  std::uint64_t sent = 0;
  observe::counters counted;
  int code = send(c, o, sent);
  if (code == exit_code::done) code = run(c, true, counted);
  if (code == exit_code::done) print_all_times(counted);
  const int checked = run_to_end([&](executor on) { return take_away(std::move(on), c, sent, counted); });
  return code == exit_code::done ? checked : code;
}

}  // namespace sluice::app
