#include "pg/keys.hpp"

#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "core/encoding.hpp"

using namespace sluice;

namespace {

uuid id(int n) {
  uuid made{};
  made.back() = static_cast<std::byte>(n);
  return made;
}

copy::segment segment_of(const std::vector<std::pair<std::int64_t, int>>& keys) {
  copy::segment s({.rows_max = 100, .row_bytes = 100, .body_bytes = 100, .handle_bytes = 100});
  for (const auto& [sent_ms, n] : keys) {
    REQUIRE(s.add_refused({.message_id = id(n), .sent_ms = sent_ms}, {.reason = "not_json"}));
  }
  return s;
}

pg::ledger_keys keys_of(const copy::segment& s) {
  std::vector<std::uint32_t> all(s.size());
  std::iota(all.begin(), all.end(), 0U);
  return {s, pg::ledger::messages, all};
}

}  // namespace

TEST_CASE("keys come once each, in the ledger's order, the first message of each") {
  const auto s = segment_of({{20, 1}, {10, 2}, {20, 1}, {10, 1}, {20, 0}, {10, 2}});
  CHECK(keys_of(s).messages() == std::vector<std::uint32_t>{3, 1, 4, 0});
}

TEST_CASE("the ledger's stream is binary COPY of time and id") {
  const auto s = segment_of({{258, 7}});
  CHECK(hex(keys_of(s).stream().bytes()) ==
        "5047434f50590aff0d0a000000000000000000"
        "0002"
        "00000008"
        "0000000000000102"
        "00000010"
        "00000000000000000000000000000007"
        "ffff");
}

TEST_CASE("a claim names every key") {
  const auto s = segment_of({{2, 1}, {1, 1}});
  CHECK(
      keys_of(s).claim_sql() ==
      "INSERT INTO sluice.ledger (sent_ms, message_id) SELECT sent, id FROM unnest('{1,2}'::bigint[], "
      "'{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000001}'::uuid[]) AS k(sent, id) "
      "ON CONFLICT DO NOTHING RETURNING sent_ms, message_id");
}

TEST_CASE("a key that the server gives back finds its message") {
  const auto s = segment_of({{20, 1}, {10, 2}, {-5, 3}});
  const pg::ledger_keys keys = keys_of(s);
  CHECK(keys.find("10", "00000000-0000-0000-0000-000000000002") == 1);
  CHECK(keys.find("-5", "00000000-0000-0000-0000-000000000003") == 2);
  CHECK(keys.find("20", "00000000-0000-0000-0000-000000000002") == -1);
  CHECK(keys.find("x", "00000000-0000-0000-0000-000000000002") == -1);
  CHECK(keys.find("10", "x") == -1);
}

TEST_CASE("of two deliveries of one message the one that is whole comes first") {
  copy::segment s({.rows_max = 10, .row_bytes = 100, .body_bytes = 100, .handle_bytes = 100});
  REQUIRE(s.add_refused({.message_id = id(1)}, {.reason = "wrong_digest"}));
  REQUIRE(s.add({.message_id = id(1)}, 0, 0));
  REQUIRE(s.add_refused({.message_id = id(1)}, {.reason = "wrong_digest"}));
  CHECK(keys_of(s).messages() == std::vector<std::uint32_t>{1});
}
