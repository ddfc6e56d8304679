#include "support/sqs_server/receipt.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace sluice::sqs_server {
namespace {

std::string encode(const receipt_codec& c, const handle& h) {
  const auto text = c.encode(h);
  return {text.begin(), text.end()};
}

TEST_CASE("a handle survives its text") {
  const receipt_codec codec(42);
  for (const handle& h : {handle{1, 0, 0, 1}, handle{~0u, ~0u, ~0u, ~0u}, handle{3, 120'000, 17, 2}}) {
    CHECK(codec.decode(encode(codec, h)) == h);
  }
}

TEST_CASE("an invented handle, one that was changed, and one of another server are refused") {
  const receipt_codec codec(42);
  const std::string text = encode(codec, {1, 2, 3, 4});
  CHECK_FALSE(codec.decode("garbage"));
  CHECK_FALSE(codec.decode(""));
  CHECK_FALSE(codec.decode(std::string(32, '-')));
  CHECK_FALSE(codec.decode(text + "A"));
  CHECK_FALSE(receipt_codec(43).decode(text));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    CHECK_FALSE(codec.decode(changed));
  }
}

TEST_CASE("handles of one message have nothing in common to the eye") {
  const receipt_codec codec(42);
  CHECK(encode(codec, {1, 2, 3, 4}).substr(0, 8) != encode(codec, {1, 2, 3, 5}).substr(0, 8));
}

}  // namespace
}  // namespace sluice::sqs_server
