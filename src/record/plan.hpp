#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  numeric,
  boolean,
  date,
  timestamptz,
  uuid,
  inet,
  bytea,
  jsonb
};
std::string_view to_string(column_type t) noexcept;

/// What is done to the source value before it becomes the column's. `trim` and `lower` come first, in this
/// order.
enum class transform {
  none,
  trim,            ///< blanks, tabs and line ends at both ends
  lower,           ///< A-Z only
  percent_decode,  ///< "a%20b+c" is "a b c": the keys of S3 notifications
  version_packed,  ///< "7.2.11" is 7,002,011: versions sort; parts over 999 are out of range
  version_major,   ///< "7.2.11" is 7
  version_digits,  ///< "7.2.11" is 7211
  epoch_seconds,   ///< seconds since 1970, with or without a fraction, become a timestamptz or its UTC day
  epoch_milliseconds,  ///< the same of milliseconds
  assume_utc,          ///< a timestamp without an offset is UTC
  utc_date,            ///< a timestamp with its offset becomes its UTC day
  from_text,           ///< a number or truth value that may be written as text: "12.5", "true"
  decode_base64,       ///< text becomes bytea: RFC 4648, section 4
  decode_base64url,    ///< section 5, without padding
  decode_hex,
};

/// Where a column's value comes from.
enum class source {
  row,        ///< a field of the row's JSON object: the body, or one of its `rows`
  body,       ///< a field of the whole body, where that is not the row: "@body/device"
  envelope,   ///< a field of what the body came in: "@envelope/Subject"
  attribute,  ///< a message attribute, as text: "@attribute/tenant"
  unknown,    ///< the fields of the row that no column reads, as one JSON object
  constant,   ///< the plan itself
  message_id,
  sent_timestamp,
  sent_date,
  received_date,
  receive_count,
  row_number,  ///< of the row in its message, from 0
};

/// What a message's body is.
enum class body_form {
  raw,          ///< the record itself
  sns,          ///< a notification of Amazon SNS, whose Message is the record as text
  eventbridge,  ///< an event of Amazon EventBridge, whose detail is the record
  s3,           ///< an event notification of Amazon S3: a row for each of its Records
};

struct column {
  std::string name;
  column_type type = column_type::text;
  bool is_array = false;         ///< of that type
  std::uint32_t length_max = 0;  ///< varchar(n): characters; 0 is no limit
  std::uint32_t precision = 0;   ///< numeric(p, s): digits; 0 is no limit
  std::uint32_t scale = 0;       ///< of these, behind the point
  source where = source::row;
  std::string
      from;  ///< JSON pointer (RFC 6901), such as "/device/id"; name of an attribute; JSON of a constant
  bool required = true;   ///< false: NULL, or `otherwise`, when the field is not there
  bool nullable = false;  ///< whether the field may be null
  std::string otherwise;  ///< JSON: what a field is when it is not there
  bool trim = false;
  bool lower = false;
  transform change = transform::none;  ///< not trim or lower
  std::vector<std::pair<std::string, std::string>>
      map;  ///< by key: a value's text, and the text that replaces it
  std::optional<mask::rule> mask;
  bool pii = false;   ///< tagged personal: must have a mask rule
  unsigned line = 0;  ///< in the plan's file; 0 when built in

  bool is_text() const noexcept { return type == column_type::text || type == column_type::varchar; }
  bool is_field() const noexcept { return where <= source::envelope; }  ///< of a JSON document
  std::string sql_type() const;                                         ///< "varchar(128)"
  bool operator==(const column&) const = default;
};

/// Of a table's or a column's name: PostgreSQL cuts longer ones without an error.
inline constexpr std::size_t identifier_bytes_max = 63;

/// A plan: which table, and how a body becomes its row, or rows. Columns in the order in which they are
/// written.
struct plan {
  std::string schema;  ///< empty: the search path's
  std::string table = "user_logins";
  body_form form = body_form::raw;
  std::string rows;              ///< JSON pointer of the array that has the rows; empty: the body is the row
  bool refuses_unknown = false;  ///< a body with a field that no column reads
  std::vector<column> columns;
  std::vector<std::string> key;           ///< columns of the table's key; empty: none is named
  std::vector<std::string> business_key;  ///< JSON pointers of the fields that say which event it is; or none
  std::string source_name;                ///< file name, or "built-in login-events plan"

  bool needs_key() const;
  /// The message attributes that columns are made from: each once, by name.
  std::vector<std::string> attributes() const;
};

/// The mapping that applies with no file: the exercise's table, aes_siv for ip and device_id, packed version,
/// sent_date.
plan login_events();

/// Compiles `[table]`, `[message]` and `[[column]]` of a pipeline file; other sections are not looked at.
/// Without
/// `[[column]]`, the columns are those of `login_events`; without `[table]` too, the table as well. Errors
/// are `bad_configuration` with `file:line`. Refused: unknown keys, unknown types or schemes, a `pii` column
/// with no mask, a mask on a column that is not text or varchar (ipcrypt: or inet), a token that cannot fit
/// varchar(n) for any value, duplicate columns, a bad pointer, a transform or source that does not give the
/// column's type.
result<plan> compile(const toml::v3::table& root, std::string_view source_name);

}  // namespace sluice::record
