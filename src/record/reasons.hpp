#pragma once

#include <boost/system/result.hpp>
#include <string_view>

namespace sluice::record {

/// Why a body is not a row: a stable code, in the quarantine, in logs and in metrics. Empty: it is one.
using reason = std::string_view;

namespace reasons {
inline constexpr reason none{};
inline constexpr reason not_json = "not_json";            ///< the whole body is validated, UTF-8 too
inline constexpr reason not_an_object = "not_an_object";  ///< JSON, but an array or a scalar
inline constexpr reason too_deep = "too_deep";            ///< a value in more than reader::depth_max others
inline constexpr reason missing_field = "missing_field";
inline constexpr reason duplicate_field = "duplicate_field";  ///< a key that the plan wants, twice
inline constexpr reason null_value = "null_value";
inline constexpr reason wrong_type = "wrong_type";  ///< such as a string where a number belongs
inline constexpr reason out_of_range = "out_of_range";
inline constexpr reason too_long = "too_long";            ///< over varchar(n), after masking
inline constexpr reason nul_character = "nul_character";  ///< U+0000, which PostgreSQL cannot store
inline constexpr reason bad_format =
    "bad_format";  ///< a string that is not what the column's type wants: no date, no address
inline constexpr reason bad_version = "bad_version";    ///< a string that is no dotted version
inline constexpr reason bad_envelope = "bad_envelope";  ///< not what the plan says a body comes in
inline constexpr reason unknown_field =
    "unknown_field";  ///< that no column reads, where the plan refuses such
inline constexpr reason unmapped_value = "unmapped_value";  ///< not one of the column's map
inline constexpr reason wrong_digest = "wrong_digest";  ///< it came several times, and never as it was sent
inline constexpr reason too_large = "too_large";  ///< its rows would have more than reader::row_bytes_max
}  // namespace reasons

/// A value, or why there is none.
template <class T>
using checked = boost::system::result<T, reason>;

}  // namespace sluice::record
