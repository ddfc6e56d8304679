#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <utility>

#include "record/compile_value.hpp"
#include "record/names.hpp"
#include "record/plan.hpp"
#include "record/pointer.hpp"
#include "record/scalars.hpp"
#include "record/toml_section.hpp"

namespace sluice::record {
namespace {

result<> read_name(const toml_section& in, const plan&, column& c) {
  auto name = in.identifier("name");
  if (!name) return name.error();
  c.name = *std::move(name);
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
  static constexpr std::array<std::string_view, 5> known{"scheme", "domain", "key", "constant", "keep_last"};
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
  const auto key_id = in.get<std::string>("key", {});
  if (!key_id) return key_id.error();
  r.key = *key_id;
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
       {std::pair("domain", mask::needs_key(r.how)), std::pair("key", mask::needs_key(r.how)),
        std::pair("constant", r.how == mask::scheme::redact),
        std::pair("keep_last", r.how == mask::scheme::partial)}) {
    if (misplaced(key, applies)) {
      return in.wrong(key, fmt::format("'{}' does not apply to {}", key, to_string(r.how)));
    }
  }
  return r;
}

/// Columns of one field join.
std::string domain_of(const column& c) {
  return c.from.starts_with('/') ? c.from.substr(1) : c.from;
}

result<> read_mask(const toml_section& in, const plan&, column& c) {
  const auto pii = in.get<bool>("pii", false);
  if (!pii) return pii.error();
  c.pii = *pii;
  const toml::node* node = in.find("mask");
  if (node == nullptr) {
    if (!c.pii) return {};
    return in.wrong("pii", fmt::format("column {} is tagged pii and has no mask", c.name),
                    "add mask = \"aes_siv\", or another scheme");
  }
  const bool is_address = c.type == column_type::inet && !c.is_array;
  if (!c.is_text() && !is_address) {
    return in.wrong("mask", fmt::format("column {} is {}: only text, varchar and inet can be masked", c.name,
                                        c.sql_type()));
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
  if (is_address && !mask::gives_addresses(c.mask->how)) {
    return in.wrong(
        "mask",
        fmt::format("column {} is inet, and {} does not give addresses", c.name, to_string(c.mask->how)),
        "take ipcrypt_deterministic or ipcrypt_pfx, or make the column text");
  }
  if (mask::needs_key(c.mask->how) && c.mask->domain.empty()) c.mask->domain = domain_of(c);
  const auto compatible = in.get<bool>("compatibility", false);
  if (!compatible) return compatible.error();
  const bool is_readable = c.mask->how == mask::scheme::base64;
  if (c.pii && is_readable && !*compatible) {
    return in.wrong("mask", fmt::format("column {} is tagged pii, and anybody can read base64", c.name),
                    "take another scheme, or add compatibility = true to the column");
  }
  if (*compatible && !is_readable) return in.wrong("compatibility", "'compatibility' is for base64");
  return {};
}

result<> check_room(const toml_section& in, const column& c) {
  if (c.type != column_type::varchar || c.length_max == 0) return {};
  constexpr std::size_t uuid_characters = 36;
  std::size_t least = c.where == source::message_id ? uuid_characters : 0;
  if (c.mask) least = mask::token_size_min(c.mask->how);
  const bool constant_fits =
      !c.mask || c.mask->how != mask::scheme::redact || !longer_than(c.mask->constant, c.length_max);
  if (least <= c.length_max && constant_fits) return {};
  return in.wrong("type",
                  fmt::format("column {} is {}: what is written there is longer", c.name, c.sql_type()),
                  "make it text, or a longer varchar");
}

result<column> read_column(const toml::table& table, std::string_view file, const plan& p) {
  static constexpr std::array<std::string_view, 12> known{"name",     "type",     "from",    "constant",
                                                          "required", "nullable", "default", "transform",
                                                          "map",      "mask",     "pii",     "compatibility"};
  const toml_section in(table, file, "[[column]]");
  if (auto only = in.only(known); !only) return only.error();
  column c;
  c.line = in.line();
  for (const auto step : {read_name, read_type, read_source, read_presence, read_transform, read_mask}) {
    if (auto done = step(in, p, c); !done) return done.error();
  }
  if (auto fits = check_room(in, c); !fits) return fits.error();
  return c;
}

result<> read_table(const toml::table& table, std::string_view file, plan& p) {
  static constexpr std::array<std::string_view, 3> known{"name", "schema", "key"};
  const toml_section in(table, file, "[table]");
  if (auto only = in.only(known); !only) return only.error();
  auto name = in.identifier("name");
  if (!name) return name.error();
  p.table = *std::move(name);
  if (const toml::node* key = in.find("key")) {
    const toml::array* names = key->as_array();
    if (names == nullptr || names->empty() || !names->is_homogeneous<std::string>())
      return in.wrong("key", "'key' must be a list of columns", "such as [\"user_id\"]");
    for (const toml::node& one : *names) p.key.push_back(one.value_or(std::string()));
  }
  if (in.find("schema") == nullptr) return {};
  auto schema = in.identifier("schema");
  if (!schema) return schema.error();
  if (*schema == "sluice") return in.wrong("schema", "schema sluice is sluice's own", "name another");
  p.schema = *std::move(schema);
  return {};
}

result<> read_message(const toml::table& table, std::string_view file, plan& p) {
  static constexpr std::array<std::string_view, 3> known{"envelope", "rows", "unknown"};
  const toml_section in(table, file, "[message]");
  if (auto only = in.only(known); !only) return only.error();
  const auto name = in.get<std::string>("envelope", "raw");
  if (!name) return name.error();
  const auto form = in.choice("envelope", *name, body_forms());
  if (!form) return form.error();
  p.form = *form;

  const bool is_s3 = p.form == body_form::s3;
  if (is_s3 && in.find("rows") != nullptr) return in.wrong("rows", "the rows of s3 are its Records");
  const auto rows = in.get<std::string>("rows", is_s3 ? "/Records" : "");
  if (!rows) return rows.error();
  if (!split_pointer(*rows) || (rows->empty() && in.find("rows") != nullptr)) {
    return in.wrong("rows", fmt::format("'{}' is no JSON pointer to an array", *rows), "such as \"/events\"");
  }
  p.rows = *rows;

  static constexpr std::array unknown_names{named{"ignore", false}, named{"refuse", true}};
  const auto unknown = in.get<std::string>("unknown", "ignore");
  if (!unknown) return unknown.error();
  const auto refuses = in.choice("unknown", *unknown, std::span<const named<bool>>(unknown_names));
  if (!refuses) return refuses.error();
  p.refuses_unknown = *refuses;
  return {};
}

result<> read_columns(const toml::array& columns, std::string_view file, plan& p) {
  p.columns.clear();
  for (const toml::node& node : columns) {
    auto c = read_column(*node.as_table(), file, p);
    if (!c) return c.error();
    const auto twin = std::ranges::find(p.columns, c->name, &column::name);
    if (twin != p.columns.end()) {
      return failure{errc::bad_configuration,
                     fmt::format("{}:{}: column {} is also on line {}", file, c->line, c->name, twin->line)};
    }
    if (c->where == source::unknown && p.refuses_unknown) {
      return failure{
          errc::bad_configuration,
          fmt::format("{}:{}: column {} collects the fields that [message] refuses", file, c->line, c->name)};
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
  const toml::node* message = root.get("message");
  if (table == nullptr && columns == nullptr && message == nullptr) return p;

  const toml_section top(root, source_name, "the file");
  p.source_name = source_name;
  if (message != nullptr) {
    if (!message->is_table()) return top.wrong("message", "'message' must be a section: [message]");
    if (auto read = read_message(*message->as_table(), source_name, p); !read) return read.error();
    if (table == nullptr && columns == nullptr) return p;
  }
  if (table == nullptr) return top.wrong("column", "[[column]] without a [table]", "add [table] with a name");
  if (!table->is_table()) return top.wrong("table", "'table' must be a section: [table]");
  if (auto read = read_table(*table->as_table(), source_name, p); !read) return read.error();
  if (columns != nullptr) {
    const toml::array* list = columns->as_array();
    if (list == nullptr || !list->is_homogeneous<toml::table>()) {
      return top.wrong("column", "each column must be a section: [[column]]");
    }
    if (auto read = read_columns(*list, source_name, p); !read) return read.error();
  }
  const toml_section at(*table->as_table(), source_name, "[table]");
  for (const std::string& name : p.key) {
    if (std::ranges::find(p.columns, name, &column::name) == p.columns.end())
      return at.wrong("key", fmt::format("'{}' in 'key' is no column of the plan", name));
  }
  return p;
}

}  // namespace sluice::record
