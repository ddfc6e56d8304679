#include "app/manual.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <ranges>
#include <vector>

#include "app/settings.hpp"

namespace sluice::app {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App*) { return true; });
}

struct placed {
  std::string path;  ///< the words that lead to it, each with a space after it: "quarantine list "
  const CLI::App* command;
};

/// Each command below `program`, one before its own commands.
std::vector<placed> tree_of(const CLI::App& program) {
  std::vector<placed> tree;
  for (const CLI::App* c : commands_of(program)) tree.push_back({c->get_name() + ' ', c});
  for (std::size_t at = 0; at < tree.size(); ++at) {  // it grows
    const placed above = tree[at];
    for (const CLI::App* c : commands_of(*above.command)) {
      tree.push_back({above.path + c->get_name() + ' ', c});
    }
  }
  return tree;
}

std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  return command.get_options([](const CLI::Option* o) { return !o->get_positional(); });
}

/// "-q", "--queue".
std::vector<std::string> flags_of(const CLI::Option& o) {
  std::vector<std::string> flags;
  for (const auto& name : o.get_snames()) flags.push_back('-' + name);
  for (const auto& name : o.get_lnames()) flags.push_back("--" + name);
  return flags;
}

bool takes_value(const CLI::Option& o) {
  return o.get_items_expected_max() > 0;
}
bool takes_file(const CLI::Option& o) {
  return o.get_type_name() == "FILE";
}

std::string replaced(std::string_view text, std::initializer_list<std::pair<char, std::string_view>> pairs) {
  std::string out;
  for (const char c : text) {
    const auto* found = std::ranges::find(pairs, c, &std::pair<char, std::string_view>::first);
    if (found == pairs.end()) {
      out += c;
    } else {
      out += found->second;
    }
  }
  return out;
}

/// For roff: no request at a line's start, hyphens that can be copied.
std::string roff(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (at > 0) out += '\n';
    if (line.starts_with('.') || line.starts_with('\'')) out += "\\&";
    out += replaced(line, {{'\\', "\\e"}, {'-', "\\-"}});
    at = end + 1;
  }
  return out;
}

std::string as_typed(std::string_view text) {
  return fmt::format(".nf\n{}\n.fi\n", roff(text));
}

std::string options_section(const CLI::App& command) {
  std::string out;
  for (const CLI::Option* o : command.get_options()) {
    const auto flags = flags_of(*o);
    const std::string name = flags.empty() ? o->get_name() : fmt::format("{}", fmt::join(flags, ", "));
    out += fmt::format(".TP\n\\fB{}\\fR {}\n{}\n", roff(name),
                       takes_value(*o) && !flags.empty() ? roff(o->get_type_name()) : "",
                       roff(o->get_description()));
  }
  return out;
}

/// In single quotes of a shell.
std::string in_quotes(std::string_view text) {
  return "'" + replaced(text, {{'\'', "'\\''"}}) + "'";
}

/// What may come next: commands of its own, and options.
std::string words_of(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::App* c : commands_of(command)) words.push_back(c->get_name());
  for (const CLI::Option* o : options_of(command)) {
    for (auto& flag : flags_of(*o)) words.push_back(std::move(flag));
  }
  return fmt::format("{}", fmt::join(words, " "));
}

std::string bash_cases(const CLI::App& program) {
  std::string cases;
  const auto tree = tree_of(program);
  for (const auto& [path, command] : tree | std::views::reverse) {  // the longer path first
    cases += fmt::format("    {}*) words={}; files={} ;;\n", in_quotes(path), in_quotes(words_of(*command)),
                         commands_of(*command).empty() ? "yes" : "");
  }
  return cases;
}

std::string for_bash(const CLI::App& program) {
  constexpr std::string_view rest = R"(  esac
  local word="${COMP_WORDS[COMP_CWORD]}"
  if [[ $files && $word != -* ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}
complete -o filenames -F _sluice sluice
)";
  return fmt::format(
      "# bash completion for sluice\n_sluice() {{\n  local files words={}\n"
      "  case \"${{COMP_WORDS[*]:1:COMP_CWORD-1}} \" in\n{}{}",
      in_quotes(words_of(program)), bash_cases(program), rest);
}

