#include "mask/sealer.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sluice;
using namespace sluice::mask;

namespace {

constexpr sealed_entry entry{.message_id = "id-1", .target = "\"t\"", .reason = "not_json"};

std::shared_ptr<const key_ring> new_ring() {
  return key_ring::parse(key_ring::generate("k1"), "generated").value();
}

}  // namespace

TEST_CASE("a sealed body comes back, whatever its bytes") {
  const auto keys = new_ring();
  auto seal = sealer::make(keys).value();
  for (const std::string& body : {std::string(), std::string("{\"ip\": \"10.0.0.1\"}"),
                                  std::string("\0\xff.", 3), std::string(100'000, 'x')}) {
    const std::string sealed = seal.seal(body, entry, "/ip\n/email\n");
    CHECK(sealed.starts_with("k1."));
    if (!body.empty()) CHECK(sealed.find(body) == std::string::npos);
    const unsealed opened = unseal(sealed, entry, *keys).value();
    CHECK(opened.body == body);
    CHECK(opened.masked == "/ip\n/email\n");
  }
}

TEST_CASE("a body that sluice 0.1 has sealed is opened, and it is not known what was masked") {
  const auto keys = new_ring();
  const secret key = keys->derive("k1", "seal", "quarantine", aes_siv::key_bytes).value();
  const std::string_view body = "{}", id = entry.message_id;
  std::string sealed = "k1." + std::string(aes_siv::overhead + body.size(), '\0');
  aes_siv(key.reveal()).seal(body, std::array{id}, sealed.data() + 3);
  const unsealed opened = unseal(sealed, entry, *keys).value();
  CHECK(opened.body == body);
  CHECK_FALSE(opened.masked);
}

TEST_CASE("a sealed body is no other entry's, no other ring's, and cannot be changed") {
  const auto keys = new_ring();
  const std::string sealed = sealer::make(keys).value().seal("body", entry, "");
  std::string changed = sealed;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  for (const sealed_entry& other : {sealed_entry{"id-2", entry.target, entry.reason},
                                    sealed_entry{entry.message_id, "\"other\"", entry.reason},
                                    sealed_entry{entry.message_id, entry.target, "too_long"}}) {
    CHECK(unseal(sealed, other, *keys).error().code == errc::bad_message);
  }
  CHECK(unseal(sealed, entry, *new_ring()).error().code == errc::bad_message);
  CHECK(unseal(changed, entry, *keys).error().code == errc::bad_message);
  CHECK(unseal("k1.short", entry, *keys).error().code == errc::bad_message);
  CHECK(unseal("no token", entry, *keys).error().code == errc::bad_message);
  CHECK(unseal("k9." + sealed.substr(3), entry, *keys).error().code == errc::missing_key);
}

TEST_CASE("nothing is sealed without keys") {
  const auto seal = sealer::make(nullptr);
  REQUIRE_FALSE(seal.has_value());
  CHECK(seal.error().code == errc::missing_key);
}
