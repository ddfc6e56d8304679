#include "oracle.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "core/encoding.hpp"
#include "oracle_fields.hpp"
#include "plain_json.hpp"

namespace tests {
namespace {

using namespace sluice;
using record::column;
using record::column_type;
using record::transform;

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

const std::string& number_of(const tree& t) {
  const auto* n = t.as<number>();
  if (n == nullptr) throw refusal{"wrong_type"};
  return n->text;
}

std::int64_t integer_of(const tree& t) {
  const std::string& text = number_of(t);
  if (text.find_first_of(".eE") != text.npos) throw refusal{"wrong_type"};
  return whole(text);
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