std::string zsh_arguments(const CLI::App& command) {
  std::string out;
  for (const CLI::Option* o : options_of(command)) {
    const std::string help = replaced(o->get_description(), {{'[', "("}, {']', ")"}, {':', "\\:"}});
    const std::string value =
        takes_value(*o) ? fmt::format(":{}:{}", o->get_type_name(), takes_file(*o) ? "_files" : "") : "";
    for (const auto& flag : flags_of(*o)) out += " " + in_quotes(fmt::format("{}[{}]{}", flag, help, value));
  }
  std::vector<std::string> names;
  for (const CLI::App* c : commands_of(command)) names.push_back(c->get_name());
  return out + (names.empty() ? " '*:file:_files'" : fmt::format(" '1:command:({})'", fmt::join(names, " ")));
}

std::string for_zsh(const CLI::App& program) {
  std::string commands, cases;
  for (const CLI::App* c : commands_of(program)) {
    commands +=
        " " + in_quotes(fmt::format("{}:{}", c->get_name(), replaced(c->get_description(), {{':', "\\:"}})));
    cases += fmt::format("    {}) _arguments{} ;;\n", c->get_name(), zsh_arguments(*c));
  }
  return fmt::format(
      "#compdef sluice\n_sluice() {{\n  local -a commands=({})\n  if (( CURRENT == 2 )); then\n    _describe "
      "command commands\n"
      "    return\n  fi\n  local chosen=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $chosen in\n{}  "
      "esac\n}}\n"
      "if [[ ${{funcstack[1]}} = _sluice ]]; then _sluice \"$@\"; else compdef _sluice sluice; fi\n",
      commands, cases);
}

std::string for_fish(const CLI::App& program) {
  std::string out = "# fish completion for sluice\n";
  const auto add = [&](const CLI::App& command, std::string_view when) {
    for (const CLI::Option* o : options_of(command)) {
      out += fmt::format("complete -c sluice -n {}", when);
      for (const auto& name : o->get_snames()) out += " -s " + name;
      for (const auto& name : o->get_lnames()) out += " -l " + name;
      if (takes_value(*o)) out += takes_file(*o) ? " -r" : " -x";
      out += fmt::format(" -d {}\n", in_quotes(o->get_description()));
    }
  };
  const auto add_all = [&](const CLI::App& command, std::string_view when) {
    add(command, when);
    for (const CLI::App* c : commands_of(command)) {
      out += fmt::format("complete -c sluice -f -n {} -a {} -d {}\n", when, c->get_name(),
                         in_quotes(c->get_description()));
    }
  };
  add_all(program, "__fish_use_subcommand");
  for (const auto& [path, command] : tree_of(program)) {
    add_all(*command, in_quotes(fmt::format("__fish_seen_subcommand_from {}", command->get_name())));
  }
  return out;
}

}  // namespace

std::string manual_page(const CLI::App& program, std::string_view version) {
  const std::string overview = program.get_description();
  const std::string first = overview.substr(0, overview.find('\n'));
  std::string out = fmt::format(
      ".TH SLUICE 1 \"\" \"sluice {}\"\n.SH NAME\nsluice \\- {}\n.SH SYNOPSIS\n"
      ".B sluice\n.I command\n.RI [ option ...]\n.SH DESCRIPTION\n{}.SH OPTIONS\n{}",
      version, roff(first), as_typed(overview), options_section(program));
  out += ".SH COMMANDS\n";
  for (const CLI::App* c : commands_of(program)) {
    out += fmt::format(".SS {}\n{}\n{}.PP\n{}", roff(c->get_name()), roff(c->get_description()),
                       options_section(*c), as_typed(c->get_footer()));
  }
  out += ".SH ENVIRONMENT\n";
  for (const setting& s : all_settings()) {
    out += fmt::format(".TP\n\\fB{}\\fR\n{}{}\n", s.variable, roff(s.help),
                       s.fallback.empty() ? "" : roff(fmt::format(" ({})", s.fallback)));
  }
  return out + ".SH EXIT STATUS\n" + as_typed(program.get_footer());
}

std::string completion_script(const CLI::App& program, std::string_view shell) {
  if (shell == "bash") return for_bash(program);
  return shell == "zsh" ? for_zsh(program) : for_fish(program);
}

}  // namespace sluice::app
