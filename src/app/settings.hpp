#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aws/environment.hpp"
#include "core/failure.hpp"

namespace sluice::app {

/// One thing that can be set: by flag, environment, file, or not at all, in that order.
struct setting {
  std::string_view name;      ///< in a pipeline file: section and key, "queue.wait"
  std::string_view variable;  ///< environment
  std::string_view alias;     ///< environment, of the lowest rank: the names of the original exercise
  std::string_view fallback;  ///< what applies when it is not set; empty: nothing
  std::string_view help;
  bool is_secret = false;
};

/// All of them, in the order in which they are shown. The reference (docs/configuration.md) is made from
/// this.
std::span<const setting> all_settings();

/// A value and where it came from: "flag --queue", "SLUICE_QUEUE", "login.toml:3", "default".
struct value {
  std::string text;
  std::string source;
};

/// The values that apply. A name that is not set and has no fallback is absent.
class settings {
 public:
  struct inputs {
    aws::environment env;
    std::map<std::string, std::string, std::less<>> flags;  ///< by setting name; sources read "flag"
    std::map<std::string, value, std::less<>> file;         ///< by setting name
  };
  static settings resolve(const inputs& in);

  const value* find(std::string_view name) const;
  std::string text(std::string_view name) const;  ///< empty if absent

  /// Whole numbers in [least, most]; durations as "20s", "500ms", "2m" (a bare number is seconds). Failures
  /// name the source.
  result<std::uint64_t> number(std::string_view name, std::uint64_t least, std::uint64_t most) const;
  result<std::chrono::milliseconds> duration(std::string_view name, std::chrono::milliseconds least,
                                             std::chrono::milliseconds most) const;
  result<std::size_t> choice(std::string_view name, std::span<const std::string_view> among) const;

 private:
  std::map<std::string, value, std::less<>> values_;
};

}  // namespace sluice::app
