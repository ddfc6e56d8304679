#include "record/names.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <vector>

namespace sluice::record {
namespace {

constexpr std::array type_names{
    named{"text", column_type::text},
    named{"varchar", column_type::varchar},
    named{"smallint", column_type::smallint},
    named{"integer", column_type::integer},
    named{"bigint", column_type::bigint},
    named{"real", column_type::real},
    named{"double precision", column_type::double_precision},
    named{"numeric", column_type::numeric},
    named{"boolean", column_type::boolean},
    named{"date", column_type::date},
    named{"timestamptz", column_type::timestamptz},
    named{"uuid", column_type::uuid},
    named{"inet", column_type::inet},
    named{"bytea", column_type::bytea},
    named{"jsonb", column_type::jsonb},
};
constexpr std::array transform_names{
    named{"none", transform::none},
    named{"trim", transform::trim},
    named{"lower", transform::lower},
    named{"percent_decode", transform::percent_decode},
    named{"version_packed", transform::version_packed},
    named{"version_major", transform::version_major},
    named{"version_digits", transform::version_digits},
    named{"epoch_seconds", transform::epoch_seconds},
    named{"epoch_milliseconds", transform::epoch_milliseconds},
    named{"assume_utc", transform::assume_utc},
    named{"utc_date", transform::utc_date},
    named{"from_text", transform::from_text},
    named{"decode_base64", transform::decode_base64},
    named{"decode_base64url", transform::decode_base64url},
    named{"decode_hex", transform::decode_hex},
};
constexpr std::array source_names{
    named{"body", source::body},
    named{"envelope", source::envelope},
    named{"attribute", source::attribute},
    named{"unknown", source::unknown},
    named{"message_id", source::message_id},
    named{"sent_timestamp", source::sent_timestamp},
    named{"sent_date", source::sent_date},
    named{"received_date", source::received_date},
    named{"receive_count", source::receive_count},
    named{"row_number", source::row_number},
};
constexpr std::array form_names{
    named{"raw", body_form::raw},
    named{"sns", body_form::sns},
    named{"eventbridge", body_form::eventbridge},
    named{"s3", body_form::s3},
};

/// Insertions, deletions, changes and swaps of neighbours (optimal string alignment).
std::size_t typing_errors(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
    before.swap(previous);
    previous.swap(current);
  }
  return previous[b.size()];
}

}  // namespace

std::span<const named<column_type>> column_types() noexcept {
  return type_names;
}
std::span<const named<transform>> transforms() noexcept {
  return transform_names;
}
std::span<const named<source>> sources() noexcept {
  return source_names;
}
std::span<const named<body_form>> body_forms() noexcept {
  return form_names;
}

std::string suggest(std::string_view name, std::span<const std::string_view> candidates) {
  constexpr std::size_t errors_max = 2;
  std::size_t fewest = std::min(errors_max + 1, name.size());
  std::string_view nearest;
  for (const std::string_view candidate : candidates) {
    const std::size_t errors = typing_errors(name, candidate);
    if (errors >= fewest) continue;
    fewest = errors;
    nearest = candidate;
  }
  if (!nearest.empty()) return fmt::format("did you mean '{}'?", nearest);
  return fmt::format("known are {}", fmt::join(candidates, ", "));
}

}  // namespace sluice::record
