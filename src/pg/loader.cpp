#include "pg/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "copy/row_writer.hpp"
#include "core/encoding.hpp"
#include "core/verdict.hpp"
#include "pg/isolation.hpp"
#include "pg/keys.hpp"

namespace sluice::pg {
namespace {

using boost::asio::awaitable;

constexpr std::string_view begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
constexpr std::string_view copy_ledger =
    "COPY sluice.ledger (sent_ms, message_id) FROM STDIN (FORMAT binary)";

/// How a transaction ended.
enum class ending {
  committed,
  conflict,     ///< the ledger has one of the keys
  row_refused,  ///< by the table; the culprit, if it was named, is marked
  row_refused_at_commit,
};

/// One call of `load`: what it has found out, and what is true of each message.
class loading {
 public:
  loading(connection& c, const load_plan& plan, copy::segment& s, mask::sealer* sealer)
      : c_(c), plan_(plan), segment_(s), sealer_(sealer), keys_(s), taken_(s.size(), !with_ledger()) {
    if (with_ledger()) take_all_keys();
  }

  awaitable<result<load_report>> run(bool outcome_unknown);

 private:
  bool with_ledger() const noexcept { return plan_.mode == load_mode::exactly_once; }
  bool is_row(std::size_t i) const { return taken_[i] && segment_.slots()[i].refusal_index < 0; }
  bool is_set_aside(std::size_t i) const { return taken_[i] && segment_.slots()[i].refusal_index >= 0; }
  void take_all_keys() {
    for (const std::uint32_t i : keys_.messages()) taken_[i] = true;
  }

  awaitable<result<ending>> fast();
  awaitable<result<ending>> careful(bool constraints_now);
  awaitable<result<>> begin_claiming(bool constraints_now);
  awaitable<result<ending>> copy_in_runs(bool& in_savepoint);

  std::vector<std::size_t> rows() const;
  copy_source source(std::span<const std::size_t> messages) const;
  std::optional<std::size_t> culprit(std::span<const std::size_t> messages, const server_error& e) const;
  void refuse(std::size_t message, const server_error& e);
  std::string quarantine_sql() const;
  failure not_loaded(server_error e, std::string_view where) const;
  load_report report() const;

