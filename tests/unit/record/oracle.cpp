#include "oracle.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <regex>
#include <variant>

#include "core/encoding.hpp"
#include "mask/masker.hpp"

namespace tests {
namespace {

using namespace sluice;
using record::column;
using record::column_type;
using record::transform;

/// A JSON value with its keys in order, duplicates too.
struct tree {
  enum class kind { scalar, object, array } is = kind::scalar;
  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string> value{};
  std::vector<std::string> keys{};  ///< of an object, one for each item
  std::vector<tree> items{};

  template <class T>
  const T* as() const {
    return is == kind::scalar ? std::get_if<T>(&value) : nullptr;
  }
};

tree scalar(auto v) {
  return {.value = std::move(v)};
}

class builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  tree root;

  bool null() override { return add(scalar(nullptr)); }
  bool boolean(bool v) override { return add(scalar(v)); }
  bool number_integer(std::int64_t v) override { return add(scalar(v)); }
  bool number_unsigned(std::uint64_t v) override {
    return v <= INT64_MAX ? add(scalar(static_cast<std::int64_t>(v))) : add(scalar(v));
  }
  bool number_float(double v, const std::string& text) override {
    // An integer over 64 bits: JSON, but not to simdjson.
    return text.find_first_of(".eE") != text.npos && add(scalar(v));
  }
  bool string(std::string& v) override { return add(scalar(v)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(tree::kind::object); }
  bool start_array(std::size_t) override { return open(tree::kind::array); }
  bool key(std::string& v) override {
    key_ = v;
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  struct level {
    tree container;
    std::string key;  ///< under which it goes into its parent
  };
  bool open(tree::kind is) {
    levels_.push_back({{.is = is}, key_});
    return true;
  }
  bool close() {
    level done = std::move(levels_.back());
    levels_.pop_back();
    key_ = done.key;
    return add(std::move(done.container));
  }
  bool add(tree t) {
    if (levels_.empty()) {
      root = std::move(t);
      return true;
    }
    tree& parent = levels_.back().container;
    if (parent.is == tree::kind::object) parent.keys.push_back(key_);
    parent.items.push_back(std::move(t));
    return true;
  }
  std::vector<level> levels_;
  std::string key_;
};

struct refusal {
  std::string reason;
};

std::vector<std::string> names_of(const std::string& pointer) {
  std::vector<std::string> names;
  const nlohmann::json_pointer<std::string> parsed(pointer);
  for (auto rest = parsed; !rest.empty(); rest.pop_back()) names.insert(names.begin(), rest.back());
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

nlohmann::json plain(const tree& t) {
  auto json = t.is == tree::kind::array ? nlohmann::json::array() : nlohmann::json::object();
  switch (t.is) {
    case tree::kind::scalar: return std::visit([](const auto& v) { return nlohmann::json(v); }, t.value);
    case tree::kind::array:
      for (const tree& item : t.items) json.push_back(plain(item));
      break;
    case tree::kind::object:
      for (std::size_t i = 0; i < t.items.size(); ++i) json[t.keys[i]] = plain(t.items[i]);
      break;
  }
  return json;
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

std::string timestamp_field(const std::string& text) {
  static const std::regex shape(
      R"((\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.(\d{1,9}))?([Zz]|([+-])(\d\d)(:?(\d\d))?))");
  std::smatch m;
  if (!std::regex_match(text, m, shape)) throw refusal{"bad_format"};
  const int h = std::stoi(m[4]);
  const int min = std::stoi(m[5]);
  const int s = std::stoi(m[6]);
  std::int64_t us = day_seconds(m[1], m[2], m[3]) * std::int64_t{1'000'000};
  if (h > 23 || min > 59 || s > 59) throw refusal{"out_of_range"};
  us += (h * 3'600 + min * 60 + s) * std::int64_t{1'000'000};
  if (m[8].matched) us += (std::stoll((m[8].str() + "000000000").substr(0, 9)) + 500) / 1'000;
  if (m[10].matched) {
    const int offset_h = std::stoi(m[11]);
    const int offset_min = m[13].matched ? std::stoi(m[13]) : 0;
    if (offset_h > 15 || offset_min > 59) throw refusal{"out_of_range"};
    const std::int64_t offset = (offset_h * 3'600 + offset_min * 60) * std::int64_t{1'000'000};
    us -= m[10] == "-" ? -offset : offset;
  }
  return time_bytes(us);
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

const std::string& text_of(const tree& t) {
  const auto* text = t.as<std::string>();
  if (text == nullptr) throw refusal{"wrong_type"};
  return *text;
}

std::int64_t integer_of(const tree& t) {
  if (t.as<std::uint64_t>() != nullptr) throw refusal{"out_of_range"};
  const auto* number = t.as<std::int64_t>();
  if (number == nullptr) throw refusal{"wrong_type"};
  return *number;
}

double number_of(const tree& t) {
  if (const auto* number = t.as<double>()) return *number;
  if (const auto* number = t.as<std::uint64_t>()) return static_cast<double>(*number);
  return static_cast<double>(integer_of(t));
}

std::string integer_field(const column& c, std::int64_t value) {
  const std::size_t size = c.type == column_type::smallint ? 2 : c.type == column_type::integer ? 4 : 8;
  const std::int64_t limit = size == 8 ? INT64_MAX : (std::int64_t{1} << (size * 8 - 1)) - 1;
  if (value > limit || value < -limit - 1) throw refusal{"out_of_range"};
  return big_endian(static_cast<std::uint64_t>(value), size);
}

std::string text_field(const column& c, std::string text) {
  if (text.find('\0') != text.npos) throw refusal{"nul_character"};
  if (c.change == transform::trim)
    text = std::regex_replace(text, std::regex(R"(^[ \t\r\n\f\v]+|[ \t\r\n\f\v]+$)"), "");
  if (c.change == transform::lower) {
    for (char& ch : text) {
      if (ch >= 'A' && ch <= 'Z') ch = static_cast<char>(ch + 32);
    }
  }
  if (c.mask) text = mask::masker::make(*c.mask, test_keys()).value().mask(text);
  if (c.length_max > 0 && characters(text) > c.length_max) throw refusal{"too_long"};
  return text;
}

std::string real_field(const column& c, double value) {
  if (c.type == column_type::double_precision) return float_bytes<double, std::uint64_t>(value);
  const bool fits = std::fabs(value) <= static_cast<double>(std::numeric_limits<float>::max());
  if (!fits) throw refusal{"out_of_range"};
  const auto narrowed = static_cast<float>(value);
  if (std::fpclassify(narrowed) == FP_ZERO && std::fpclassify(value) != FP_ZERO)
    throw refusal{"out_of_range"};
  return float_bytes<float, std::uint32_t>(narrowed);
}

std::string uuid_field(const std::string& text) {
  static const std::regex shape(
      "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");
  if (!std::regex_match(text, shape)) throw refusal{"bad_format"};
  std::string digits = text;
  std::erase(digits, '-');
  return unhex(digits).value();
}

std::string timestamp_of(const column& c, const tree& t) {
  if (c.change == transform::none) return timestamp_field(text_of(t));
  const std::int64_t unit = c.change == transform::epoch_seconds ? 1'000'000 : 1'000;
  std::int64_t us = 0;
  if (__builtin_mul_overflow(integer_of(t), unit, &us)) throw refusal{"out_of_range"};
  return time_bytes(us);
}

std::string field_of(const column& c, const tree& t) {
  switch (c.type) {
    case column_type::text:
    case column_type::varchar: return text_field(c, text_of(t));
    case column_type::smallint:
    case column_type::integer:
    case column_type::bigint:
      return integer_field(c,
                           c.change == transform::none ? integer_of(t) : version_value(c.change, text_of(t)));
    case column_type::real:
    case column_type::double_precision: return real_field(c, number_of(t));
    case column_type::boolean:
      if (t.as<bool>() == nullptr) throw refusal{"wrong_type"};
      return std::string(1, *t.as<bool>() ? '\1' : '\0');
    case column_type::date: return date_field(text_of(t));
    case column_type::timestamptz: return timestamp_of(c, t);
    case column_type::uuid: return uuid_field(text_of(t));
    case column_type::jsonb:
      if (has_nul(t)) throw refusal{"nul_character"};
      return '\1' + plain(t).dump();
  }
  return {};
}

std::string metadata_field(const column& c, const record::envelope& e) {
  using record::metadata;
  const auto floor_day = [](std::int64_t ms) { return ms / 86'400'000 - (ms % 86'400'000 < 0 ? 1 : 0); };
  switch (c.meta) {
    case metadata::message_id:
      return c.type == column_type::uuid ? std::string(sluice::text_of(e.message_id))
                                         : to_string(e.message_id);
    case metadata::sent_timestamp:
      return c.type == column_type::bigint ? integer_field(c, e.sent_ms) : time_bytes(e.sent_ms * 1'000);
    case metadata::sent_date: return date_bytes(floor_day(e.sent_ms));
    case metadata::received_date: return date_bytes(floor_day(e.received_ms));
    case metadata::receive_count: return integer_field(c, e.receive_count);
    case metadata::none: break;
  }
  return {};
}

copy_field expected_field(const column& c, const tree& root, const record::envelope& e) {
  if (c.meta != record::metadata::none) return metadata_field(c, e);
  const tree* found = find(root, names_of(c.from));
  if (found == nullptr) {
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
  builder built;
  if (body.starts_with("\xEF\xBB\xBF")) return {"not_json", {}, {}};
  if (!nlohmann::json::sax_parse(body.begin(), body.end(), &built)) return {"not_json", {}, {}};
  if (built.root.is != tree::kind::object) return {"not_an_object", {}, {}};

  std::vector<path> wanted;
  for (const column& c : p.columns) {
    if (c.meta == record::metadata::none) wanted.push_back(names_of(c.from));
  }
  if (const auto twice = find_twice(built.root, {}, wanted)) {
    for (const column& c : p.columns) {
      if (c.meta != record::metadata::none) continue;
      const path names = names_of(c.from);
      if (names.size() >= twice->size() && std::equal(twice->begin(), twice->end(), names.begin())) {
        return {"duplicate_field", c.name, {}};
      }
    }
  }
  expectation row;
  for (const column& c : p.columns) {
    try {
      row.fields.push_back(expected_field(c, built.root, e));
    } catch (const refusal& why) {
      return {why.reason, c.name, {}};
    }
  }
  return row;
}

bool same_field(const column& c, const copy_field& expected, const copy_field& got) {
  if (c.type != column_type::jsonb || !expected || !got) return expected == got;
  return got->starts_with('\1') &&
         nlohmann::json::parse(expected->substr(1)) == nlohmann::json::parse(got->substr(1));
}

}  // namespace tests
