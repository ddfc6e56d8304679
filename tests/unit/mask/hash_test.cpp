#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/encoding.hpp"
#include "mask/hkdf.hpp"
#include "mask/hmac_sha256.hpp"
#include "support/repository.hpp"

using namespace sluice;
using mask::hkdf_sha256;
using mask::hmac_sha256;

namespace {

std::string hmac_hex(hmac_sha256& hmac, std::string_view message) {
  const auto mac = hmac.of(message);
  return hex(bytes_of({mac.data(), mac.size()}));
}

std::string count_up(int from, int to) {
  std::string bytes;
  for (int b = from; b <= to; ++b) bytes.push_back(static_cast<char>(b));
  return bytes;
}

}  // namespace

TEST_CASE("HMAC-SHA256 gives the digests of RFC 4231") {
  struct test {
    std::string key, data, digest;
  };
  const test cases[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {count_up(1, 25), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(20, '\x0c'), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
       "to be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const test& t : cases) {
    hmac_sha256 hmac(t.key);
    CHECK(hmac_hex(hmac, t.data).starts_with(t.digest));
  }
}

TEST_CASE("HMAC-SHA256 agrees with every Wycheproof vector") {
  std::ifstream file(tests::repository_file("tests/data/masking/hmac_sha256_test.json"));
  const auto vectors = nlohmann::json::parse(file);
  std::size_t seen = 0;
  for (const auto& group : vectors["testGroups"]) {
    for (const auto& test : group["tests"]) {
      INFO("tcId " << test["tcId"] << ", " << test["comment"]);
      hmac_sha256 hmac(unhex(test["key"].get<std::string>()).value());
      const std::string mac = hmac_hex(hmac, unhex(test["msg"].get<std::string>()).value());
      const auto tag = test["tag"].get<std::string>();
      CHECK((mac.substr(0, group["tagSize"].get<std::size_t>() / 4) == tag) == (test["result"] == "valid"));
      ++seen;
    }
  }
  CHECK(seen == 174);
  CHECK(seen == vectors["numberOfTests"]);
}

TEST_CASE("one HMAC object takes any number of messages") {
  hmac_sha256 reused("some key");
  for (const std::string& message :
       {std::string("a"), std::string(), std::string(1'000, 'b'), std::string("a")}) {
    hmac_sha256 fresh("some key");
    CHECK(hmac_hex(reused, message) == hmac_hex(fresh, message));
  }
}

TEST_CASE("HKDF-SHA256 gives the keys of RFC 5869, appendix A") {
  const auto derived = [](std::string_view key, std::string_view salt, std::string_view info,
                          std::size_t bytes) {
    return hex(bytes_of(hkdf_sha256(key, salt, info, bytes).reveal()));
  };
  CHECK(derived(std::string(22, '\x0b'), count_up(0x00, 0x0c), count_up(0xf0, 0xf9), 42) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  CHECK(derived(count_up(0x00, 0x4f), count_up(0x60, 0xaf), count_up(0xb0, 0xff), 82) ==
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  CHECK(derived(std::string(22, '\x0b'), {}, {}, 42) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}
