#include "record/compile_value.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <utility>

#include "record/names.hpp"
#include "record/pointer.hpp"

namespace sluice::record {
namespace {

using keys = std::initializer_list<std::string_view>;

/// The numbers of "varchar(32)" or "numeric(10, 2)", whose word is taken off; nothing when it is not such a
/// text.
std::optional<std::vector<std::uint32_t>> read_limits(std::string_view text) {
  std::vector<std::uint32_t> limits;
  if (!text.starts_with('(') || !text.ends_with(')')) return std::nullopt;
  do {
    text.remove_prefix(text.find_first_not_of(' ', 1));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limits.emplace_back());
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  } while (text.starts_with(','));
  return text == ")" ? std::optional(limits) : std::nullopt;
}

/// "varchar(32)", "numeric(10, 2)"; `word` is what stands before the bracket.
result<> read_limited_type(const toml_section& in, std::string_view text, std::string_view word, column& c) {
  constexpr std::uint32_t length_limit = 10'485'760;  // PostgreSQL's, as is the next
  constexpr std::uint32_t precision_limit = 1'000;
  const auto limits = read_limits(text.substr(word.size()));
  const std::size_t count = limits ? limits->size() : 0;
  const std::uint32_t first = count > 0 ? limits->front() : 0;
  const std::uint32_t scale = count > 1 ? limits->back() : 0;
  const auto no_type = [&](std::string fix) {
    return in.wrong("type", fmt::format("'{}' is no type", text), std::move(fix));
  };
  if (word == "numeric") {
    if (count == 0 || count > 2 || first == 0 || first > precision_limit || scale > first) {
      return no_type(
          fmt::format("numeric(p, s) takes 1 to {} digits, s of them behind the point", precision_limit));
    }
    c.type = column_type::numeric;
    c.precision = first;
    c.scale = scale;
    return {};
  }
  if (word != "varchar") return no_type("varchar(n) and numeric(p, s) have limits");
  if (count != 1 || first == 0 || first > length_limit) {
    return no_type(fmt::format("varchar(n) takes 1 to {}", length_limit));
  }
  c.type = column_type::varchar;
  c.length_max = first;
  return {};
}

/// For those who know the type under another name.
std::string_view usual_name(std::string_view type) noexcept {
  using pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array others{pair{"int", "integer"},
                                     pair{"string", "text"},
                                     pair{"decimal", "numeric"},
                                     pair{"float", "double precision"},
                                     pair{"double", "double precision"},
                                     pair{"timestamp", "timestamptz"},
                                     pair{"bool", "boolean"},
                                     pair{"json", "jsonb"}};
  const auto found = std::ranges::find(others, type, &pair::first);
  return found == others.end() ? std::string_view() : found->second;
}

std::span<const column_type> types_of(source where) noexcept {
  using enum column_type;
  static constexpr std::array id{uuid, text, varchar};
  static constexpr std::array time{timestamptz, bigint};
  static constexpr std::array day{date};
  static constexpr std::array count{integer, bigint};
  static constexpr std::array object{jsonb};
  switch (where) {
    case source::message_id: return id;
    case source::sent_timestamp: return time;
    case source::sent_date:
    case source::received_date: return day;
    case source::receive_count:
    case source::row_number: return count;
    case source::unknown: return object;
    default: return {};
  }
}

result<> refuse_keys(const toml_section& in, keys list, std::string_view of) {
  for (const std::string_view key : list) {
    if (in.find(key) != nullptr) return in.wrong(key, fmt::format("'{}' does not apply to {}", key, of));
  }
  return {};
}

result<> read_pointer(const toml_section& in, std::string_view pointer, column& c) {
  if (!split_pointer(pointer)) {
    return in.wrong("from", fmt::format("'{}' is no JSON pointer", pointer),
                    "write ~0 for a tilde and ~1 for a slash (RFC 6901)");
  }
  if (pointer.empty() && (c.type != column_type::jsonb || c.is_array)) {
    return in.wrong("from", "the whole body (from = '') can only be jsonb");
  }
  c.from = pointer;
  return {};
}

result<> read_attribute(const toml_section& in, const plan& p, std::string_view name, column& c) {
  if (!name.starts_with('/') || name.size() == 1) {
    return in.wrong("from", "@attribute wants a name, such as @attribute/tenant");
  }
  name.remove_prefix(1);
  if (c.type == column_type::jsonb || c.is_array) {
    return in.wrong("type", fmt::format("a message attribute is text, and cannot be {}", c.sql_type()));
  }
  c.where = source::attribute;
  c.from = name;
  if (p.form == body_form::sns) {  // SNS puts the publisher's attributes into the notification
    c.where = source::envelope;
    c.from = "/MessageAttributes" + escape_pointer(name) + "/Value";
  }
  return {};
}

/// `name` is what stands behind the @: "sent_date", or "body/device" with a pointer.
result<> read_special(const toml_section& in, const plan& p, std::string_view name, column& c) {
  const auto slash = std::min(name.find('/'), name.size());
  const auto where = in.choice("from", name.substr(0, slash), sources());
  if (!where) return where.error();
  const std::string_view rest = name.substr(slash);
  if (*where == source::attribute) return read_attribute(in, p, rest, c);
  if (*where == source::body || *where == source::envelope) {
    if (*where == source::envelope && p.form != body_form::sns && p.form != body_form::eventbridge) {
      return in.wrong("from", "there is no envelope",
                      R"(set envelope = "sns" or "eventbridge" in [message])");
    }
    c.where = *where == source::body && p.rows.empty() ? source::row : *where;
    return read_pointer(in, rest, c);
  }
  if (!rest.empty()) return in.wrong("from", fmt::format("'@{}' has no fields", name.substr(0, slash)));
  c.where = *where;
  const auto types = types_of(c.where);
  if (c.is_array || std::ranges::find(types, c.type) == types.end()) {
    return in.wrong("type", fmt::format("@{} cannot be {}", name, c.sql_type()),
                    fmt::format("make the column {}", to_string(types.front())));
  }
  return refuse_keys(in, {"required", "nullable", "transform", "mask", "map", "default"},
                     fmt::format("@{}", name));
}

std::string json_of(const toml::node& node) {
  std::ostringstream json;
  json << toml::json_formatter(node);
  return std::move(json).str();
}

/// Whether a transform can be used for a column; trim, lower and percent_decode are for what is text on the
/// way.
bool gives(transform t, const column& c) noexcept {
  using enum column_type;
  switch (t) {
    case transform::none: return true;
    case transform::trim: return c.type != jsonb;
    case transform::lower: return c.is_text() || !c.map.empty();
    case transform::percent_decode: return c.is_text();
    case transform::version_packed:
    case transform::version_major:
    case transform::version_digits: return c.type == integer || c.type == bigint;
    case transform::epoch_seconds:
    case transform::epoch_milliseconds: return c.type == timestamptz || c.type == date;
    case transform::assume_utc: return c.type == timestamptz;
    case transform::utc_date: return c.type == date;
    case transform::from_text:
      return c.type == smallint || c.type == integer || c.type == bigint || c.type == real ||
             c.type == double_precision || c.type == numeric || c.type == boolean;
    case transform::decode_base64:
    case transform::decode_base64url:
    case transform::decode_hex: return c.type == bytea;
  }
  return false;
}

result<> add_transform(const toml_section& in, std::string_view name, column& c) {
  const auto change = in.choice("transform", name, transforms());
  if (!change) return change.error();
  if (!gives(*change, c)) {
    return in.wrong("transform", fmt::format("{} does not give {}", name, c.sql_type()),
                    "see docs/records.md for what gives which type");
  }
  if (*change == transform::trim) {
    c.trim = true;
  } else if (*change == transform::lower) {
    c.lower = true;
  } else if (c.change == transform::none) {
    c.change = *change;
  } else {
    return in.wrong("transform", fmt::format("{} cannot follow another one that makes a value", name));
  }
  return {};
}

result<> read_map(const toml_section& in, column& c) {
  const toml::node* node = in.find("map");
  if (node == nullptr) return {};
  const toml::table* table = node->as_table();
  if (table == nullptr || table->empty())
    return in.wrong("map", "'map' must be like { ios = 1, android = 2 }");
  if (c.type == column_type::jsonb) return in.wrong("map", "'map' does not apply to jsonb");
  for (const auto& [from, to] : *table) {
    const auto text = to.value<std::string>();
    if (!text && !to.is_integer() && !to.is_floating_point() && !to.is_boolean()) {
      return in.wrong("map", fmt::format("'{}' must be mapped to text, a number, true or false", from.str()));
    }
    c.map.emplace_back(from.str(), text ? *text : json_of(to));
  }
  return {};
}

}  // namespace

