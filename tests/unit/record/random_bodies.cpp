#include "random_bodies.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "record/field_tree.hpp"
#include "record/pointer.hpp"

namespace tests {
namespace {

using sluice::record::column;
using sluice::record::column_type;
using sluice::record::source;
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
constexpr list odd_numbers{"18446744073709551616",
                           "1e400",
                           "-9223372036854775809",
                           "1e-400",
                           "-0.0",
                           "3.4028235677973366e38",
                           "123456789012345678901234567890.0987654321",
                           "1e-16384",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "+1",
                           "NaN",
                           "0x10"};
constexpr list dates{"2026-01-02", "2024-02-29", "2023-02-29", "0001-01-01", "9999-12-31",
                     "0000-01-01", "2026-1-2",   "2026-13-01", "",           "today"};
constexpr list timestamps{"2026-01-02T03:04:05Z",         "2026-01-02 03:04:05.678901+02:30",
                          "0001-01-01T00:00:00+01",       "1999-12-31T23:59:59.9999995Z",
                          "2026-01-02T03:04:05",          "2026-01-02T24:00:00Z",
                          "9999-12-31T23:59:59.9999999z", "2026-02-30T00:00:00Z",
                          "2026-01-02T03:04:05-0530",     "2016-12-31T23:59:60Z",
                          "2016-12-31T15:59:60.5-08",     "2026-01-02T03:04:60Z",
                          "2026-01-02T03:04:61Z"};
constexpr list uuids{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                     "a0eebc99", ""};
constexpr list percents{"a%20b+%c3%a9", "%", "%4", "%zz", "%ff", "%00", "%2f%2F"};
constexpr list addresses{
    "192.168.0.1", "10.1.0.0/16", "255.255.255.255/0", "", "192.168.0.01", "1.2.3.4/33", "1.2.3", "x"};
constexpr list encodings{"", "AAEC", "AAE=", "AAE", "-_8", "00ff", "00FF1", "A===", "AB", "AQ==", "QQ"};
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
  if (!c.is_array) return item_for(c);
  std::string json = "[";
  for (std::size_t n = below(4), i = 0; i < n; ++i) {
    json += (i > 0 ? "," : "") + blanks() + (one_in(8) ? "null" : item_for(c)) + blanks();
  }
  return json + ']';
}

/// As JSON, or in quotes.
std::string random_bodies::number_for(const column& c) {
  const bool is_whole =
      c.type == column_type::smallint || c.type == column_type::integer || c.type == column_type::bigint;
  if (!careful_) return pick(one_in(8) ? odd_numbers : numbers);
  return is_whole ? std::to_string(below(30'000)) : pick(list{"1.5", "-3", "1e5", "0", "12345.678", "0.10"});
}

std::string random_bodies::item_for(const column& c) {
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  const auto good_or_any = [&](const char* good, list any) {
    return careful_ ? std::string(good) : pick(any);
  };
  const bool is_epoch = c.change == transform::epoch_seconds || c.change == transform::epoch_milliseconds;
  if (!c.map.empty() && (careful_ || !one_in(6))) {
    const std::string& key = c.map[below(c.map.size())].first;
    return key == "1" && one_in(2) ? key : quoted(key);
  }
  if (is_epoch) return careful_ ? std::to_string(below(2'000'000'000)) : pick(numbers);
  if (c.mask && sluice::mask::gives_addresses(c.mask->how))
    return quoted(good_or_any("192.168.0.1", addresses));
  switch (c.type) {
    case column_type::text:
      if (c.change == transform::percent_decode && one_in(2))
        return quoted(good_or_any("a%20b+%c3%a9", percents));
      return string();
    case column_type::varchar: return careful_ ? quoted("short") : string();
    case column_type::smallint:
    case column_type::integer:
    case column_type::bigint:
    case column_type::real:
    case column_type::double_precision:
    case column_type::numeric:
      if (c.change == transform::none) return number_for(c);
      return quoted(c.change == transform::from_text ? number_for(c) : good_or_any("7.2.11", versions));
    case column_type::boolean: return one_in(2) ? "true" : "false";
    case column_type::date:
      if (c.change == transform::utc_date)
        return quoted(good_or_any("2026-01-02T03:04:05.25+01", timestamps));
      return quoted(good_or_any("2026-01-02", dates));
    case column_type::timestamptz: return quoted(good_or_any("2026-01-02T03:04:05.25+01", timestamps));
    case column_type::uuid: return quoted(good_or_any(uuids.begin()[0], uuids));
    case column_type::inet: return quoted(good_or_any("192.168.0.1", addresses));
    case column_type::bytea: return quoted(good_or_any("", encodings));
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
  const bool careful = careful_;
  // With one bad value at most, columns behind others are judged, too.
  const column* spoiled = careful && one_in(2) ? &plan_.columns[below(plan_.columns.size())] : nullptr;
  for (const column& c : plan_.columns) {
    careful_ = careful && &c != spoiled;
    if (c.where != source::row || c.from.empty()) continue;
    if (!careful_ && one_in(60)) continue;
    const auto names = sluice::record::split_pointer(c.from).value();
    if (names.size() > 1) {
      if (names[1] == "0") {
        nested[names[0]] = "[" + value_for(c) + (one_in(2) ? "," + scalar() : "") + "]";
      } else {
        std::string& object = nested[names[0]];
        const bool is_first = !object.starts_with('{');
        object = is_first ? std::string("{") : object.substr(0, object.size() - 1) + ",";
        object += member(names[1], value_for(c)) + "}";
        if (!careful_ && one_in(30)) object = scalar();
      }
      continue;
    }
    if (std::ranges::find(written, names[0]) != written.end()) continue;
    written.push_back(names[0]);
    members.push_back(member(names[0], value_for(c)));
    if (!careful_ && one_in(150)) members.push_back(member(names[0], value_for(c)));
  }
  careful_ = careful;
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
  careful_ = !one_in(4);
  if (one_in(50)) {
    careful_ = false;
    return value(5);
  }
  std::string body = object();
  if (one_in(8)) corrupt(body);
  return body;
}

}  // namespace tests
