#include "mask/masker.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "mask/unmask.hpp"
#include "support/seed.hpp"

using namespace sluice;
using namespace sluice::mask;
using ring = std::shared_ptr<const key_ring>;

namespace {

constexpr std::string_view key_a = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view key_b = "//////////////////////////////////////////8=";

ring ring_of(const std::string& text) {
  return key_ring::parse(text, "test").value();
}
ring one_key() {
  return ring_of("primary = 'k1'\nkeys = { k1 = '" + std::string(key_a) + "' }");
}

std::string masked(const rule& r, std::string_view value, const ring& keys = one_key()) {
  return masker::make(r, keys).value().mask(value).value();
}

errc code_of(const failure& f) {
  return static_cast<errc>(f.code.value());
}

}  // namespace

TEST_CASE("tokens are those of another implementation") {
  // Python: HKDF from hmac, AESSIV from pyca/cryptography. Stored tokens must stay readable: never change
  // these.
  CHECK(masked({.how = scheme::aes_siv, .domain = "ip"}, "199.172.111.135") ==
        "k1.pVE9denCPqQr4Z1jwDgeY2iC8CS_SJetWwty_BReoQ");
  CHECK(masked({.how = scheme::hmac_sha256, .domain = "ip"}, "199.172.111.135") ==
        "k1.Pvt40QiX4dQfkVYj9NWpN5V_gYOfX1z1xwMiIwLv9pw");
}

TEST_CASE("equal values give equal tokens in one domain, and unlike ones in two") {
  for (const scheme s : {scheme::aes_siv, scheme::hmac_sha256}) {
    auto ip = masker::make({.how = s, .domain = "ip"}, one_key()).value();
    const auto first = ip.mask("10.0.0.1");
    CHECK(ip.mask("10.0.0.2") != first);
    CHECK(ip.mask("10.0.0.1") == first);
    CHECK(masked({.how = s, .domain = "device"}, "10.0.0.1") != first);
  }
}

TEST_CASE("base64 is the exercise's") {
  CHECK(masked({.how = scheme::base64}, "199.172.111.135", nullptr) == "MTk5LjE3Mi4xMTEuMTM1");
}

TEST_CASE("redact gives the constant") {
  CHECK(masked({.how = scheme::redact}, "anything", nullptr) == "***");
  CHECK(masked({.how = scheme::redact, .constant = ""}, "anything", nullptr) == "");
}

TEST_CASE("partial keeps the last characters, whole ones") {
  const auto keep_two = [](std::string_view value) {
    return masked({.how = scheme::partial, .keep_last = 2}, value, nullptr);
  };
  CHECK(keep_two("abcde") == "***de");
  CHECK(keep_two("h\u00e9llo w\u00f6\u20ac") == "*******\u00f6\u20ac");
  CHECK(keep_two("\U0001F600\U0001F601\U0001F602") == "*\U0001F601\U0001F602");
  CHECK(masked({.how = scheme::partial, .keep_last = 0}, "abc", nullptr) == "***");
}

TEST_CASE("partial shows nothing of a value that is not longer than what it keeps") {
  CHECK(masked({.how = scheme::partial, .keep_last = 4}, "abcd", nullptr) == "****");
  CHECK(masked({.how = scheme::partial, .keep_last = 4}, "\u00e9", nullptr) == "*");
  CHECK(masked({.how = scheme::partial, .keep_last = 4}, "", nullptr) == "");
}

TEST_CASE("a token has at most the size that was promised") {
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  for (const scheme s :
       {scheme::aes_siv, scheme::hmac_sha256, scheme::base64, scheme::redact, scheme::partial}) {
    auto m = masker::make({.how = s, .domain = "d"}, one_key()).value();
    for (int i = 0; i < 200; ++i) {
      std::string value(random() % 100, '\0');
      for (char& c : value) c = static_cast<char>(random());
      const std::size_t promised = m.size_max(value.size());
      std::vector<char> out(promised);  // the sanitizer watches its end
      const char* end = m.mask_to(value, out.data());
      CHECK(end - out.data() <= static_cast<std::ptrdiff_t>(promised));
    }
  }
}

