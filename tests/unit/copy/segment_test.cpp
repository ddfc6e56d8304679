#include "copy/segment.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "support/seed.hpp"

using namespace sluice;
using copy::refusal;
using copy::segment;

namespace {

constexpr copy::segment_options small{.rows_max = 3, .row_bytes = 100, .body_bytes = 40, .handle_bytes = 20};

std::size_t write_row(segment& s, std::string_view bytes) {
  const std::size_t offset = s.rows().size();
  std::byte* at = s.rows().claim(bytes.size());
  REQUIRE(at != nullptr);
  std::memcpy(at, bytes.data(), bytes.size());
  return offset;
}

bool add(segment& s, std::string_view row, std::string_view body, std::string_view handle) {
  const std::size_t offset = write_row(s, row);
  return s.add({.body = body, .receipt_handle = handle}, offset, 1);
}

std::string_view row_of(const segment& s, const copy::slot& m) {
  return s.rows().text(m.row_offset, m.row_bytes);
}

}  // namespace

TEST_CASE("a segment gives back what was added") {
  segment s(small);
  const auto now = std::chrono::steady_clock::now();
  const uuid id = parse_uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").value();
  REQUIRE(add(s, "first", "{}", "h1"));
  const std::size_t offset = write_row(s, "second");
  REQUIRE(s.add({.message_id = id,
                 .sent_ms = 42,
                 .hidden_until = now,
                 .receive_count = 7,
                 .body = "{\"a\":1}",
                 .receipt_handle = "h2"},
                offset, 2));

  REQUIRE(s.size() == 2);
  const copy::slot& m = s.slots()[1];
  CHECK(m.message_id == id);
  CHECK(m.sent_ms == 42);
  CHECK(m.hidden_until == now);
  CHECK(m.receive_count == 7);
  CHECK(m.row_count == 2);
  CHECK(row_of(s, m) == "second");
  CHECK(s.body(m) == "{\"a\":1}");
  CHECK(s.receipt_handle(m) == "h2");
  CHECK(row_of(s, s.slots()[0]) == "first");
}

TEST_CASE("a segment is full when it has its messages") {
  segment s(small);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(s.full());
    REQUIRE(add(s, "r", "b", "h"));
  }
  CHECK(s.full());
  CHECK_FALSE(add(s, "one more", "b", "h"));
  CHECK(s.size() == 3);
  CHECK(s.rows().size() == 3);
}

TEST_CASE("a message whose body does not fit changes nothing") {
  segment s(small);
  REQUIRE(add(s, "row", std::string(30, 'b'), "h"));
  CHECK_FALSE(add(s, "row", std::string(11, 'b'), "h"));
  CHECK(s.rows().size() == 3);
  CHECK(add(s, "row", std::string(10, 'b'), "h"));
}

TEST_CASE("a message whose receipt handle does not fit changes nothing") {
  segment s(small);
  REQUIRE(add(s, "row", "body", std::string(15, 'h')));
  CHECK_FALSE(add(s, "row", std::string(36, 'b'), std::string(6, 'h')));
  CHECK(s.rows().size() == 3);
  CHECK(s.size() == 1);
  CHECK(add(s, "row", std::string(36, 'b'), std::string(5, 'h')));
}

TEST_CASE("a message set aside has no row, and keeps why") {
  segment s(small);
  REQUIRE(s.add_refused({.body = "not json", .receipt_handle = "h"}, {"not_json", "", ""}));
  REQUIRE(add(s, "row", "{}", "h"));
  CHECK(s.refused() == 1);
  CHECK(s.slots()[0].row_count == 0);
  CHECK(s.slots()[0].row_bytes == 0);
  CHECK(s.refusal_of(s.slots()[0]).reason == "not_json");
  CHECK(s.slots()[1].refusal_index == -1);
}

