#include "app/grade.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "record/personal.hpp"

namespace sluice::app {
namespace {

using record::column;

/// Other columns that have equal tokens for equal values, for as long as the ring has this primary.
std::vector<std::string> joining(const record::plan& p, const column& c, const mask::key_ring& keys) {
  std::vector<std::string> names;
  for (const column& other : p.columns) {
    const bool joins = other.mask && other.mask->how == c.mask->how && other.mask->domain == c.mask->domain &&
                       key_of(*other.mask, keys) == key_of(*c.mask, keys);
    if (joins && other.name != c.name) names.push_back(other.name);
  }
  return names;
}

std::string_view who_can_reverse(mask::scheme s) {
  if (!mask::is_reversible(s)) return "nobody can reverse it";
  return mask::needs_key(s) ? "who has the key can reverse it" : "anybody can read it";
}

std::string weakness(const column& c) {
  if (c.mask->how == mask::scheme::base64) return "use aes_siv, or hmac_sha256; base64 is for compatibility";
  const bool long_tail = c.mask->keep_last > 4 || (c.length_max > 0 && c.mask->keep_last * 2 >= c.length_max);
  if (c.mask->how == mask::scheme::partial && long_tail)
    return fmt::format("the last {} characters are most of a short value: keep fewer", c.mask->keep_last);
  return {};
}

grade of_masked(const record::plan& p, const column& c, const mask::key_ring* keys) {
  std::string what = fmt::format("column {} is masked with {}: {}", c.name, to_string(c.mask->how),
                                 who_can_reverse(c.mask->how));
  if (mask::needs_key(c.mask->how) && keys != nullptr) {
    const auto others = joining(p, c, *keys);
    what += fmt::format("; domain {}", c.mask->domain);
    if (!c.mask->key.empty()) what += fmt::format(", key {}", c.mask->key);
    if (!others.empty()) what += fmt::format(", joins with {}", fmt::join(others, ", "));
  }
  return {std::move(what), weakness(c)};
}

}  // namespace

std::vector<grade> grade_privacy(const record::plan& p, const mask::key_ring* keys) {
  std::vector<grade> all;
  for (const column& c : p.columns) {
    if (c.mask) {
      all.push_back(of_masked(p, c, keys));
    } else if (c.type == record::column_type::jsonb) {
      all.push_back(
          {fmt::format("column {} is jsonb: whatever is personal in it is stored as it came", c.name),
           "give the personal fields columns of their own, masked, and leave this one out"});
    } else if (record::looks_exposed(c)) {
      all.push_back({fmt::format("column {} is personal by its name, and is not masked", c.name),
                     "give it a mask, and pii = true, so that it can never be without"});
    }
  }
  return all;
}

std::vector<grade> weak_masks(const record::plan& p) {
  std::vector<grade> weak;
  for (const column& c : p.columns) {
    if (!c.mask) continue;
    if (std::string fix = weakness(c); !fix.empty()) weak.push_back({c.name, std::move(fix)});
  }
  return weak;
}

}  // namespace sluice::app
