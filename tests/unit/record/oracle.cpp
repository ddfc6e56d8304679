#include "oracle.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "core/encoding.hpp"
#include "mask/masker.hpp"
#include "plain_json.hpp"

namespace tests {
namespace {

using namespace sluice;
using record::column;
using record::column_type;
using record::transform;

struct refusal {
  std::string reason;
};

std::vector<std::string> names_of(const std::string& pointer) {
  std::vector<std::string> names;
  const nlohmann::json_pointer<std::string> all(pointer);
  for (auto rest = all; !rest.empty(); rest.pop_back()) names.insert(names.begin(), rest.back());
  return names;
}

/// By key, or by index in an array.
std::string name_of(const tree& parent, std::size_t i) {
  return parent.is == tree::kind::object ? parent.keys[i] : std::to_string(i);
}

const tree* find(const tree& root, const std::vector<std::string>& names) {
  const tree* at = &root;
  for (const std::string& name : names) {
    const tree* next = nullptr;
    for (std::size_t i = 0; i < at->items.size(); ++i) {
      if (name_of(*at, i) == name) next = &at->items[i];
    }
    if (next == nullptr) return nullptr;
    at = next;
  }
  return at;
}

/// The path of the first wanted key that comes twice, in the order of the document.
using path = std::vector<std::string>;
std::optional<path> find_twice(const tree& at, const path& here, const std::vector<path>& wanted) {
  const auto is_wanted = [&](const path& p) {
    return std::ranges::any_of(wanted, [&](const path& w) {
      return w.size() >= p.size() && std::equal(p.begin(), p.end(), w.begin());
    });
  };
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < at.items.size(); ++i) {
    path p = here;
    p.push_back(name_of(at, i));
    if (!is_wanted(p)) continue;
    if (std::ranges::find(seen, p.back()) != seen.end()) return p;
    seen.push_back(p.back());
    if (auto deeper = find_twice(at.items[i], p, wanted)) return deeper;
  }
  return std::nullopt;
}

bool has_nul(const tree& t) {
  const auto nul = [](const std::string& s) { return s.find('\0') != s.npos; };
  const auto* text = t.as<std::string>();
  return (text != nullptr && nul(*text)) || std::ranges::any_of(t.keys, nul) ||
         std::ranges::any_of(t.items, has_nul);
}

std::string big_endian(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = size; i-- > 0;) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

template <class Float, class Bits>
std::string float_bytes(Float value) {
  Bits bits;
  std::memcpy(&bits, &value, sizeof bits);
  return big_endian(bits, sizeof bits);
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Seconds since 1970 of a day in the years 1 to 9999, by the C library.
std::time_t day_seconds(const std::string& y, const std::string& m, const std::string& d) {
  std::tm day{};
  day.tm_year = std::stoi(y) - 1900;
  day.tm_mon = std::stoi(m) - 1;
  day.tm_mday = std::stoi(d);
  const std::tm asked = day;
  const std::time_t seconds = timegm(&day);
  const bool real =
      day.tm_year == asked.tm_year && day.tm_mon == asked.tm_mon && day.tm_mday == asked.tm_mday;
  if (!real || std::stoi(y) == 0) throw refusal{"out_of_range"};
  return seconds;
}

constexpr std::int64_t epoch_2000_seconds = 946'684'800;

std::string time_bytes(std::int64_t unix_us) {
  if (unix_us < -62'135'596'800'000'000 || unix_us > 253'402'300'799'999'999) throw refusal{"out_of_range"};
  return big_endian(static_cast<std::uint64_t>(unix_us - epoch_2000_seconds * 1'000'000), 8);
}
std::string date_bytes(std::int64_t unix_days) {
  return big_endian(static_cast<std::uint32_t>(unix_days - epoch_2000_seconds / 86'400), 4);
}

std::string date_field(const std::string& text) {
  static const std::regex shape(R"((\d{4})-(\d\d)-(\d\d))");
  std::smatch m;
  if (!std::regex_match(text, m, shape)) throw refusal{"bad_format"};
  return date_bytes(day_seconds(m[1], m[2], m[3]) / 86'400);
}

std::string day_bytes(std::int64_t unix_us) {
  time_bytes(unix_us);  // in the calendar
  constexpr std::int64_t day_us = 86'400'000'000;
  return date_bytes(unix_us / day_us - (unix_us % day_us < 0 ? 1 : 0));
}

std::int64_t timestamp_us(const column& c, std::string text) {
  static const std::regex shape(
      R"((\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.(\d{1,9}))?([Zz]|([+-])(\d\d)(:?(\d\d))?))");
  static const std::regex offset_shape(R"(.*([Zz]|[+-]\d\d(:?\d\d)?))");
  std::smatch m;
  if (c.change == transform::assume_utc &&
      !std::regex_match(text.substr(std::min<std::size_t>(11, text.size())), offset_shape))
    text += 'Z';
  if (!std::regex_match(text, m, shape)) throw refusal{"bad_format"};
  const int h = std::stoi(m[4]);
  const int min = std::stoi(m[5]);
  const int s = std::stoi(m[6]);
  std::int64_t us = day_seconds(m[1], m[2], m[3]) * std::int64_t{1'000'000};
  if (h > 23 || min > 59 || s > 60) throw refusal{"out_of_range"};
  us += (h * 3'600 + min * 60 + s) * std::int64_t{1'000'000};
  if (m[8].matched) us += std::llrint(std::stod("0." + m[8].str()) * 1e6);
  if (m[10].matched) {
    const int offset_h = std::stoi(m[11]);
    const int offset_min = m[13].matched ? std::stoi(m[13]) : 0;
    if (offset_h > 15 || offset_min > 59) throw refusal{"out_of_range"};
    const std::int64_t offset = (offset_h * 3'600 + offset_min * 60) * std::int64_t{1'000'000};
    us -= m[10] == "-" ? -offset : offset;
  }
  const std::int64_t whole_seconds = us / 1'000'000 - (us % 1'000'000 < 0 ? 1 : 0);
  if (s == 60 && whole_seconds % 86'400 != 0) throw refusal{"out_of_range"};
  time_bytes(us);
  return us;
}

std::int64_t version_value(transform how, const std::string& text) {
  static const std::regex any(R"([\d.]*\d[\d.]*)");
  static const std::regex three(R"((\d+)(\.(\d+)(\.(\d+))?)?)");
  if (!std::regex_match(text, any)) throw refusal{"bad_version"};
  std::smatch m;
  std::string digits = text;
  if (how == transform::version_packed) {
    // Parts are judged from the left.
    std::int64_t value = 0;
    const auto parts = [&] {
      std::vector<std::string> all(1);
      for (const char c : text) c == '.' ? void(all.emplace_back()) : all.back().push_back(c);
      return all;
    }();
    for (std::size_t i = 0; i < 3; ++i) {
      value *= 1'000;
      if (i >= parts.size()) continue;
      if (parts[i].empty()) throw refusal{"bad_version"};
      const auto significant = std::min(parts[i].find_first_not_of('0'), parts[i].size());
      if (parts[i].size() - significant > 3) throw refusal{"out_of_range"};
      value += std::stoll(parts[i]);
    }
    if (parts.size() > 3) throw refusal{"bad_version"};
    return value;
  }
  if (how == transform::version_major) digits = text.substr(0, text.find('.'));
  if (how == transform::version_digits) std::erase(digits, '.');
  if (digits.empty()) throw refusal{"bad_version"};
  try {
    return std::stoll(digits);
  } catch (const std::out_of_range&) {
    throw refusal{"out_of_range"};
  }
}

const std::string& number_of(const tree& t) {
  const auto* n = t.as<number>();
  if (n == nullptr) throw refusal{"wrong_type"};
  return n->text;
}

std::int64_t whole(const std::string& text) {
  try {
    return std::stoll(text);
  } catch (const std::out_of_range&) {
    throw refusal{"out_of_range"};
  }
}

std::int64_t integer_of(const tree& t) {
  const std::string& text = number_of(t);
  if (text.find_first_of(".eE") != text.npos) throw refusal{"wrong_type"};
  return whole(text);
}

/// Written out without an exponent: digits before and behind the point.
struct plain_number {
  bool negative = false;
  std::string whole, fraction;
};
plain_number plain(const std::string& text) {
  static const std::regex shape(R"((-?)(\d+)(\.(\d+))?([eE]([+-]?\d+))?)");
  std::smatch m;
  if (!std::regex_match(text, m, shape)) throw refusal{"bad_format"};
  plain_number n{m[1].matched && m[1].length() > 0, m[2], m[4]};
  const long exponent = m[6].matched ? std::stol(m[6]) : 0;
  if (std::labs(exponent) > 200'000) throw refusal{"out_of_range"};
  for (long i = 0; i < exponent; ++i) {
    n.whole += n.fraction.empty() ? '0' : n.fraction[0];
    if (!n.fraction.empty()) n.fraction.erase(0, 1);
  }
  for (long i = 0; i > exponent; --i) {
    n.fraction.insert(n.fraction.begin(), n.whole.empty() ? '0' : n.whole.back());
    if (!n.whole.empty()) n.whole.pop_back();
  }
  n.whole.erase(0, std::min(n.whole.find_first_not_of('0'), n.whole.size()));
  return n;
}

std::string numeric_field(const column& c, const std::string& text) {
  const plain_number n = plain(text);
  if (c.precision > 0 && n.whole.size() > c.precision - c.scale) throw refusal{"out_of_range"};
  const std::size_t scale = n.fraction.size();
  if (scale > 16'383 || n.whole.size() > 131'072) throw refusal{"out_of_range"};
  std::string before = n.whole, behind = n.fraction;
  while (before.size() % 4 != 0) before.insert(before.begin(), '0');
  while (behind.size() % 4 != 0) behind += '0';
  std::vector<std::string> groups;
  for (std::size_t i = 0; i < before.size() + behind.size(); i += 4)
    groups.push_back((before + behind).substr(i, 4));
  auto weight = static_cast<std::int64_t>(before.size() / 4) - 1;
  while (!groups.empty() && groups.back() == "0000") groups.pop_back();
  while (!groups.empty() && groups.front() == "0000") {
    groups.erase(groups.begin());
    --weight;
  }
  if (groups.empty()) weight = 0;
  std::string bytes = big_endian(groups.size(), 2) + big_endian(static_cast<std::uint64_t>(weight), 2);
  bytes += big_endian(n.negative && !groups.empty() ? 0x4000 : 0, 2) + big_endian(scale, 2);
  for (const std::string& group : groups) bytes += big_endian(std::stoul(group), 2);
  return bytes;
}

/// Microseconds of a number of seconds (places 6) or milliseconds (3), rounded half away from zero.
std::int64_t microseconds(const std::string& text, std::size_t places) {
  plain_number n = plain(text);
  n.fraction.resize(std::max(n.fraction.size(), places + 1), '0');
  const bool up = n.fraction[places] >= '5';
  const std::string digits = n.whole + n.fraction.substr(0, places);
  return (n.negative ? -1 : 1) * (whole(digits) + (up ? 1 : 0));
}

std::string integer_field(const column& c, std::int64_t value) {
  const std::size_t size = c.type == column_type::smallint ? 2 : c.type == column_type::integer ? 4 : 8;
  const std::int64_t limit = size == 8 ? INT64_MAX : (std::int64_t{1} << (size * 8 - 1)) - 1;
  if (value > limit || value < -limit - 1) throw refusal{"out_of_range"};
  return big_endian(static_cast<std::uint64_t>(value), size);
}

std::string text_field(const column& c, std::string text) {
  if (text.find('\0') != text.npos) throw refusal{"nul_character"};
  if (c.mask) text = mask::masker::make(*c.mask, test_keys()).value().mask(text).value();
  if (c.length_max > 0 && characters(text) > c.length_max) throw refusal{"too_long"};
  return text;
}

std::string float_field(const column& c, const std::string& text) {
  const bool zero = text.find_first_of("123456789") >= text.find_first_of("eE");
  const auto checked = [&](auto value) {
    if (std::isinf(value) || (!zero && std::fpclassify(value) == FP_ZERO)) throw refusal{"out_of_range"};
    return value;
  };
  if (c.type == column_type::double_precision)
    return float_bytes<double, std::uint64_t>(checked(std::strtod(text.c_str(), nullptr)));
  return float_bytes<float, std::uint32_t>(checked(std::strtof(text.c_str(), nullptr)));
}

std::string uuid_field(const std::string& text) {
  static const std::regex shape(
      "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");
  if (!std::regex_match(text, shape)) throw refusal{"bad_format"};
  std::string digits = text;
  std::erase(digits, '-');
  return unhex(digits).value();
}

/// IPv4 only, as random_bodies gives it; PostgreSQL is the judge of both (pg_records_test).
std::string inet_field(const std::string& text) {
  static const std::regex shape(R"((\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(/(\d{1,2}))?)");
  static const std::regex leading_zero(R"(.*(^|[./])0\d.*)");
  std::smatch m;
  if (!std::regex_match(text, m, shape) || std::regex_match(text, leading_zero)) throw refusal{"bad_format"};
  const int prefix = m[6].matched ? std::stoi(m[6]) : 32;
  if (prefix > 32) throw refusal{"bad_format"};
  std::string bytes{'\2', static_cast<char>(prefix), '\0', '\4'};
  for (std::size_t i = 1; i <= 4; ++i) {
    if (std::stoi(m[i]) > 255) throw refusal{"bad_format"};
    bytes += static_cast<char>(std::stoi(m[i]));
  }
  return bytes;
}

std::string bytes_field(const column& c, const std::string& text) {
  const auto bytes = c.change == transform::decode_base64      ? unbase64(text)
                     : c.change == transform::decode_base64url ? unbase64url(text)
                                                               : unhex(text);
  if (!bytes) throw refusal{"bad_format"};
  return *bytes;
}

/// Of a text, whether the body's or the map's.
std::string typed_field(const column& c, const std::string& text) {
  const auto places = [&] { return c.change == transform::epoch_seconds ? 6U : 3U; };
  const bool is_epoch = c.change == transform::epoch_seconds || c.change == transform::epoch_milliseconds;
  switch (c.type) {
    case column_type::text:
    case column_type::varchar: return text_field(c, text);
    case column_type::smallint:
    case column_type::integer:
    case column_type::bigint: {
      if (c.change == transform::none) throw refusal{"wrong_type"};
      if (c.change != transform::from_text) return integer_field(c, version_value(c.change, text));
      static const std::regex digits(R"(-?\d+)");
      if (!std::regex_match(text, digits)) throw refusal{"bad_format"};
      return integer_field(c, whole(text));
    }
    case column_type::real:
    case column_type::double_precision:
    case column_type::numeric:
      if (c.change == transform::none) throw refusal{"wrong_type"};
      if (number_length(text) != text.size() || text.empty()) throw refusal{"bad_format"};
      return c.type == column_type::numeric ? numeric_field(c, text) : float_field(c, text);
    case column_type::boolean:
      if (c.change == transform::none) throw refusal{"wrong_type"};
      if (text != "true" && text != "false") throw refusal{"bad_format"};
      return std::string(1, text == "true" ? '\1' : '\0');
    case column_type::date:
      if (is_epoch) return day_bytes(microseconds(text, places()));
      return c.change == transform::utc_date ? day_bytes(timestamp_us(c, text)) : date_field(text);
    case column_type::timestamptz:
      return time_bytes(is_epoch ? microseconds(text, places()) : timestamp_us(c, text));
    case column_type::uuid: return uuid_field(text);
    case column_type::inet: return inet_field(text);
    case column_type::bytea: return bytes_field(c, text);
    case column_type::jsonb: break;
  }
  return {};
}

std::string mapped_field(const column& c, const std::string& key) {
  for (const auto& [from, to] : c.map) {
    if (from == key) return typed_field(c, to);
  }
  throw refusal{"unmapped_value"};
}

std::string percent_decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      static const std::regex escape("%[0-9a-fA-F]{2}");
      if (!std::regex_match(text.substr(i, 3), escape)) throw refusal{"bad_format"};
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  try {
    return nlohmann::json(out).dump().empty() ? "" : out;  // throws if it is not UTF-8
  } catch (const nlohmann::json::type_error&) {
    throw refusal{"bad_format"};
  }
}

std::string scalar_field(const column& c, const tree& t) {
  if (const auto* text = t.as<std::string>()) {
    std::string changed = *text;
    if (c.trim) changed = std::regex_replace(changed, std::regex(R"(^[ \t\r\n\f\v]+|[ \t\r\n\f\v]+$)"), "");
    if (c.change == transform::percent_decode) changed = percent_decoded(changed);
    if (c.lower) {
      for (char& ch : changed) ch = ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch + 32) : ch;
    }
    return c.map.empty() ? typed_field(c, changed) : mapped_field(c, changed);
  }
  if (t.is != tree::kind::scalar) throw refusal{"wrong_type"};
  if (!c.map.empty()) return mapped_field(c, canonical(t));
  switch (c.type) {
    case column_type::smallint:
    case column_type::integer:
    case column_type::bigint:
      if (c.change != transform::none && c.change != transform::from_text) throw refusal{"wrong_type"};
      return integer_field(c, integer_of(t));
    case column_type::real:
    case column_type::double_precision: return float_field(c, number_of(t));
    case column_type::numeric: return numeric_field(c, number_of(t));
    case column_type::boolean:
      if (t.as<bool>() == nullptr) throw refusal{"wrong_type"};
      return std::string(1, *t.as<bool>() ? '\1' : '\0');
    case column_type::date:
    case column_type::timestamptz:
      if (c.change == transform::epoch_seconds || c.change == transform::epoch_milliseconds)
        return typed_field(c, number_of(t));
      throw refusal{"wrong_type"};
    default: throw refusal{"wrong_type"};
  }
}

std::string array_field(const column& c, const tree& t) {
  if (t.is != tree::kind::array) throw refusal{"wrong_type"};
  static const std::map<column_type, unsigned> oids{{column_type::text, 25},
                                                    {column_type::integer, 23},
                                                    {column_type::double_precision, 701},
                                                    {column_type::numeric, 1700},
                                                    {column_type::uuid, 2950}};
  std::string items;
  bool has_null = false;
  for (const tree& item : t.items) {
    if (item.as<std::nullptr_t>() != nullptr) {
      has_null = true;
      items += big_endian(0xFFFF'FFFF, 4);
    } else {
      const std::string bytes = scalar_field(c, item);
      items += big_endian(bytes.size(), 4) + bytes;
    }
  }
  std::string head = big_endian(t.items.empty() ? 0 : 1, 4) + big_endian(has_null ? 1 : 0, 4) +
                     big_endian(oids.at(c.type), 4);
  if (!t.items.empty()) head += big_endian(t.items.size(), 4) + big_endian(1, 4);
  return head + items;
}

std::string field_of(const column& c, const tree& t) {
  if (c.type == column_type::jsonb) {
    if (has_nul(t)) throw refusal{"nul_character"};
    return '\1' + canonical(t);
  }
  return c.is_array ? array_field(c, t) : scalar_field(c, t);
}

/// The fields that are not wanted, in the objects where they are.
tree unknown_of(const tree& object, const path& here, const std::vector<path>& wanted) {
  tree rest{.is = tree::kind::object};
  for (std::size_t i = 0; i < object.items.size(); ++i) {
    path p = here;
    p.push_back(object.keys[i]);
    bool whole = false, part = false;
    for (const path& w : wanted) {
      if (w.empty()) continue;
      const auto common = static_cast<std::size_t>(std::ranges::mismatch(w, p).in1 - w.begin());
      whole = whole || common == w.size();
      part = part || common == p.size();
    }
    tree kept = object.items[i];
    if (whole || (part && kept.is != tree::kind::object)) continue;
    if (part) {
      kept = unknown_of(kept, p, wanted);
      if (kept.items.empty()) continue;
    }
    rest.keys.push_back(object.keys[i]);
    rest.items.push_back(std::move(kept));
  }
  return rest;
}

copy_field expected_field(const column& c, const tree& root, const record::envelope& e,
                          const std::vector<path>& wanted) {
  using record::source;
  constexpr std::int64_t ms = 1'000;
  switch (c.where) {
    case source::message_id:
      return c.type == column_type::uuid ? std::string(sluice::text_of(e.message_id))
                                         : to_string(e.message_id);
    case source::sent_timestamp:
      return c.type == column_type::bigint ? integer_field(c, e.sent_ms) : time_bytes(e.sent_ms * ms);
    case source::sent_date: return day_bytes(e.sent_ms * ms);
    case source::received_date: return day_bytes(e.received_ms * ms);
    case source::receive_count: return integer_field(c, e.receive_count);
    case source::row_number: return integer_field(c, 0);
    case source::constant: return field_of(c, parse_json(c.from).value());
    case source::unknown: return field_of(c, unknown_of(root, {}, wanted));
    case source::attribute:
      for (const auto& a : e.attributes) {
        if (a.name == c.from) return scalar_field(c, scalar(std::string(a.value)));
      }
      break;
    default: break;
  }
  const tree* found = c.where == source::attribute ? nullptr : find(root, names_of(c.from));
  if (found == nullptr) {
    if (!c.otherwise.empty()) return field_of(c, parse_json(c.otherwise).value());
    if (c.required) throw refusal{"missing_field"};
    return std::nullopt;
  }
  if (found->as<std::nullptr_t>() != nullptr) {
    if (!c.nullable) throw refusal{"null_value"};
    return std::nullopt;
  }
  return field_of(c, *found);
}

}  // namespace

expectation expect(const record::plan& p, std::string_view body, const record::envelope& e) {
  if (body.starts_with("\xEF\xBB\xBF")) return {"not_json", {}, {}};
  const auto root = parse_json(body);
  if (!root) return {"not_json", {}, {}};
  if (root->is != tree::kind::object) return {"not_an_object", {}, {}};

  std::vector<path> wanted;
  for (const column& c : p.columns) {
    if (c.is_field()) wanted.push_back(names_of(c.from));
  }
  if (const auto twice = find_twice(*root, {}, wanted)) {
    for (const column& c : p.columns) {
      if (!c.is_field()) continue;
      const path names = names_of(c.from);
      if (names.size() >= twice->size() && std::equal(twice->begin(), twice->end(), names.begin())) {
        return {"duplicate_field", c.name, {}};
      }
    }
  }
  expectation row;
  for (const column& c : p.columns) {
    try {
      row.fields.push_back(expected_field(c, *root, e, wanted));
    } catch (const refusal& why) {
      return {why.reason, c.name, {}};
    }
  }
  return row;
}

bool same_field(const column& c, const copy_field& expected, const copy_field& got) {
  if (c.type != column_type::jsonb || !expected || !got) return expected == got;
  const auto json = parse_json(got->substr(1));
  return got->starts_with('\1') && json && canonical(*json) == expected->substr(1);
}

}  // namespace tests
