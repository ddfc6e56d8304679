#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/sqs_server/broker.hpp"
#include "support/sqs_server/faults.hpp"
#include "support/sqs_server/verifier.hpp"

namespace sluice::sqs_server {

inline constexpr std::string_view default_access_key = "local:local";

/// What the command line says, checked.
struct program_options {
  boost::asio::ip::tcp::endpoint listen;
  broker::options account;
  fault_options faults;
  bool check_signatures = true;
  std::string port_file;
  std::vector<std::string> access_keys;  ///< ID:SECRET[:TOKEN]
  std::vector<std::string> denied;       ///< ID:ACTION
  std::vector<std::string> queues;       ///< NAME[,attribute=value...]
  std::vector<std::string> fills;        ///< QUEUE:FILE:COUNT
};

/// Nothing if the program shall end with `exit_code`: --help, --version, or a mistake, which was told.
std::optional<program_options> parse_command_line(int argc, char** argv, int& exit_code);

// What the options do; each throws std::invalid_argument with a text for the user.
void add_access_keys(const program_options& o, verifier& keys);
void create_queues(const program_options& o, broker& queues, instant now);
void fill_queues(const program_options& o, broker& queues, instant now);

}  // namespace sluice::sqs_server