TEST_CASE("handle, group and trace of a message are told apart, whichever it has") {
  segment s({});
  REQUIRE(s.add({.receipt_handle = "handle", .group_id = "group", .trace_id = "trace"}, 0, 0));
  REQUIRE(s.add({.receipt_handle = "h", .trace_id = "t"}, 0, 0));
  REQUIRE(s.add({.receipt_handle = "only"}, 0, 0));
  const auto texts = [&](std::size_t i) {
    const copy::slot& each = s.slots()[i];
    return std::vector{s.receipt_handle(each), s.group_id(each), s.trace_id(each)};
  };
  CHECK(texts(0) == std::vector<std::string_view>{"handle", "group", "trace"});
  CHECK(texts(1) == std::vector<std::string_view>{"h", "", "t"});
  CHECK(texts(2) == std::vector<std::string_view>{"only", "", ""});
}

TEST_CASE("a message set aside that does not fit changes nothing") {
  segment s(small);
  CHECK_FALSE(s.add_refused({.body = std::string(41, 'b'), .receipt_handle = "h"}, {"not_json", "", ""}));
  CHECK(s.refused() == 0);
  CHECK(s.empty());
}

TEST_CASE("a row that the table refused stays where it is, and is not sent") {
  segment s(small);
  REQUIRE(add(s, "first", "{}", "h"));
  REQUIRE(add(s, "second", "{}", "h"));
  s.refuse(0, {"refused_by_table", "locale", "22001"});
  CHECK(s.slots()[0].row_count == 0);
  CHECK(s.refusal_of(s.slots()[0]).column == "locale");
  CHECK(s.refusal_of(s.slots()[0]).sqlstate == "22001");
  CHECK(row_of(s, s.slots()[1]) == "second");
  CHECK(s.refused() == 1);
}

TEST_CASE("an empty segment makes room for a message that is larger than it") {
  segment s(small);
  const std::string large(1'000, 'x');
  s.make_room(large.size(), large.size(), large.size());
  REQUIRE(add(s, large, large, large));
  CHECK(s.body(s.slots()[0]) == large);
  CHECK(s.receipt_handle(s.slots()[0]) == large);
  CHECK(row_of(s, s.slots()[0]) == large);
}

TEST_CASE("a cleared segment is as new") {
  segment s(small);
  REQUIRE(add(s, "row", "body", "handle"));
  REQUIRE(s.add_refused({.body = "b", .receipt_handle = "h"}, {"not_json", "", ""}));
  s.clear();
  CHECK(s.empty());
  CHECK(s.refused() == 0);
  CHECK(s.rows().size() == 0);
  CHECK(add(s, std::string(100, 'r'), std::string(40, 'b'), std::string(20, 'h')));
}

TEST_CASE("a segment is hidden until the first of its messages shows again") {
  segment s(small);
  CHECK(s.hidden_until() == std::chrono::steady_clock::time_point::max());
  const auto now = std::chrono::steady_clock::now();
  for (const int after : {20, 10, 30}) {
    REQUIRE(s.add_refused({.hidden_until = now + std::chrono::seconds(after)}, {"not_json", "", ""}));
  }
  CHECK(s.hidden_until() == now + std::chrono::seconds(10));
}

namespace {

/// What a segment must behave like: strings in a vector, and three sums.
struct model {
  struct message {
    std::string row, body, handle;
    std::optional<std::string> reason;
  };
  copy::segment_options limits;
  std::vector<message> messages{};
  std::size_t row_bytes = 0, body_bytes = 0, handle_bytes = 0;

  bool row_fits(std::size_t n) const { return row_bytes + n <= limits.row_bytes; }
  bool add(message m) {
    if (messages.size() >= limits.rows_max || body_bytes + m.body.size() > limits.body_bytes ||
        handle_bytes + m.handle.size() > limits.handle_bytes) {
      return false;
    }
    row_bytes += m.row.size();
    body_bytes += m.body.size();
    handle_bytes += m.handle.size();
    messages.push_back(std::move(m));
    return true;
  }
};

void compare(const segment& s, const model& m) {
  REQUIRE(s.size() == m.messages.size());
  REQUIRE(s.rows().size() == m.row_bytes);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const copy::slot& got = s.slots()[i];
    const model::message& want = m.messages[i];
    REQUIRE(row_of(s, got) == want.row);
    REQUIRE(s.body(got) == want.body);
    REQUIRE(s.receipt_handle(got) == want.handle);
    REQUIRE((got.refusal_index >= 0) == want.reason.has_value());
    REQUIRE(got.row_count == (want.reason ? 0U : 1U));
    if (want.reason) REQUIRE(s.refusal_of(got).column == *want.reason);
    refused += want.reason.has_value();
  }
  REQUIRE(s.refused() == refused);
}

}  // namespace