result<> read_type(const toml_section& in, const plan&, column& c) {
  if (in.find("type") == nullptr) return in.wrong("type", fmt::format("column {} has no 'type'", c.name));
  const auto whole = in.get<std::string>("type", {});
  if (!whole) return whole.error();
  std::string_view text = *whole;
  if (text.ends_with("[]")) {
    c.is_array = true;
    text.remove_suffix(2);
  }
  if (const auto bracket = text.find('('); bracket != text.npos) {
    return read_limited_type(in, text, text.substr(0, bracket), c);
  }
  if (const std::string_view other = usual_name(text); !other.empty()) {
    return in.wrong("type", fmt::format("unknown type '{}'", text), fmt::format("did you mean '{}'?", other));
  }
  const auto type = in.choice("type", text, column_types());
  if (!type) return type.error();
  c.type = *type;
  if (c.is_array && c.type == column_type::jsonb) {
    return in.wrong("type", "there are arrays of scalars only", "make the column jsonb: it holds arrays too");
  }
  return {};
}

result<> read_source(const toml_section& in, const plan& p, column& c) {
  if (const toml::node* constant = in.find("constant")) {
    c.where = source::constant;
    c.from = json_of(*constant);
    return refuse_keys(in, {"from", "required", "nullable", "transform", "mask", "map", "default"},
                       "a constant");
  }
  const auto from = in.get<std::string>("from", c.name);
  if (!from) return from.error();
  if (from->starts_with('@')) return read_special(in, p, from->substr(1), c);
  // A bare name is a field of the row, whatever its characters.
  const bool is_name = !from->empty() && !from->starts_with('/');
  return read_pointer(in, is_name ? escape_pointer(*from) : *from, c);
}

