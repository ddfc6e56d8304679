#include "oracle_fields.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <regex>
#include <vector>

#include "core/encoding.hpp"
#include "fixture.hpp"
#include "mask/masker.hpp"
#include "plain_json.hpp"

namespace tests {

using namespace sluice;
using record::column;
using record::column_type;
using record::transform;

std::string big_endian(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = size; i-- > 0;) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

std::int64_t whole(const std::string& text) {
  try {
    return std::stoll(text);
  } catch (const std::out_of_range&) {
    throw refusal{"out_of_range"};
  }
}

namespace {

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

}  // namespace

std::string time_bytes(std::int64_t unix_us) {
  if (unix_us < -62'135'596'800'000'000 || unix_us > 253'402'300'799'999'999) throw refusal{"out_of_range"};
  return big_endian(static_cast<std::uint64_t>(unix_us - epoch_2000_seconds * 1'000'000), 8);
}

namespace {

std::string date_bytes(std::int64_t unix_days) {
  return big_endian(static_cast<std::uint32_t>(unix_days - epoch_2000_seconds / 86'400), 4);
}

std::string date_field(const std::string& text) {
  static const std::regex shape(R"((\d{4})-(\d\d)-(\d\d))");
  std::smatch m;
  if (!std::regex_match(text, m, shape)) throw refusal{"bad_format"};
  return date_bytes(day_seconds(m[1], m[2], m[3]) / 86'400);
}

}  // namespace

std::string day_bytes(std::int64_t unix_us) {
  time_bytes(unix_us);  // in the calendar
  constexpr std::int64_t day_us = 86'400'000'000;
  return date_bytes(unix_us / day_us - (unix_us % day_us < 0 ? 1 : 0));
}

namespace {

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

}  // namespace

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

std::string integer_field(const column& c, std::int64_t value) {
  const std::size_t size = c.type == column_type::smallint ? 2 : c.type == column_type::integer ? 4 : 8;
  const std::int64_t limit = size == 8 ? INT64_MAX : (std::int64_t{1} << (size * 8 - 1)) - 1;
  if (value > limit || value < -limit - 1) throw refusal{"out_of_range"};
  return big_endian(static_cast<std::uint64_t>(value), size);
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

namespace {

/// Microseconds of a number of seconds (places 6) or milliseconds (3), rounded half away from zero.
std::int64_t microseconds(const std::string& text, std::size_t places) {
  plain_number n = plain(text);
  n.fraction.resize(std::max(n.fraction.size(), places + 1), '0');
  const bool up = n.fraction[places] >= '5';
  const std::string digits = n.whole + n.fraction.substr(0, places);
  return (n.negative ? -1 : 1) * (whole(digits) + (up ? 1 : 0));
}

std::string masked(const mask::rule& r, const std::string& text) {
  const auto token = mask::masker::make(r, test_keys()).value().mask(text);
  if (!token) throw refusal{"bad_format"};
  return *token;
}

std::string text_field(const column& c, std::string text) {
  if (text.find('\0') != text.npos) throw refusal{"nul_character"};
  if (c.mask) text = masked(*c.mask, text);
  if (c.length_max > 0 && characters(text) > c.length_max) throw refusal{"too_long"};
  return text;
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

}  // namespace

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
    case column_type::inet: return inet_field(c.mask ? masked(*c.mask, text) : text);
    case column_type::bytea: return bytes_field(c, text);
    case column_type::jsonb: break;
  }
  return {};
}

}  // namespace tests
