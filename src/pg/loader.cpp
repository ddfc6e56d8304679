#include "pg/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "copy/row_writer.hpp"
#include "core/encoding.hpp"
#include "core/verdict.hpp"
#include "pg/claims.hpp"
#include "pg/isolation.hpp"

namespace sluice::pg {
namespace {

using boost::asio::awaitable;
using clock = std::chrono::steady_clock;

constexpr std::string_view foreign_key = "23503";
constexpr std::string_view internal_error = "XX000";
constexpr int rival_rounds_max = 4;

/// How a transaction ended.
enum class ending {
  committed,
  conflict,     ///< the ledger has one of the keys
  row_refused,  ///< by the table, or dropped; who was found is marked
  row_refused_at_commit,
};

/// How the savepoint stands under which rows are tried.
enum class savepoint { none, accepted, refused };

/// Messages that the table refused, by their place in the segment, and why.
using refusals = std::vector<std::pair<std::size_t, copy::refusal>>;

/// One call of `load`: what it has found out, and what is true of each message.
class loading {
 public:
  loading(connection& c, const load_plan& plan, copy::segment& s, mask::sealer* sealer,
          const dead_letter_box* box)
      : c_(c), plan_(plan), segment_(s), sealer_(sealer), box_(box), claims_(s, plan) {}

  awaitable<result<load_report>> run(bool outcome_unknown);

 private:
  bool with_ledger() const noexcept { return plan_.claims_in != ledger::none; }
  /// Whether it is enough to copy everything and see: nothing to be taken out, or to be sent, before.
  bool may_be_fast() const {
    const bool sends = plan_.bad == bad_messages::dlq && segment_.refused() > 0;
    return plan_.claims_in != ledger::quarantine && !sends;
  }

  void begin();
  awaitable<result<ending>> fast();
  awaitable<result<ending>> careful(bool constraints_now);
  awaitable<result<ending>> begin_claiming(bool constraints_now);
  std::size_t append_rows(std::string& sql) const;
  awaitable<result<ending>> copy_in_runs();
  awaitable<result<ending>> copy_with_parents(std::vector<std::size_t> messages);
  void refuse_all(refusals& list);
  awaitable<result<ending>> copy_these(std::vector<std::size_t> messages);
  awaitable<result<ending>> send_set_aside();
  awaitable<result<ending>> commit(bool constraints_now);

  copy_source source(std::span<const std::size_t> messages) const;
  bool are_stored(std::span<const std::size_t> messages, const pg::rows& answer, std::size_t copy_at) const;
  std::optional<std::size_t> culprit(std::span<const std::size_t> messages, const server_error& e) const;
  copy::refusal refusal_for(const server_error& e) const;
  std::string back_to_savepoint() const;
  std::string quarantine_sql() const;
  failure not_loaded(server_error e, std::string_view where) const;
  load_report report() const;