result<> read_presence(const toml_section& in, const plan&, column& c) {
  const toml::node* otherwise = in.find("default");
  const auto required = in.get<bool>("required", otherwise == nullptr);
  if (!required) return required.error();
  const auto nullable = in.get<bool>("nullable", !*required && otherwise == nullptr);
  if (!nullable) return nullable.error();
  if (otherwise != nullptr) {
    if (*required)
      return in.wrong("required", fmt::format("column {} is required and has a default", c.name));
    c.otherwise = json_of(*otherwise);
  } else if (!*required && !*nullable) {
    return in.wrong("nullable", fmt::format("column {} is not required and not nullable", c.name),
                    "a field that is not there becomes NULL, unless there is a default");
  }
  c.required = *required;
  c.nullable = *nullable;
  return {};
}

result<> read_transform(const toml_section& in, const plan&, column& c) {
  if (auto read = read_map(in, c); !read) return read;
  if (const toml::node* node = in.find("transform"); node != nullptr && node->is_array()) {
    for (const toml::node& one : *node->as_array()) {
      const auto name = one.value_exact<std::string>();
      if (!name) return in.wrong("transform", "'transform' must be text in quotes, or a list of it");
      if (auto added = add_transform(in, *name, c); !added) return added;
    }
  } else {
    const auto name = in.get<std::string>("transform", "none");
    if (!name) return name.error();
    if (auto added = add_transform(in, *name, c); !added) return added;
  }
  // What is text already can become these in one way only.
  const bool from_attribute = in.get<std::string>("from", "").value().starts_with("@attribute");
  if (c.change == transform::none && (from_attribute || !c.map.empty()) && gives(transform::from_text, c)) {
    c.change = transform::from_text;
  }
  if (c.type == column_type::bytea && c.change == transform::none && c.where != source::constant) {
    return in.wrong(
        "type", fmt::format("column {} is bytea, and JSON has no bytes", c.name),
        "say how its text becomes bytes: transform = \"decode_base64\", decode_base64url or decode_hex");
  }
  return {};
}

}  // namespace sluice::record
