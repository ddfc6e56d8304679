// The same text, read by sluice and by PostgreSQL: docs/records.md lists where they differ, and so do these
// tests.
#include <toml++/toml.h>

#include <simdjson.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "copy/arena.hpp"
#include "copy/row_writer.hpp"
#include "core/encoding.hpp"
#include "pg/connection.hpp"
#include "record/reader.hpp"
#include "record/show.hpp"
#include "support/copy_decoder.hpp"
#include "support/pg_fixture.hpp"
#include "support/seed.hpp"

using namespace sluice;
using texts = std::vector<std::string>;

namespace {

/// Bytes in hex; nothing if refused.
using reading = std::optional<std::string>;

/// One column, as sluice fills it.
class column_reader {
 public:
  column_reader(const std::string& type, const std::string& more)
      : reader_(record::reader::make(
                    record::compile(toml::parse("[table]\nname = 't'\n[[column]]\nname = 'v'\ntype = '" +
                                                type + "'\n" + more),
                                    "test")
                        .value(),
                    nullptr)
                    .value()) {}

  reading read(const std::string& json) {
    std::string body = "{\"v\":" + json + "}";
    const std::size_t size = body.size();
    body.append(simdjson::SIMDJSON_PADDING, ' ');
    out_.clear();
    const auto r = reader_.read({body.data(), size}, {}, out_);
    if (r.what != record::outcome::kind::row) return std::nullopt;
    return hex(bytes_of(tests::decode_tuples(out_.bytes()).at(0).at(0).value()));
  }
  reading read_text(const std::string& text) { return read(nlohmann::json(text).dump()); }

 private:
  record::reader reader_;
  copy::arena out_{1U << 20U};
};

/// What PostgreSQL makes of the texts: `expression` is of the text t, and gives bytea.
std::vector<reading> read_by_postgres(tests::pg_database& db, const texts& all,
                                      const std::string& expression) {
  db.sql(
      "SET TIME ZONE 'UTC'; CREATE OR REPLACE FUNCTION parsed(t text) RETURNS text LANGUAGE plpgsql AS $$ "
      "BEGIN RETURN "
      "encode(" +
      expression + ", 'hex'); EXCEPTION WHEN others THEN RETURN NULL; END $$");
  std::string list;
  for (const std::string& text : all) list += (list.empty() ? "" : ",") + pg::quote_literal(text);
  std::vector<reading> read;
  for (const auto& row : db.sql("SELECT parsed(t) FROM unnest(ARRAY[" + list +
                                "]::text[]) WITH ORDINALITY AS u (t, i) ORDER BY i"))
    read.push_back(row.at(0));
  return read;
}

using only = std::function<bool(const std::string&)>;
only never = [](const std::string&) { return false; };
only unless(const char* shape) {
  return [form = std::regex(shape)](const std::string& text) { return !std::regex_match(text, form); };
}

struct compared {
  std::size_t both = 0, neither = 0, theirs_only = 0, ours_only = 0;
};

/// Equal bytes where both take a text; where one refuses it, it must be one of those that are listed.
compared compare(const texts& all, const std::vector<reading>& theirs,
                 const std::function<reading(const std::string&)>& ours, const only& may_refuse,
                 const only& may_take = never) {
  REQUIRE(theirs.size() == all.size());
  compared seen;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const reading mine = ours(all[i]);
    CAPTURE(tests::seed(), all[i], theirs[i].value_or("refused"), mine.value_or("refused"));
    if (mine && theirs[i]) {
      REQUIRE(*mine == *theirs[i]);
      ++seen.both;
    } else if (theirs[i]) {
      REQUIRE(may_refuse(all[i]));
      ++seen.theirs_only;
    } else if (mine) {
      REQUIRE(may_take(all[i]));
      ++seen.ours_only;
    } else {
      ++seen.neither;
    }
  }
  return seen;
}

