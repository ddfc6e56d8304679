#pragma once

#include <functional>
#include <map>
#include <string>

#include "app/commands.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

/// What the flags said: settings by name, and what belongs to one subcommand only.
struct command_line {
  std::string file;
  std::map<std::string, std::string, std::less<>> flags;
  bool print_config = false;
  bool print_sql = false;
  std::string sample;
  std::string infer;
  send_options send;
  mask_options mask;
  unmask_options unmask;
  rekey_options rekey;
  quarantine_options quarantine;
  key_options keys;
  std::string key_id = "k1";
  std::string key_file;  ///< keygen: where the ring goes
};

using command = std::function<int(const config&)>;

void add_setting(CLI::App& to, command_line& line, const std::string& flag, const std::string& setting);
void add_queue(CLI::App& to, command_line& line);
void add_database(CLI::App& to, command_line& line);
void add_config(CLI::App& to, command_line& line);
void add_load(CLI::App& to, command_line& line);

/// Adds a subcommand; what it does is kept in `chosen` if it is the one that was given.
CLI::App* add(CLI::App& to, std::function<int()>& chosen, command_line& line, const char* name,
              const char* help, command does);

/// mask, unmask, rekey.
void add_masking(CLI::App& app, command_line& line, std::function<int()>& chosen);
void add_quarantine(CLI::App& app, command_line& line, std::function<int()>& chosen);
void add_redrive(CLI::App& app, command_line& line, std::function<int()>& chosen);
/// keygen, keys.
void add_keys(CLI::App& app, command_line& line, std::function<int()>& chosen);

}  // namespace sluice::app
