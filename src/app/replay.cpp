#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/audit.hpp"
#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/progress.hpp"
#include "core/encoding.hpp"
#include "core/verdict.hpp"
#include "mask/sealer.hpp"
#include "pg/loader.hpp"
#include "pipeline/clock.hpp"
#include "record/personal.hpp"
#include "record/reader.hpp"
#include "record/reasons.hpp"

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;

constexpr std::size_t page = 100;  ///< entries in one transaction; each may be a mebibyte

/// From the quarantine into the table, by the plan as it is now.
class replay {
 public:
  /// `damaged_too`: bodies that were changed on their way, which nobody should load unasked.
  replay(const mask::key_ring& keys, const record::plan& plan, record::reader reader, bool damaged_too)
      : keys_(keys), plan_(plan), reader_(std::move(reader)), damaged_too_(damaged_too) {}

  /// Puts what can be a row now into `s`, and notes what was opened in `line`; counts what cannot.
  void read(const std::vector<pg::quarantine_entry>& entries, copy::segment& s, audit_entry& line);
  /// Fields that were masked when their messages were set aside, and that the plan would store as they came.
  const std::set<std::string>& exposed() const noexcept { return exposed_; }
  bool has_loaded() const noexcept { return messages_ > 0; }
  /// `known`: messages whose event the table has already.
  void loaded(const copy::segment& s, const pg::load_report& report, std::size_t known);
  void print() const;

 private:
  void read_one(const pg::quarantine_entry& e, copy::segment& s, audit_entry& line);
  void note_exposed(std::string_view masked);

  const mask::key_ring& keys_;
  const record::plan& plan_;
  record::reader reader_;
  bool damaged_too_;
  std::uint64_t rows_ = 0;
  std::uint64_t messages_ = 0;
  std::map<std::string, std::uint64_t> staying_;  ///< by reason
  std::string looked_at_;                         ///< the masked fields of the entry before
  std::set<std::string> exposed_;
};

void replay::read(const std::vector<pg::quarantine_entry>& entries, copy::segment& s, audit_entry& line) {
  for (const pg::quarantine_entry& e : entries) {
    if (e.reason == record::reasons::wrong_digest && !damaged_too_) {
      ++staying_["wrong_digest: its body is not what was sent; --code wrong_digest loads it all the same"];
      continue;
    }
    if (!e.body) {
      ++staying_["its body was not kept"];
      continue;
    }
    read_one(e, s, line);
  }
}

// Neighbours were set aside by one plan, most of them.
void replay::note_exposed(std::string_view masked) {
  if (masked == looked_at_) return;
  looked_at_ = masked;
  std::vector<std::string> fields;
  for (std::size_t end = 0; (end = masked.find('\n')) != masked.npos; masked.remove_prefix(end + 1))
    fields.emplace_back(masked.substr(0, end));
  for (std::string& field : record::exposed_fields(plan_, fields)) exposed_.insert(std::move(field));
}

void replay::read_one(const pg::quarantine_entry& e, copy::segment& s, audit_entry& line) {
  const mask::sealed_entry of{.message_id = e.message_id, .target = e.target, .reason = e.reason};
  auto opened = mask::unseal(*e.body, of, keys_);
  line.which += ' ' + e.message_id;
  if (!opened) {
    ++staying_["its body cannot be opened: " + opened.error().what];
    return;
  }
  ++line.count;
  line.opened_with(e.key_id);
  if (opened->masked) note_exposed(*opened->masked);
  std::string body = std::move(opened->body);
  const std::size_t size = body.size();
  body.append(simdjson::SIMDJSON_PADDING, ' ');
  const record::envelope around{.message_id = parse_uuid(e.message_id).value(),
                                .sent_ms = e.sent_ms,
                                .received_ms = pipeline::epoch_ms(),
                                .receive_count = e.receive_count};
  for (;;) {
    const std::size_t start = s.rows().size();
    const auto outcome = reader_.read({body.data(), size}, around, s.rows());
    if (outcome.what == record::outcome::kind::refused) {
      ++staying_[fmt::format("{} {}", outcome.why, outcome.column)];
      return;
    }
    const copy::segment::entry entry{.message_id = around.message_id,
                                     .business_key = outcome.business_key,
                                     .sent_ms = around.sent_ms,
                                     .receive_count = around.receive_count};
    if (outcome.what == record::outcome::kind::row && s.add(entry, start, outcome.rows)) return;
    s.rows().grow(s.rows().capacity() * 2);
  }
}

