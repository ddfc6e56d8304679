#include "pg/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/assert.hpp>
#include <iterator>
#include <utility>

#include "copy/row_writer.hpp"
#include "core/encoding.hpp"
#include "core/verdict.hpp"
#include "pg/claims.hpp"
#include "pg/errors.hpp"
#include "pg/refusal_search.hpp"

namespace sluice::pg {
namespace {

using boost::asio::awaitable;
using clock = std::chrono::steady_clock;

/// How a transaction, or a step of it, has ended.
enum class ending {
  good,           ///< go on; at the end of a transaction, it is committed
  claim_again,    ///< roll back, and begin again in claim form
  check_at_once,  ///< the same, with deferred constraints checked at once, so that they name the row
};

/// How the savepoint stands under which rows are tried.
enum class savepoint { none, kept, taken_back };

bool is_one_of(std::string_view sqlstate, std::span<const std::string_view> states) {
  return std::ranges::any_of(states, [&](std::string_view s) { return sqlstate.starts_with(s); });
}

/// Whether rows may be to blame: whatever a row can meet on its way into the table, in a trigger or an
/// extension. Not what asks to wait, and not what ended the connection.
bool is_about_rows(const server_error& e) {
  if (e.why.code.category() != sqlstate_category()) return false;
  constexpr std::array<std::string_view, 7> to_wait = {"08", "25", "40", "53", "55P03", "57", "58"};
  constexpr std::array<std::string_view, 3> lasting = {"57P04", "XX001", "XX002"};  // dropped, corrupted
  const std::string state = to_string(sqlstate_text(e.why.code));
  const verdict v = classify(e.why);
  if (e.raised) return !may_pass(v) || !is_one_of(state, to_wait);
  if (is_one_of(state, lasting)) return false;
  return v == verdict::bad_row || v == verdict::fatal || state.starts_with("XX");
}

/// Not as the column's type has it: of all rows it means that the table is not what the plan wants.
bool is_of_shape(std::string_view sqlstate) {
  return sqlstate == "22P03" || sqlstate == "22P04";
}

/// One call of `load`: the transactions, and what is true of each message.
class loading {
 public:
  loading(connection& c, const load_plan& plan, copy::segment& s, mask::sealer* sealer, load_options o)
      : c_(c),
        plan_(plan),
        segment_(s),
        sealer_(sealer),
        options_(o),
        first_(o.part.first),
        last_(std::min(o.part.last, s.size())),
        refused_before_(s.refused()),
        claims_(s, plan, o.part),
        search_(s, claims_, o.history),
        sent_(s.size()) {}

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
  awaitable<result<ending>> find_refused();
  awaitable<result<row_answer>> try_rows(search_step step);
  std::size_t append_rows(std::string& sql) const;
  awaitable<result<ending>> send_set_aside();
  awaitable<result<ending>> commit(bool constraints_now);

  copy_source source(std::span<const std::size_t> messages) const;
  std::uint64_t count_rows(std::span<const std::size_t> messages) const;
  bool are_stored(std::uint64_t sent, const pg::rows& answer, std::size_t copy_at) const;
  row_answer refusal(std::span<const std::size_t> messages, const server_error& e) const;
  std::string back_to_savepoint() const;
  std::string quarantine_sql() const;
  failure not_loaded(server_error e, std::string_view where) const;
  failure held() const;
  void remember();
  load_report report() const;

