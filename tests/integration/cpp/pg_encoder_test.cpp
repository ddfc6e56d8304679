#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "copy/row_writer.hpp"
#include "core/encoding.hpp"
#include "support/pg_fixture.hpp"
#include "support/seed.hpp"

using namespace sluice;

namespace {

/// One value, as SQL says it and as the encoder writes it.
struct value {
  std::string sql;
  std::function<void(copy::row_writer&)> write;
};

template <class T>
T draw(std::mt19937_64& random) {
  return static_cast<T>(random());
}

/// Often an extreme: the least, the greatest, or next to zero.
template <class T>
T edgy(std::mt19937_64& random, T least = std::numeric_limits<T>::min(),
       T greatest = std::numeric_limits<T>::max()) {
  switch (random() % 6) {
    case 0: return least;
    case 1: return greatest;
    case 2: return static_cast<T>(draw<std::int8_t>(random) % 3);
    default: return std::uniform_int_distribution<T>(least, greatest)(random);
  }
}

std::string in(std::string_view text, std::string_view type) {
  return "'" + std::string(text) + "'::" + std::string(type);
}

/// Finite, or one of the special values; printed so that reading gives the same bits.
template <class Float, class Bits>
std::pair<std::string, Float> any_float(std::mt19937_64& random) {
  using limits = std::numeric_limits<Float>;
  for (const Float special :
       {limits::infinity(), -limits::infinity(), limits::max(), limits::denorm_min(), Float(-0.0)}) {
    if (random() % 20 == 0) return {fmt::format("{}", special), special};
  }
  const Float f = std::bit_cast<Float>(draw<Bits>(random));
  return f == f ? std::pair{fmt::format("{}", f), f} : std::pair{std::string("NaN"), limits::quiet_NaN()};
}

std::string any_text(std::mt19937_64& random) {
  std::string text;
  for (auto n = random() % 20; n > 0; --n) {
    switch (random() % 4) {
      case 0: text += static_cast<char>(1 + random() % 127); break;
      case 1: text += "\xc3\xa9"; break;
      case 2: text += "\xe2\x82\xac"; break;
      default: text += "\xf0\x9f\x98\x80"; break;
    }
  }
  return text;
}

std::string any_bytes(std::mt19937_64& random) {
  std::string bytes;
  for (auto n = random() % 40; n > 0; --n) bytes += static_cast<char>(random());
  return bytes;
}

/// Catch2 fails on control characters in a message.
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

using kind = std::function<value(std::mt19937_64&)>;

/// From 4713 BC to the year 5874897; times as far as microseconds since 1970 in 64 bits go.
constexpr std::int32_t date_least = -2'440'588, date_greatest = 2'145'042'905;
constexpr std::int64_t time_least = -210'866'803'200'000'000,
                       time_greatest = std::numeric_limits<std::int64_t>::max();

const std::vector<kind> kinds{
    [](auto& random) -> value {
      const bool b = random() % 2;
      return {b ? "true" : "false", [b](auto& w) { w.boolean(b); }};
    },
    [](auto& random) -> value {
      const auto n = edgy<std::int16_t>(random);
      return {in(std::to_string(n), "int2"), [n](auto& w) { w.int2(n); }};
    },
    [](auto& random) -> value {
      const auto n = edgy<std::int32_t>(random);
      return {in(std::to_string(n), "int4"), [n](auto& w) { w.int4(n); }};
    },
    [](auto& random) -> value {
      const auto n = edgy<std::int64_t>(random);
      return {in(std::to_string(n), "int8"), [n](auto& w) { w.int8(n); }};
    },
    [](auto& random) -> value {
      const auto [text, f] = any_float<float, std::uint32_t>(random);
      return {in(text, "float4"), [bits = f](auto& w) { w.float4(bits); }};
    },
    [](auto& random) -> value {
      const auto [text, f] = any_float<double, std::uint64_t>(random);
      return {in(text, "float8"), [bits = f](auto& w) { w.float8(bits); }};
    },
    [](auto& random) -> value {
      const std::string text = any_text(random);
      return {pg::quote_literal(text) + "::text", [text](auto& w) { w.text(text); }};
    },
    [](auto& random) -> value {
      const std::string text = any_text(random);
      return {pg::quote_literal(text) + "::varchar(20)", [text](auto& w) { w.text(text); }};
    },
    [](auto& random) -> value {
      const std::string bytes = any_bytes(random);
      return {in("\\x" + hex(bytes_of(bytes)), "bytea"), [bytes](auto& w) { w.bytea(bytes_of(bytes)); }};
    },
    [](auto& random) -> value {
      // As jsonb is printed, so that both sides have the same text.
      const std::string json = fmt::format(R"({{"a": {}, "b": [true, null]}})", draw<std::int32_t>(random));
      return {in(json, "jsonb"), [json](auto& w) { w.jsonb(json); }};
    },
    [](auto& random) -> value {
      uuid id;
      for (std::byte& b : id) b = static_cast<std::byte>(random());
      return {in(to_string(id), "uuid"), [id](auto& w) { w.uuid(id); }};
    },
    [](auto& random) -> value {
      const auto days = edgy(random, date_least, date_greatest);
      return {fmt::format("DATE '1970-01-01' + ({})", days), [days](auto& w) { w.date(days); }};
    },
    [](auto& random) -> value {
      const auto us = edgy(random, time_least, time_greatest);
      // In two steps: an interval of microseconds alone is read through a double.
      return {fmt::format(
                  "TIMESTAMPTZ '1970-01-01 00:00:00+00' + INTERVAL '{} seconds' + INTERVAL '{} microseconds'",
                  us / 1'000'000, us % 1'000'000),
              [us](auto& w) { w.timestamptz(us); }};
    },
};

}  // namespace

