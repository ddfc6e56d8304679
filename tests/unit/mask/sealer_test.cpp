#include "mask/sealer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sluice;
using namespace sluice::mask;

namespace {

std::shared_ptr<const key_ring> new_ring() {
  return key_ring::parse(key_ring::generate("k1"), "generated").value();
}

}  // namespace

TEST_CASE("a sealed body comes back, whatever its bytes") {
  const auto keys = new_ring();
  auto seal = sealer::make(keys).value();
  for (const std::string& body : {std::string(), std::string("{\"ip\": \"10.0.0.1\"}"),
                                  std::string("\0\xff.", 3), std::string(100'000, 'x')}) {
    const std::string sealed = seal.seal(body, "id-1");
    CHECK(sealed.starts_with("k1."));
    if (!body.empty()) CHECK(sealed.find(body) == std::string::npos);
    CHECK(unseal(sealed, "id-1", *keys).value() == body);
  }
}

TEST_CASE("a sealed body is no other message's, no other ring's, and cannot be changed") {
  const auto keys = new_ring();
  const std::string sealed = sealer::make(keys).value().seal("body", "id-1");
  std::string changed = sealed;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  CHECK(unseal(sealed, "id-2", *keys).error().code == errc::bad_message);
  CHECK(unseal(sealed, "id-1", *new_ring()).error().code == errc::bad_message);
  CHECK(unseal(changed, "id-1", *keys).error().code == errc::bad_message);
  CHECK(unseal("k1.short", "id-1", *keys).error().code == errc::bad_message);
  CHECK(unseal("no token", "id-1", *keys).error().code == errc::bad_message);
  CHECK(unseal("k9." + sealed.substr(3), "id-1", *keys).error().code == errc::missing_key);
}

TEST_CASE("nothing is sealed without keys") {
  const auto seal = sealer::make(nullptr);
  REQUIRE_FALSE(seal.has_value());
  CHECK(seal.error().code == errc::missing_key);
}
