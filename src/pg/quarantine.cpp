#include "pg/quarantine.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "core/encoding.hpp"
#include "mask/token.hpp"

namespace sluice::pg {
namespace {

using boost::asio::awaitable;
using parameters = std::vector<std::optional<std::string>>;

/// A condition, and what its $1, $2, ... are.
std::string condition(const quarantine_filter& f, parameters& values) {
  std::string sql = "true";
  const auto add = [&](std::string_view text, const std::string& value) {
    if (value.empty()) return;
    values.emplace_back(value);
    sql += fmt::format(fmt::runtime(text), values.size());
  };
  std::string ids;
  for (const std::string& id : f.ids) ids += (ids.empty() ? "{" : ",") + id;
  if (!ids.empty()) ids += '}';
  add(" AND message_id = ANY (${}::uuid[])", ids);
  add(" AND reason = ${}", f.reason);
  add(" AND set_aside_at >= ${}::timestamptz", f.since);
  add(" AND set_aside_at < ${}::timestamptz", f.until);
  add(" AND target = ${}", f.target);
  return sql;
}

failure refused(server_error e) {
  if (to_string(sqlstate_text(e.why.code)).starts_with("22"))
    e.why.fix = "give message ids as UUIDs, and times as 2026-11-24 or 2026-11-24T11:00Z";
  return std::move(e.why).in("quarantine");
}

template <class Number>
Number number(const std::optional<std::string>& text) {
  Number n = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), n);
  return n;
}

quarantine_entry read_entry(std::vector<std::optional<std::string>> row) {
  quarantine_entry e{.message_id = row.at(0).value_or(""),
                     .sent_ms = number<std::int64_t>(row.at(1)),
                     .set_aside_at = row.at(2).value_or(""),
                     .reason = row.at(3).value_or(""),
                     .sqlstate = row.at(4).value_or(""),
                     .column = row.at(5).value_or(""),
                     .target = row.at(6).value_or(""),
                     .receive_count = number<std::uint32_t>(row.at(7)),
                     .key_id = row.at(8).value_or(""),
                     .body = {}};
  if (row.at(9)) e.body = unhex(*row.at(9));
  return e;
}

}  // namespace

awaitable<result<std::vector<quarantine_entry>>> read_quarantine(connection& c,
                                                                 const quarantine_filter& filter,
                                                                 const quarantine_position& after,
                                                                 std::size_t count_max, bool with_bodies) {
  parameters values = {std::to_string(after.sent_ms), after.message_id};
  const std::string where = condition(filter, values);
  const std::string sql = fmt::format(
      "SELECT message_id, sent_ms, to_char(set_aside_at AT TIME ZONE 'UTC', "
      "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
      "reason, sqlstate, column_name, target, receive_count, "
      "split_part(encode(substring(body FROM 1 FOR {}), 'escape'), '.', 1), {} FROM sluice.quarantine "
      "WHERE (sent_ms, message_id) > ($1::bigint, $2::uuid) AND {} ORDER BY sent_ms, message_id LIMIT {}",
      mask::key_id_size_max + 1, with_bodies ? "encode(body, 'hex')" : "NULL", where, count_max);
  auto found = co_await c.execute(sql, std::move(values));
  if (!found) co_return refused(std::move(found).error());
  std::vector<quarantine_entry> entries;
  for (auto& row : found->values) entries.push_back(read_entry(std::move(row)));
  co_return entries;
}

awaitable<result<quarantine_filter>> in_utc(connection& c, quarantine_filter filter) {
  if (filter.since.empty() && filter.until.empty()) co_return filter;
  if (auto set = co_await c.query("BEGIN; SET LOCAL TIME ZONE 'UTC'"); !set)
    co_return refused(std::move(set).error());
  for (std::string* time : {&filter.since, &filter.until}) {
    if (time->empty()) continue;
    parameters value;
    value.emplace_back(*time);
    auto read = co_await c.execute("SELECT $1::timestamptz::text", std::move(value));
    if (!read) co_return refused(std::move(read).error());
    *time = read->values.at(0).at(0).value();
  }
  co_await c.rollback();
  co_return filter;
}

awaitable<result<std::uint64_t>> count_quarantine(connection& c, const quarantine_filter& filter) {
  parameters values;
  const std::string sql = "SELECT count(*) FROM sluice.quarantine WHERE " + condition(filter, values);
  auto found = co_await c.execute(sql, std::move(values));
  if (!found) co_return refused(std::move(found).error());
  co_return number<std::uint64_t>(found->values.at(0).at(0));
}

awaitable<result<std::uint64_t>> drop_quarantine(connection& c, const quarantine_filter& filter) {
  parameters values;
  const std::string sql = "DELETE FROM sluice.quarantine WHERE " + condition(filter, values);
  auto done = co_await c.execute(sql, std::move(values));
  if (!done) co_return refused(std::move(done).error());
  co_return done->affected;
}

}  // namespace sluice::pg
