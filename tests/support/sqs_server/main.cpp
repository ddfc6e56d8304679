#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/sqs_server/options.hpp"
#include "support/sqs_server/server.hpp"

namespace {

using namespace sluice::sqs_server;

std::string text_of(const boost::asio::ip::tcp::endpoint& e) {
  std::ostringstream text;
  text << e;
  return text.str();
}

/// The file is there with the whole number in it, or not at all.
void write_port_file(const std::string& path, unsigned port) {
  const std::string unfinished = path + ".new";
  std::ofstream file(unfinished);
  file << port << '\n';
  file.close();
  if (!file) throw std::invalid_argument("--port-file " + path + ": cannot be written");
  std::filesystem::rename(unfinished, path);
}

/// "access key local" and, if nobody chose it, its secret.
std::string describe_keys(const program_options& o) {
  if (!o.check_signatures) return "signatures not checked";
  const std::string& first = o.access_keys.front();
  return "access key " + (first == default_access_key ? first : first.substr(0, first.find(':')));
}

void listen(server& http, const program_options& o) {
  try {
    http.listen(o.listen);
  } catch (const boost::system::system_error& e) {
    throw std::invalid_argument(fmt::format("cannot listen on {}: {}; --listen 127.0.0.1:0 takes a free port",
                                            text_of(o.listen), e.code().message()));
  }
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
  listen(http, o);

  fmt::print(stderr, "sluice-sqs: region {}, account {}, {}, seed {}, faults {}\n", o.account.region,
             o.account.account, describe_keys(o), o.account.seed, to_json(o.faults));
  if (!o.port_file.empty()) write_port_file(o.port_file, http.endpoint().port());
  fmt::print("sluice-sqs listening on http://{}\n", text_of(http.endpoint()));
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
