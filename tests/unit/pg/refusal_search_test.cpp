#include "pg/refusal_search.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/load_plan.hpp"
#include "support/seed.hpp"

using namespace sluice;
using pg::row_answer;
using pg::search_step;
using enum pg::search_step::kind;

namespace {

row_answer refusal(std::string state, bool names_cause, std::optional<std::size_t> culprit = std::nullopt) {
  return {.what = row_answer::kind::refused,
          .why = {.reason = "refused_by_table", .sqlstate = std::move(state)},
          .names_cause = names_cause,
          .culprit = culprit};
}

/// A segment of good messages, and the search for those that a table refuses.
struct search_fixture {
  explicit search_fixture(std::size_t count, const pg::load_history* history = nullptr)
      : segment({.rows_max = count + 1, .row_bytes = count + 16, .body_bytes = 16, .handle_bytes = 16}),
        claims(segment, plan),
        search(segment, claims, history) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = segment.rows().size();
      segment.rows().claim(1);
      uuid id{};
      std::memcpy(id.data(), &i, sizeof i);
      REQUIRE(segment.add({.message_id = id}, at, 1));
    }
    claims.begin();
    search.begin();
  }
  std::vector<std::size_t> tried() {
    const auto step = search.next();
    return {step.messages.begin(), step.messages.end()};
  }
  std::vector<std::size_t> refused() const {
    std::vector<std::size_t> list;
    for (std::size_t i = 0; i < segment.size(); ++i) {
      if (segment.slots()[i].refusal_index >= 0) list.push_back(i);
    }
    return list;
  }

  pg::load_plan plan;
  copy::segment segment;
  pg::claims claims;
  pg::refusal_search search;
};

using indexes = std::vector<std::size_t>;

std::array<std::byte, 3> some_tuple() {
  return {std::byte{1}, std::byte{2}, std::byte{3}};
}

}  // namespace

TEST_CASE("what the table takes at once is one try") {
  search_fixture f(3);
  CHECK(f.search.next().what == keep);
  CHECK(f.tried() == indexes{0, 1, 2});
  f.search.answered({});
  CHECK(f.search.next().what == finish);
  CHECK(f.refused().empty());
}

TEST_CASE("a refusal that names its cause is the message's, though all have it") {
  search_fixture f(2);
  f.search.answered(refusal("23514", true, 0));
  CHECK(f.tried() == indexes{1});
  f.search.answered(refusal("23514", true, 0));
  CHECK(f.search.next().what == finish);
  CHECK(f.refused() == indexes{0, 1});
}

TEST_CASE("a refusal that names no cause is the message's when the table takes another after it") {
  search_fixture f(2);
  f.search.answered(refusal("22012", false, 0));
  CHECK(f.tried() == indexes{1});
  f.search.answered({});
  CHECK(f.search.next().what == finish);
  CHECK(f.refused() == indexes{0});
}

TEST_CASE("a message that was taken before is tried again, and tells whose fault it is") {
  search_fixture f(2);
  f.search.answered(refusal("2200H", false));
  CHECK(f.tried() == indexes{0});
  f.search.answered({});
  CHECK(f.tried() == indexes{1});
  f.search.answered(refusal("2200H", false));
  CHECK(f.search.next().what == look);
  CHECK(f.tried() == indexes{0});
  SECTION("it is taken: the other one's") {
    f.search.answered({});
    CHECK(f.search.next().what == finish);
    CHECK(f.refused() == indexes{1});
  }
  SECTION("it has its key by now, which shows that it came as far: the other one's") {
    f.search.answered(refusal("23505", true));
    CHECK(f.search.next().what == finish);
  }
  SECTION("it meets the same: the table's") {
    f.search.answered(refusal("2200H", false, 0));
    CHECK(f.search.next().what == hold);
    CHECK_FALSE(f.search.over_stop_line());
    f.segment.forgive(0);
    CHECK(f.refused().empty());
    CHECK(f.segment.slots()[1].row_count == 1);
  }
  SECTION("it meets something else that names no cause: not known, for now") {
    f.search.answered(refusal("XX000", false));
    CHECK(f.search.next().what == hold);
  }
}

TEST_CASE("what all messages have without a cause is the table's, or not known where they are few") {
  for (const std::size_t count : {2U, 7U, 8U, 50U}) {
    search_fixture f(count);
    while (f.search.next().what == keep) f.search.answered(refusal("2200H", false, 0));
    CHECK(f.search.next().what == hold);
    CHECK(f.search.is_unsure() == (count < 8));
  }
}

