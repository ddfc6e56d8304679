#include "pipeline/message_copies.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

using namespace sluice;

TEST_CASE("copies of messages outlive what they were copied from") {
  std::array<std::string, 5> texts = {"id", "handle", R"({"user_id":"u"})", "name", "value"};
  const std::array<sqs::message_attribute, 2> attributes = {{{texts[3], texts[4]}, {texts[4], texts[3]}}};
  std::array<sqs::message, 3> messages;
  for (sqs::message& m : messages) {
    m.message_id = texts[0];
    m.receipt_handle = texts[1];
    m.body = texts[2];
  }
  messages[0].attributes = std::span(attributes).first(1);
  messages[2].attributes = std::span(attributes).last(1);
  messages[2].sent_ms = 7;

  const pipeline::message_copies kept(messages);
  for (std::string& text : texts) text.assign(text.size(), '#');
  REQUIRE(kept.get().size() == 3);
  for (const sqs::message& m : kept.get()) {
    CHECK(m.message_id == "id");
    CHECK(m.receipt_handle == "handle");
    CHECK(m.body == R"({"user_id":"u"})");
    CHECK(m.group_id.empty());
  }
  REQUIRE(kept.get()[0].attributes.size() == 1);
  CHECK(kept.get()[0].attributes[0].name == "name");
  CHECK(kept.get()[1].attributes.empty());
  REQUIRE(kept.get()[2].attributes.size() == 1);
  CHECK(kept.get()[2].attributes[0].name == "value");
  CHECK(kept.get()[2].attributes[0].value == "name");
  CHECK(kept.get()[2].sent_ms == 7);
}