class generator {
 public:
  std::size_t below(std::size_t n) { return random_() % n; }
  std::string pick(const texts& list) { return list[below(list.size())]; }
  std::string digits(std::size_t most) {
    std::string text(1 + below(most), '0');
    for (char& c : text) c = static_cast<char>('0' + below(10));
    return text;
  }
  std::string number() {
    std::string whole = digits(1 + below(25));
    while (whole.size() > 1 && whole.front() == '0') whole.erase(0, 1);
    std::string text = pick({"", "", "-"}) + whole;
    if (below(2) == 0) text += "." + digits(1 + below(25));
    if (below(3) == 0)
      text += pick({"e", "E"}) + pick({"", "-", "+"}) + std::to_string(below(below(4) == 0 ? 400 : 20));
    return text;
  }
  std::string two(std::size_t most) {
    const std::string text = std::to_string(below(most + 1));
    return text.size() == 1 ? "0" + text : text;
  }
  std::string date() {
    const std::string year =
        pick({"0000", "0001", "1582", "1700", "1900", "1970", "2000", "2023", "2024", "9999"});
    return year + "-" + two(13) + "-" + two(32);
  }
  std::string time() {
    std::string text = two(24) + ":" + two(60) + ":" + two(61);
    if (below(2) == 0) text += "." + digits(9);
    return text;
  }
  std::string timestamp() {
    return date() + pick({"T", " "}) + (below(4) == 0 ? pick({"23:59:60", "00:00:60", "24:00:00"}) : time()) +
           pick({"Z", "z", "+00", "-00:00", "+" + two(16), "-" + two(16) + two(60),
                 "+" + two(16) + ":" + two(60), ""});
  }
  /// One character changed, taken away or put in.
  std::string spoiled(std::string text) {
    if (text.empty()) return text;
    const auto at = static_cast<std::ptrdiff_t>(below(text.size()));
    const char c = pick({" ", "0", "9", "+", "-", ".", ":", "e", "T", "/", "x", "a"}).front();
    switch (below(3)) {
      case 0: text.erase(text.begin() + at); break;
      case 1: text.insert(text.begin() + at, c); break;
      default: text[static_cast<std::size_t>(at)] = c; break;
    }
    return text;
  }
  texts many(std::size_t n, texts with, const std::function<std::string()>& make) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::string text = make();
      with.push_back(below(3) == 0 ? spoiled(text) : text);
    }
    return with;
  }

 private:
  std::mt19937_64 random_ = tests::seeded_random();
};

constexpr const char* json_number = R"(-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)";
const texts odd_numbers{"",
                        " 1",
                        "1 ",
                        "+1",
                        ".5",
                        "5.",
                        "1e",
                        "NaN",
                        "Infinity",
                        "-inf",
                        "1_000",
                        "0x10",
                        "0b1",
                        "007",
                        "-0",
                        "-0.0",
                        "0e5",
                        "1e131071",
                        "1e131072",
                        "1e-16383",
                        "1e-16384",
                        "1.5e-16382",
                        "0e-16384",
                        "0e999999",
                        "1e2147483647",
                        "9e-400",
                        "4.9e-324",
                        "2.4e-324",
                        "1.7976931348623157e308",
                        "1.7976931348623159e308",
                        "3.4028235e38",
                        "3.4028236e38",
                        "1.4e-45",
                        "7e-46",
                        "7.1e-46",
                        "16777217",
                        "9007199791611905",
                        "9223372036854775807",
                        "9223372036854775808",
                        "-9223372036854775808",
                        "-9223372036854775809",
                        "18446744073709551616",
                        "32767",
                        "32768",
                        "-32768",
                        "-32769",
                        "2147483647",
                        "2147483648",
                        "0.1",
                        "123456789012345678901234567890.123456789"};

}  // namespace

