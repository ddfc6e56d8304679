#include "random_bodies.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "record/field_tree.hpp"

namespace tests {
namespace {

using sluice::record::column;
using sluice::record::column_type;
using sluice::record::metadata;
using sluice::record::transform;
using list = std::initializer_list<const char*>;

constexpr list pieces{"a",
                      "Z",
                      " ",
                      "\\n",
                      "\\\"",
                      "\\\\",
                      "\\/",
                      "\\u00e9",
                      "\xc3\xa9",
                      "\xe2\x82\xac",
                      "\xf0\x9f\x98\x80",
                      "\\ud83d\\ude00",
                      "192.168.0.1",
                      "\\u0041",
                      "\\t"};
constexpr list odd_pieces{"\\u0000", "\\ud800", "\\udc00",   "\xff", "\xc0\x80",
                          "\n",      "\\x",     "\\\\u0000", "\x01"};
constexpr list numbers{"0",
                       "-0",
                       "1",
                       "-1",
                       "32767",
                       "32768",
                       "-32768",
                       "-32769",
                       "2147483647",
                       "2147483648",
                       "1.0",
                       "1e3",
                       "0.1",
                       "-1.5e-7",
                       "1e38",
                       "1e39",
                       "1e-50",
                       "9223372036854775807",
                       "-9223372036854775808",
                       "9223372036854775808",
                       "18446744073709551615",
                       "123456789",
                       "1767323045",
                       "1767323045678",
                       "253402300800",
                       "4.9e-324",
                       "0.30000000000000004"};
constexpr list odd_numbers{"18446744073709551616", "1e400", "01", "-", "1.", ".5", "+1", "NaN", "0x10"};
constexpr list dates{"2026-01-02", "2024-02-29", "2023-02-29", "0001-01-01", "9999-12-31",
                     "0000-01-01", "2026-1-2",   "2026-13-01", "",           "today"};
constexpr list timestamps{"2026-01-02T03:04:05Z",         "2026-01-02 03:04:05.678901+02:30",
                          "0001-01-01T00:00:00+01",       "1999-12-31T23:59:59.9999995Z",
                          "2026-01-02T03:04:05",          "2026-01-02T24:00:00Z",
                          "9999-12-31T23:59:59.9999999z", "2026-02-30T00:00:00Z",
                          "2026-01-02T03:04:05-0530"};
constexpr list uuids{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                     "a0eebc99", ""};
constexpr list versions{"7.2.11",
                        "0.96",
                        "12",
                        "1000.1",
                        "1.1000",
                        "1..2",
                        "1.",
                        ".",
                        "",
                        "1.2.3.4",
                        "v1",
                        "6.02",
                        "99999999999999999999.1",
                        "2147483648",
                        "0001.2"};

}  // namespace

std::string random_bodies::blanks() {
  return one_in(6) ? pick(list{" ", "\n", "\t ", "\r\n"}) : "";
}

std::string random_bodies::string() {
  std::string text = "\"";
  for (std::size_t n = one_in(20) ? below(400) : below(8); n > 0; --n) {
    text += !careful_ && one_in(60) ? pick(odd_pieces) : pick(pieces);
  }
  return text + '"';
}

std::string random_bodies::scalar() {
  switch (below(5)) {
    case 0: return "null";
    case 1: return one_in(2) ? "true" : "false";
    case 2: return !careful_ && one_in(20) ? pick(odd_numbers) : pick(numbers);
    default: return string();
  }
}

std::string random_bodies::value(int depth) {
  if (depth == 0 || !one_in(4)) return scalar();
  const bool is_object = one_in(2);
  std::string json = is_object ? "{" : "[";
  for (std::size_t n = below(4), i = 0; i < n; ++i) {
    if (i > 0) json += ',';
    json += blanks();
    if (is_object) json += string() + blanks() + ':' + blanks();
    json += value(depth - 1) + blanks();
  }
  return json + (is_object ? '}' : ']');
}

std::string random_bodies::value_for(const column& c) {
  if (!careful_ && one_in(12)) return value(3);
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  const auto good_or_any = [&](const char* good, list any) {
    return careful_ ? std::string(good) : pick(any);
  };
  switch (c.type) {
    case column_type::text: return string();
    case column_type::varchar: return careful_ ? quoted("short") : string();
    case column_type::smallint:
    case column_type::integer:
    case column_type::bigint:
      if (c.change != transform::none) return quoted(good_or_any("7.2.11", versions));
      return careful_ ? std::to_string(below(30'000)) : pick(numbers);
    case column_type::real:
    case column_type::double_precision: return careful_ ? pick(list{"1.5", "-3", "1e5", "0"}) : pick(numbers);
    case column_type::boolean: return one_in(2) ? "true" : "false";
    case column_type::date: return quoted(good_or_any("2026-01-02", dates));
    case column_type::timestamptz:
      if (c.change != transform::none) return careful_ ? std::to_string(below(2'000'000'000)) : pick(numbers);
      return quoted(good_or_any("2026-01-02T03:04:05.25+01", timestamps));
    case column_type::uuid: return quoted(good_or_any(uuids.begin()[0], uuids));
    case column_type::jsonb: {
      const std::string json = value(3);
      return json == "null" && careful_ ? "[null]" : json;
    }
  }
  return "null";
}

std::string random_bodies::member(const std::string& key, const std::string& json) {
  // Escaped keys are the same keys.
  const std::string written = one_in(15) && key == "ip" ? "i\\u0070" : key;
  return blanks() + '"' + written + '"' + blanks() + ':' + blanks() + json + blanks();
}

std::string random_bodies::object() {
  // Members below one name go into one object, or an array for the name "0".
  std::map<std::string, std::string> nested;
  std::vector<std::string> members;
  std::vector<std::string> written;
  for (const column& c : plan_.columns) {
    if (c.meta != metadata::none || c.from.empty()) continue;
    if (!careful_ && one_in(60)) continue;
    const auto names = sluice::record::split_pointer(c.from).value();
    if (names.size() > 1) {
      if (names[1] == "0") {
        nested[names[0]] = "[" + value_for(c) + (one_in(2) ? "," + scalar() : "") + "]";
      } else {
        nested[names[0]] = "{" + member(names[1], value_for(c)) + "}";
        if (!careful_ && one_in(30)) nested[names[0]] = scalar();
      }
      continue;
    }
    if (std::ranges::find(written, names[0]) != written.end()) continue;
    written.push_back(names[0]);
    members.push_back(member(names[0], value_for(c)));
    if (!careful_ && one_in(150)) members.push_back(member(names[0], value_for(c)));
  }
  for (const auto& [key, json] : nested) members.push_back(member(key, json));
  while (one_in(3)) members.push_back(member("unknown", value(4)));
  if (!careful_ && one_in(10)) members.push_back(string() + ":" + value(2));
  if (!one_in(4)) std::ranges::shuffle(members, random_);
  std::string body = blanks() + "{";
  for (std::size_t i = 0; i < members.size(); ++i) body += (i > 0 ? "," : "") + members[i];
  return body + blanks() + "}" + blanks();
}

void random_bodies::corrupt(std::string& body) {
  constexpr std::string_view bytes = "{}[]\",:\\ 0e-tn\xff\xc3u";
  for (std::size_t n = 1 + below(3); n > 0 && !body.empty(); --n) {
    const auto at = static_cast<std::ptrdiff_t>(below(body.size()));
    switch (below(4)) {
      case 0: body.erase(body.begin() + at); break;
      case 1: body.insert(body.begin() + at, bytes[below(bytes.size())]); break;
      case 2: body[static_cast<std::size_t>(at)] = bytes[below(bytes.size())]; break;
      default: body.resize(static_cast<std::size_t>(at)); break;
    }
  }
}

std::string random_bodies::next() {
  careful_ = one_in(2);
  if (one_in(50)) {
    careful_ = false;
    return value(5);
  }
  std::string body = object();
  if (one_in(8)) corrupt(body);
  return body;
}

}  // namespace tests
