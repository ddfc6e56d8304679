#include "record/scalars.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <ctime>
#include <limits>
#include <string>

#include "support/seed.hpp"

using namespace sluice::record;

namespace {

template <class T>
std::string shown(const checked<T>& value) {
  return value ? std::to_string(*value) : std::string(value.error());
}

std::string date(std::string_view text) {
  return shown(parse_date(text));
}
std::string timestamp(std::string_view text) {
  return shown(parse_timestamp(text));
}
std::string version(transform how, std::string_view text) {
  return shown(version_number(how, text));
}

}  // namespace

TEST_CASE("a date is the days since 1970") {
  CHECK(date("1970-01-01") == "0");
  CHECK(date("1969-12-31") == "-1");
  CHECK(date("2026-01-02") == "20455");
  CHECK(date("2024-02-29") == "19782");
  CHECK(date("0001-01-01") == "-719162");
  CHECK(date("9999-12-31") == "2932896");
}

TEST_CASE("what the calendar does not have is out of range, what is no date has a bad format") {
  for (const char* text :
       {"2023-02-29", "2026-00-10", "2026-13-10", "2026-04-31", "2026-01-00", "0000-01-01"}) {
    INFO(text);
    CHECK(date(text) == "out_of_range");
  }
  for (const char* text : {"", "2026", "2026-1-2", "2026-01-02 ", " 2026-01-02", "20260102", "2026/01/02",
                           "2026-01-02T00:00:00Z", "12026-01-02", "-026-01-02", "2026-01-0a", "2026-01-002",
                           "2023-02-29x", "today"}) {
    INFO(text);
    CHECK(date(text) == "bad_format");
  }
}

TEST_CASE("a timestamp is the microseconds since 1970, UTC") {
  CHECK(timestamp("1970-01-01T00:00:00Z") == "0");
  CHECK(timestamp("2026-01-02T03:04:05.678901Z") == "1767323045678901");
  CHECK(timestamp("2026-01-02 03:04:05.678901z") == "1767323045678901");
  CHECK(timestamp("2026-01-02t05:04:05.678901+02") == "1767323045678901");
  CHECK(timestamp("2026-01-02T05:34:05.678901+0230") == "1767323045678901");
  CHECK(timestamp("2026-01-01T21:34:05.678901-05:30") == "1767323045678901");
  CHECK(timestamp("2026-01-02T03:04:05.5Z") == "1767323045500000");
  CHECK(timestamp("1969-12-31T23:59:59.999999Z") == "-1");
}

TEST_CASE("a timestamp is rounded to microseconds") {
  CHECK(timestamp("1970-01-01T00:00:00.0000004Z") == "0");
  CHECK(timestamp("1970-01-01T00:00:00.0000005Z") == "0");  // to the even one, as PostgreSQL does
  CHECK(timestamp("1970-01-01T00:00:00.999999999Z") == "1000000");
}

TEST_CASE("a timestamp without an offset is refused, and so is what does not exist") {
  for (const char* text : {"2026-01-02T03:04:05", "2026-01-02T03:04Z", "2026-01-02", "2026-01-02T03:04:05.Z",
                           "2026-01-02T03:04:05.1234567890Z", "2026-01-02T03:04:05+2",
                           "2026-01-02T03:04:05+02:", "2026-01-02T03:04:05+02:3", "2026-01-02T03:04:05ZZ",
                           "2026-01-02T03:04:05Z ", "2026-01-02T03:04:05 UTC", "2026-01-02_03:04:05Z",
                           "1767323045", "2026-01-002T03:04:05Z", "2026-02-30T25:61:61", ""}) {
    INFO(text);
    CHECK(timestamp(text) == "bad_format");
  }
  for (const char* text :
       {"2026-02-30T03:04:05Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:60Z",
        "2026-01-02T03:04:05+16:00", "2026-01-02T03:04:05+02:60", "0001-01-01T00:00:00+01",
        "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-01"}) {
    INFO(text);
    CHECK(timestamp(text) == "out_of_range");
  }
}

