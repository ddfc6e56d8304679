#pragma once

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <vector>

#include "copy/row_writer.hpp"
#include "mask/sealer.hpp"
#include "pg/catalogue.hpp"
#include "pg/loader.hpp"
#include "support/pg_fixture.hpp"
#include "support/run.hpp"

namespace tests {

/// A message as these tests make it: its number is its key, and by default its row.
struct message {
  int number = 0;
  std::optional<std::string> name = "good";
  int rows = 1;
  std::string body = "{}";
};

inline std::vector<message> messages(int first, int count) {
  std::vector<message> made(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) made[static_cast<std::size_t>(i)].number = first + i;
  return made;
}

/// Table target(n integer, name varchar(10)), ledger and quarantine in a database of its own, and a
/// connection.
struct load_fixture {
  pg_database db;
  boost::asio::io_context loop;
  sluice::pg::connection c{loop.get_executor(), db.options()};
  sluice::record::plan plan = target_plan();
  sluice::pg::load_plan loads;
  sluice::pg::load_options options;
  std::int64_t now_ms = db.number("SELECT (extract(epoch FROM now()) * 1000)::bigint");

  load_fixture() {
    REQUIRE(run(loop, c.connect()).has_value());
    const auto made = run(loop, sluice::pg::init_db(c, plan));
    INFO((made ? "" : made.error().line()));
    REQUIRE(made.has_value());
    loads = planned();
  }

  /// As `sluice` makes it for the table as it is.
  sluice::pg::load_plan planned(sluice::pg::load_mode mode = sluice::pg::load_mode::exactly_once,
                                sluice::pg::bad_messages bad = sluice::pg::bad_messages::quarantine) {
    const auto found = run(loop, sluice::pg::read_target(c, plan));
    INFO((found ? "" : found.error().line()));
    REQUIRE(found.has_value());
    auto made = sluice::pg::load_plan::make(plan, mode, bad, *found);
    INFO((made ? "" : made.error().line()));
    REQUIRE(made.has_value());
    return *std::move(made);
  }

  static sluice::record::plan target_plan() {
    sluice::record::plan p;
    p.table = "target";
    p.columns.resize(2);
    p.columns[0].name = "n";
    p.columns[0].type = sluice::record::column_type::integer;
    p.columns[1].name = "name";
    p.columns[1].type = sluice::record::column_type::varchar;
    p.columns[1].length_max = 10;
    return p;
  }

  sluice::copy::segment segment(const std::vector<message>& list) const {
    sluice::copy::segment s({.rows_max = list.size() + 100, .row_bytes = 1U << 20U, .body_bytes = 1U << 20U});
    sluice::copy::row_writer row(s.rows());
    for (const message& m : list) {
      const std::size_t offset = s.rows().size();
      for (int i = 0; i < m.rows; ++i) {
        row.begin_row(2);
        row.int4(m.number);
        if (m.name) {
          row.text(*m.name);
        } else {
          row.null();
        }
        REQUIRE(row.end_row());
      }
      REQUIRE(s.add(entry(m), offset, static_cast<std::uint32_t>(m.rows)));
    }
    return s;
  }
  sluice::copy::segment::entry entry(const message& m) const {
    sluice::copy::segment::entry e{.message_id = id(m.number), .sent_ms = now_ms + m.number % 5};
    e.receive_count = 1;
    e.body = m.body;
    return e;
  }
  static sluice::uuid id(int number) {
    sluice::uuid made{};
    for (std::size_t i = 0; i < 4; ++i) made[i] = static_cast<std::byte>(number >> (8 * i));
    return made;
  }

  sluice::result<sluice::pg::load_report> load(sluice::copy::segment& s, bool outcome_unknown = false,
                                               sluice::mask::sealer* sealer = nullptr) {
    return run(loop, sluice::pg::load(c, loads, s, sealer, outcome_unknown, options));
  }
  /// A load that must succeed.
  sluice::pg::load_report loaded(sluice::copy::segment& s, bool outcome_unknown = false) {
    auto got = load(s, outcome_unknown);
    INFO((got ? "" : got.error().line()));
    REQUIRE(got.has_value());
    return *got;
  }
  std::int64_t rows() { return db.number("SELECT count(*) FROM target"); }
  std::int64_t keys() { return db.number("SELECT count(*) FROM sluice.ledger"); }
  std::int64_t set_aside() { return db.number("SELECT count(*) FROM sluice.quarantine"); }
};

}  // namespace tests
