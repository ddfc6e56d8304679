#include "sqs/md5.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <vector>

#include "support/seed.hpp"

using namespace sluice::sqs;

namespace {

std::string openssl_md5(std::string_view text) {
  std::array<unsigned char, 16> digest{};
  REQUIRE(EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_md5(), nullptr) == 1);
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::vector<std::string> md5_of(const std::vector<std::string>& texts, vectors use) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  std::vector<md5_hex> digests(texts.size());
  md5_each(views, digests, use);
  std::vector<std::string> all;
  for (const md5_hex& d : digests) all.emplace_back(d.data(), d.size());
  return all;
}

std::vector<std::string> expected(const std::vector<std::string>& texts) {
  std::vector<std::string> all;
  for (const std::string& text : texts) all.push_back(openssl_md5(text));
  return all;
}

}  // namespace

TEST_CASE("the digests of RFC 1321, A.5") {
  const auto use = GENERATE(vectors::native, vectors::baseline);
  CHECK(md5_of({"", "a", "abc", "message digest", "abcdefghijklmnopqrstuvwxyz"}, use) ==
        std::vector<std::string>{"d41d8cd98f00b204e9800998ecf8427e", "0cc175b9c0f1b6a831c399e269772661",
                                 "900150983cd24fb0d6963f7d28e17f72", "f96b697d7cb7938d525a2f31aaf161d0",
                                 "c3fcd3d76192e4007dfb496cca67e13b"});
}

TEST_CASE("a text of any length to three blocks has OpenSSL's digest, in whichever place it stands") {
  const auto use = GENERATE(vectors::native, vectors::baseline);
  std::vector<std::string> texts;
  for (std::size_t n = 0; n <= 193; ++n) texts.emplace_back(n, static_cast<char>('a' + n % 26));
  CHECK(md5_of(texts, use) == expected(texts));
}

TEST_CASE("random texts beside each other have OpenSSL's digests") {
  auto random = tests::seeded_random();
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> texts(random() % 40);
    for (std::string& text : texts) {
      text.resize(random() % 8 == 0 ? random() % 20'000 : random() % 400);
      for (char& c : text) c = static_cast<char>(random());
    }
    const auto wanted = expected(texts);
    REQUIRE(md5_of(texts, vectors::native) == wanted);
    REQUIRE(md5_of(texts, vectors::baseline) == wanted);
  }
}
