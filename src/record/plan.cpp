#include "record/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "record/names.hpp"

namespace sluice::record {
namespace {

column varchar(std::string name, std::uint32_t length_max, std::string from) {
  column c;
  c.name = std::move(name);
  c.type = column_type::varchar;
  c.length_max = length_max;
  c.from = std::move(from);
  return c;
}

column masked(std::string name, std::string_view field) {
  column c = varchar(std::move(name), 256, fmt::format("/{}", field));
  c.mask = mask::rule{.how = mask::scheme::aes_siv, .domain = std::string(field)};
  c.pii = true;
  return c;
}

}  // namespace

std::string_view to_string(column_type t) noexcept {
  return name_of(column_types(), t);
}

std::string column::sql_type() const {
  std::string sql(to_string(type));
  if (type == column_type::varchar && length_max > 0) sql += fmt::format("({})", length_max);
  if (type == column_type::numeric && precision > 0) sql += fmt::format("({},{})", precision, scale);
  return is_array ? sql + "[]" : sql;
}

bool plan::needs_key() const {
  return std::ranges::any_of(columns, [](const column& c) { return c.mask && mask::needs_key(c.mask->how); });
}

std::vector<std::string> plan::attributes() const {
  std::set<std::string> names;
  for (const column& c : columns) {
    if (c.where == source::attribute) names.insert(c.from);
  }
  return {names.begin(), names.end()};
}

plan login_events() {
  plan p;
  p.source_name = "built-in login-events plan";
  p.columns = {varchar("user_id", 128, "/user_id"),
               varchar("device_type", 32, "/device_type"),
               masked("masked_ip", "ip"),
               masked("masked_device_id", "device_id"),
               varchar("locale", 32, "/locale"),
               {},
               {}};
  p.columns[4].nullable = true;

  column& version = p.columns[5];
  version.name = "app_version";
  version.type = column_type::integer;
  version.from = "/app_version";
  version.change = transform::version_packed;

  // The day on which it was sent: a redelivery gives the same row.
  column& date = p.columns[6];
  date.name = "create_date";
  date.type = column_type::date;
  date.where = source::sent_date;
  return p;
}

}  // namespace sluice::record