TEST_CASE("one message alone is compared with one that the table took in an earlier load") {
  pg::load_history history;
  SECTION("if there is none, it is not known whose fault it is") {
    search_fixture f(1, &history);
    f.search.answered(refusal("XX000", false));
    CHECK(f.search.next().what == hold);
    CHECK(f.search.is_unsure());
  }
  SECTION("if that is taken, the message is bad") {
    history.took(some_tuple(), 1);
    search_fixture f(1, &history);
    f.search.answered(refusal("XX000", false));
    CHECK(f.search.next().what == look_sample);
    f.search.answered({});
    CHECK(f.search.next().what == finish);
    CHECK(f.refused() == indexes{0});
  }
  SECTION("if that meets the same, it is the server's") {
    history.took(some_tuple(), 1);
    search_fixture f(1, &history);
    f.search.answered(refusal("XX000", false));
    CHECK(f.search.next().what == look_sample);
    f.search.answered(refusal("XX000", false));
    CHECK(f.search.next().what == hold);
  }
  SECTION("that there is a partition for another row says nothing") {
    history.took(some_tuple(), 1);
    search_fixture f(1, &history);
    f.search.answered(refusal("23514", false));  // perhaps it was on its way to a partition made meanwhile
    CHECK(f.search.next().what == keep);
    f.search.answered(refusal("23514", false));
    CHECK(f.search.next().what == hold);
  }
}

TEST_CASE("whether a statement fails without rows is tried before rows are blamed") {
  search_fixture f(2);
  row_answer a = refusal("42P01", false);
  a.of_statement = true;
  f.search.answered(a);
  CHECK(f.search.next().what == look);
  CHECK(f.tried().empty());
  SECTION("it does") {
    f.search.answered(a);
    CHECK(f.search.next().what == hold);
    CHECK(f.refused().empty());
  }
  SECTION("it does not") {
    f.search.answered({});
    CHECK(f.tried() == indexes{0});
    f.search.answered(a);
    CHECK(f.tried() == indexes{1});
    f.search.answered({});
    CHECK(f.search.next().what == finish);
    CHECK(f.refused() == indexes{0});
  }
}

TEST_CASE("more refusals in a row than the stop-line allows are the table's") {
  constexpr std::size_t limit = pg::load_history::refusals_max;
  SECTION("in one load") {
    search_fixture f(2 * limit);
    std::size_t tries = 0;
    while (f.search.next().what == keep) {
      f.search.answered(refusal("23514", true, 0));
      REQUIRE(++tries <= 2 * limit);
    }
    CHECK(f.search.next().what == hold);
    CHECK(f.search.over_stop_line());
    CHECK(tries == limit + 1);
    CHECK(f.search.in_a_row() == limit + 1);
  }
  SECTION("not with rows between") {
    search_fixture f(2 * limit);
    while (f.search.next().what == keep) {
      const auto step = f.search.next();
      const bool bad = step.messages.front() % 500 != 0;
      f.search.answered(bad || step.messages.size() > 1 ? refusal("23514", true, bad ? 0 : 1) : row_answer{});
    }
    CHECK(f.search.next().what == finish);
  }
  SECTION("over several loads, until a row is taken") {
    pg::load_history history;
    history.refused("23514", limit);
    {
      search_fixture f(1, &history);
      f.search.answered(refusal("23514", true));
      CHECK(f.search.next().what == hold);
      CHECK(f.search.over_stop_line());
    }
    {
      search_fixture f(1, &history);
      f.search.answered(refusal("22001", true));
      CHECK(f.search.next().what == finish);
    }
    history.took(some_tuple(), 1);
    search_fixture f(1, &history);
    f.search.answered(refusal("23514", true));
    CHECK(f.search.next().what == finish);
  }
}

