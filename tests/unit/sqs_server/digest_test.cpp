#include "support/sqs_server/digest.hpp"

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace sluice::sqs_server {
namespace {

std::string md5_of(const std::vector<message_attribute>& attributes) {
  std::vector<const message_attribute*> pointers;
  for (const auto& a : attributes) pointers.push_back(&a);
  return md5_of_attributes(pointers);
}

TEST_CASE("digests are those of RFC 1321 and FIPS 180-4, call after call") {
  for (int i = 0; i < 2; ++i) {
    CHECK(md5_hex("") == "d41d8cd98f00b204e9800998ecf8427e");
    CHECK(md5_hex("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
    CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  }
}

TEST_CASE("digests of attributes are those that SQS was recorded to give") {
  CHECK(md5_of({}).empty());
  CHECK(md5_of({{"timestamp", "Number", "1493147359900"}}) == "235c5c510d26fb653d073faed50ae77c");
  CHECK(
      md5_of({{"General", "String", "Kenobi"}, {"Hello", "String", "There"}, {"Help.Me", "String", "Me"}}) ==
      "4c360f3fdafd970e05fae2f149d997f5");
  CHECK(md5_of({{"AWSTraceHeader", "String",
                 "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"}}) ==
        "5ae4d5d7636402d80f4eb6d213245a88");
}

}  // namespace
}  // namespace sluice::sqs_server
