#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "app/audit.hpp"
#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/progress.hpp"
#include "mask/sealer.hpp"
#include "mask/token.hpp"
#include "observe/json.hpp"

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;

const pg::quarantine_position from_the_first;  // g++ 12 frees a temporary among co_await's twice

void print_json(const pg::quarantine_entry& e) {
  observe::json_writer json;
  json.begin_object()
      .member("message_id", e.message_id)
      .member("sent_ms", e.sent_ms)
      .member("set_aside_at", e.set_aside_at)
      .member("reason", e.reason)
      .member("column", e.column)
      .member("sqlstate", e.sqlstate)
      .member("receive_count", e.receive_count)
      .member("target", e.target)
      .end_object();
  fmt::print("{}\n", json.text());
}

void print_row(const pg::quarantine_entry& e) {
  fmt::print("{}  {}  {:<18}{:<20}{:<7}{}\n", e.message_id, e.set_aside_at, e.reason, e.column, e.sqlstate,
             e.target);
}

awaitable<result<int>> list(boost::asio::any_io_executor executor, const config& c,
                            const quarantine_options& o) {
  pg::connection database(std::move(executor), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  const auto all = co_await pg::count_quarantine(database, o.filter);
  if (!all) co_return all.error();
  const auto entries = co_await pg::read_quarantine(database, o.filter, from_the_first, o.count_max, false);
  if (!entries) co_return entries.error();
  if (!o.json && !entries->empty()) {
    fmt::print("{:<38}{:<22}{:<18}{:<20}{:<7}{}\n", "message id", "set aside at", "reason", "column", "state",
               "table");
  }
  for (const pg::quarantine_entry& e : *entries) o.json ? print_json(e) : print_row(e);
  if (!o.json) fmt::print("{} of {} entries\n", grouped(entries->size()), grouped(*all));
  co_return exit_code::done;
}

/// Bodies as they came, one on each line; the audit line is written before the first.
awaitable<result<int>> show(boost::asio::any_io_executor executor, const config& c,
                            const quarantine_options& o) {
  const auto keys = load_sealing_keys(c);
  if (!keys) co_return keys.error();
  pg::connection database(std::move(executor), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  const auto entries = co_await pg::read_quarantine(database, o.filter, from_the_first, o.count_max, true);
  if (!entries) co_return entries.error();

  audit_entry entry{.what = "quarantine show", .which = {}, .why = o.reason};
  std::vector<std::string> bodies;
  std::size_t not_kept = 0;
  for (const pg::quarantine_entry& e : *entries) {
    entry.which += (entry.which.empty() ? "" : " ") + e.message_id;
    if (!e.body) {
      ++not_kept;
      continue;
    }
    auto body = mask::unseal(*e.body, e.message_id, **keys);
    if (!body) co_return std::move(body.error()).in("message " + e.message_id);
    bodies.push_back(*std::move(body));
    entry.opened_with(mask::split_token(*e.body)->key_id);
  }
  entry.count = bodies.size();
  if (auto written = audit(c, entry); !written) co_return written.error();
  for (const std::string& body : bodies) fmt::print("{}\n", body);
  if (not_kept > 0) say(fmt::format("{} bodies were not kept: there was no key ring\n", not_kept));
  co_return exit_code::done;
}

awaitable<result<int>> drop(boost::asio::any_io_executor executor, const config& c,
                            const quarantine_options& o) {
  if (o.filter.empty() && !o.all) {
    co_return failure{errc::bad_configuration, "quarantine drop wants to know which entries",
                      "give message ids, --code, --since or --until, or --all"};
  }
  pg::connection database(std::move(executor), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  if (!o.yes) {
    const auto found = co_await pg::count_quarantine(database, o.filter);
    if (!found) co_return found.error();
    co_return failure{
        errc::bad_configuration,
        fmt::format("this would drop {} entries, for ever; nothing was dropped", grouped(*found)),
        "add --yes"};
  }
  const auto dropped = co_await pg::drop_quarantine(database, o.filter);
  if (!dropped) co_return dropped.error();
  fmt::print("dropped {} entries\n", grouped(*dropped));
  co_return exit_code::done;
}

}  // namespace

int list_quarantine(const config& c, const quarantine_options& o) {
  return run_to_end([&](boost::asio::any_io_executor executor) { return list(std::move(executor), c, o); });
}

int show_quarantine(const config& c, const quarantine_options& o) {
  return run_to_end([&](boost::asio::any_io_executor executor) { return show(std::move(executor), c, o); });
}

int drop_quarantine(const config& c, const quarantine_options& o) {
  return run_to_end([&](boost::asio::any_io_executor executor) { return drop(std::move(executor), c, o); });
}

}  // namespace sluice::app
