#include "core/encoding.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "support/seed.hpp"

using namespace sluice;

TEST_CASE("base64 gives the test vectors of RFC 4648") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(base64(plain) == encoded);
    CHECK(unbase64(encoded) == plain);
  }
  CHECK(base64url("\xfb\xff\xfe") == "-__-");
  CHECK(base64url("f") == "Zg");
}

TEST_CASE("base64 refuses what is not canonical") {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Zh==", "Z", "Zm9v\n", "Zm 9v", "Zm-v", "=Zg="})
    CHECK_FALSE(unbase64(text));
  for (const char* text : {"Zg==", "Zh", "Z", "Zm+v"}) CHECK_FALSE(unbase64url(text));
}

TEST_CASE("any bytes go round through hex and both base64 alphabets, in the size foretold") {
  auto random = tests::seeded_random();
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 70, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    CHECK(base64(bytes).size() == base64_size(bytes.size()));
    CHECK(base64url(bytes).size() == base64url_size(bytes.size()));
    CHECK(unbase64(base64(bytes)) == bytes);
    CHECK(unbase64url(base64url(bytes)) == bytes);
    CHECK(unhex(hex(bytes_of(bytes))) == bytes);
  }
}

TEST_CASE("a uuid goes round, in lower case") {
  const auto id = parse_uuid("A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11");
  REQUIRE(id);
  CHECK(to_string(*id) == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
}

TEST_CASE("what is not a uuid is refused") {
  for (const char* text : {"", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111",
                           "a0eebc999c0b-4ef8-bb6d-6bb9bd380a11-", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                           "a0eebc99_9c0b_4ef8_bb6d_6bb9bd380a11"}) {
    CHECK_FALSE(parse_uuid(text));
  }
}

TEST_CASE("hex refuses odd lengths and other characters") {
  CHECK_FALSE(unhex("abc"));
  CHECK_FALSE(unhex("zz"));
}

TEST_CASE("what a terminal would obey is shown") {
  CHECK(without_controls("caf\u00e9 \u4e2d") == "caf\u00e9 \u4e2d");
  CHECK(without_controls("a\x1b]52;c;x\x07\n\x7f") == "a\\u001b]52;c;x\\u0007\\u000a\\u007f");
  CHECK(without_controls("\u009b31m\u00a0\xc2") == "\\u009b31m\u00a0\xc2");
}
