#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "support/sqs_server/options.hpp"
#include "support/sqs_server/server.hpp"

namespace {

using namespace sluice::sqs_server;

/// The file is there with the whole number in it, or not at all.
void write_port_file(const std::string& path, unsigned port) {
  const std::string unfinished = path + ".new";
  std::ofstream file(unfinished);
  file << port << '\n';
  file.close();
  if (!file) throw std::invalid_argument("--port-file " + path + ": cannot be written");
  std::filesystem::rename(unfinished, path);
}

void serve(const program_options& o) {
  broker queues(o.account);
  verifier keys({o.account.region});
  add_access_keys(o, keys);
  service answers({o.check_signatures}, queues, keys, o.account.seed);
  answers.faults().set(o.faults);

  boost::asio::io_context io(1);
  server http(io, answers);
  create_queues(o, queues, http.now());
  fill_queues(o, queues, http.now());

  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const sluice::error_code& error, int) {
    if (!error) http.stop();
  });
  http.listen(o.listen);

  const auto at = http.endpoint();
  const std::string host =
      at.address().is_v6() ? fmt::format("[{}]", at.address().to_string()) : at.address().to_string();
  fmt::print(stderr, "sluice-sqs: region {}, account {}, {}, seed {}, faults {}\n", o.account.region,
             o.account.account,
             o.check_signatures ? fmt::format("access key {}", o.access_keys.front().substr(
                                                                   0, o.access_keys.front().find(':')))
                                : "signatures not checked",
             o.account.seed, to_json(o.faults));
  if (!o.port_file.empty()) write_port_file(o.port_file, at.port());
  fmt::print("sluice-sqs listening on http://{}:{}\n", host, at.port());
  std::fflush(stdout);
  io.run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    int exit_code = 0;
    if (const auto options = parse_command_line(argc, argv, exit_code)) serve(*options);
    return exit_code;
  } catch (const std::exception& e) {
    fmt::print(stderr, "sluice-sqs: {}\n", e.what());
    return 2;
  }
}
