#include "core/secret.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using sluice::secret;

TEST_CASE("a secret shows its length and nothing else") {
  CHECK(fmt::format("{}", secret("hunter2")) == "<secret, 7 bytes>");
  CHECK(fmt::format("{}", secret()) == "<secret, 0 bytes>");
}

TEST_CASE("a secret that was moved from holds nothing, however short it was") {
  secret from("short");
  const char* where = from.reveal().data();
  const secret to(std::move(from));
  CHECK(to.reveal() == "short");
  // The bytes lie in the object itself (short string): they were wiped there.
  CHECK(std::string_view(where, 5) == std::string_view("\0\0\0\0\0", 5));
}

TEST_CASE("assignment wipes what was there before") {
  secret s(std::string(100, 'x'));
  const secret other("y");
  s = other;
  CHECK(s.reveal() == "y");
  s = secret("z");
  CHECK(s.reveal() == "z");
  const secret& same = s;
  s = same;
  CHECK(s.reveal() == "z");
}

TEST_CASE("secrets are equal when their bytes are") {
  CHECK(secret("abc") == secret("abc"));
  CHECK_FALSE(secret("abc") == secret("abd"));
  CHECK_FALSE(secret("abc") == secret("ab"));
}