TEST_CASE("rows are byte for byte what PostgreSQL itself copies out, and copies in again") {
  tests::pg_database db;
  db.sql("SET TIME ZONE 'UTC'");
  auto random = tests::seeded_random();
  constexpr int row_count = 3'000;

  copy::arena out(4U << 20U);
  const auto append = [&](std::span<const std::byte> bytes) {
    std::copy(bytes.begin(), bytes.end(), out.claim(bytes.size()));
  };
  append(copy::stream_header());
  copy::row_writer row(out);
  std::vector<std::string> inserts;
  std::vector<std::size_t> starts;
  for (int n = 0; n < row_count; ++n) {
    starts.push_back(out.size());
    std::string values;
    row.begin_row(static_cast<std::int16_t>(kinds.size()));
    for (const kind& make : kinds) {
      value v = make(random);
      if (random() % 5 == 0) v = {"NULL", [](copy::row_writer& w) { w.null(); }};
      v.write(row);
      values += (values.empty() ? "" : ", ") + v.sql;
    }
    REQUIRE(row.end_row());
    inserts.push_back("(" + std::to_string(n) + ", " + values + ")");
  }
  append(copy::stream_trailer());

  db.sql(
      "CREATE TABLE t (n int, a bool, b int2, c int4, d int8, e float4, f float8, g text, h varchar(20), i "
      "bytea, "
      "j jsonb, k uuid, l date, m timestamptz)");
  for (std::size_t n = 0; n < inserts.size(); ++n) {
    INFO("row " << printable(inserts[n]));
    REQUIRE_NOTHROW(db.sql("INSERT INTO t VALUES " + inserts[n]));
  }
  const std::string columns = "a, b, c, d, e, f, g, h, i, j, k, l, m";
  const auto copied_out = [&](const std::string& table) {
    return db.copy_out("COPY (SELECT " + columns + " FROM " + table +
                       " ORDER BY n) TO STDOUT (FORMAT binary)");
  };
  const std::string theirs = copied_out("t");
  const std::string_view ours = text_of(out.bytes());
  if (theirs != ours) {
    const auto differs = static_cast<std::size_t>(std::ranges::mismatch(ours, theirs).in1 - ours.begin());
    const auto at = static_cast<std::size_t>(std::ranges::upper_bound(starts, differs) - starts.begin()) - 1;
    FAIL("differs at byte " << differs << ", in row " << printable(inserts.at(at)));
  }

  db.sql("CREATE TABLE u (LIKE t); ALTER TABLE u DROP n, ADD n serial");
  db.copy_in("COPY u (" + columns + ") FROM STDIN (FORMAT binary)", ours);
  const bool same = copied_out("u") == theirs;
  CHECK(same);
}

TEST_CASE("a stream without rows is one too") {
  tests::pg_database db;
  db.sql("CREATE TABLE t (n int)");
  const std::string ours =
      std::string(text_of(copy::stream_header())) + std::string(text_of(copy::stream_trailer()));
  CHECK(db.copy_out("COPY t TO STDOUT (FORMAT binary)") == ours);
  db.copy_in("COPY t FROM STDIN (FORMAT binary)", ours);
  CHECK(db.number("SELECT count(*) FROM t") == 0);
}
