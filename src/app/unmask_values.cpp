#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "app/audit.hpp"
#include "app/commands.hpp"
#include "app/context.hpp"
#include "mask/unmask.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t tokens_max = 10'000;  // opened for one audit line

/// What was opened, and the failure that ended it.
struct opened {
  std::vector<std::string> values;
  std::optional<failure> ended_by;
};

/// Up to `tokens_max` lines. An empty one is a NULL of psql's and stays empty.
std::vector<std::string> read_tokens(std::istream& in) {
  std::vector<std::string> tokens;
  for (std::string line; tokens.size() < tokens_max && std::getline(in, line);) tokens.push_back(line);
  return tokens;
}

opened open_all(const std::vector<std::string>& tokens, const mask::rule& rule, const mask::key_ring& keys,
                std::string_view ip_key, audit_entry& entry) {
  opened out;
  for (const std::string& token : tokens) {
    if (token.empty()) {
      out.values.emplace_back();
      continue;
    }
    auto value = mask::unmask(token, rule, keys, ip_key);
    if (!value) {
      out.ended_by = value.error();
      return out;
    }
    out.values.push_back(std::move(value->value));
    ++entry.count;
    const bool is_new = std::ranges::find(entry.key_ids, value->key_id) == entry.key_ids.end();
    if (is_new && !value->key_id.empty()) entry.key_ids.push_back(value->key_id);
  }
  return out;
}

}  // namespace

int unmask_values(const config& c, const unmask_options& o) {
  const auto found = mask::scheme_from(o.scheme);
  if (!found) {
    print_failure({errc::bad_configuration, fmt::format("there is no scheme '{}'", o.scheme),
                   "see sluice unmask --help"});
    return exit_code::refused;
  }
  auto keys = load_keys(c);
  if (keys && !*keys) {
    keys = failure{errc::missing_key, "there is no key ring to unmask with",
                   "set SLUICE_KEYS or SLUICE_KEYS_FILE to the ring that masked"};
  }
  if (!keys) {
    print_failure(keys.error());
    return exit_code::refused;
  }
  mask::rule rule;
  rule.how = *found;
  rule.domain = o.domain;

  std::vector<std::string> tokens = {o.token};
  for (std::size_t line = 1;; line += tokens.size()) {
    if (o.token.empty()) tokens = read_tokens(std::cin);
    if (tokens.empty()) return exit_code::done;
    audit_entry entry{"unmask", fmt::format("{} domain {}", o.scheme, o.domain), o.reason, {}, 0};
    const opened out = open_all(tokens, rule, **keys, o.ip_key, entry);
    // Before anything is shown; an attempt that opened nothing is written down too.
    if (auto written = audit(c, entry); !written) {
      print_failure(written.error());
      return exit_code::refused;
    }
    for (const std::string& value : out.values) fmt::print("{}\n", value);
    if (out.ended_by) {
      failure why = *out.ended_by;
      if (o.token.empty()) why = std::move(why).in(fmt::format("line {}", line + out.values.size()));
      print_failure(why);
      return exit_code::failed;
    }
    if (!o.token.empty()) return exit_code::done;
  }
}

}  // namespace sluice::app
