#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "record/field_tree.hpp"
#include "record/names.hpp"
#include "record/plan.hpp"
#include "record/scalars.hpp"
#include "record/toml_section.hpp"

namespace sluice::record {
namespace {

using keys = std::initializer_list<std::string_view>;

bool is_text(const column& c) noexcept {
  return c.type == column_type::text || c.type == column_type::varchar;
}

result<> read_name(const toml_section& in, column& c) {
  auto name = in.identifier("name");
  if (!name) return name.error();
  c.name = *std::move(name);
  return {};
}

result<> read_type(const toml_section& in, column& c) {
  constexpr std::int64_t length_limit = 10'485'760;  // PostgreSQL's
  if (in.find("type") == nullptr) return in.wrong("type", fmt::format("column {} has no 'type'", c.name));
  const auto text = in.get<std::string>("type", {});
  if (!text) return text.error();
  constexpr std::string_view bounded = "varchar(";
  if (text->starts_with(bounded)) {
    const char* end = text->data() + text->size();
    const auto [at, error] = std::from_chars(text->data() + bounded.size(), end, c.length_max);
    if (error != std::errc() || std::string_view(at, end) != ")" || c.length_max == 0 ||
        c.length_max > length_limit) {
      return in.wrong("type", fmt::format("'{}' is no type", *text),
                      fmt::format("varchar(n) takes 1 to {}", length_limit));
    }
    c.type = column_type::varchar;
    return {};
  }
  const auto type = in.choice("type", *text, column_types());
  if (!type) return type.error();
  c.type = *type;
  return {};
}

std::span<const column_type> types_of(metadata m) noexcept {
  using enum column_type;
  static constexpr std::array id{uuid, text, varchar};
  static constexpr std::array time{timestamptz, bigint};
  static constexpr std::array day{date};
  static constexpr std::array count{integer, bigint};
  switch (m) {
    case metadata::message_id: return id;
    case metadata::sent_timestamp: return time;
    case metadata::sent_date:
    case metadata::received_date: return day;
    case metadata::receive_count: return count;
    case metadata::none: break;
  }
  return {};
}

result<> read_metadata(const toml_section& in, std::string_view name, column& c) {
  const auto meta = in.choice("from", name, metadata_sources());
  if (!meta) return meta.error();
  c.meta = *meta;
  const auto types = types_of(c.meta);
  if (std::ranges::find(types, c.type) == types.end()) {
    return in.wrong("type", fmt::format("@{} cannot be {}", name, c.sql_type()),
                    fmt::format("make the column {}", to_string(types.front())));
  }
  for (const std::string_view key : keys{"required", "nullable", "transform", "mask"}) {
    if (in.find(key) != nullptr) return in.wrong(key, fmt::format("'{}' does not apply to @{}", key, name));
  }
  return {};
}

result<> read_source(const toml_section& in, column& c) {
  auto from = in.get<std::string>("from", c.name);
  if (!from) return from.error();
  if (from->starts_with('@')) return read_metadata(in, from->substr(1), c);
  if (!from->empty() && !from->starts_with('/')) {
    // A bare name is a field of the body, whatever its characters.
    c.from = "/";
    for (const char ch : *from) c.from += ch == '~' ? "~0" : ch == '/' ? "~1" : std::string(1, ch);
    return {};
  }
  if (!split_pointer(*from)) {
    return in.wrong("from", fmt::format("'{}' is no JSON pointer", *from),
                    "write ~0 for a tilde and ~1 for a slash (RFC 6901)");
  }
  if (from->empty() && c.type != column_type::jsonb) {
    return in.wrong("from", "the whole body (from = '') can only be jsonb");
  }
  c.from = *std::move(from);
  return {};
}

result<> read_presence(const toml_section& in, column& c) {
  const auto required = in.get<bool>("required", true);
  if (!required) return required.error();
  const auto nullable = in.get<bool>("nullable", !*required);
  if (!nullable) return nullable.error();
  if (!*required && !*nullable) {
    return in.wrong("nullable", fmt::format("column {} is not required and not nullable", c.name),
                    "a field that is not there becomes NULL");
  }
  c.required = *required;
  c.nullable = *nullable;
  return {};
}

bool gives(transform t, const column& c) noexcept {
  switch (t) {
    case transform::none: return true;
    case transform::trim:
    case transform::lower: return is_text(c);
    case transform::version_packed:
    case transform::version_major:
    case transform::version_digits: return c.type == column_type::integer || c.type == column_type::bigint;
    case transform::epoch_seconds:
    case transform::epoch_milliseconds: return c.type == column_type::timestamptz;
  }
  return false;
}

result<> read_transform(const toml_section& in, column& c) {
  const auto name = in.get<std::string>("transform", "none");
  if (!name) return name.error();
  const auto change = in.choice("transform", *name, transforms());
  if (!change) return change.error();
  if (!gives(*change, c)) {
    return in.wrong("transform", fmt::format("{} does not give {}", *name, c.sql_type()),
                    "trim and lower give text, version_* integer or bigint, epoch_* timestamptz");
  }
  c.change = *change;
  return {};
}

result<mask::scheme> read_scheme(const toml_section& in, std::string_view key, std::string_view name) {
  if (const auto scheme = mask::scheme_from(name)) return *scheme;
  std::vector<std::string_view> names;
  names.reserve(mask::all_schemes.size());
  for (const mask::scheme s : mask::all_schemes) names.push_back(to_string(s));
  return in.wrong(key, fmt::format("unknown mask scheme '{}'", name), suggest(name, names));
}

result<mask::rule> read_rule(const toml_section& in) {
  static constexpr std::array<std::string_view, 4> known{"scheme", "domain", "constant", "keep_last"};
  if (auto only = in.only(known); !only) return only.error();
  mask::rule r;
  const auto name = in.get<std::string>("scheme", {});
  if (!name) return name.error();
  const auto scheme = read_scheme(in, "scheme", *name);
  if (!scheme) return scheme.error();
  r.how = *scheme;
  const auto domain = in.get<std::string>("domain", {});
  if (!domain) return domain.error();
  r.domain = *domain;
  const auto constant = in.get<std::string>("constant", r.constant);
  if (!constant) return constant.error();
  r.constant = *constant;
  const auto keep_last = in.get<std::int64_t>("keep_last", static_cast<std::int64_t>(r.keep_last));
  if (!keep_last) return keep_last.error();
  if (*keep_last < 0) return in.wrong("keep_last", "'keep_last' must not be negative");
  r.keep_last = static_cast<std::size_t>(*keep_last);

  const auto misplaced = [&](std::string_view key, bool applies) {
    return in.find(key) != nullptr && !applies;
  };
  for (const auto& [key, applies] :
       {std::pair("domain", mask::needs_key(r.how)), std::pair("constant", r.how == mask::scheme::redact),
        std::pair("keep_last", r.how == mask::scheme::partial)}) {
    if (misplaced(key, applies)) {
      return in.wrong(key, fmt::format("'{}' does not apply to {}", key, to_string(r.how)));
    }
  }
  return r;
}

result<> read_mask(const toml_section& in, column& c) {
  const auto pii = in.get<bool>("pii", false);
  if (!pii) return pii.error();
  c.pii = *pii;
  const toml::node* node = in.find("mask");
  if (node == nullptr) {
    if (!c.pii) return {};
    return in.wrong("pii", fmt::format("column {} is tagged pii and has no mask", c.name),
                    "add mask = \"aes_siv\", or another scheme");
  }
  if (!is_text(c)) {
    return in.wrong(
        "mask", fmt::format("column {} is {}: only text and varchar can be masked", c.name, c.sql_type()));
  }
  if (const auto* table = node->as_table()) {
    auto rule = read_rule(toml_section(*table, in.file(), "mask"));
    if (!rule) return rule.error();
    c.mask = *std::move(rule);
  } else {
    const auto name = in.get<std::string>("mask", {});
    if (!name) return name.error();
    const auto scheme = read_scheme(in, "mask", *name);
    if (!scheme) return scheme.error();
    c.mask = mask::rule{.how = *scheme};
  }
  if (mask::needs_key(c.mask->how) && c.mask->domain.empty()) c.mask->domain = c.from.substr(1);
  return {};
}

result<> check_room(const toml_section& in, const column& c) {
  if (c.type != column_type::varchar || c.length_max == 0) return {};
  constexpr std::size_t uuid_characters = 36;
  std::size_t least = c.meta == metadata::message_id ? uuid_characters : 0;
  if (c.mask) least = mask::token_size_min(c.mask->how);
  const bool constant_fits =
      !c.mask || c.mask->how != mask::scheme::redact || !longer_than(c.mask->constant, c.length_max);
  if (least <= c.length_max && constant_fits) return {};
  return in.wrong("type",
                  fmt::format("column {} is {}: what is written there is longer", c.name, c.sql_type()),
                  "make it text, or a longer varchar");
}

result<column> read_column(const toml::table& table, std::string_view file) {
  static constexpr std::array<std::string_view, 8> known{"name",     "type",      "from", "required",
                                                         "nullable", "transform", "mask", "pii"};
  const toml_section in(table, file, "[[column]]");
  if (auto only = in.only(known); !only) return only.error();
  column c;
  c.line = in.line();
  for (const auto step : {read_name, read_type, read_source, read_presence, read_transform, read_mask}) {
    if (auto done = step(in, c); !done) return done.error();
  }
  if (auto fits = check_room(in, c); !fits) return fits.error();
  return c;
}

result<> read_table(const toml::table& table, std::string_view file, plan& p) {
  static constexpr std::array<std::string_view, 2> known{"name", "schema"};
  const toml_section in(table, file, "[table]");
  if (auto only = in.only(known); !only) return only.error();
  auto name = in.identifier("name");
  if (!name) return name.error();
  p.table = *std::move(name);
  if (in.find("schema") == nullptr) return {};
  auto schema = in.identifier("schema");
  if (!schema) return schema.error();
  p.schema = *std::move(schema);
  return {};
}

result<> read_columns(const toml::array& columns, std::string_view file, plan& p) {
  p.columns.clear();
  for (const toml::node& node : columns) {
    auto c = read_column(*node.as_table(), file);
    if (!c) return c.error();
    const auto twin = std::ranges::find(p.columns, c->name, &column::name);
    if (twin != p.columns.end()) {
      return failure{errc::bad_configuration,
                     fmt::format("{}:{}: column {} is also on line {}", file, c->line, c->name, twin->line)};
    }
    p.columns.push_back(*std::move(c));
  }
  return {};
}

}  // namespace

result<plan> compile(const toml::table& root, std::string_view source_name) {
  plan p = login_events();
  const toml::node* table = root.get("table");
  const toml::node* columns = root.get("column");
  if (table == nullptr && columns == nullptr) return p;

  const toml_section top(root, source_name, "the file");
  p.source_name = source_name;
  if (table == nullptr) return top.wrong("column", "[[column]] without a [table]", "add [table] with a name");
  if (!table->is_table()) return top.wrong("table", "'table' must be a section: [table]");
  if (auto read = read_table(*table->as_table(), source_name, p); !read) return read.error();
  if (columns == nullptr) return p;
  const toml::array* list = columns->as_array();
  if (list == nullptr || !list->is_homogeneous<toml::table>()) {
    return top.wrong("column", "each column must be a section: [[column]]");
  }
  if (auto read = read_columns(*list, source_name, p); !read) return read.error();
  return p;
}

}  // namespace sluice::record