  connection& c_;
  const load_plan& plan_;
  copy::segment& segment_;
  mask::sealer* sealer_;
  load_options options_;
  std::size_t first_, last_;  ///< of the messages to load
  std::size_t refused_before_;
  claims claims_;
  refusal_search search_;
  server_error last_refusal_;
  std::vector<bool> sent_;  ///< to the dead-letter queue, in this call
  savepoint part_ = savepoint::none;
  bool claimed_ = false;
  bool routed_anew_ = false;  ///< the claim, after partitions had changed
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

std::uint64_t loading::count_rows(std::span<const std::size_t> messages) const {
  std::uint64_t count = 0;
  for (const std::size_t i : messages) count += segment_.slots()[i].row_count;
  return count;
}

/// What a refusal says of these messages. The line is not trusted for limits of the storage (class 54), which
/// COPY finds when it writes a thousand buffered rows and lays on the last. A trigger may put anything where
/// a column's name should be: only the plan's own names pass.
row_answer loading::refusal(std::span<const std::size_t> messages, const server_error& e) const {
  const copy_place place = parse_copy_context(e.copy_context, plan_.copied_into);
  const std::string& named = e.column.empty() ? place.column : e.column;
  const bool known = std::ranges::find(plan_.columns, named) != plan_.columns.end();
  const std::string state = to_string(sqlstate_text(e.why.code));
  row_answer a{.what = row_answer::kind::refused,
               .why = {.reason = "refused_by_table", .column = known ? named : "", .sqlstate = state},
               .names_cause = e.raised || ((!e.constraint.empty() || known) && !is_of_shape(state)),
               .of_statement = classify(e.why) == verdict::fatal};
  if (!place.line || state.starts_with("54")) return a;
  std::uint64_t line = *place.line;
  for (std::size_t at = 0; at < messages.size(); ++at) {
    const std::uint32_t rows_here = segment_.slots()[messages[at]].row_count;
    if (line <= rows_here) {
      a.culprit = at;
      break;
    }
    line -= rows_here;
  }
  return a;
}

/// Whether the table has all rows that were sent. A trigger that returns NULL drops one, which is no error.
/// An upsert leaves out rows that are older than what is there, so it counts those that it misses.
bool loading::are_stored(std::uint64_t sent, const pg::rows& answer, std::size_t copy_at) const {
  if (!plan_.count_missing.empty()) return answer.values.at(0).at(0) == "0";
  return answer.counts.at(plan_.insert_rows.empty() ? copy_at : copy_at + 1) == sent;
}

std::string loading::back_to_savepoint() const {
  return part_ == savepoint::taken_back ? "ROLLBACK TO SAVEPOINT part; " : "";
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
                     hex(bytes_of(sealer_->seal(
                         segment_.body(s), {.message_id = id, .target = plan_.label, .reason = why.reason},
                         plan_.masked))));
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
  const bool short_field = state == "08P01" && !e.copy_context.empty();
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

/// What is the table's trouble or the server's. It may pass, unless rights, tables or the shape of rows are
/// what all of them meet.
failure loading::held() const {
  const std::string state = to_string(sqlstate_text(last_refusal_.why.code));
  const auto refuses = [&](std::string_view what, std::string_view fix) {
    return failure(errc::table_refuses,
                   fmt::format("load into {}: {}: {}", plan_.target, what, last_refusal_.why.what),
                   std::string(fix));
  };
  if (search_.over_stop_line()) {
    return refuses(
        fmt::format("more than {} messages in a row are refused", load_history::refusals_max),
        "compare the table with what producers send now: no message is set aside until one is a row");
  }
  if (is_of_shape(state) || state == "23502") return not_loaded(last_refusal_, "rows");
  if (search_.is_unsure()) {
    return refuses("the few messages tried are refused, and it is not known whether others would be",
                   "they are tried again beside others; PostgreSQL's log says what they meet");
  }
  if (classify(last_refusal_.why) == verdict::bad_row) {
    return refuses("every message is refused", "look at the table's sequences, partitions and triggers");
  }
  return not_loaded(last_refusal_, "rows");
}

/// A row went to the ledger's default partition while that of its day was attached. Such a refusal names no
/// constraint.
bool is_stale_route(const server_error& e) {
  return e.why.code == sqlstate("23514") && e.constraint.empty();
}

result<ending> committed(const rows& answer) {
  if (answer.tag == "COMMIT") return ending::good;
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
    if (!messages.empty() && !are_stored(count_rows(messages), *done, rows_at)) co_return ending::claim_again;
    co_return co_await commit(false);
  }
  const server_error& e = done.error();
  const bool in_keys = e.statement >= plan_.begin_statements && e.statement < rows_at;
  if (in_keys && (e.why.code == sqlstate("23505") || is_stale_route(e))) co_return ending::claim_again;
  const bool in_rows = !messages.empty() && e.statement >= rows_at;
  if (!in_rows || !is_about_rows(e)) co_return not_loaded(e, in_rows ? "rows" : "ledger");
  // One is found already, if it is sure to be refused: what took its key may itself be refused yet, and a
  // cause that is not named may be the table's. Alone, it may be over the stop-line.
  row_answer a = refusal(messages, e);
  if (a.culprit && a.names_cause && !has_rival(a.why.sqlstate) && messages.size() > 1)
    segment_.refuse(messages[*a.culprit], std::move(a.why));
  co_return ending::claim_again;
}

void loading::begin() {
  part_ = savepoint::none;
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
      co_return ending::claim_again;
    if (!given) co_return not_loaded(given.error(), "claim in the ledger");
    if (auto taken = claims_.answered(*given); !taken) co_return taken.error();
    sql.clear();
  }
  co_return ending::good;
}

/// Those that the table refuses, or drops, are marked in the segment then.
awaitable<result<ending>> loading::find_refused() {
  using enum search_step::kind;
  search_.begin();
  for (;;) {
    const search_step step = search_.next();
    if (step.what == finish) co_return ending::good;
    if (step.what == restart) co_return ending::claim_again;
    if (step.what == hold) co_return held();
    auto answer = co_await try_rows(step);
    if (!answer) co_return answer.error();
    search_.answered(*std::move(answer));
  }
}

/// One COPY under the savepoint. What is only looked at, and what is refused, is taken back by the next.
awaitable<result<row_answer>> loading::try_rows(search_step step) {
  std::string sql = part_ == savepoint::none   ? "SAVEPOINT part"
                    : part_ == savepoint::kept ? "RELEASE SAVEPOINT part; SAVEPOINT part"
                                               : "ROLLBACK TO SAVEPOINT part";
  const std::size_t copy_at = part_ == savepoint::kept ? 2 : 1;
  const std::size_t rows_end = copy_at + append_rows(sql);
  if (!plan_.clear_rows.empty()) sql.append("; ").append(plan_.clear_rows);
  std::vector<copy_source> sources{source(step.messages)};
  std::uint64_t sent = count_rows(step.messages);
  if (step.what == search_step::kind::look_sample) {
    sources.front().insert(sources.front().end() - 1, options_.history->sample());
    sent = options_.history->sample_rows();
  }
  ++tries_;
  auto done = co_await c_.query(sql, sources);
  const bool stored = done && are_stored(sent, *done, copy_at);
  part_ = stored && step.what == search_step::kind::keep ? savepoint::kept : savepoint::taken_back;
  if (stored) co_return row_answer{};
  if (done) co_return row_answer{.what = row_answer::kind::dropped, .why = {.reason = "dropped_by_table"}};
  const server_error& e = done.error();
  const bool in_rows = e.statement >= copy_at && e.statement < rows_end;
  if (!in_rows || !is_about_rows(e)) co_return not_loaded(e, "rows");
  if (step.what == search_step::kind::keep) last_refusal_ = e;
  co_return refusal(step.messages, e);
}

/// Only when nothing but the connection can keep the transaction from its commit: what is sent is sent.
awaitable<result<ending>> loading::send_set_aside() {
  std::vector<std::size_t> messages;
  for (std::size_t i = first_; i < last_; ++i) {
    if (claims_.is_set_aside(i) && !sent_[i]) messages.push_back(i);
  }
  if (messages.empty()) co_return ending::good;
  auto checked = co_await c_.query(back_to_savepoint() + "SET CONSTRAINTS ALL IMMEDIATE");
  if (!checked && is_about_rows(checked.error())) co_return ending::check_at_once;
  if (!checked) co_return not_loaded(checked.error(), "constraints");
  for (const std::size_t i : messages) sent_[i] = true;
  auto not_taken = co_await (*options_.box)(segment_, std::move(messages));
  if (!not_taken) co_return not_taken.error();
  for (const std::size_t i : *not_taken) sent_[i] = false;
  if (sealer_ != nullptr || not_taken->empty()) co_return ending::good;
  // The quarantine could not keep their bodies, so they stay: again without their keys.
  for (const std::size_t i : *not_taken) segment_.leave(i);
  co_return ending::claim_again;
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
  if (!constraints_now && e.statement == commit_at && is_about_rows(e)) co_return ending::check_at_once;
  co_return not_loaded(e, e.statement == commit_at ? "commit" : "quarantine");
}

awaitable<result<ending>> loading::careful(bool constraints_now) {
  auto begun = co_await begin_claiming(constraints_now);
  if (!begun || *begun != ending::good) co_return begun;
  auto found = co_await find_refused();
  if (!found || *found != ending::good) co_return found;
  if (plan_.bad == bad_messages::dlq) {
    auto sent = co_await send_set_aside();
    if (!sent || *sent != ending::good) co_return sent;
  }
  co_return co_await commit(constraints_now);
}

load_report loading::report() const {
  load_report r{.claimed = claimed_,
                .tries = tries_,
                .copying = copying_,
                .committing = committing_,
                .first = first_,
                .count = last_ - first_};
  for (std::size_t i = first_; i < last_; ++i) {
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

/// What was committed, for the loads that follow.
void loading::remember() {
  if (options_.history == nullptr) return;
  for (std::size_t i = last_; i-- > first_;) {
    if (!claims_.is_row(i)) continue;
    const copy::slot& s = segment_.slots()[i];
    options_.history->took(segment_.rows().bytes().subspan(s.row_offset, s.row_bytes), s.row_count);
    return;
  }
  std::size_t refused = 0;
  std::string_view state;
  for (std::size_t i = first_; i < last_; ++i) {
    const copy::slot& s = segment_.slots()[i];
    if (s.refusal_index < static_cast<std::int32_t>(refused_before_)) continue;
    state = segment_.refusal_of(s).sqlstate;
    ++refused;
  }
  if (refused > 0) options_.history->refused(state, refused);
}

awaitable<result<load_report>> loading::run(bool outcome_unknown) {
  result<ending> end = ending::claim_again;
  if (may_be_fast() && (!outcome_unknown || !with_ledger())) {
    end = co_await fast();
    if (!end || *end != ending::good) co_await c_.rollback();
  }
  // A transaction begins again because one more message is refused, or stays in the queue, or once each for
  // partitions that have changed and for constraints that are deferred.
  const std::size_t rounds_max = 2 * (last_ - first_) + 3;
  bool constraints_now = false;
  for (std::size_t round = 0; end && *end != ending::good; ++round) {
    BOOST_ASSERT(round < rounds_max);
    // A constraint deferred to the commit does not say which row: checked at once, it does.
    constraints_now |= *end == ending::check_at_once;
    end = co_await careful(constraints_now);
    if (!end || *end != ending::good) co_await c_.rollback();
  }
  if (end) {
    remember();
    co_return report();
  }
  if (search_.over_stop_line() && options_.history != nullptr)
    options_.history->refused(search_.state(), search_.in_a_row());
  segment_.forgive(refused_before_);
  co_return end.error();
}

}  // namespace

awaitable<result<load_report>> load(connection& c, const load_plan& plan, copy::segment& s,
                                    mask::sealer* sealer, bool outcome_unknown, load_options o) {
  if (s.empty()) co_return load_report{};
  loading one(c, plan, s, sealer, o);
  co_return co_await one.run(outcome_unknown);
}

}  // namespace sluice::pg
