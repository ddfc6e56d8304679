#include <fmt/format.h>

#include <iostream>
#include <string>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "mask/masker.hpp"

namespace sluice::app {

int mask_values(const config& c, const mask_options& o) {
  const auto found = mask::scheme_from(o.scheme);
  if (!found) {
    print_failure({errc::bad_configuration, fmt::format("there is no scheme '{}'", o.scheme),
                   "see sluice mask --help"});
    return exit_code::refused;
  }
  auto keys = load_keys(c);
  if (!keys) {
    print_failure(keys.error());
    return exit_code::refused;
  }
  mask::rule rule;
  rule.how = *found;
  rule.domain = o.domain;
  rule.key = o.key;
  auto masker = mask::masker::make(rule, *keys);
  if (!masker) {
    print_failure(masker.error());
    return exit_code::refused;
  }
  const auto print = [&](std::string_view value) {
    const auto token = masker->mask(value);
    if (token) fmt::print("{}\n", *token);
    return token.has_value();
  };
  if (o.value) {
    if (print(*o.value)) return exit_code::done;
    print_failure({errc::bad_message, fmt::format("this is not a value that {} can mask", o.scheme)});
    return exit_code::failed;
  }
  std::size_t number = 1;
  for (std::string line; std::getline(std::cin, line); ++number) {
    if (print(line)) continue;
    print_failure(
        {errc::bad_message, fmt::format("line {}: this is not a value that {} can mask", number, o.scheme)});
    return exit_code::failed;
  }
  return exit_code::done;
}

}  // namespace sluice::app
