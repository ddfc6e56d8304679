#include "mask/key_ring.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <stdexcept>
#include <string>

#include "core/encoding.hpp"

using namespace sluice;
using mask::key_ring;

namespace {

/// Bytes 0 to 31.
constexpr std::string_view key_32 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view key_31 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==";

std::string with_key(std::string text, std::string_view key = key_32) {
  for (auto at = text.find('$'); at != text.npos; at = text.find('$')) text.replace(at, 1, key);
  return text;
}

}  // namespace

TEST_CASE("a ring has its keys by id, and a primary") {
  const auto ring = key_ring::parse(with_key("primary = 'b'\n[keys]\na = '$'\nb = '$'\n"), "ring.toml");
  REQUIRE(ring.has_value());
  CHECK((*ring)->primary() == "b");
  CHECK((*ring)->ids() == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a ring may stand on one line") {
  const auto ring =
      key_ring::parse(with_key("ring = { primary = 'k', keys = { k = '$', old = '$' } }"), "env");
  REQUIRE(ring.has_value());
  CHECK((*ring)->ids() == std::vector<std::string>{"k", "old"});
}

TEST_CASE("a generated ring is one line, is taken, and is never the same") {
  const std::string text = key_ring::generate("2026a");
  CHECK(text.find('\n') == text.npos);
  const auto ring = key_ring::parse(text, "generated");
  REQUIRE(ring.has_value());
  CHECK((*ring)->primary() == "2026a");
  CHECK((*ring)->ids() == std::vector<std::string>{"2026a"});
  CHECK(key_ring::generate("2026a") != text);
  CHECK_THROWS_AS(key_ring::generate("a.b"), std::invalid_argument);
}

TEST_CASE("a key is derived for each scheme and domain by HKDF-SHA256") {
  const auto ring = key_ring::parse(with_key("primary = 'k1'\nkeys = { k1 = '$' }"), "ring.toml").value();
  // Computed with Python's hmac module.
  CHECK(hex(bytes_of(ring->derive("k1", "aes_siv", "ip", 64).value().reveal())) ==
        "5598f23e8ff59e54ee582261a64661229f4288f0aeda4b9f6d5eb1105549e031"
        "9d0a20a314858cdcd6131b835250e9be7e5f63ad50bd48d8fa8bcc724f92261d");
  CHECK(ring->derive("k1", "aes_siv", "ip", 64).value() != ring->derive("k1", "aes_siv", "id", 64).value());
  CHECK(ring->derive("k1", "aes_siv", "ip", 32).value() != ring->derive("k1", "hmac", "ip", 32).value());

  const auto unknown = ring->derive("k2", "aes_siv", "ip", 64);
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().code == errc::missing_key);
}

TEST_CASE("a ring is made of another, which stays as it was") {
  const auto one = key_ring::parse(key_ring::generate("a"), "generated").value();
  const auto two = one->with_new("b").value();
  CHECK(two->ids() == std::vector<std::string>{"a", "b"});
  CHECK(two->primary() == "a");
  const auto turned = two->with_primary("b").value();
  CHECK(turned->primary() == "b");
  CHECK(one->ids() == std::vector<std::string>{"a"});

  const auto again = key_ring::parse(turned->text().reveal(), "text").value();
  CHECK(again->primary() == "b");
  for (const char* id : {"a", "b"})
    CHECK(again->derive(id, "aes_siv", "d", 64).value() == two->derive(id, "aes_siv", "d", 64).value());
  CHECK(turned->without("a").value()->ids() == std::vector<std::string>{"b"});

  CHECK(two->with_new("a").error().code == errc::bad_configuration);
  CHECK(two->with_new("a.b").error().code == errc::bad_configuration);
  CHECK(two->without("a").error().code == errc::bad_configuration);
  CHECK(two->without("c").error().code == errc::missing_key);
  CHECK(two->with_primary("c").error().code == errc::missing_key);
}

TEST_CASE("a ring that cannot be trusted is refused, with its line") {
  struct test {
    std::string_view text;
    errc code;
    std::string_view what;
  };
  const auto t = GENERATE(
      test{"[keys]\na = '$'", errc::missing_key, "key ring r.toml names no primary or no keys"},
      test{"primary = 'a'", errc::missing_key, "key ring r.toml names no primary or no keys"},
      test{"primary = 1\n[keys]\na = '$'", errc::missing_key, "key ring r.toml names no primary or no keys"},
      test{"", errc::missing_key, "key ring r.toml names no primary or no keys"},
      test{"\nprimary = 'b'\n[keys]\na = '$'", errc::missing_key,
           "key ring r.toml:2: the primary is not among the keys"},
      test{"primary = 'a'\n[keys]\na = 'x$'", errc::bad_configuration,
           "key ring r.toml:3: key 'a' is not base64"},
      test{"primary = 'a'\n[keys]\na = 7", errc::bad_configuration,
           "key ring r.toml:3: key 'a' is not base64"},
      test{"primary = 'a'\n[keys]\n'a.b' = '$'", errc::bad_configuration,
           "key ring r.toml:3: a key's id is 1 to 16 of A-Z a-z 0-9 _ -"},
      test{"primary = 'a'\n[keys]\nabcdefghijklmnopq = '$'", errc::bad_configuration,
           "key ring r.toml:3: a key's id is 1 to 16 of A-Z a-z 0-9 _ -"},
      test{"primary = 'a'\nsecondary = 'b'\n[keys]\na = '$'", errc::bad_configuration,
           "key ring r.toml:2: unknown key 'secondary'"},
      test{"primary = 'a'\nring = { primary = 'a', keys = { a = '$' } }", errc::bad_configuration,
           "key ring r.toml:1: unknown key 'primary'"},
      test{"primary = 'a'\n[keys]\na = $", errc::bad_configuration,
           "key ring r.toml:3: this is not valid TOML"});
  INFO(t.text);
  const auto ring = key_ring::parse(with_key(std::string(t.text)), "r.toml");
  REQUIRE_FALSE(ring.has_value());
  CHECK(ring.error().code == t.code);
  CHECK(ring.error().what == t.what);
  CHECK(ring.error().line().find(key_32.substr(0, 8)) == std::string::npos);
}

TEST_CASE("a key under 32 bytes is refused") {
  const auto ring = key_ring::parse(with_key("primary = 'a'\n[keys]\na = '$'", key_31), "r.toml");
  REQUIRE_FALSE(ring.has_value());
  CHECK(ring.error().what == "key ring r.toml:3: key 'a' has 31 bytes, 32 or more are needed");
}
