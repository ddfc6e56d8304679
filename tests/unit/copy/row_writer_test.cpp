#include "copy/row_writer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/encoding.hpp"
#include "support/repository.hpp"

using namespace sluice;
using copy::arena;
using copy::row_writer;

namespace {

using write_field = std::function<void(row_writer&)>;

std::string tuple_hex(std::int16_t fields, const write_field& write) {
  arena out(1'024);
  row_writer row(out);
  row.begin_row(fields);
  write(row);
  REQUIRE(row.end_row());
  return hex(out.bytes());
}

std::string field_hex(const write_field& write) {
  const std::string tuple = tuple_hex(1, write);
  REQUIRE(tuple.starts_with("0001"));
  return tuple.substr(4);
}

/// The golden file's expressions, as a caller of row_writer says them.
const std::map<std::string, write_field> known_expressions{
    {"true::bool", [](row_writer& w) { w.boolean(true); }},
    {"(-2)::int2", [](row_writer& w) { w.int2(-2); }},
    {"1::int4", [](row_writer& w) { w.int4(1); }},
    {"1::int8", [](row_writer& w) { w.int8(1); }},
    {"1.5::float4", [](row_writer& w) { w.float4(1.5F); }},
    {"'NaN'::float8", [](row_writer& w) { w.float8(std::numeric_limits<double>::quiet_NaN()); }},
    {"'h\u00e9llo'::text", [](row_writer& w) { w.text("h\xc3\xa9llo"); }},
    {R"('{"a":1}'::json)", [](row_writer& w) { w.text(R"({"a":1})"); }},
    // PostgreSQL prints jsonb with a blank after the colon.
    {R"('{"a":1}'::jsonb)", [](row_writer& w) { w.jsonb(R"({"a": 1})"); }},
    {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
     [](row_writer& w) { w.uuid(parse_uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").value()); }},
    {R"('\x0102'::bytea)", [](row_writer& w) { w.bytea(bytes_of("\x01\x02")); }},
    {"'2000-01-01 00:00:00+00'::timestamptz", [](row_writer& w) { w.timestamptz(946'684'800'000'000); }},
    {"'1970-01-01 00:00:00+00'::timestamptz", [](row_writer& w) { w.timestamptz(0); }},
    {"'2026-01-02 03:04:05.678901+00'::timestamptz",
     [](row_writer& w) { w.timestamptz(1'767'323'045'678'901); }},
    {"'2026-01-02'::date", [](row_writer& w) { w.date(20'455); }},
    {"'1999-12-31'::date", [](row_writer& w) { w.date(10'956); }},
    {"null::int4", [](row_writer& w) { w.null(); }},
};

void write_every_kind(row_writer& w) {
  w.boolean(false);
  w.null();
  w.int2(std::numeric_limits<std::int16_t>::min());
  w.int4(std::numeric_limits<std::int32_t>::max());
  w.int8(std::numeric_limits<std::int64_t>::min());
  w.float4(-0.0F);
  w.float8(1e300);
  w.text("");
  w.text("some text");
  w.bytea(bytes_of("bytes"));
  w.jsonb("[]");
  w.uuid({});
  w.date(0);
  w.timestamptz(0);
  if (char* at = w.begin_field(64)) {
    std::memcpy(at, "in place", 8);
    w.end_field(at + 8);
  }
  w.int2(7);
}
constexpr std::int16_t every_kind = 16;

}  // namespace

TEST_CASE("fields have the bytes that a PostgreSQL server sent") {
  std::ifstream file(tests::repository_file("tests/data/copy/pgcopy_golden.txt"));
  std::size_t checked = 0;
  for (std::string line; std::getline(file, line);) {
    const auto arrow = line.find(" => ");
    REQUIRE(arrow != line.npos);
    const auto known = known_expressions.find(line.substr(0, arrow));
    if (known == known_expressions.end()) continue;
    INFO(line);
    CHECK(field_hex(known->second) == line.substr(arrow + 4));
    ++checked;
  }
  CHECK(checked == known_expressions.size());
}

TEST_CASE("a stream begins with the signature and ends with field count -1") {
  CHECK(hex(copy::stream_header()) == "5047434f50590aff0d0a000000000000000000");
  CHECK(hex(copy::stream_trailer()) == "ffff");
}

TEST_CASE("a field made in place is as long as what was written") {
  const std::string got = tuple_hex(2, [](row_writer& w) {
    char* at = w.begin_field(100);
    std::memcpy(at, "token", 5);
    w.end_field(at + 5);
    w.int2(1);
  });
  CHECK(got == tuple_hex(2, [](row_writer& w) {
          w.text("token");
          w.int2(1);
        }));
}

TEST_CASE("a field made in place may stay empty") {
  CHECK(field_hex([](row_writer& w) { w.end_field(w.begin_field(8)); }) == "00000000");
}

TEST_CASE("an abandoned tuple leaves no trace") {
  arena out(1'024);
  row_writer row(out);
  row.begin_row(1);
  row.int4(1);
  REQUIRE(row.end_row());
  const std::string before = hex(out.bytes());
  row.begin_row(every_kind);
  write_every_kind(row);
  row.abandon_row();
  CHECK(hex(out.bytes()) == before);
}

TEST_CASE("a tuple that does not fit leaves no trace, wherever it is cut") {
  arena roomy(1'024);
  row_writer whole(roomy);
  whole.begin_row(every_kind);
  write_every_kind(whole);
  REQUIRE(whole.end_row());
  // The field made in place asks for its longest length first: it needs that room too.
  const std::size_t needed = roomy.size() + (64 - 8) - (4 + 2);

  constexpr std::string_view earlier = "an earlier row";
  for (std::size_t room = 0; room <= roomy.size() + 64; ++room) {
    arena out(earlier.size() + room);
    std::memcpy(out.claim(earlier.size()), earlier.data(), earlier.size());
    row_writer row(out);
    row.begin_row(every_kind);
    write_every_kind(row);
    INFO("room for " << room << " of " << needed);
    const bool fitted = row.end_row();
    REQUIRE(fitted == (room >= needed));
    REQUIRE(out.text(0, earlier.size()) == earlier);
    REQUIRE(out.size() == earlier.size() + (fitted ? roomy.size() : 0));
    if (fitted) REQUIRE(hex(out.bytes().subspan(earlier.size())) == hex(roomy.bytes()));
  }
}

TEST_CASE("a writer works again after a tuple that did not fit") {
  arena out(16);
  row_writer row(out);
  row.begin_row(1);
  row.text("longer than sixteen bytes");
  REQUIRE_FALSE(row.end_row());
  row.begin_row(1);
  row.text("short");
  REQUIRE(row.end_row());
  CHECK(hex(out.bytes()) ==
        "0001"
        "00000005"
        "73686f7274");
}

TEST_CASE("an arena that grows keeps its bytes, and never shrinks") {
  arena out(4);
  std::memcpy(out.claim(4), "abcd", 4);
  CHECK(out.claim(1) == nullptr);
  out.grow(6);
  CHECK(out.text(0, out.size()) == "abcd");
  CHECK(out.claim(2) != nullptr);
  out.grow(1);
  CHECK(out.capacity() == 6);
  CHECK(out.text(0, 4) == "abcd");
}