TEST_CASE("numbers in text and in JSON are PostgreSQL's, byte for byte") {
  tests::pg_database db;
  generator random;
  texts all = random.many(4'000, odd_numbers, [&] { return random.number(); });
  all.push_back("1" + std::string(131'071, '7'));
  all.push_back("1" + std::string(131'072, '7'));
  all.push_back("0." + std::string(16'383, '7'));
  all.push_back("0." + std::string(16'384, '7'));
  struct test {
    const char* type;
    const char* parse;
    const char* form;  ///< the only one that sluice takes
  };
  for (const test& t :
       {test{"smallint", "int2send(t::int2)", R"(-?\d+)"}, test{"integer", "int4send(t::int4)", R"(-?\d+)"},
        test{"bigint", "int8send(t::int8)", R"(-?\d+)"}, test{"real", "float4send(t::float4)", json_number},
        test{"double precision", "float8send(t::float8)", json_number},
        test{"numeric", "numeric_send(t::numeric)", json_number}}) {
    INFO(t.type);
    const auto theirs = read_by_postgres(db, all, t.parse);
    column_reader from_text(t.type, "transform = 'from_text'");
    column_reader from_json(t.type, "");
    const only other_form = unless(t.form);
    // std::regex is recursive: the long ones are numbers, and not to be refused.
    const only may_refuse = [&](const std::string& text) { return text.size() < 1'000 && other_form(text); };
    const compared seen =
        compare(all, theirs, [&](const auto& text) { return from_text.read_text(text); }, may_refuse);
    CHECK(seen.both > 10);
    CHECK(seen.theirs_only > 5);
    // As JSON numbers: the same, or no JSON.
    compare(
        all, theirs, [&](const auto& text) { return from_json.read(text); },
        [&](const std::string& text) {
          return may_refuse(text) || (text.size() < 1'000 && unless(json_number)(text));
        });
  }
}

TEST_CASE("truth values in text are true and false") {
  tests::pg_database db;
  const texts all{"true", "false", "TRUE", "t",      "f", "yes", "no",   "on",
                  "off",  "1",     "0",    " true ", "",  "tru", "maybe"};
  column_reader ours("boolean", "transform = 'from_text'");
  compare(
      all, read_by_postgres(db, all, "boolsend(t::bool)"),
      [&](const auto& text) { return ours.read_text(text); }, unless("true|false"));
}

TEST_CASE("dates are PostgreSQL's in the one form") {
  tests::pg_database db;
  generator random;
  const texts all = random.many(4'000,
                                {"2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "0001-01-01",
                                 "9999-12-31", "0000-01-01", "10000-01-01", "today", "infinity", "epoch",
                                 "20260102", "2026-1-2", "Jan 2 2026", "2026-01-02 BC", ""},
                                [&] { return random.date(); });
  column_reader ours("date", "");
  const compared seen = compare(
      all, read_by_postgres(db, all, "date_send(t::date)"),
      [&](const auto& text) { return ours.read_text(text); }, unless(R"(\d{4}-\d\d-\d\d)"));
  CHECK(seen.both > 500);
}

TEST_CASE("timestamps are PostgreSQL's in the one form, with an offset") {
  tests::pg_database db;
  generator random;
  const texts all = random.many(8'000,
                                {"2016-12-31T23:59:60Z",
                                 "2016-12-31T23:59:60.5Z",
                                 "2016-12-31T18:59:60-05",
                                 "2026-01-02T03:04:60Z",
                                 "2026-01-02T24:00:00Z",
                                 "2026-01-02T24:00:01Z",
                                 "2026-01-02T03:04:05.9999995Z",
                                 "2026-01-02T03:04:05.9999994Z",
                                 "2026-01-02T03:04:05+15:59",
                                 "2026-01-02T03:04:05+16",
                                 "2026-01-02T03:04:05+01:02:03",
                                 "2026-01-02 03:04:05 Europe/Berlin",
                                 "2026-01-02 03:04:05 CET",
                                 "2026-01-02T03:04Z",
                                 "2026-01-02T03Z",
                                 "now",
                                 "infinity",
                                 "0001-01-01T00:00:00Z",
                                 "0001-01-01T00:00:00+01",
                                 "9999-12-31T23:59:59.999999Z",
                                 "9999-12-31T23:59:59-01",
                                 "2026-01-02T03:04:05",
                                 "20260102T030405Z",
                                 "2026-01-02T03:04:05.Z"},
                                [&] { return random.timestamp(); });
  column_reader ours("timestamptz", "");
  const only other_form = unless(R"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d(:?\d\d)?))");
  const std::regex leap_second(R"(.*:59:60\.\d*[1-9].*)");
  const only is_fraction_of_leap_second = [&](const std::string& text) {
    return std::regex_match(text, leap_second);
  };
  const std::regex hour_24(R"(.*[Tt ]24:.*)"), second_60(R"(.*:\d\d:60.*)"), year_edge("(0001|9999).*");
  const compared seen = compare(
      all, read_by_postgres(db, all, "timestamptz_send(t::timestamptz)"),
      [&](const auto& text) { return ours.read_text(text); },
      [&](const std::string& text) {
        return other_form(text) || std::regex_match(text, hour_24) || std::regex_match(text, second_60) ||
               std::regex_match(text, year_edge);
      },
      is_fraction_of_leap_second);
  CHECK(seen.both > 500);

  texts utc;
  for (const std::string& text : all) {
    if (std::regex_match(text, std::regex(R"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?)")))
      utc.push_back(text);
  }
  column_reader assuming("timestamptz", "transform = 'assume_utc'");
  compare(
      utc, read_by_postgres(db, utc, "timestamptz_send(t::timestamptz)"),
      [&](const auto& text) { return assuming.read_text(text); },
      [&](const std::string& text) {
        return std::regex_match(text, hour_24) || std::regex_match(text, second_60) ||
               std::regex_match(text, year_edge);
      },
      is_fraction_of_leap_second);
}

TEST_CASE("uuids are PostgreSQL's in the one form") {
  tests::pg_database db;
  generator random;
  const texts all =
      random.many(1'000,
                  {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                   "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", ""},
                  [&] {
                    std::string text;
                    for (int i = 0; i < 32; ++i) text += random.pick({"0", "9", "a", "F"});
                    for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, "-");
                    return text;
                  });
  column_reader ours("uuid", "");
  compare(
      all, read_by_postgres(db, all, "uuid_send(t::uuid)"),
      [&](const auto& text) { return ours.read_text(text); },
      unless("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"));
}

TEST_CASE("addresses are PostgreSQL's, but for numbers with leading zeros and parts left out") {
  tests::pg_database db;
  generator random;
  const auto v4 = [&] {
    std::string text;
    for (int i = 0; i < 4; ++i)
      text += (i > 0 ? "." : "") + random.pick({"0", "1", "10", "127", "255", "256", "192"});
    return text + random.pick({"", "", "/0", "/8", "/24", "/32", "/33"});
  };
  const auto v6 = [&] {
    std::string text;
    const std::size_t gap = random.below(10);
    for (std::size_t i = 0; i < 8; ++i) {
      if (i == gap) {
        text += "::";
        i += random.below(8 - i);
        continue;
      }
      if (!text.empty() && !text.ends_with(':')) text += ":";
      text += random.pick({"0", "1", "ffff", "db8", "00ab", "2001", "FE80"});
    }
    return text + random.pick({"", "", "/0", "/64", "/128", "/129"});
  };
  const texts all = random.many(4'000,
                                {"", "::", "::1", "1::", "::ffff:1.2.3.4", "::1.2.3.4/96", "1.2.3", "1.2",
                                 "1", "10/8", "010.1.2.3", "1.2.3.4/08", "1.2.3.4/", " 1.2.3.4", "::1%lo",
                                 "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "12345::"},
                                [&] { return random.below(2) == 0 ? v4() : v6(); });
  column_reader ours("inet", "");
  const std::regex leading_zero(R"((.*[./])?0\d.*)"), parts_missing(R"(\d+(\.\d+){0,2}\.?(/\d+)?)"),
      separator_at_end(R"(.*[.:](/\d+)?)"), v6_and_v4(R"(.*:.*\..*)"),
      v6_before_v4(R"(.*:\d{1,3}(\.\d{1,3}){3}(/\d+)?)");
  const compared seen = compare(
      all, read_by_postgres(db, all, "inet_send(t::inet)"),
      [&](const auto& text) { return ours.read_text(text); },
      [&](const std::string& text) {
        return std::regex_match(text, leading_zero) || std::regex_match(text, parts_missing) ||
               std::regex_match(text, separator_at_end) ||
               (std::regex_match(text, v6_and_v4) && !std::regex_match(text, v6_before_v4));
      });
  CHECK(seen.both > 500);
}

TEST_CASE("bytes are PostgreSQL's decode, but for blanks and missing padding") {
  tests::pg_database db;
  generator random;
  texts encoded{"",       "AA==",  "AA=",   "AA",   "A",    "AAE=", "AAEC",
                "AA\nEC", " AAEC", "AAEC=", "AB==", "====", "-_8="};
  texts digits{"", "0", "00", "0g", "fF", "00 11", "0011"};
  for (int i = 0; i < 500; ++i) {
    std::string bytes;
    for (auto n = random.below(20); n > 0; --n) bytes += static_cast<char>(random.below(256));
    encoded.push_back(random.below(3) == 0 ? random.spoiled(base64(bytes)) : base64(bytes));
    digits.push_back(random.below(3) == 0 ? random.spoiled(hex(bytes_of(bytes))) : hex(bytes_of(bytes)));
  }
  column_reader from_base64("bytea", "transform = 'decode_base64'");
  // Unused bits that are not zero make two texts of the same bytes: only one of them is taken.
  compare(
      encoded, read_by_postgres(db, encoded, "decode(t, 'base64')"),
      [&](const auto& text) { return from_base64.read_text(text); },
      [](const std::string& text) {
        return text.find_first_of(" \n") != text.npos || text.size() % 4 != 0 || text.find('=') != text.npos;
      });
  column_reader from_hex("bytea", "transform = 'decode_hex'");
  compare(
      digits, read_by_postgres(db, digits, "decode(t, 'hex')"),
      [&](const auto& text) { return from_hex.read_text(text); },
      [](const std::string& text) { return text.find(' ') != text.npos; });
}

TEST_CASE("jsonb holds what PostgreSQL makes of the same text") {
  tests::pg_database db;
  generator random;
  column_reader ours("jsonb", "nullable = true");
  texts all{"1e400",
            "-0",
            "0.10",
            "123456789012345678901234567890",
            "[1,2.50,{\"a\":null}]",
            "\"\\u00e9\"",
            "\"\\u0000\"",
            "1e131072",
            "01",
            "tru",
            "{\"a\":1,\"a\":2}",
            "\"\\ud800\"",
            "[]",
            " 7 ",
            "nul"};
  for (int i = 0; i < 500; ++i)
    all.push_back("[" + random.number() + " , {\"" + random.digits(3) + "\": " + random.number() + "}]");
  const auto theirs = read_by_postgres(db, all, "jsonb_send(t::jsonb)");
  texts taken;
  for (const std::string& text : all) {
    const reading mine = ours.read(text);
    taken.push_back(mine ? unhex(*mine)->substr(1) : "");
  }
  // What sluice sends, read by PostgreSQL, is what it makes of the sender's text.
  const auto sent = read_by_postgres(db, taken, "jsonb_send(t::jsonb)");
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(all[i]);
    CHECK(sent[i] == theirs[i]);
  }
}

TEST_CASE("arrays are PostgreSQL's") {
  tests::pg_database db;
  generator random;
  struct test {
    const char* type;
    const char* sql;
    std::function<std::string()> item;
  };
  for (const test& t :
       {test{"integer[]", "int4[]", [&] { return std::to_string(random.below(2'147'483'648)); }},
        test{"numeric[]", "numeric[]", [&] { return random.number(); }},
        test{"text[]", "text[]", [&] { return "\"" + random.digits(9) + "\""; }},
        test{"boolean[]", "bool[]", [&] { return random.pick({"true", "false"}); }},
        test{"inet[]", "inet[]", [&] { return random.pick({"\"::1\"", "\"10.0.0.0/8\""}); }},
        test{"date[]", "date[]", [&] { return random.pick({"\"2026-01-02\"", "\"0001-01-01\""}); }}}) {
    INFO(t.type);
    column_reader ours(t.type, "");
    texts lists{"{}"};
    for (int i = 0; i < 100; ++i) {
      std::string list;
      for (auto n = random.below(5); n > 0; --n)
        list += (list.empty() ? "" : ",") + (random.below(5) == 0 ? "null" : t.item());
      lists.push_back("{" + list + "}");
    }
    const auto theirs = read_by_postgres(db, lists, std::string("array_send(t::") + t.sql + ")");
    const compared seen = compare(
        lists, theirs,
        [&](const std::string& text) { return ours.read("[" + text.substr(1, text.size() - 2) + "]"); },
        never);
    CHECK(seen.both == lists.size());
  }
}

TEST_CASE("fields are shown as psql shows them") {
  tests::pg_database db;
  struct test {
    const char* type;
    texts values;  ///< JSON
  };
  const std::vector<test> all{
      {"numeric",
       {"0", "-0.00", "1e20", "12345.6780", "-0.0001", "0.00000001", "100000000.5", "1e-20", "99999999999"}},
      {"double precision", {"0.1", "-5", "1.5e300", "0"}},
      {"real", {"0.5", "-2", "0.1"}},
      {"boolean", {"true", "false"}},
      {"bigint", {"-9223372036854775808", "7"}},
      {"date", {"\"0001-01-01\"", "\"2026-01-02\"", "\"9999-12-31\"", "\"1999-12-31\""}},
      {"timestamptz",
       {"\"2026-01-02T03:04:05.678901Z\"", "\"1999-12-31T23:59:59.5Z\"", "\"0001-01-01T00:00:00Z\""}},
      {"uuid", {"\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""}},
      {"inet", {"\"10.1.2.3\"", "\"10.0.0.0/8\"", "\"2001:db8::1\"", "\"::/0\""}},
      {"text[]", {"[]", R"(["a","b c","",null,"NULL","q\"\\","{x}","a,b"])"}},
      {"numeric[]", {"[1.50,null,-2]"}},
      {"date[]", {"[\"2026-01-02\"]"}}};
  db.sql("SET TIME ZONE 'UTC'");
  for (const test& t : all) {
    const auto p = record::compile(toml::parse("[table]\nname = 't'\n[[column]]\nname = 'v'\ntype = '" +
                                               std::string(t.type) + "'\n"),
                                   "test")
                       .value();
    auto reader = record::reader::make(p, nullptr).value();
    copy::arena out(1U << 16U);
    std::string stream(text_of(copy::stream_header()));
    for (const std::string& json : t.values) {
      std::string body = "{\"v\":" + json + "}";
      const std::size_t size = body.size();
      body.append(simdjson::SIMDJSON_PADDING, ' ');
      REQUIRE(reader.read({body.data(), size}, {}, out).what == record::outcome::kind::row);
    }
    stream.append(text_of(out.bytes())).append(text_of(copy::stream_trailer()));
    db.sql("DROP TABLE IF EXISTS t; CREATE TABLE t (i serial, v " + std::string(t.type) + ")");
    db.copy_in("COPY t (v) FROM STDIN (FORMAT binary)", stream);
    const auto theirs = db.sql("SELECT format('%s', v) FROM t ORDER BY i");
    const auto shown = record::show(p, out.bytes());
    REQUIRE(shown.size() == theirs.size());
    for (std::size_t i = 0; i < shown.size(); ++i) {
      CAPTURE(t.type, t.values[i]);
      const std::string mine = shown[i].at(0).value();
      const bool same = mine == theirs[i].at(0).value() || (std::string_view(t.type) == "double precision" &&
                                                            std::stod(mine) == std::stod(*theirs[i].at(0)));
      CAPTURE(mine, *theirs[i].at(0));
      CHECK(same);
    }
  }
}
