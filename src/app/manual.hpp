#pragma once

#include <string>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's names
class App;       // NOLINT(readability-identifier-naming)
}

/// What --help says, for other readers: made from the same tree of commands and options. Pure.
namespace sluice::app {

/// The manual page sluice(1), as roff for man(7), with all commands, settings and exit codes.
std::string manual_page(const CLI::App& program, std::string_view version);

/// A script that completes commands and options; `shell` is bash, zsh or fish.
std::string completion_script(const CLI::App& program, std::string_view shell);

}  // namespace sluice::app
