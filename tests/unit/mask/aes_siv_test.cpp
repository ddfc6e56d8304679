#include "mask/aes_siv.hpp"

#include <openssl/evp.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/encoding.hpp"
#include "support/repository.hpp"
#include "support/seed.hpp"

using namespace sluice;
using mask::aes_siv;
using strings = std::vector<std::string>;

namespace {

std::vector<std::string_view> views(const strings& all) {
  return {all.begin(), all.end()};
}

std::string seal(aes_siv& cipher, const std::string& plain, const strings& associated) {
  std::string sealed(plain.size() + aes_siv::overhead, '\0');
  cipher.seal(plain, views(associated), sealed.data());
  return sealed;
}

std::optional<std::string> open(aes_siv& cipher, const std::string& sealed, const strings& associated) {
  std::string plain(sealed.size() < aes_siv::overhead ? 0 : sealed.size() - aes_siv::overhead, '?');
  if (!cipher.open(sealed, views(associated), plain.data())) {
    REQUIRE(plain.find_first_not_of('\0') == plain.npos);
    return std::nullopt;
  }
  return plain;
}

std::string unhexed(std::string_view text) {
  std::string digits(text);
  std::erase(digits, ' ');
  return unhex(digits).value();
}

/// OpenSSL's own, keyed anew for the message. It computes nothing for an empty one.
std::string openssl_seal(const std::string& key, const std::string& plain, const strings& associated) {
  const std::string name = "AES-" + std::to_string(key.size() * 4) + "-SIV";
  const std::unique_ptr<EVP_CIPHER, decltype(&EVP_CIPHER_free)> cipher(
      EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr), &EVP_CIPHER_free);
  const mask::openssl::cipher_ctx ctx(EVP_CIPHER_CTX_new());
  REQUIRE(EVP_EncryptInit_ex2(ctx.get(), cipher.get(), mask::openssl::bytes(key), nullptr, nullptr) == 1);
  int size = 0;
  for (const std::string& text : associated) {
    REQUIRE(EVP_EncryptUpdate(ctx.get(), nullptr, &size, mask::openssl::bytes(text),
                              static_cast<int>(text.size())) == 1);
  }
  std::string sealed(aes_siv::overhead + plain.size(), '\0');
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());
  REQUIRE(EVP_EncryptUpdate(ctx.get(), out + aes_siv::overhead, &size, mask::openssl::bytes(plain),
                            static_cast<int>(plain.size())) == 1);
  REQUIRE(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, aes_siv::overhead, out) == 1);
  return sealed;
}

}  // namespace

TEST_CASE("AES-SIV gives the bytes of RFC 5297, appendix A") {
  aes_siv one(unhexed("fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0 f0f1f2f3 f4f5f6f7 f8f9fafb fcfdfeff"));
  CHECK(hex(bytes_of(seal(one, unhexed("11223344 55667788 99aabbcc ddee"),
                          {unhexed("10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627")}))) ==
        "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");

  aes_siv several(unhexed("7f7e7d7c 7b7a7978 77767574 73727170 40414243 44454647 48494a4b 4c4d4e4f"));
  const strings associated{
      unhexed("00112233 44556677 8899aabb ccddeeff deaddada deaddada ffeeddcc bbaa9988 77665544 33221100"),
      unhexed("10203040 50607080 90a0"), unhexed("09f91102 9d74e35b d84156c5 635688c0")};
  CHECK(hex(bytes_of(seal(several, "this is some plaintext to encrypt using SIV-AES", associated))) ==
        "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17"
        "dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d");
}

TEST_CASE("AES-SIV agrees with every Wycheproof vector") {
  std::ifstream file(tests::repository_file("tests/data/masking/aes_siv_cmac_test.json"));
  const auto vectors = nlohmann::json::parse(file);
  std::size_t valid = 0;
  std::size_t invalid = 0;
  for (const auto& group : vectors["testGroups"]) {
    for (const auto& test : group["tests"]) {
      const auto field = [&](const char* name) { return unhexed(test[name].get<std::string>()); };
      INFO("tcId " << test["tcId"] << ", " << test["comment"]);
      aes_siv cipher(field("key"));
      if (test["result"] == "valid") {
        CHECK(seal(cipher, field("msg"), {field("aad")}) == field("ct"));
        CHECK(open(cipher, field("ct"), {field("aad")}) == field("msg"));
        ++valid;
      } else {
        CHECK_FALSE(open(cipher, field("ct"), {field("aad")}));
        ++invalid;
      }
    }
  }
  CHECK(valid == 118);
  CHECK(invalid == 324);
  CHECK(valid + invalid == vectors["numberOfTests"]);
}

TEST_CASE("AES-SIV gives what OpenSSL's gives, for any key, message and associated strings") {
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  const auto bytes = [&](std::size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    const std::string key = bytes(std::array{32U, 48U, 64U}[random() % 3]);
    aes_siv cipher(key);
    // Several messages through one object: nothing of one may reach the next.
    for (int message = 0; message < 5; ++message) {
      const std::string plain = bytes(1 + random() % (message == 0 ? 5'000 : 70));
      strings associated(random() % 4);
      for (std::string& text : associated) text = bytes(1 + random() % 70);
      CAPTURE(key.size(), plain.size(), associated.size());
      const std::string sealed = seal(cipher, plain, associated);
      REQUIRE(hex(bytes_of(sealed)) == hex(bytes_of(openssl_seal(key, plain, associated))));
      REQUIRE(open(cipher, sealed, associated) == plain);
    }
  }
}

TEST_CASE("AES-SIV refuses a message with any bit changed, and leaves zeros") {
  aes_siv cipher(std::string(64, 'k'));
  const std::string sealed = seal(cipher, "199.172.111.135", {"id"});
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    CHECK_FALSE(open(cipher, changed, {"id"}));
  }
  CHECK_FALSE(open(cipher, sealed, {"other"}));
  CHECK_FALSE(open(cipher, sealed, {}));
  CHECK_FALSE(open(cipher, sealed.substr(0, 15), {"id"}));
  CHECK(open(cipher, sealed, {"id"}) == "199.172.111.135");
}

TEST_CASE("AES-SIV takes no key of another length") {
  for (const std::size_t size : {0U, 16U, 31U, 33U, 65U, 128U}) {
    CHECK_THROWS_AS(aes_siv(std::string(size, 'k')), std::invalid_argument);
  }
}
