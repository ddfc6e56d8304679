#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/verdict.hpp"
#include "pg/claims.hpp"
#include "pg/load_history.hpp"
#include "pg/loader.hpp"
#include "pg/refusal_search.hpp"
#include "support/fake_table.hpp"

namespace tests {

/// What pg::load does in its claim form, against a table in memory. What is decided there is decided here by
/// the same classes: which messages are claimed (pg::claims), and whose fault a refusal is
/// (pg::refusal_search). The fast form is a matter of the server's answers, and tested with a server.
///
/// It happens at one moment: what others do comes before it or after it.
class fake_transaction {
 public:
  fake_transaction(fake_table& t, sluice::copy::segment& s, sluice::pg::load_history& h,
                   sluice::pg::segment_part part)
      : table_(t),
        segment_(s),
        history_(h),
        part_(part),
        refused_before_(s.refused()),
        claims_(s, plan_, part),
        search_(s, claims_, &h) {
    using enum sluice::pg::ledger;
    plan_.claims_in = t.with_ledger ? messages : none;
    plan_.bad = t.bad;
    plan_.by_event = t.by_event;
  }

  /// When it succeeds, each message is a row, set aside, known or left.
  sluice::result<> find_refused() {
    using enum sluice::pg::search_step::kind;
    const std::size_t rounds_max = 2 * (part_.last - part_.first) + 3;
    for (std::size_t round = 0; round < rounds_max; ++round) {
      if (auto claimed = claim(); !claimed) return claimed.error();
      search_.begin();
      auto step = search_.next();
      for (; step.what != finish && step.what != restart; step = search_.next()) {
        if (step.what == hold) return held();
        sluice::pg::row_answer a = try_rows(step);
        if (step.what == keep && a.what == sluice::pg::row_answer::kind::refused) last_ = a.why.sqlstate;
        search_.answered(std::move(a));
      }
      if (step.what == finish) return sluice::result<>();
    }
    throw std::logic_error("a transaction began again without end");
  }

  /// Before the commit, which may fail yet: then they are sent again.
  void send_letters() {
    if (table_.bad != sluice::pg::bad_messages::dlq) return;
    for (std::size_t i = part_.first; i < part_.last; ++i) {
      if (claims_.is_set_aside(i)) ++table_.letters[id_of(i)];
    }
  }

  sluice::pg::load_report commit() {
    sluice::pg::load_report report;
    report.tries = tries_;
    report.first = part_.first;
    report.count = part_.last - part_.first;
    table_.batch_sizes.push_back(report.count);
    for (std::size_t i = part_.first; i < part_.last; ++i) commit(i, report);
    remember();
    return report;
  }

  /// Of a transaction that has failed, or whose commit is not known.
  void roll_back() {
    if (search_.over_stop_line()) history_.refused(search_.state(), search_.in_a_row());
    segment_.forgive(refused_before_);
  }

 private:
  const sluice::copy::slot& slot(std::size_t i) const { return segment_.slots()[i]; }
  std::string id_of(std::size_t i) const { return sluice::to_string(slot(i).message_id); }

  sluice::result<> claim() {
    claims_.begin();
    note_claimed();
    for (const sluice::pg::ledger in : claims_.ledgers()) {
      const bool of_events = in == sluice::pg::ledger::events;
      sluice::pg::rows given;
      for (const std::uint32_t i : claims_.choose(in).messages()) {
        const sluice::copy::slot& s = slot(i);
        if (of_events ? table_.events.contains(s.event_id) : table_.is_known(id_of(i))) continue;
        given.values.push_back(
            {std::to_string(s.sent_ms), sluice::to_string(of_events ? s.event_id : s.message_id)});
      }
      if (auto answered = claims_.answered(given); !answered) return answered;
      if (!of_events) note_claimed();
    }
    return sluice::result<>();
  }
  /// By their ids: an event may still be another's.
  void note_claimed() {
    claimed_.resize(segment_.size());
    for (std::size_t i = 0; i < claimed_.size(); ++i) claimed_[i] = claims_.has(i);
  }