  connection& c_;
  const load_plan& plan_;
  copy::segment& segment_;
  mask::sealer* sealer_;
  const dead_letter_box* box_;
  claims claims_;
  std::vector<bool> sent_;  ///< to the dead-letter queue
  refusals found_;          ///< by the COPYs of copy_these
  savepoint part_ = savepoint::none;
  bool claimed_ = false;
  bool routed_anew_ = false;  ///< after partitions had changed
  int tries_ = 0;
  clock::time_point began_ = clock::now();
  clock::duration copying_{}, committing_{};
};

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

copy::refusal loading::refusal_for(const server_error& e) const {
  // A trigger may put anything where a column's name should be: only the plan's own names pass.
  const bool known = std::ranges::find(plan_.columns, e.column) != plan_.columns.end();
  return {.reason = "refused_by_table",
          .column = known ? e.column : std::string(),
          .sqlstate = to_string(sqlstate_text(e.why.code))};
}

/// Whether the table has all rows of these messages. A trigger that returns NULL drops one, which is no
/// error. An upsert leaves out rows that are older than what is there, so it counts those that it misses.
bool loading::are_stored(std::span<const std::size_t> messages, const pg::rows& answer,
                         std::size_t copy_at) const {
  if (!plan_.count_missing.empty()) return answer.values.at(0).at(0) == "0";
  std::uint64_t sent = 0;
  for (const std::size_t i : messages) sent += segment_.slots()[i].row_count;
  return answer.counts.at(plan_.insert_rows.empty() ? copy_at : copy_at + 1) == sent;
}

std::string loading::back_to_savepoint() const {
  return part_ == savepoint::refused ? "ROLLBACK TO SAVEPOINT part; " : "";
}

/// Empty when nothing is set aside.
std::string loading::quarantine_sql() const {
  std::string sql;
  for (std::size_t i = 0; i < segment_.size(); ++i) {
    if (!claims_.is_set_aside(i) || sent_[i]) continue;
    const copy::slot& s = segment_.slots()[i];
    const copy::refusal& why = segment_.refusal_of(s);
    const std::string id = to_string(s.message_id);
    const auto text_or_null = [](const std::string& t) { return t.empty() ? "NULL" : quote_literal(t); };
    sql += sql.empty() ? "INSERT INTO sluice.quarantine (message_id, sent_ms, reason, sqlstate, column_name, "
                         "receive_count, target, body) VALUES "
                       : ",";
    fmt::format_to(std::back_inserter(sql), "('{}',{},{},{},{},{},{},", id, s.sent_ms,
                   quote_literal(why.reason), text_or_null(why.sqlstate), text_or_null(why.column),
                   s.receive_count, quote_literal(plan_.label));
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
                   "COPY cannot write there: if row security was switched on, start sluice again")
        .in(context);
  }
  return std::move(e.why).in(context);
}

/// Whether one row's data is to blame, and not the table's shape.
bool is_bad_row(const server_error& e, const load_plan& plan) {
  const verdict v = classify(e.why);
  // An internal error, as extensions' types call a value that they do not take: tried again part by part, it
  // is found to be a row's, or has passed. If all rows have it, it is nobody's: see copy_these.
  if (e.why.code == sqlstate(internal_error)) return true;
  const std::string state = to_string(sqlstate_text(e.why.code));
  // Whatever a trigger raises is about its row, but for what asks to wait.
  constexpr std::array to_wait = {"08", "25", "40", "53", "55", "57", "58"};
  if (e.raised) return !may_pass(v) || std::ranges::find(to_wait, state.substr(0, 2)) == to_wait.end();
  if (v != verdict::bad_row) return false;
  if (state == "22P03" || state == "22P04") return false;
  const bool written = e.column.empty() || std::ranges::find(plan.columns, e.column) != plan.columns.end();
  return state != "23502" || written;
}

/// A row went to the default partition while that of its range was attached: the statement had looked before
/// that was committed, and PostgreSQL found so after. Such a refusal names no constraint.
bool is_stale_route(const server_error& e) {
  return e.why.code == sqlstate("23514") && e.constraint.empty();
}

/// Another row has the key, or what an exclusion constraint guards.
bool has_rival(std::string_view sqlstate) noexcept {
  return sqlstate == "23505" || sqlstate == "23P01";
}

result<ending> committed(const rows& answer) {
  if (answer.tag == "COMMIT") return ending::committed;
  return failure(errc::bad_answer, fmt::format("COMMIT was answered with {}", answer.tag));
}

/// The statements that bring rows into the table; says how many there are.
std::size_t loading::append_rows(std::string& sql) const {
  std::size_t statements = 0;
  for (const std::string* each : {&plan_.copy_rows, &plan_.insert_rows, &plan_.count_missing}) {
    if (each->empty()) continue;
    sql.append("; ").append(*each);
    ++statements;
  }
  return statements;
}

awaitable<result<ending>> loading::fast() {
  begin();
  std::string sql = plan_.begin;
  std::vector<copy_source> sources;
  std::vector<copy::arena> keys;
  keys.reserve(2);
  for (const ledger in : claims_.ledgers()) {
    const ledger_keys& chosen = claims_.choose(in);
    sql.append("; ").append(chosen.copy_sql());
    sources.push_back({keys.emplace_back(chosen.stream()).bytes()});
  }
  const std::size_t rows_at = plan_.begin_statements + keys.size();
  const std::vector<std::size_t> messages = claims_.rows();
  if (!messages.empty()) {
    sources.push_back(source(messages));
    append_rows(sql);
    ++tries_;
  }

  auto done = co_await c_.query(sql, sources);
  if (done) {
    if (!messages.empty() && !are_stored(messages, *done, rows_at)) co_return ending::row_refused;
    co_return co_await commit(false);
  }
  const server_error& e = done.error();
  const bool in_keys = e.statement >= plan_.begin_statements && e.statement < rows_at;
  if (in_keys && (e.why.code == sqlstate("23505") || is_stale_route(e))) co_return ending::conflict;
  const bool in_rows = !messages.empty() && e.statement >= rows_at;
  if (!in_rows || !is_bad_row(e, plan_)) co_return not_loaded(e, in_rows ? "rows" : "ledger");
  // What has that key may itself be refused yet, the next statement goes by the partitions as they are, and
  // all rows may have it.
  const std::string state = to_string(sqlstate_text(e.why.code));
  const bool may_pass_yet = has_rival(state) || is_stale_route(e) || state == internal_error;
  if (const auto at = culprit(messages, e); at && !may_pass_yet)
    segment_.refuse(messages[*at], refusal_for(e));
  co_return ending::row_refused;
}

void loading::begin() {
  part_ = savepoint::none;
  sent_.assign(segment_.size(), false);
  claims_.begin();
}

awaitable<result<ending>> loading::begin_claiming(bool constraints_now) {
  begin();
  std::string sql = plan_.begin;
  if (constraints_now) sql += "; SET CONSTRAINTS ALL IMMEDIATE";
  const std::vector<ledger> ledgers = claims_.ledgers();
  if (ledgers.empty()) {
    auto begun = co_await c_.query(sql);
    if (!begun) co_return not_loaded(begun.error(), "begin");
  }
  for (const ledger in : ledgers) {
    claimed_ = true;
    // An entry of the quarantine may be older than what a ledger remembers.
    const bool as_of_now = plan_.claims_in == ledger::quarantine;
    if (!sql.empty()) sql += "; ";
    auto given = co_await c_.query(sql + claims_.choose(in).claim_sql(as_of_now));
    if (!given && is_stale_route(given.error()) && !std::exchange(routed_anew_, true))
      co_return ending::conflict;
    if (!given) co_return not_loaded(given.error(), "claim in the ledger");
    if (auto taken = claims_.answered(*given); !taken) co_return taken.error();
    sql.clear();
  }
  co_return ending::committed;
}

/// Those that the table refuses, or drops, are in `found_` then.
awaitable<result<ending>> loading::copy_these(std::vector<std::size_t> messages) {
  isolation parts(messages.size());
  std::size_t internal = 0;
  while (!parts.done()) {
    const isolation::run next = parts.next();
    const auto run = std::span(messages).subspan(next.first, next.size());
    std::string sql = part_ == savepoint::none       ? "SAVEPOINT part"
                      : part_ == savepoint::accepted ? "RELEASE SAVEPOINT part; SAVEPOINT part"
                                                     : "ROLLBACK TO SAVEPOINT part";
    const std::size_t copy_at = part_ == savepoint::accepted ? 2 : 1;
    const std::size_t rows_end = copy_at + append_rows(sql);
    if (!plan_.clear_rows.empty()) sql.append("; ").append(plan_.clear_rows);
    const std::vector<copy_source> sources{source(run)};
    ++tries_;
    auto done = co_await c_.query(sql, sources);
    if (done && are_stored(run, *done, copy_at)) {
      part_ = savepoint::accepted;
      parts.accepted();
      continue;
    }
    part_ = savepoint::refused;
    if (done) {
      if (const auto found = parts.refused({}))
        found_.emplace_back(messages[*found], copy::refusal{.reason = "dropped_by_table"});
      continue;
    }
    const server_error& e = done.error();
    if (is_stale_route(e) && !std::exchange(routed_anew_, true)) continue;
    const bool in_rows = e.statement >= copy_at && e.statement < rows_end;
    if (!in_rows || !is_bad_row(e, plan_)) co_return not_loaded(e, "rows");
    auto at = culprit(run, e);
    if (at) *at += next.first;
    const auto found = parts.refused(at);
    if (!found) continue;
    found_.emplace_back(messages[*found], refusal_for(e));
    if (e.why.code != sqlstate(internal_error) || e.raised) continue;
    // A library that does not fit the server, say: not what anybody sent.
    if (++internal == messages.size()) co_return not_loaded(e, "rows");
  }
  co_return ending::committed;
}

/// Copies until those that are refused for a foreign key, who are in `found_` then, do not become fewer: a
/// row that refers to another of its segment is refused where that one comes in a later run. And one whose
/// key another of its segment had is in its place once that one is refused for something else: whenever
/// somebody was, it is tried again, first.
awaitable<result<ending>> loading::copy_with_parents(std::vector<std::size_t> messages) {
  std::set<std::size_t> orphans;  // who was refused for a foreign key, once
  int rounds = 0;
  for (std::size_t before = 0; messages.size() != before;) {
    before = messages.size();
    found_.clear();
    if (auto copied = co_await copy_these(messages); !copied) co_return copied;
    bool somebody_new = false;
    for (const auto& [message, why] : found_) {
      if (why.sqlstate == foreign_key) {
        somebody_new |= orphans.insert(message).second;
      } else if (!has_rival(why.sqlstate)) {
        somebody_new = true;
      }
    }
    const bool rivals_too = somebody_new && ++rounds <= rival_rounds_max;
    std::vector<std::size_t> rivals;
    messages.clear();
    refusals left;
    for (auto& each : found_) {
      if (orphans.contains(each.first)) {
        messages.push_back(each.first);
        left.push_back(std::move(each));
      } else if (rivals_too && has_rival(each.second.sqlstate)) {
        rivals.push_back(each.first);
      } else {
        segment_.refuse(each.first, std::move(each.second));
      }
    }
    found_ = std::move(left);
    std::ranges::sort(messages);
    std::ranges::sort(rivals);
    if (!rivals.empty()) before = 0;
    messages.insert(messages.begin(), rivals.begin(), rivals.end());
  }
  co_return ending::committed;
}

/// Where keys of those that are refused must be given up, all of it is done again without them. So that this
/// is not once for each of them, whoever else has one of these keys is tried before; and nobody is refused
/// for a foreign key while what it refers to may still come.
awaitable<result<ending>> loading::copy_in_runs() {
  const std::size_t refused = segment_.refused();
  const bool again = claims_.hold_too_much();
  refusals alone;  // what they refer to is not there
  bool waits = true;
  std::vector<std::size_t> messages = claims_.rows();
  while (!messages.empty()) {
    if (auto copied = co_await copy_with_parents(std::move(messages)); !copied) co_return copied;
    std::ranges::move(found_, std::back_inserter(alone));
    if (!waits) refuse_all(alone);
    messages = claims_.choose_next();
    const bool others_refused = again && segment_.refused() > refused;
    if (messages.empty() && waits && !others_refused) {
      waits = false;
      const auto last = std::ranges::partition(alone, [&](auto& a) { return claims_.has_next(a.first); });
      // Who gives way to another of its event does so first; the rest may find their parents when all is done
      // again.
      if (last.begin() != alone.begin()) alone.erase(last.begin(), alone.end());
      refuse_all(alone);
      messages = claims_.choose_next();
    }
  }
  if (again && segment_.refused() > refused) co_return ending::row_refused;
  co_return ending::committed;
}

void loading::refuse_all(refusals& list) {
  for (auto& [message, why] : list) segment_.refuse(message, std::move(why));
  list.clear();
}

/// Only when nothing but the connection can keep the transaction from its commit: what is sent is sent.
awaitable<result<ending>> loading::send_set_aside() {
  std::vector<std::size_t> messages;
  for (std::size_t i = 0; i < segment_.size(); ++i) {
    if (claims_.is_set_aside(i)) messages.push_back(i);
  }
  if (messages.empty()) co_return ending::committed;
  auto checked = co_await c_.query(back_to_savepoint() + "SET CONSTRAINTS ALL IMMEDIATE");
  if (!checked && is_bad_row(checked.error(), plan_)) co_return ending::row_refused_at_commit;
  if (!checked) co_return not_loaded(checked.error(), "constraints");
  for (const std::size_t i : messages) sent_[i] = true;
  auto not_taken = co_await (*box_)(segment_, std::move(messages));
  if (!not_taken) co_return not_taken.error();
  for (const std::size_t i : *not_taken) sent_[i] = false;
  co_return ending::committed;
}

/// A query of its own, for what the one before has stored is looked at first.
awaitable<result<ending>> loading::commit(bool constraints_now) {
  std::string sql = back_to_savepoint();
  const std::string quarantine = quarantine_sql();
  const std::size_t commit_at = (sql.empty() ? 0U : 1U) + (quarantine.empty() ? 0U : 1U);
  sql.append(quarantine).append("COMMIT");
  const auto asked = clock::now();
  auto done = co_await c_.query(sql);
  copying_ = asked - began_;
  committing_ = clock::now() - asked;
  if (done) co_return committed(*done);
  const server_error& e = done.error();
  if (!constraints_now && e.statement == commit_at && is_bad_row(e, plan_))
    co_return ending::row_refused_at_commit;
  co_return not_loaded(e, e.statement == commit_at ? "commit" : "quarantine");
}

awaitable<result<ending>> loading::careful(bool constraints_now) {
  auto begun = co_await begin_claiming(constraints_now);
  if (!begun || *begun != ending::committed) co_return begun;
  auto copied = co_await copy_in_runs();
  if (!copied || *copied != ending::committed) co_return copied;
  if (plan_.bad == bad_messages::dlq) {
    auto sent = co_await send_set_aside();
    if (!sent || *sent != ending::committed) co_return sent;
  }
  co_return co_await commit(constraints_now);
}

load_report loading::report() const {
  load_report r{.claimed = claimed_, .tries = tries_, .copying = copying_, .committing = committing_};
  for (std::size_t i = 0; i < segment_.size(); ++i) {
    if (claims_.is_left(i)) {
      ++r.left;
    } else if (!claims_.has(i)) {
      ++r.duplicates;
    }
    if (claims_.is_row(i)) r.rows += segment_.slots()[i].row_count;
    if (claims_.is_set_aside(i)) ++r.set_aside;
  }
  return r;
}

awaitable<result<load_report>> loading::run(bool outcome_unknown) {
  result<ending> end = ending::conflict;
  if (may_be_fast() && (!outcome_unknown || !with_ledger())) {
    end = co_await fast();
    if (!end || *end != ending::committed) co_await c_.rollback();
  }
  while (end && *end != ending::committed) {
    // A constraint deferred to the commit does not say which row: checked at once, it does.
    end = co_await careful(*end == ending::row_refused_at_commit);
    if (!end || *end != ending::committed) co_await c_.rollback();
  }
  if (!end) co_return end.error();
  co_return report();
}

}  // namespace

awaitable<result<load_report>> load(connection& c, const load_plan& plan, copy::segment& s,
                                    mask::sealer* sealer, bool outcome_unknown, const dead_letter_box* box) {
  if (s.empty()) co_return load_report{};
  loading one(c, plan, s, sealer, box);
  co_return co_await one.run(outcome_unknown);
}

}  // namespace sluice::pg
