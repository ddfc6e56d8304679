#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdio>

#include "core/encoding.hpp"
#include "pg_load_fixture.hpp"

using namespace sluice;

namespace {

constexpr int segment_rows = 10'000, segments = 40;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Login events as the built-in plan has them: seven columns, about 250 bytes.
struct login_rates : tests::load_fixture {
  login_rates() {
    plan = record::login_events();
    REQUIRE(tests::run(loop, pg::init_db(c, plan)).has_value());
  }

  copy::segment logins(int first, int set_aside_each = 0) const {
    copy::segment s({.rows_max = segment_rows,
                     .row_bytes = 8U << 20U,
                     .body_bytes = 4U << 20U,
                     .handle_bytes = 4U << 20U});
    copy::row_writer row(s.rows());
    const std::string token(70, 't'), handle(180, 'h'), body(160, 'b');
    for (int i = first; i < first + segment_rows; ++i) {
      const std::size_t offset = s.rows().size();
      copy::segment::entry e{.message_id = id(i), .sent_ms = now_ms + i / 1'000};
      e.body = body;
      e.receipt_handle = handle;
      if (set_aside_each > 0 && i % set_aside_each == 0) {
        REQUIRE(s.add_refused(e, {.reason = "missing_field"}));
        continue;
      }
      row.begin_row(7);
      row.text("424cdd21-063a-43a7-b91b-7ca1a833afae");
      row.text("android");
      row.text(token);
      row.text(token);
      row.text("RU");
      row.int4(2'003'000);
      row.date(20'000);
      REQUIRE(row.end_row());
      REQUIRE(s.add(e, offset, 1));
    }
    return s;
  }

  void report(const char* what, double seconds) {
    std::printf("%-58s %9.0f rows/s\n", what, segment_rows * segments / seconds);
  }

  /// `load` of segments that were made before, one after the other on one connection.
  double time_loads(pg::load_mode mode, bool outcome_unknown, int set_aside_each = 0,
                    mask::sealer* sealer = nullptr) {
    db.sql("TRUNCATE user_logins, sluice.ledger, sluice.quarantine");
    const pg::load_plan made = planned(mode);
    double spent = 0;
    for (int n = 0; n < segments; ++n) {
      copy::segment s = logins(n * segment_rows, set_aside_each);
      const auto start = std::chrono::steady_clock::now();
      const auto got = tests::run(loop, pg::load(c, made, s, sealer, outcome_unknown));
      spent += seconds_since(start);
      REQUIRE(got.has_value());
      REQUIRE(got->duplicates == 0);
    }
    return spent;
  }

  /// The same bytes with libpq alone: COPY of ledger and table in one transaction, from memory.
  double time_plain_copy(bool with_ledger) {
    db.sql("TRUNCATE user_logins, sluice.ledger");
    const std::string target = planned().copy_rows;
    double spent = 0;
    for (int n = 0; n < segments; ++n) {
      const copy::segment s = logins(n * segment_rows);
      std::string keys(text_of(copy::stream_header())), rows = keys;
      copy::arena key_rows(1U << 20U);
      copy::row_writer row(key_rows);
      for (const copy::slot& m : s.slots()) {
        row.begin_row(2);
        row.int8(m.sent_ms);
        row.uuid(m.message_id);
        row.end_row();
      }
      keys += text_of(key_rows.bytes());
      rows += text_of(s.rows().bytes());
      const auto start = std::chrono::steady_clock::now();
      db.sql("BEGIN");
      if (with_ledger) db.copy_in("COPY sluice.ledger FROM STDIN (FORMAT binary)", keys);
      db.copy_in(target, rows);
      db.sql("COMMIT");
      spent += seconds_since(start);
    }
    return spent;
  }
};

}  // namespace

// Not run by ctest: `pg_rates "[rates]"`.
TEST_CASE_METHOD(login_rates, "rates of one connection", "[.][rates]") {
  for (int round = 1; round <= 2; ++round) {
    std::printf("round %d: %d segments of %d login events, one connection, fsync off\n", round, segments,
                segment_rows);
    report("libpq alone: COPY table", time_plain_copy(false));
    report("libpq alone: COPY ledger, COPY table", time_plain_copy(true));
    report("load, at_least_once", time_loads(pg::load_mode::at_least_once, false));
    report("load, exactly_once, fast form", time_loads(pg::load_mode::exactly_once, false));
    report("load, exactly_once, claim form", time_loads(pg::load_mode::exactly_once, true));
    const auto keys_made = mask::key_ring::parse(mask::key_ring::generate("k1"), "rates");
    auto sealer = mask::sealer::make(keys_made.value());
    report("load, fast form, 1 in 100 set aside",
           time_loads(pg::load_mode::exactly_once, false, 100, &sealer.value()));
    report("load, fast form, all set aside",
           time_loads(pg::load_mode::exactly_once, false, 1, &sealer.value()));
  }
}