void replay::loaded(const copy::segment& s, const pg::load_report& report, std::size_t known) {
  rows_ += report.rows;
  messages_ += s.size() - report.left - report.duplicates;
  if (known > 0) staying_["its event, by load.key, is a row already, by this entry or another"] += known;
  for (const copy::slot& slot : s.slots()) {
    if (slot.refusal_index < 0) continue;
    const copy::refusal& why = s.refusal_of(slot);
    ++staying_[fmt::format("{} {} {}", why.reason, why.column, why.sqlstate)];
  }
}

void replay::print() const {
  fmt::print("replayed {} messages: {} rows\n", grouped(messages_), grouped(rows_));
  for (const auto& [reason, n] : staying_)
    fmt::print("  stay in the quarantine  {:>10}  {}\n", grouped(n), reason);
}

/// What is written down before any of it is loaded. Ids follow.
audit_entry line_of(const config& c, const pg::load_plan& plan, const quarantine_options& o) {
  const auto masked = record::masked_fields(c.plan);
  return {.what = "quarantine replay",
          .which = fmt::format("into {} by {}, which masks {}:", plan.target, c.plan.source_name,
                               masked.empty() ? "nothing" : fmt::format("{}", fmt::join(masked, ", "))),
          .why = o.reason};
}

failure masks_less(const std::set<std::string>& fields) {
  return {errc::bad_configuration,
          fmt::format("{} was masked when these messages were set aside, and this plan would store it as it "
                      "came; nothing more was loaded",
                      fmt::join(fields, ", ")),
          "mask it in the plan, or add --unmasked"};
}

/// What was committed stays so, and the answer to a COMMIT may be what was lost.
int ended_early(const replay& run, failure why) {
  run.print();
  if (may_pass(classify(why))) why.fix = "run it again: what was loaded has left the quarantine";
  print_failure(why);
  return exit_code::failed;
}

awaitable<result<int>> replay_all(boost::asio::any_io_executor executor, const config& c,
                                  const quarantine_options& o) {
  const auto keys = load_sealing_keys(c);
  if (!keys) co_return keys.error();
  if (!c.plan.attributes().empty()) {
    co_return failure{errc::bad_configuration,
                      "the plan reads message attributes, which the quarantine does not keep",
                      "replay with a plan that makes these columns of something else"};
  }
  auto reader = record::reader::make(c.plan, *keys);
  if (!reader) co_return reader.error();
  pg::connection database(std::move(executor), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  auto plan = co_await plan_load(database, c);
  if (!plan) co_return plan.error();
  // Each entry that becomes a row is taken out of the quarantine in the same transaction; no other is
  // touched. The ledger has had their ids since they were set aside.
  plan->claims_in = pg::ledger::quarantine;
  plan->bad = pg::bad_messages::leave;

  auto filter = co_await pg::in_utc(database, o.filter);
  if (!filter) co_return filter.error();
  filter->target = plan->label;
  pg::quarantine_position after;
  const bool damaged_too = filter->reason == record::reasons::wrong_digest || !filter->ids.empty();
  replay run(**keys, c.plan, *std::move(reader), damaged_too);
  copy::segment s({.rows_max = page, .body_bytes = 0, .handle_bytes = 0});
  bool first = true;
  for (;;) {
    const auto entries = co_await pg::read_quarantine(database, *filter, after, page, true);
    if (!entries && first) co_return entries.error();
    if (!entries) co_return ended_early(run, entries.error());
    first = false;
    if (entries->empty()) break;
    after = {entries->back().sent_ms, entries->back().message_id};
    s.clear();
    audit_entry line = line_of(c, *plan, o);
    run.read(*entries, s, line);
    auto allowed = audit(c, line);
    if (allowed && !run.exposed().empty() && !o.unmasked) allowed = masks_less(run.exposed());
    if (!allowed && !run.has_loaded()) co_return allowed.error();
    if (!allowed) co_return ended_early(run, allowed.error());
    const auto report = co_await pg::load(database, *plan, s, nullptr, true);
    if (!report) co_return ended_early(run, report.error());
    run.loaded(s, *report, plan->by_event ? report->duplicates : 0);
  }
  run.print();
  co_return exit_code::done;
}

}  // namespace

int replay_quarantine(const config& c, const quarantine_options& o) {
  return run_to_end(
      [&](boost::asio::any_io_executor executor) { return replay_all(std::move(executor), c, o); });
}

}  // namespace sluice::app
