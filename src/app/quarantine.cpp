#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "app/audit.hpp"
#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/progress.hpp"
#include "mask/sealer.hpp"
#include "observe/json.hpp"

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;

constexpr std::size_t ids_of_a_line = 100;  // in the audit log

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
      .member("key_id", e.key_id)
      .end_object();
  fmt::print("{}\n", json.text());
}

void print_row(const pg::quarantine_entry& e) {
  fmt::print("{}\n", shown(fmt::format("{}  {}  {:<18}{:<20}{:<7}{:<10}{}", e.message_id, e.set_aside_at,
                                       e.reason, e.column, e.sqlstate, e.key_id, e.target)));
}

awaitable<result<int>> list(boost::asio::any_io_executor executor, const config& c,
                            const quarantine_options& o) {
  pg::connection database(std::move(executor), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  const auto filter = co_await pg::in_utc(database, o.filter);
  if (!filter) co_return filter.error();
  const auto all = co_await pg::count_quarantine(database, *filter);
  if (!all) co_return all.error();
  const auto entries = co_await pg::read_quarantine(database, *filter, from_the_first, o.count_max, false);
  if (!entries) co_return entries.error();
  if (!o.json && !entries->empty()) {
    fmt::print("{:<38}{:<22}{:<18}{:<20}{:<7}{:<10}{}\n", "message id", "set aside at", "reason", "column",
               "state", "key", "table");
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
  const auto filter = co_await pg::in_utc(database, o.filter);
  if (!filter) co_return filter.error();
  const auto entries = co_await pg::read_quarantine(database, *filter, from_the_first, o.count_max, true);
  if (!entries) co_return entries.error();

  std::vector<audit_entry> lines;
  std::vector<std::string> bodies;
  std::size_t not_kept = 0;
  for (std::size_t i = 0; i < entries->size(); ++i) {
    const pg::quarantine_entry& e = (*entries)[i];
    if (i % ids_of_a_line == 0) lines.push_back({.what = "quarantine show", .which = {}, .why = o.reason});
    audit_entry& line = lines.back();
    line.which += (line.which.empty() ? "" : " ") + e.message_id;
    if (!e.body) {
      ++not_kept;
      continue;
    }
    const mask::sealed_entry of{.message_id = e.message_id, .target = e.target, .reason = e.reason};
    auto body = mask::unseal(*e.body, of, **keys);
    if (!body) {  // an attempt that shows nothing is written down, too
      for (audit_entry& each : lines) {
        each.count = 0;
        if (auto written = audit(c, each); !written) co_return written.error();
      }
      co_return std::move(body.error()).in("message " + e.message_id);
    }
    bodies.push_back(std::move(body->body));
    ++line.count;
    line.opened_with(e.key_id);
  }
  if (lines.empty()) lines.push_back({.what = "quarantine show", .which = "nothing", .why = o.reason});
  for (const audit_entry& line : lines) {
    if (auto written = audit(c, line); !written) co_return written.error();
  }
  for (const std::string& body : bodies) fmt::print("{}\n", shown(body));
  if (not_kept > 0) say(fmt::format("{} bodies were not kept: there was no key ring\n", not_kept));
  co_return exit_code::done;
}

/// For the audit log: what was asked for.
std::string words_of(const pg::quarantine_filter& f) {
  if (f.empty()) return "all";
  std::string words;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) words += fmt::format("{}{}{}", words.empty() ? "" : " ", name, value);
  };
  for (const std::string& id : f.ids) add("", id);
  add("code=", f.reason);
  add("since=", f.since);
  add("until=", f.until);
  add("target=", f.target);
  return words;
}

awaitable<result<int>> drop(boost::asio::any_io_executor executor, const config& c,
                            const quarantine_options& o) {
  if (o.filter.empty() && !o.all) {
    co_return failure{errc::bad_configuration, "quarantine drop wants to know which entries",
                      "give message ids, --code, --since or --until, or --all"};
  }
  pg::connection database(std::move(executor), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  const auto filter = co_await pg::in_utc(database, o.filter);
  if (!filter) co_return filter.error();
  const auto found = co_await pg::count_quarantine(database, *filter);
  if (!found) co_return found.error();
  if (!o.yes) {
    co_return failure{
        errc::bad_configuration,
        fmt::format("this would drop {} entries, for ever; nothing was dropped", grouped(*found)),
        "add --yes"};
  }
  if (auto written = audit(c, {"quarantine drop", words_of(*filter), o.reason, {}, *found}); !written)
    co_return written.error();
  auto dropped = co_await pg::drop_quarantine(database, *filter);
  if (!dropped && dropped.error().code == errc::timed_out) {
    failure why = std::move(dropped).error();
    why.fix = "PostgreSQL may finish it all the same: look with `sluice quarantine list`";
    print_failure(why);
    co_return exit_code::failed;
  }
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