  sluice::pg::row_answer try_rows(const sluice::pg::search_step& step) {
    ++tries_;
    const bool of_sample = step.what == sluice::pg::search_step::kind::look_sample;
    const bool with_row = of_sample || !step.messages.empty();
    const auto all = table_.refuses_all ? table_.refuses_all() : std::nullopt;
    if (all && (with_row || !all->needs_row)) return refused(*all, 0);
    if (of_sample && table_.sample_has_rival) return refused({.sqlstate = "23505"}, 0);
    for (std::size_t at = 0; table_.refuses_row && at < step.messages.size(); ++at) {
      if (const auto why = table_.refuses_row(id_of(step.messages[at]))) return refused(*why, at);
    }
    return {};
  }

  sluice::pg::row_answer refused(const row_refusal& r, std::size_t at) const {
    using kind = sluice::pg::row_answer::kind;
    if (r.sqlstate.empty()) return {.what = kind::dropped, .why = {.reason = "dropped_by_table"}};
    sluice::pg::row_answer a{.what = kind::refused,
                             .why = {.reason = "refused_by_table", .sqlstate = r.sqlstate},
                             .names_cause = r.names_cause};
    a.of_statement = sluice::classify(sluice::sqlstate(r.sqlstate)) == sluice::verdict::fatal;
    if (table_.names_line && r.needs_row) a.culprit = at;
    return a;
  }

  /// As pg::load has it: the shape of rows is no part of this table.
  sluice::failure held() const {
    const sluice::error_code code = sluice::sqlstate(last_);
    const bool is_tables =
        search_.over_stop_line() || search_.is_unsure() || sluice::classify(code) == sluice::verdict::bad_row;
    if (is_tables) return {sluice::errc::table_refuses, "messages are refused"};
    return {code, "every message is refused"};
  }

  void commit(std::size_t i, sluice::pg::load_report& report) {
    const std::string id = id_of(i);
    if (claims_.is_left(i)) {
      ++report.left;
      return;
    }
    table_.source.committed.insert(id);
    if (!claimed_[i]) {
      ++report.duplicates;
      return;
    }
    table_.taken.push_back(id);
    if (claims_.is_set_aside(i)) {
      table_.set_aside[id] = segment_.refusal_of(slot(i)).reason;
      ++report.set_aside;
    } else if (!claims_.is_row(i)) {
      table_.repeats.insert(id);
      ++report.duplicates;
    } else {
      ++table_.rows[id];
      ++report.rows;
      if (table_.by_event) table_.events.insert(slot(i).event_id);
      if (table_.key_of) put(id, slot(i).sent_ms);
    }
  }

  void put(const std::string& id, std::int64_t sent_ms) {
    auto& row = table_.newest[table_.key_of(id)];
    if (sent_ms >= row.first) row = {sent_ms, id};
  }

  void remember() {
    for (std::size_t i = part_.last; i-- > part_.first;) {
      if (!claims_.is_row(i)) continue;
      history_.took(segment_.rows().bytes().subspan(slot(i).row_offset, slot(i).row_bytes),
                    slot(i).row_count);
      return;
    }
    std::size_t refused = 0;
    std::string_view state;
    for (std::size_t i = part_.first; i < part_.last; ++i) {
      if (slot(i).refusal_index < static_cast<std::int32_t>(refused_before_)) continue;
      state = segment_.refusal_of(slot(i)).sqlstate;
      ++refused;
    }
    if (refused > 0) history_.refused(state, refused);
  }

  fake_table& table_;
  sluice::copy::segment& segment_;
  sluice::pg::load_history& history_;
  sluice::pg::segment_part part_;
  std::size_t refused_before_;
  sluice::pg::load_plan plan_;
  sluice::pg::claims claims_;
  sluice::pg::refusal_search search_;
  std::vector<bool> claimed_;
  std::string last_;  ///< the SQLSTATE of the last refusal
  int tries_ = 0;
};

}  // namespace tests
