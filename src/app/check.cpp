#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/grade.hpp"
#include "core/encoding.hpp"
#include "pg/catalogue.hpp"
#include "pg/upkeep.hpp"
#include "pipeline/sqs_queue.hpp"
#include "record/reader.hpp"

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;

/// The list as it grows on the screen: a tick, a warning or a cross for each thing looked at, and what to do.
class checklist {
 public:
  checklist() : terminal_(isatty(STDOUT_FILENO) != 0) {
    const char* const no_colour = std::getenv("NO_COLOR");
    colour_ = terminal_ && (no_colour == nullptr || *no_colour == '\0');
  }

  void good(std::string_view what) { line("32", terminal_ ? "\u2713" : "ok", what); }
  void weak(std::string_view what, std::string_view fix) {
    line("33", "warn", what);
    fmt::print("            {}\n", without_controls(fix));
  }
  void bad(const failure& f) {
    line("31", terminal_ ? "\u2717" : "FAIL", f.what);
    if (!f.fix.empty()) fmt::print("            {}\n", without_controls(f.fix));
    ++failures_;
  }
  void skipped(std::string_view what) { line("2", "skip", what); }
  int failures() const { return failures_; }

 private:
  void line(std::string_view colour, std::string_view mark, std::string_view text) const {
    const std::string what = without_controls(text);  // names of tables and servers may be anything
    if (colour_) {
      fmt::print("  \x1b[{}m{:>6}\x1b[0m    {}\n", colour, mark, what);
    } else {
      fmt::print("  {:>6}    {}\n", mark, what);
    }
  }
  bool terminal_;
  bool colour_;
  int failures_ = 0;
};

void check_plan(checklist& list, const config& c, const std::shared_ptr<const mask::key_ring>& keys) {
  list.good(fmt::format("plan for table {}: {} columns, {}", c.plan.table, c.plan.columns.size(),
                        c.plan.source_name));
  for (const auto& [what, fix] : grade_privacy(c.plan, keys.get())) {
    if (fix.empty()) {
      list.good(what);
    } else {
      list.weak(what, fix);
    }
  }
  if (keys) {
    const std::size_t count = keys->ids().size();
    list.good(fmt::format("key ring: primary {}, {} key{}", keys->primary(), count, count == 1 ? "" : "s"));
    if (const std::string ring = readable_ring(c); !ring.empty())
      list.weak(fmt::format("others may read key ring {}", ring), fmt::format("chmod 600 {}", ring));
  } else {
    list.weak("no key ring: the bodies of messages set aside are not kept",
              "make one with `sluice keygen`, set SLUICE_KEYS");
  }
}

/// Gives the queue, if it was found.
awaitable<std::optional<queue_info>> check_queue(checklist& list, boost::asio::any_io_executor executor,
                                                 const config& c) {
  auto session = make_session(c, executor);
  if (!session) {
    list.bad(session.error());
    list.skipped("queue: needs the above");
    co_return std::nullopt;
  }
  auto credentials = co_await (*session)->credentials->get();
  if (!credentials) {
    list.bad(credentials.error());
  } else {
    list.good(fmt::format("credentials {} from {}", (*credentials)->access_key_id, (*credentials)->source));
  }
  sqs::client client(executor, *session);
  auto info = co_await find_queue(client, c);
  if (!info) {
    list.bad(info.error());
    co_return std::nullopt;
  }
  const pipeline::backlog depth = pipeline::read_backlog(info->attributes);
  list.good(fmt::format("queue {}: {} messages visible, {} in flight, hidden for {} s when received",
                        info->url, depth.visible, depth.in_flight, info->visibility.count()));
  if (auto letters = co_await prepare_bad_messages(client, c, *info); !letters) {
    list.bad(letters.error());
  } else if (!info->attributes.contains("RedrivePolicy")) {
    list.weak("the queue has no dead-letter queue",
              "set a RedrivePolicy, so that what is never deleted does not return for ever");
  }
  co_return *std::move(info);
}

awaitable<void> check_database(checklist& list, boost::asio::any_io_executor executor, const config& c,
                               const std::optional<queue_info>& queue) {
  pg::connect_options options = c.database;
  if (queue) options.application_name = session_name(*queue);
  pg::connection connection(std::move(executor), std::move(options));
  if (auto connected = co_await connection.connect(); !connected) {
    list.bad(connected.error());
    list.skipped("table: needs the database");
    co_return;
  }
  list.good(fmt::format("database {}, PostgreSQL {}", connection.options().where(),
                        connection.server_version() / 10000));
  if (queue) {
    if (auto alone = co_await check_one_database(connection, *queue); !alone) list.bad(alone.error());
  }
  auto problems = co_await pg::check_schema(connection, c.plan);
  if (!problems) {
    list.bad(problems.error());
    co_return;
  }
  for (const failure& f : *problems) list.bad(f);
  if (!problems->empty()) co_return;
  if (auto plan = co_await plan_load(connection, c); !plan) {
    list.bad(plan.error());
  } else {
    list.good(fmt::format("table {} fits the plan; ledger and quarantine are there", c.plan.table));
  }
  const auto layout = co_await pg::check_layout(connection);
  if (!layout) {
    list.bad(layout.error());
    co_return;
  }
  for (const failure& f : *layout) list.weak(f.what, f.fix);
}

awaitable<result<int>> look(boost::asio::any_io_executor executor, const config& c) {
  checklist list;
  auto keys = load_keys(c);
  auto reader = keys ? record::reader::make(c.plan, *keys) : result<record::reader>(keys.error());
  if (reader) {
    check_plan(list, c, *keys);
  } else {
    list.bad(reader.error());
  }
  const auto queue = co_await check_queue(list, executor, c);
  co_await check_database(list, executor, c, queue);
  if (list.failures() == 0) co_return exit_code::done;
  fmt::print("\n{} to correct\n", list.failures());
  co_return exit_code::refused;
}

}  // namespace

int check(const config& c) {
  return run_to_end([&](boost::asio::any_io_executor executor) { return look(std::move(executor), c); });
}

}  // namespace sluice::app
