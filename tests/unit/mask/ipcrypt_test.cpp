#include "mask/ipcrypt.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/encoding.hpp"
#include "mask/masker.hpp"
#include "mask/unmask.hpp"
#include "support/keys.hpp"
#include "support/repository.hpp"
#include "support/seed.hpp"

using namespace sluice;
using namespace sluice::mask;

namespace {

std::string text_of(const ip_address& ip) {
  std::string text(ip_text_size_max, '\0');
  text.resize(static_cast<std::size_t>(ip_to(ip, text.data()) - text.data()));
  return text;
}

std::string masked(std::string_view value, scheme s) {
  const rule r{.how = s, .domain = "ip"};
  const auto token = masker::make(r, tests::test_keys()).value().mask(value);
  if (!token) return "refused";
  CHECK(unmask(*token, r, *tests::test_keys()).value().value == text_of(parse_ip(value).value()));
  return *token;
}

template <class Cipher>
void check_vector(const nlohmann::json& vector) {
  Cipher cipher(unhex(vector["key"].get<std::string>()).value());
  const auto plain = parse_ip(vector["ip"].get<std::string>()).value();
  const ip_address encrypted = cipher.encrypt(plain);
  CHECK(text_of(encrypted) == vector["encrypted_ip"].get<std::string>());
  CHECK(cipher.decrypt(encrypted) == plain);
}

std::size_t common_bits(const ip_address& a, const ip_address& b) {
  for (std::size_t n = 0; n < 128; ++n) {
    if (((a[n / 8] ^ b[n / 8]) >> (7 - n % 8) & 1) != 0) return n;
  }
  return 128;
}

}  // namespace

TEST_CASE("ipcrypt agrees with every vector of the draft for the two schemes") {
  std::ifstream file(tests::repository_file("tests/data/masking/ipcrypt_test_vectors.json"));
  std::size_t seen = 0;
  for (const auto& vector : nlohmann::json::parse(file)) {
    const auto variant = vector["variant"].get<std::string>();
    INFO(variant << ' ' << vector["ip"]);
    if (variant == "ipcrypt-deterministic") check_vector<ipcrypt_deterministic>(vector);
    if (variant == "ipcrypt-pfx") check_vector<ipcrypt_pfx>(vector);
    if (variant == "ipcrypt-deterministic" || variant == "ipcrypt-pfx") ++seen;
  }
  CHECK(seen == 21);  // the others are of ipcrypt-nd and ipcrypt-ndx, whose tokens do not join
}

TEST_CASE("ipcrypt_pfx keeps as many first bits together as two addresses share, and no more") {
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  ipcrypt_pfx cipher(std::string(16, 'a') + std::string(16, 'b'));
  for (int i = 0; i < 200; ++i) {
    ip_address a{};
    for (auto& byte : a) byte = static_cast<unsigned char>(random());
    ip_address b = a;
    const std::size_t first = random() % 128;
    for (std::size_t n = first; n < 128; ++n) {
      const bool change = n == first || random() % 2 == 0;
      if (change) b[n / 8] = static_cast<unsigned char>(b[n / 8] ^ (1U << (7 - n % 8)));
    }
    CHECK(common_bits(cipher.encrypt(a), cipher.encrypt(b)) == first);
    CHECK(cipher.decrypt(cipher.encrypt(a)) == a);
  }
}

TEST_CASE("a masked address is another address, and ipcrypt_pfx keeps its family") {
  for (const std::string_view ip : {"0.0.0.0", "199.172.111.135", "255.255.255.255", "::", "2001:db8::1",
                                    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    for (const scheme s : {scheme::ipcrypt_deterministic, scheme::ipcrypt_pfx}) {
      const std::string token = masked(ip, s);
      CHECK(parse_ip(token));
      CHECK(token != ip);
      if (s == scheme::ipcrypt_pfx) CHECK((token.find(':') == token.npos) == (ip.find(':') == ip.npos));
    }
  }
  CHECK(masked("::FFFF:10.0.0.1", scheme::ipcrypt_pfx) == masked("10.0.0.1", scheme::ipcrypt_pfx));
}

TEST_CASE("what is no address is refused") {
  for (const std::string_view text :
       {"", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1/8", "fe80::1%eth0",
        "::1::", "1::g", ":", "localhost", "12345:::", "1:2:3:4:5:6:7:8:9",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"}) {
    INFO(text);
    CHECK(masked(text, scheme::ipcrypt_deterministic) == "refused");
    CHECK(masked(text, scheme::ipcrypt_pfx) == "refused");
  }
  CHECK_FALSE(parse_ip(std::string_view("10.0.0.1\0", 9)));
}
