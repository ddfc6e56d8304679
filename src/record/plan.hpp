#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/failure.hpp"
#include "mask/rule.hpp"

namespace toml::inline v3 {
class table;
}

namespace sluice::record {

enum class column_type {
  text,
  varchar,
  smallint,
  integer,
  bigint,
  real,
  double_precision,
  boolean,
  date,
  timestamptz,
  uuid,
  jsonb
};
std::string_view to_string(column_type t) noexcept;

/// What is done to the source value before it becomes the column's.
enum class transform {
  none,
  trim,                ///< blanks, tabs and line ends at both ends
  lower,               ///< A-Z only
  version_packed,      ///< "7.2.11" is 7,002,011: versions sort; parts over 999 are out of range
  version_major,       ///< "7.2.11" is 7
  version_digits,      ///< "7.2.11" is 7211
  epoch_seconds,       ///< a whole number of seconds since 1970 becomes a timestamptz
  epoch_milliseconds,  ///< the same of milliseconds
};

/// Where a value comes from, when not from the body.
enum class metadata { none, message_id, sent_timestamp, sent_date, received_date, receive_count };

struct column {
  std::string name;
  column_type type = column_type::text;
  std::uint32_t length_max = 0;    ///< varchar(n): characters; 0 is no limit
  std::string from;                ///< JSON pointer (RFC 6901), such as "/device/id"; "" is the whole body
  metadata meta = metadata::none;  ///< from = "@sent_date" and the like: then `from` is not used
  bool required = true;            ///< false: NULL when the field is not there (so it is nullable too)
  bool nullable = false;           ///< whether the field may be null
  transform change = transform::none;
  std::optional<mask::rule> mask;
  bool pii = false;   ///< tagged personal: must have a mask rule
  unsigned line = 0;  ///< in the plan's file; 0 when built in

  std::string sql_type() const;  ///< "varchar(128)"
  bool operator==(const column&) const = default;
};

/// A plan: which table, and how a body becomes its row. Columns in the order in which they are written.
struct plan {
  std::string schema;  ///< empty: the search path's
  std::string table = "user_logins";
  std::vector<column> columns;
  std::string source_name;  ///< file name, or "built-in login-events plan"

  bool needs_key() const;
};

/// The mapping that applies with no file: the exercise's table, aes_siv for ip and device_id, packed version,
/// sent_date.
plan login_events();

/// Compiles `[table]` and `[[column]]` of a pipeline file; other sections are not looked at. Without
/// `[[column]]`, the columns are those of `login_events`; without `[table]` too, the table as well. Errors
/// are `bad_configuration` with `file:line`. Refused: unknown keys, unknown types or schemes, a `pii` column
/// with no mask, a mask on a column that is not text or varchar, a token that cannot fit varchar(n) for any
/// value, duplicate columns, a bad pointer, a transform or metadata that does not give the column's type.
result<plan> compile(const toml::v3::table& root, std::string_view source_name);

}  // namespace sluice::record