  connection& c_;
  const load_plan& plan_;
  copy::segment& segment_;
  mask::sealer* sealer_;
  ledger_keys keys_;
  std::vector<bool> taken_;  ///< this call's to commit; the others are known already
  bool claimed_ = false;
  int tries_ = 0;
};

std::vector<std::size_t> loading::rows() const {
  std::vector<std::size_t> messages;
  messages.reserve(segment_.size());
  for (std::size_t i = 0; i < segment_.size(); ++i) {
    if (is_row(i)) messages.push_back(i);
  }
  return messages;
}

/// Neighbours in the arena are sent as one part.
copy_source loading::source(std::span<const std::size_t> messages) const {
  copy_source parts{copy::stream_header()};
  std::size_t end = 0;
  for (const std::size_t i : messages) {
    const copy::slot& s = segment_.slots()[i];
    const auto bytes = segment_.rows().bytes().subspan(s.row_offset, s.row_bytes);
    if (parts.size() > 1 && s.row_offset == end) {
      parts.back() = {parts.back().data(), parts.back().size() + bytes.size()};
    } else {
      parts.push_back(bytes);
    }
    end = s.row_offset + s.row_bytes;
  }
  parts.push_back(copy::stream_trailer());
  return parts;
}

/// The message whose row the server named. Not trusted: a table's name that could pass for a place, and
/// limits of the storage (class 54), which COPY finds when it writes a thousand buffered rows and lays on the
/// last.
std::optional<std::size_t> loading::culprit(std::span<const std::size_t> messages,
                                            const server_error& e) const {
  if (!e.copy_line || !plan_.lines_tell || to_string(sqlstate_text(e.why.code)).starts_with("54"))
    return std::nullopt;
  std::uint64_t line = *e.copy_line;
  for (std::size_t at = 0; at < messages.size(); ++at) {
    const std::uint32_t rows_here = segment_.slots()[messages[at]].row_count;
    if (line <= rows_here) return at;
    line -= rows_here;
  }
  return std::nullopt;
}

void loading::refuse(std::size_t message, const server_error& e) {
  // A trigger may put anything where a column's name should be: only the plan's own names pass.
  const bool known = std::ranges::find(plan_.columns, e.column) != plan_.columns.end();
  segment_.refuse(message, {.reason = "refused_by_table",
                            .column = known ? e.column : std::string(),
                            .sqlstate = to_string(sqlstate_text(e.why.code))});
}

/// Empty when nothing is set aside.
std::string loading::quarantine_sql() const {
  std::string sql;
  for (std::size_t i = 0; i < segment_.size(); ++i) {
    if (!is_set_aside(i)) continue;
    const copy::slot& s = segment_.slots()[i];
    const copy::refusal& why = segment_.refusal_of(s);
    const std::string id = to_string(s.message_id);
    const auto text_or_null = [](const std::string& t) { return t.empty() ? "NULL" : quote_literal(t); };
    sql += sql.empty() ? "INSERT INTO sluice.quarantine (message_id, sent_ms, reason, sqlstate, column_name, "
                         "receive_count, target, body) VALUES "
                       : ",";
    fmt::format_to(std::back_inserter(sql), "('{}',{},{},{},{},{},{},", id, s.sent_ms,
                   quote_literal(why.reason), text_or_null(why.sqlstate), text_or_null(why.column),
                   s.receive_count, quote_literal(plan_.target));
    if (sealer_ == nullptr) {
      sql += "NULL)";
    } else {
      fmt::format_to(std::back_inserter(sql), "decode('{}','hex'))",
                     hex(bytes_of(sealer_->seal(segment_.body(s), id))));
    }
  }
  // Without a ledger, or after its partition was dropped, a message may come here twice.
  return sql.empty() ? sql : sql + " ON CONFLICT DO NOTHING; ";
}

failure loading::not_loaded(server_error e, std::string_view where) const {
  const std::string context = fmt::format("load into {}: {}", plan_.target, where);
  const std::string state = to_string(sqlstate_text(e.why.code));
  const bool from_server = e.why.code.category() == sqlstate_category();
  // A field that is shorter than the column's type wants reads like a broken protocol.
  const bool short_field = state == "08P01" && e.copy_line;
  if (from_server && (short_field || classify(e.why) == verdict::bad_row)) {
    // Not this row's data: no row of any message would pass.
    return {errc::schema_mismatch, fmt::format("{}: {}", context, e.why.what), "run sluice check"};
  }
  if (from_server && state == "0A000") {
    return failure(e.why.code, std::move(e.why.what),
                   "COPY cannot write there: row security may be on for this role")
        .in(context);
  }
  return std::move(e.why).in(context);
}

/// Whether one row's data is to blame, and not the table's shape.
bool is_bad_row(const server_error& e, const load_plan& plan) {
  if (classify(e.why) != verdict::bad_row) return false;
  const std::string state = to_string(sqlstate_text(e.why.code));
  if (state == "22P03" || state == "22P04") return false;
  const bool written = e.column.empty() || std::ranges::find(plan.columns, e.column) != plan.columns.end();
  return state != "23502" || written;
}

result<ending> committed(const rows& answer) {
  if (answer.tag == "COMMIT") return ending::committed;
  return failure(errc::bad_answer, fmt::format("COMMIT was answered with {}", answer.tag));
}

awaitable<result<ending>> loading::fast() {
  const std::vector<std::size_t> messages = rows();
  std::string sql(begin);
  std::vector<copy_source> sources;
  copy::arena ledger(0);
  std::size_t ledger_at = 0, target_at = 0, statements = 1;
  if (with_ledger()) {
    ledger = keys_.stream();
    sql.append("; ").append(copy_ledger);
    sources.push_back({ledger.bytes()});
    ledger_at = statements++;
  }
  if (!messages.empty()) {
    sql.append("; ").append(plan_.copy_target);
    sources.push_back(source(messages));
    target_at = statements++;
    ++tries_;
  }
  sql.append("; ");
  const std::string quarantine = quarantine_sql();
  if (!quarantine.empty()) ++statements;
  sql.append(quarantine).append("COMMIT");

  auto done = co_await c_.query(sql, sources);
  if (done) co_return committed(*done);
  const server_error& e = done.error();
  co_await c_.rollback();
  if (e.statement == ledger_at && with_ledger() && e.why.code == sqlstate("23505"))
    co_return ending::conflict;
  if (is_bad_row(e, plan_)) {
    if (target_at > 0 && e.statement == target_at) {
      if (const auto at = culprit(messages, e)) refuse(messages[*at], e);
      co_return ending::row_refused;
    }
    if (e.statement == statements) co_return ending::row_refused_at_commit;
  }
  co_return not_loaded(e, e.statement == target_at ? "rows" : "ledger, quarantine or commit");
}

awaitable<result<>> loading::begin_claiming(bool constraints_now) {
  std::string sql(begin);
  if (constraints_now) sql += "; SET CONSTRAINTS ALL IMMEDIATE";
  if (with_ledger()) sql.append("; ").append(keys_.claim_sql());
  auto claimed = co_await c_.query(sql);
  if (!claimed) co_return not_loaded(claimed.error(), "claim in the ledger");
  if (!with_ledger()) co_return result<>{};

  claimed_ = true;
  taken_.assign(segment_.size(), false);
  for (const auto& row : claimed->values) {
    const std::int64_t i = keys_.find(row.at(0).value_or(""), row.at(1).value_or(""));
    if (i < 0) co_return failure(errc::bad_answer, "the ledger gave a key that was not claimed");
    taken_[static_cast<std::size_t>(i)] = true;
  }
  co_return result<>{};
}

/// `in_savepoint` tells what is left of the last try: a savepoint to roll back to.
awaitable<result<ending>> loading::copy_in_runs(bool& in_savepoint) {
  const std::vector<std::size_t> messages = rows();
  isolation parts(messages.size());
  while (!parts.done()) {
    const isolation::run next = parts.next();
    const auto run = std::span(messages).subspan(next.first, next.size());
    const std::string sql = fmt::format("{} SAVEPOINT part; {}; RELEASE SAVEPOINT part",
                                        in_savepoint ? "ROLLBACK TO" : "", plan_.copy_target);
    const std::vector<copy_source> sources{source(run)};
    ++tries_;
    auto done = co_await c_.query(sql, sources);
    in_savepoint = !done;
    if (done) {
      parts.accepted();
      continue;
    }
    const server_error& e = done.error();
    if (!is_bad_row(e, plan_) || e.statement != 1) co_return not_loaded(e, "rows");
    auto at = culprit(run, e);
    if (at) *at += next.first;
    if (const auto found = parts.refused(at)) refuse(messages[*found], e);
  }
  co_return ending::committed;
}

awaitable<result<ending>> loading::careful(bool constraints_now) {
  if (auto begun = co_await begin_claiming(constraints_now); !begun) co_return begun.error();
  bool in_savepoint = false;
  if (auto copied = co_await copy_in_runs(in_savepoint); !copied) co_return copied.error();

  std::string sql = in_savepoint ? "ROLLBACK TO SAVEPOINT part; " : "";
  const std::string quarantine = quarantine_sql();
  sql.append(quarantine).append("COMMIT");
  const std::size_t commit_at = (in_savepoint ? 1U : 0U) + (quarantine.empty() ? 0U : 1U);
  auto done = co_await c_.query(sql);
  if (done) co_return committed(*done);
  const server_error& e = done.error();
  if (!constraints_now && e.statement == commit_at && is_bad_row(e, plan_))
    co_return ending::row_refused_at_commit;
  co_return not_loaded(e, e.statement == commit_at ? "commit" : "quarantine");
}

load_report loading::report() const {
  load_report r{.claimed = claimed_, .tries = tries_};
  for (std::size_t i = 0; i < segment_.size(); ++i) {
    if (!taken_[i]) ++r.duplicates;
    if (is_row(i)) r.rows += segment_.slots()[i].row_count;
    if (is_set_aside(i)) ++r.set_aside;
  }
  return r;
}

awaitable<result<load_report>> loading::run(bool outcome_unknown) {
  result<ending> end = ending::conflict;
  if (!outcome_unknown || !with_ledger()) end = co_await fast();
  while (end && *end != ending::committed) {
    // A constraint deferred to the commit does not say which row: checked at once, it does.
    end = co_await careful(*end == ending::row_refused_at_commit);
    if (!end || *end != ending::committed) co_await c_.rollback();
  }
  if (!end) co_return end.error();
  co_return report();
}

}  // namespace

load_plan load_plan::make(const record::plan& p, load_mode mode) {
  load_plan made;
  made.mode = mode;
  made.target = p.schema.empty() ? "" : quote_identifier(p.schema) + ".";
  made.target += quote_identifier(p.table);
  std::string list;
  for (const record::column& c : p.columns) {
    list.append(list.empty() ? "" : ", ").append(quote_identifier(c.name));
    made.columns.push_back(c.name);
  }
  made.copy_target = fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", made.target, list);
  made.lines_tell = p.table.find(',') == p.table.npos;
  return made;
}

awaitable<result<load_report>> load(connection& c, const load_plan& plan, copy::segment& s,
                                    mask::sealer* sealer, bool outcome_unknown) {
  if (s.empty()) co_return load_report{};
  loading one(c, plan, s, sealer);
  co_return co_await one.run(outcome_unknown);
}

}  // namespace sluice::pg
