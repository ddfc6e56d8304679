#include "pipeline/batch_pool.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace sluice;
using namespace sluice::pipeline;
using namespace std::chrono_literals;

namespace {

const steady_time start = steady_time{} + 1h;

void fill(batch& b, std::string_view group = {}) {
  REQUIRE(b.rows.add_refused({.body = "x", .receipt_handle = "h", .group_id = group},
                             {.reason = "not_json", .column = {}, .sqlstate = {}}));
}

}  // namespace

TEST_CASE("a batch goes from free to filling, sealed, loading, settling and back") {
  batch_pool pool(2, {});
  CHECK(pool.idle());
  batch* b = pool.open(start);
  REQUIRE(b != nullptr);
  CHECK(pool.open(start) == b);
  CHECK(pool.idle());  // nothing is in it yet
  fill(*b);
  b->keys = mask::key_ring::parse(mask::key_ring::generate("k"), "test").value();
  const std::weak_ptr<const mask::key_ring> keys = b->keys;
  CHECK_FALSE(pool.idle());
  CHECK(pool.messages() == 1);

  CHECK(pool.take(start + 9ms, 10ms) == nullptr);
  CHECK(pool.take(start + 10ms, 10ms) == b);
  CHECK(b->at == batch::stage::loading);
  b->at = batch::stage::settling;
  CHECK_FALSE(keys.expired());
  pool.release(*b);
  CHECK(pool.idle());
  CHECK(b->rows.empty());
  CHECK(keys.expired());
}

TEST_CASE("sealed batches are taken in the order in which they were filled") {
  batch_pool pool(3, {});
  batch* first = pool.open(start);
  fill(*first);
  pool.seal();
  batch* second = pool.open(start);
  fill(*second);
  pool.seal();
  CHECK(pool.take(start, 1h) == first);
  CHECK(pool.take(start, 1h) == second);
  CHECK(pool.take(start, 1h) == nullptr);
}

TEST_CASE("what is put back comes last, and behind it all that came after it in its groups") {
  batch_pool pool(5, {});
  const auto sealed = [&](std::initializer_list<std::string_view> groups) {
    batch* b = pool.open(start);
    for (const auto group : groups) fill(*b, group);
    pool.seal();
    return b;
  };
  batch* a = sealed({"a"});
  batch* ab = sealed({"a", "b"});
  batch* c = sealed({"c"});
  batch* b = sealed({"b"});
  batch* none = pool.open(start);
  fill(*none);
  REQUIRE(pool.take(start, 1h) == a);
  pool.put_back(*a, start);
  for (batch* next : {c, none, a, ab, b}) CHECK(pool.take(start, 1h) == next);
}

TEST_CASE("what is put back is filled on, unless it has a group") {
  batch_pool pool(3, {});
  batch* a = pool.open(start);
  fill(*a);
  REQUIRE(pool.take(start, 0ms) == a);
  REQUIRE(pool.open(start) != a);
  pool.put_back(*a, start + 1s);
  CHECK(pool.unused() == 2);
  CHECK(pool.open(start + 2s) == a);
  CHECK(pool.filling() == a);
  CHECK(pool.ripe_at(50ms) == start + 1s + 50ms);

  pool.seal();
  batch* of_group = pool.open(start);
  fill(*of_group, "b");
  REQUIRE(pool.take(start, 0ms) == a);
  REQUIRE(pool.take(start, 0ms) == of_group);
  pool.put_back(*of_group, start + 3s);
  CHECK(pool.filling() == nullptr);
}

TEST_CASE("there is no room when no batch is free and none is being filled") {
  batch_pool pool(1, {});
  CHECK(pool.has_room());
  fill(*pool.open(start));
  CHECK(pool.has_room());
  pool.seal();
  CHECK_FALSE(pool.has_room());
  CHECK(pool.open(start) == nullptr);
}

TEST_CASE("an empty batch is not sealed, and its age starts with its first message") {
  batch_pool pool(1, {});
  batch* b = pool.open(start);
  pool.seal();
  CHECK(b->at == batch::stage::filling);
  CHECK(pool.open(start + 1s) == b);
  fill(*b);
  CHECK(pool.ripe_at(50ms) == start + 1s + 50ms);
}
