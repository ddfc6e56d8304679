#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.hpp"
#include "aws/environment.hpp"
#include "core/failure.hpp"
#include "mask/key_ring.hpp"
#include "observe/log.hpp"
#include "pg/connection.hpp"
#include "pg/loader.hpp"
#include "pipeline/options.hpp"
#include "record/plan.hpp"

namespace sluice::app {

/// Everything that a command needs to know, checked: flags over environment over pipeline file over the
/// exercise's names.
struct config {
  settings values;
  aws::environment
      env;  ///< the process's, with flags, file and aliases laid over the names that the AWS SDKs define
  record::plan plan;
  std::string queue_name;
  std::string queue_url;
  int receive_max = 10;
  std::optional<std::chrono::seconds> visibility;
  pg::connect_options database;
  bool rds_iam = false;  ///< `database` makes a token for each connection
  pg::load_mode mode = pg::load_mode::exactly_once;
  pg::bad_messages bad = pg::bad_messages::quarantine;
  pipeline::options pipeline;
  unsigned threads = 1;
  bool protect_task = false;
  std::optional<boost::asio::ip::tcp::endpoint> admin;  ///< where the admin server listens, if there is one
  std::vector<std::string> admin_hosts;
  observe::log_format log_format = observe::log_format::text;
  observe::level log_level = observe::level::info;
  bool log_traceparent = false;
};

/// `file` may be empty: the login-events mapping applies. Failures are `bad_configuration`, with the variable
/// or `file:line`.
result<config> load_config(const aws::environment& env, const std::string& file,
                           const std::map<std::string, std::string, std::less<>>& flags);

/// The ring of `SLUICE_KEYS` or `SLUICE_KEYS_FILE`; null if neither is set. `missing_key` when the plan needs
/// one. Refused are a file that others may write, and keys that are none (key_ring::check_strength).
result<std::shared_ptr<const mask::key_ring>> load_keys(const config& c);
/// The same for what cannot do without: opening what was set aside. Never null.
result<std::shared_ptr<const mask::key_ring>> load_sealing_keys(const config& c);
/// The ring's file, if others than its owner may read it (of root's, others than its group); else empty.
std::string readable_ring(const config& c);

/// Each setting, its value (secrets hidden) and where it came from, a line each.
std::string print_config(const config& c);

}  // namespace sluice::app