TEST_CASE("any order of calls gives what a plain model gives") {
  auto random = tests::seeded_random();
  const auto upto = [&](std::size_t n) { return static_cast<std::size_t>(random() % (n + 1)); };
  const auto bytes = [&](std::size_t longest) {
    std::string text(upto(longest), '\0');
    for (char& c : text) c = static_cast<char>('a' + upto(25));
    return text;
  };

  for (int round = 0; round < 200; ++round) {
    const copy::segment_options limits{
        .rows_max = 1 + upto(12), .row_bytes = upto(200), .body_bytes = upto(200), .handle_bytes = upto(100)};
    segment s(limits);
    model m{.limits = limits};
    for (int step = 0; step < 40; ++step) {
      model::message next{bytes(40), bytes(40), bytes(20), std::nullopt};
      const segment::entry e{.body = next.body, .receipt_handle = next.handle};
      const auto action = upto(9);
      if (action < 6) {
        if (!m.row_fits(next.row.size())) {
          REQUIRE(s.rows().claim(next.row.size()) == nullptr);
          continue;
        }
        const std::size_t offset = write_row(s, next.row);
        REQUIRE(s.add(e, offset, 1) == m.add(next));
      } else if (action == 6) {
        next.row.clear();
        next.reason = "column";
        REQUIRE(s.add_refused(e, {"not_json", *next.reason, ""}) == m.add(next));
      } else if (action == 7 && !s.empty()) {
        const std::size_t at = upto(s.size() - 1);
        if (m.messages[at].reason) continue;
        m.messages[at].reason = "refused " + std::to_string(step);
        s.refuse(at, {"refused_by_table", *m.messages[at].reason, "22001"});
      } else if (action == 8 && upto(4) == 0) {
        s.clear();
        m = model{.limits = m.limits};  // what has grown stays
      } else if (action == 9 && s.empty()) {
        m.limits.row_bytes = std::max(m.limits.row_bytes, next.row.size());
        m.limits.body_bytes = std::max(m.limits.body_bytes, next.body.size());
        m.limits.handle_bytes = std::max(m.limits.handle_bytes, next.handle.size());
        s.make_room(next.row.size(), next.body.size(), next.handle.size());
      }
      compare(s, m);
    }
  }
}

TEST_CASE("refusals are taken back, and their messages are rows again") {
  segment s(small);
  REQUIRE(add(s, "a", "1", "h"));
  REQUIRE(s.add_refused({.body = "2", .receipt_handle = "h"}, {.reason = "not_json"}));
  REQUIRE(add(s, "c", "3", "h"));
  s.refuse(2, {.reason = "refused_by_table"});
  s.refuse(0, {.reason = "refused_by_table"});
  s.forgive(1);
  CHECK(s.refused() == 1);
  CHECK(s.slots()[0].row_count == 1);
  CHECK(s.slots()[0].refusal_index == -1);
  CHECK(s.slots()[1].refusal_index == 0);
  CHECK(s.slots()[2].row_count == 1);
  s.refuse(2, {.reason = "refused_by_table"});
  CHECK(s.refusal_of(s.slots()[2]).reason == "refused_by_table");
}

TEST_CASE("a segment is committed in parts, and a message may be held back") {
  segment s(small);
  for (int i = 0; i < 3; ++i) REQUIRE(add(s, "a", "1", "h"));
  CHECK(s.open() == 3);
  s.commit(1);
  s.hold_back();
  CHECK(s.first_open() == 2);
  CHECK(s.open() == 1);
  CHECK_FALSE(s.is_held_back(0));
  CHECK(s.is_held_back(1));
  CHECK_FALSE(s.is_held_back(2));
  CHECK(s.held_back() == 1);
  s.clear();
  CHECK(s.first_open() == 0);
  CHECK(s.held_back() == 0);
}