TEST_CASE("what is masked reversibly is unmasked") {
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  const ring keys = one_key();
  for (const scheme s : {scheme::aes_siv, scheme::base64}) {
    const rule r{.how = s, .domain = "d"};
    auto m = masker::make(r, keys).value();
    for (int i = 0; i < 100; ++i) {
      std::string value(random() % 100, '\0');
      for (char& c : value) c = static_cast<char>(random());
      CHECK(unmask(m.mask(value).value(), r, *keys).value().value == value);
    }
  }
}

TEST_CASE("a retired key still unmasks, and no longer masks") {
  const rule r{.how = scheme::aes_siv, .domain = "ip"};
  const std::string old = masked(r, "10.0.0.1");
  const ring both =
      ring_of("primary = 'k2'\n[keys]\nk1 = '" + std::string(key_a) + "'\nk2 = '" + std::string(key_b) + "'");
  const std::string fresh = masked(r, "10.0.0.1", both);
  CHECK(fresh.starts_with("k2."));
  CHECK(unmask(old, r, *both).value().value == "10.0.0.1");
  CHECK(unmask(fresh, r, *both).value().value == "10.0.0.1");
  CHECK(code_of(unmask(fresh, r, *one_key()).error()) == errc::missing_key);
}

TEST_CASE("what is no token, or another's, is refused without being quoted") {
  const rule r{.how = scheme::aes_siv, .domain = "ip"};
  const ring keys = one_key();
  const std::string token = masked(r, "10.0.0.1");
  std::string changed = token;
  changed[10] = changed[10] == 'A' ? 'B' : 'A';
  for (const std::string& text : {changed, token.substr(3), token.substr(0, 20), std::string(),
                                  std::string("k1."), token + "=", std::string("10.0.0.1")}) {
    INFO(text);
    const auto value = unmask(text, r, *keys);
    REQUIRE_FALSE(value.has_value());
    CHECK(code_of(value.error()) == errc::bad_message);
    if (text.size() > 3) CHECK(value.error().line().find(text) == std::string::npos);
  }
  CHECK(code_of(unmask(token, {.how = scheme::aes_siv, .domain = "id"}, *keys).error()) == errc::bad_message);
}

TEST_CASE("what cannot be reversed says so") {
  for (const scheme s : {scheme::hmac_sha256, scheme::redact, scheme::partial}) {
    CHECK(code_of(unmask("k1.AAAA", {.how = s, .domain = "d"}, *one_key()).error()) ==
          errc::bad_configuration);
  }
}

TEST_CASE("a keyed scheme fails closed without key or domain") {
  for (const scheme s : {scheme::aes_siv, scheme::hmac_sha256}) {
    CHECK(needs_key(s));
    CHECK(code_of(masker::make({.how = s, .domain = "d"}, nullptr).error()) == errc::missing_key);
    CHECK(code_of(masker::make({.how = s}, one_key()).error()) == errc::bad_configuration);
  }
}

TEST_CASE("a rule may name a key that is not the primary") {
  const ring both =
      ring_of("primary = 'k2'\n[keys]\nk1 = '" + std::string(key_a) + "'\nk2 = '" + std::string(key_b) + "'");
  for (const scheme s :
       {scheme::aes_siv, scheme::hmac_sha256, scheme::ipcrypt_deterministic, scheme::ipcrypt_pfx}) {
    const rule pinned{.how = s, .domain = "ip", .key = "k1"};
    const std::string token = masked(pinned, "10.0.0.1", both);
    CHECK(token == masked({.how = s, .domain = "ip"}, "10.0.0.1"));
    CHECK(token != masked({.how = s, .domain = "ip"}, "10.0.0.1", both));
    if (is_reversible(s)) CHECK(unmask(token, pinned, *both).value().value == "10.0.0.1");
    CHECK(code_of(masker::make({.how = s, .domain = "d", .key = "k9"}, both).error()) == errc::missing_key);
  }
}

TEST_CASE("schemes have names") {
  for (const scheme s : {scheme::aes_siv, scheme::hmac_sha256, scheme::ipcrypt_deterministic,
                         scheme::ipcrypt_pfx, scheme::base64, scheme::redact, scheme::partial}) {
    CHECK(scheme_from(to_string(s)) == s);
  }
  CHECK_FALSE(scheme_from("rot13"));
}
