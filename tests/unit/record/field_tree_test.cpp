#include "record/field_tree.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "record/pointer.hpp"

using sluice::record::field_tree;
using sluice::record::split_pointer;
using names = std::vector<std::string>;

TEST_CASE("a pointer is split and unescaped as in RFC 6901") {
  CHECK(split_pointer("") == names{});
  CHECK(split_pointer("/") == names{""});
  CHECK(split_pointer("/a/b") == names{"a", "b"});
  CHECK(split_pointer("/a//b") == names{"a", "", "b"});
  CHECK(split_pointer("/a~1b/m~0n") == names{"a/b", "m~n"});
  CHECK(split_pointer("/~01") == names{"~1"});
  for (const char* text : {"a", "a/b", "/~", "/~2", "/a~"}) CHECK_FALSE(split_pointer(text));
}

TEST_CASE("fields are found in any order, at any depth, time after time") {
  field_tree tree;
  const auto a = tree.add({"a"});
  const auto bc = tree.add({"b", "c"});
  const auto b1 = tree.add({"b", "1"});
  const auto slash = tree.add({"a/b"});
  CHECK(tree.add({"b", "c"}) == bc);

  simdjson::dom::parser parser;
  const auto found = [&](const simdjson::padded_string& body) {
    const simdjson::dom::element document = parser.parse(body);
    REQUIRE_FALSE(tree.find(document, body));
    std::string all;
    for (const auto field : {a, bc, b1, slash}) {
      all += tree.has(field) ? simdjson::minify(tree.value(field)) : "-";
      if (tree.has(field)) CHECK(tree.raw(field) == simdjson::minify(tree.value(field)));
      all += ' ';
    }
    return all;
  };
  for (int again = 0; again < 3; ++again) {
    CHECK(found(R"({"a":1,"b":{"c":2,"1":3},"a/b":4})"_padded) == "1 2 3 4 ");
    CHECK(found(R"({"x":[{"a":9}],"a\/b":4,"b":{"d":0,"1":3,"c":2},"y":{},"a":1})"_padded) == "1 2 3 4 ");
    CHECK(found(R"({"\u0061":"x"})"_padded) == "\"x\" - - - ");
    CHECK(found(R"({"b":[0,[1],2]})"_padded) == "- - [1] - ");
    CHECK(found(R"({"b":7,"a":{}})"_padded) == "{} - - - ");
    CHECK(found("{}"_padded) == "- - - - ");
  }
}

TEST_CASE("a name is found by all of its bytes, however many it has") {
  for (std::size_t size = 0; size <= 40; ++size) {
    const std::string name(size, 'a');
    field_tree tree;
    const auto wanted = tree.add({name});
    simdjson::dom::parser parser;
    const auto finds = [&](const std::string& key) {
      const simdjson::padded_string body("{\"" + key + "\":1}");
      const simdjson::dom::element document = parser.parse(body);
      REQUIRE_FALSE(tree.find(document, body));
      return tree.has(wanted);
    };
    CAPTURE(size);
    CHECK(finds(name));
    CHECK_FALSE(finds(name + "a"));
    if (size > 0) CHECK_FALSE(finds(name.substr(1)));
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = name;
      other[at] = 'b';
      CHECK_FALSE(finds(other));
    }
  }
}

TEST_CASE("a wanted name that an object has twice is given back, an unwanted one is not") {
  field_tree tree;
  const auto a = tree.add({"a"});
  const auto bc = tree.add({"b", "c"});
  simdjson::dom::parser parser;
  const auto twice = [&](const simdjson::padded_string& body) {
    const simdjson::dom::element document = parser.parse(body);
    return tree.find(document, body);
  };
  CHECK(twice(R"({"a":1,"x":0,"a":1})"_padded) == a);
  CHECK(twice(R"({"b":{"c":1,"c":2}})"_padded) == bc);
  const auto b = twice(R"({"b":{},"b":{"c":1}})"_padded);
  REQUIRE(b.has_value());
  CHECK(tree.is_under(bc, *b));
  CHECK_FALSE(tree.is_under(a, *b));
  CHECK_FALSE(twice(R"({"x":1,"x":2,"a":{"a":1},"b":{"a":1,"a":2}})"_padded));
}
