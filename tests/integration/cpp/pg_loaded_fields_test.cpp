// What a table makes of the fields that sluice sends it: lengths and scales are the column's own, and applied
// by PostgreSQL. Beside it the same text, assigned to a variable of that type.
#include <toml++/toml.h>

#include <simdjson.h>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include "copy/arena.hpp"
#include "copy/row_writer.hpp"
#include "core/encoding.hpp"
#include "pg/connection.hpp"
#include "record/reader.hpp"
#include "support/pg_fixture.hpp"
#include "support/seed.hpp"

using namespace sluice;

namespace {

using stored = std::optional<std::string>;  ///< nothing: refused

/// A table of one column, and a plan for it.
class column_loader {
 public:
  column_loader(tests::pg_database& db, const std::string& type, const std::string& more = {})
      : db_(db), reader_(reader_of(type, more)) {
    db_.sql("SET TIME ZONE 'UTC'; DROP TABLE IF EXISTS ours; CREATE TABLE ours (v " + type +
            "); CREATE OR REPLACE FUNCTION assigned(t text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE v " +
            type + "; BEGIN v := t; RETURN v::text; EXCEPTION WHEN others THEN RETURN NULL; END $$");
  }

  /// Whether sluice takes the value, and what is in the table then.
  bool load(std::string json, stored& in_table) {
    std::string body = R"({"v":)" + json + "}";
    const std::size_t size = body.size();
    body.append(simdjson::SIMDJSON_PADDING, ' ');
    out_.clear();
    in_table.reset();
    if (reader_.read({body.data(), size}, {}, out_).what != record::outcome::kind::row) return false;
    std::string stream(text_of(copy::stream_header()));
    stream.append(text_of(out_.bytes())).append(text_of(copy::stream_trailer()));
    try {
      db_.copy_in("COPY ours FROM STDIN (FORMAT binary)", stream);
    } catch (const std::runtime_error&) {
      return true;  // by the table
    }
    in_table = db_.value("DELETE FROM ours RETURNING v::text");
    return true;
  }
  stored assigned(const std::string& text) {
    return db_.sql("SELECT assigned(" + pg::quote_literal(text) + ")").at(0).at(0);
  }

 private:
  static record::reader reader_of(const std::string& type, const std::string& more) {
    const auto table =
        toml::parse("[table]\nname='ours'\n[[column]]\nname='v'\ntype='" + type + "'\n" + more);
    return record::reader::make(record::compile(table, "test").value(), nullptr).value();
  }
  tests::pg_database& db_;
  record::reader reader_;
  copy::arena out_{1U << 16U};
};

}  // namespace

TEST_CASE("a varchar holds as many characters as PostgreSQL lets it, but blanks beyond are not cut off") {
  tests::pg_database db;
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  column_loader column(db, "varchar(5)");
  std::size_t taken = 0, refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string text;
    for (auto n = random() % 9; n > 0; --n) {
      constexpr const char* characters[]{"a", " ", "\u00e9", "\u20ac", "\U0001F600", "e\u0301", "\\", "\n"};
      text += characters[random() % 8];
    }
    stored ours;
    const bool is_taken = column.load(nlohmann::json(text).dump(), ours);
    const stored theirs = column.assigned(text);
    CAPTURE(text, ours.value_or("refused"), theirs.value_or("refused"));
    if (is_taken) {
      REQUIRE(ours == theirs);
      ++taken;
    } else {
      REQUIRE((!theirs || theirs->size() < text.size()));
      ++refused;
    }
  }
  CHECK(taken > 50);
  CHECK(refused > 50);
}

TEST_CASE("a numeric is rounded to its scale by PostgreSQL, and refused where PostgreSQL refuses it") {
  tests::pg_database db;
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  column_loader column(db, "numeric(6,2)");
  std::size_t taken = 0, refused = 0;
  for (int i = 0; i < 600; ++i) {
    std::string text = random() % 2 == 0 ? "-" : "";
    text += std::to_string(random() % (random() % 2 == 0 ? 100 : 20'000));
    if (random() % 4 != 0) text += "." + std::to_string(random() % (random() % 2 == 0 ? 100'000 : 1'000));
    if (random() % 8 == 0) text = "9999.99" + std::to_string(random() % 100);  // rounds up, or not
    stored ours;
    column.load(text, ours);
    const stored theirs = column.assigned(text);
    CAPTURE(text, ours.value_or("refused"), theirs.value_or("refused"));
    REQUIRE(ours == theirs);
    ++(ours ? taken : refused);
  }
  CHECK(taken > 100);
  CHECK(refused > 50);
}

TEST_CASE("seconds and milliseconds since 1970 are the times that to_timestamp gives") {
  tests::pg_database db;
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  for (const bool in_seconds : {true, false}) {
    column_loader column(db, "timestamptz",
                         in_seconds ? "transform = 'epoch_seconds'" : "transform = 'epoch_milliseconds'");
    for (int i = 0; i < 300; ++i) {
      // Within what a double, which to_timestamp takes, holds to the microsecond.
      const auto whole = static_cast<std::int64_t>(random() % 3'000'000'000) - 1'000'000'000;
      std::string digits = std::to_string(random() % 1'000'000);
      digits.insert(0, 6 - digits.size(), '0');
      const std::string seconds = std::to_string(whole) + "." + digits;
      const std::string text =
          in_seconds ? seconds : std::to_string(whole) + digits.substr(0, 3) + "." + digits.substr(3);
      stored ours;
      CAPTURE(text);
      REQUIRE(column.load(random() % 2 == 0 ? text : '"' + text + '"', ours));
      REQUIRE(ours == db.value("SELECT to_timestamp(" + seconds + ")::text"));
    }
  }
}