TEST_CASE("timestamps and days agree with the C library") {
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  for (int i = 0; i < 5'000; ++i) {
    // Years 1 to 9999.
    const auto seconds = static_cast<std::time_t>(random() % 315'537'897'600ULL) - 62'135'596'800;
    std::tm broken{};
    gmtime_r(&seconds, &broken);
    char day[32];
    char text[64];
    std::snprintf(day, sizeof day, "%04d-%02d-%02d", broken.tm_year + 1900, broken.tm_mon + 1,
                  broken.tm_mday);
    std::snprintf(text, sizeof text, "%sT%02d:%02d:%02dZ", day, broken.tm_hour, broken.tm_min, broken.tm_sec);
    INFO(text);
    REQUIRE(timestamp(text) == std::to_string(seconds * 1'000'000));
    const auto days = (seconds - ((seconds % 86'400) + 86'400) % 86'400) / 86'400;
    REQUIRE(date(day) == std::to_string(days));
    REQUIRE(shown(date_from(seconds * 1'000 + 999)) == std::to_string(days));
    REQUIRE(shown(timestamp_from(seconds * 1'000 + 7)) == std::to_string(seconds * 1'000'000 + 7'000));
  }
}

TEST_CASE("milliseconds outside the years 1 to 9999 are out of range") {
  constexpr std::int64_t first = -62'135'596'800'000;
  constexpr std::int64_t last = 253'402'300'799'999;
  for (const std::int64_t good : {first, last}) {
    CHECK(timestamp_from(good).has_value());
    CHECK(date_from(good).has_value());
  }
  for (const std::int64_t bad : {first - 1, last + 1, std::numeric_limits<std::int64_t>::min(),
                                 std::numeric_limits<std::int64_t>::max()}) {
    CHECK(shown(timestamp_from(bad)) == "out_of_range");
    CHECK(shown(date_from(bad)) == "out_of_range");
  }
}

TEST_CASE("a packed version sorts as versions do") {
  using enum transform;
  CHECK(version(version_packed, "7.2.11") == "7002011");
  CHECK(version(version_packed, "7.10") == "7010000");
  CHECK(version(version_packed, "7") == "7000000");
  CHECK(version(version_packed, "0.96") == "96000");
  CHECK(version(version_packed, "999.999.999") == "999999999");
  CHECK(version(version_packed, "6.02") == "6002000");
  for (const char* text : {"1000", "1.1000", "1.2.1000", "99999999999999999999"}) {
    CHECK(version(version_packed, text) == "out_of_range");
  }
  for (const char* text :
       {"", ".", "1.", ".1", "1..2", "1.2.3.4", "1.2.3.", "v1", "1.2-beta", " 1", "1.2a", "-1"}) {
    INFO(text);
    CHECK(version(version_packed, text) == "bad_version");
  }
}

TEST_CASE("the major version is the first number") {
  using enum transform;
  CHECK(version(version_major, "7.2.11") == "7");
  CHECK(version(version_major, "0.2.6") == "0");
  CHECK(version(version_major, "12") == "12");
  CHECK(version(version_major, "2026.1.2.3.4") == "2026");
  CHECK(version(version_major, "9223372036854775808.1") == "out_of_range");
  for (const char* text : {"", ".", ".5", "7.x", "seven"})
    CHECK(version(version_major, text) == "bad_version");
}

TEST_CASE("the digits of a version are joined as int(v.replace('.', '')) does") {
  using enum transform;
  CHECK(version(version_digits, "7.2.11") == "7211");
  CHECK(version(version_digits, "0.2.6") == "26");
  CHECK(version(version_digits, "1..2.") == "12");
  CHECK(version(version_digits, "9223372036854775807") == "9223372036854775807");
  CHECK(version(version_digits, "922337203685477580.8") == "out_of_range");
  for (const char* text : {"", "...", "1_0", "+1", "1e3"})
    CHECK(version(version_digits, text) == "bad_version");
}

TEST_CASE("length is counted in characters") {
  CHECK_FALSE(longer_than("", 0));
  CHECK(longer_than("a", 0));
  CHECK_FALSE(longer_than("h\u00e9llo", 5));
  CHECK(longer_than("h\u00e9llo", 4));
  CHECK_FALSE(longer_than("\U0001F600\U0001F600", 2));
  CHECK(longer_than("\U0001F600\U0001F600", 1));
}

TEST_CASE("trimming takes blanks at both ends") {
  CHECK(trimmed(" \t a b \r\n") == "a b");
  CHECK(trimmed("  ").empty());
  CHECK(trimmed("").empty());
}