TEST_CASE("what all of many messages have shows after few tries, if one is known to be good") {
  pg::load_history history;
  history.took(some_tuple(), 1);
  search_fixture f(10'000, &history);
  int tries = 0;
  for (auto step = f.search.next(); step.what != hold; step = f.search.next()) {
    REQUIRE(++tries < 20);
    f.search.answered(
        refusal("2200H", false, step.what == keep ? std::optional<std::size_t>(0) : std::nullopt));
  }
  CHECK(tries <= 10);
}

TEST_CASE("the loser of a key is tried again when the message that had it is refused") {
  search_fixture f(3);
  f.search.answered(refusal("23505", true, 1));  // 1 has the key of 0
  CHECK(f.tried() == indexes{0});
  f.search.answered(refusal("23503", true));  // which has no parent
  CHECK(f.tried() == indexes{2});
  f.search.answered({});
  CHECK(f.tried() == indexes{1, 0});
  f.search.answered(refusal("23503", true));
  CHECK(f.tried() == indexes{1});
  f.search.answered({});
  CHECK(f.tried() == indexes{0});
  f.search.answered(refusal("23503", true));
  // One orphan fewer than there were messages: it is tried alone once more.
  CHECK(f.tried() == indexes{0});
  f.search.answered(refusal("23503", true));
  CHECK(f.search.next().what == finish);
  CHECK(f.refused() == indexes{0});
}

namespace {

/// A table in memory, of messages that are good, bad by name, bad without a name, or refer to another.
struct memory_table {
  enum class kind { good, named, nameless, orphan };
  std::vector<kind> kinds;
  std::vector<std::optional<std::size_t>> parent;
  bool tells_lines = false;
  std::set<std::size_t> in;
  std::size_t tries = 0;

  row_answer copy(std::span<const std::size_t> messages, bool stays) {
    ++tries;
    for (std::size_t at = 0; at < messages.size(); ++at) {
      const kind k = kinds[messages[at]];
      if (!stays && in.contains(messages[at])) return refusal("23505", true);
      if (k == kind::named || k == kind::nameless)
        return refusal(k == kind::named ? "23514" : "22012", k == kind::named,
                       tells_lines ? std::optional(at) : std::nullopt);
    }
    std::set<std::size_t> after = in;
    after.insert(messages.begin(), messages.end());
    for (const std::size_t m : messages) {
      if (kinds[m] == kind::orphan || (parent[m] && !after.contains(*parent[m])))
        return refusal("23503", true);
    }
    if (stays) in = std::move(after);
    return {};
  }
  /// Whether it can be a row, whatever the order.
  bool is_good(std::size_t m) const { return kinds[m] == kind::good && (!parent[m] || is_good(*parent[m])); }
};

}  // namespace

TEST_CASE("of any messages the good ones become rows and the bad ones are refused, in few tries") {
  auto random = tests::seeded_random();
  for (int round = 0; round < 1'000; ++round) {
    const std::size_t n = 1 + random() % 200;
    const auto share = random() % 101, nameless = random() % 101, referring = random() % 3 * 20;
    memory_table t;
    t.tells_lines = random() % 2 == 0;
    t.kinds.assign(n, memory_table::kind::good);
    t.parent.resize(n);
    std::vector<std::size_t> rank(n);
    std::iota(rank.begin(), rank.end(), 0U);
    std::shuffle(rank.begin(), rank.end(), random);
    std::size_t bad = 0, referring_count = 0;
    for (std::size_t at = 0; at < n; ++at) {
      const std::size_t m = rank[at];
      if (random() % 100 < share) {
        t.kinds[m] = random() % 100 < nameless ? memory_table::kind::nameless : memory_table::kind::named;
        if (random() % 10 == 0) t.kinds[m] = memory_table::kind::orphan;
        ++bad;
      } else if (at > 0 && random() % 100 < referring) {
        t.parent[m] = rank[random() % at];  // never a cycle
        ++referring_count;
      }
    }
    search_fixture f(n);
    search_step step = f.search.next();
    for (; step.what == keep || step.what == look; step = f.search.next()) {
      f.search.answered(t.copy(step.messages, step.what == keep));
      REQUIRE(t.tries < 1'000'000);
    }
    std::size_t good = 0, without_name = 0;
    for (std::size_t m = 0; m < n; ++m) {
      good += t.is_good(m) ? 1U : 0U;
      without_name += t.kinds[m] == memory_table::kind::nameless ? 1U : 0U;
    }
    CAPTURE(round, n, bad, referring_count, t.tells_lines, t.tries);
    if (good == 0 && without_name > 0) {
      CHECK(step.what == hold);
      continue;
    }
    REQUIRE(step.what == finish);
    CHECK(f.claims.rows().size() == good);
    for (std::size_t m = 0; m < n; ++m) {
      INFO("message " << m);
      REQUIRE(t.in.contains(m) == t.is_good(m));
      REQUIRE((f.segment.slots()[m].refusal_index >= 0) != t.is_good(m));
    }
    if (referring_count == 0) CHECK(t.tries <= 4 * n + 8);
  }
}

TEST_CASE("messages of one event, tried one after the other, count together for the stop-line") {
  pg::load_history history;
  history.refused("23514", pg::load_history::refusals_max - 3);
  pg::load_plan plan;
  plan.by_event = true;
  copy::segment s({.rows_max = 4, .row_bytes = 64, .body_bytes = 16, .handle_bytes = 16});
  for (std::uint8_t i = 0; i < 4; ++i) {
    const std::size_t at = s.rows().size();
    s.rows().claim(1);
    const auto event = static_cast<std::uint8_t>(100 + i % 2);
    REQUIRE(s.add({.message_id = uuid{std::byte{i}}, .business_key = uuid{std::byte{event}}}, at, 1));
  }
  pg::claims claims(s, plan);
  pg::refusal_search search(s, claims, &history);
  claims.begin();
  for (const pg::ledger in : claims.ledgers()) {
    pg::rows given;
    for (const std::uint32_t i : claims.choose(in).messages()) {
      const copy::slot& slot = s.slots()[i];
      given.values.push_back({"0", to_string(in == pg::ledger::events ? slot.event_id : slot.message_id)});
    }
    REQUIRE(claims.answered(given));
  }
  search.begin();
  while (search.next().what == keep) search.answered(refusal("23514", true, 0));
  CHECK(search.next().what == hold);
  CHECK(search.over_stop_line());
}
