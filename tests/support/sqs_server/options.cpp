#include "support/sqs_server/options.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <charconv>
#include <fstream>

#include "core/failure.hpp"
#include "support/sqs_server/payload.hpp"

namespace sluice::sqs_server {
namespace {

constexpr const char* examples = R"(Examples:
  sluice-sqs --queue events
  sluice-sqs --queue events-dead --queue events,VisibilityTimeout=5,DeadLetter=events-dead:3
  sluice-sqs --listen 127.0.0.1:0 --port-file port --queue events --fill events:messages.ndjson:1000000
  sluice-sqs --queue events --latency-ms 20 --failed-entry-rate 0.01 --seed 7

  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1 \
    aws --endpoint-url http://127.0.0.1:9324 sqs list-queues

While it runs: GET /health, and from this machine GET /control/stats, GET and POST /control/faults.)";

[[noreturn]] void refuse(const std::string& text) {
  throw std::invalid_argument(text);
}

boost::asio::ip::tcp::endpoint parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  unsigned port = 0;
  const char* const last = text.data() + text.size();
  if (error || colon == std::string::npos ||
      std::from_chars(text.data() + colon + 1, last, port).ptr != last || port > 65'535) {
    refuse(fmt::format("--listen {}: expected ADDRESS:PORT, as in 127.0.0.1:9324 or [::1]:0", text));
  }
  return {address, static_cast<std::uint16_t>(port)};
}

/// At `separator`, but not within braces: an attribute may be a JSON document.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t from = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}') --depth;
    if (text[i] != separator || depth > 0) continue;
    parts.push_back(text.substr(from, i - from));
    from = i + 1;
  }
  parts.push_back(text.substr(from));
  return parts;
}

std::string redrive_to(std::string_view target, const broker& queues) {
  const auto colon = target.rfind(':');
  const queue* const q = queues.find(target.substr(0, colon));
  if (q == nullptr || colon == std::string_view::npos) {
    refuse(fmt::format("DeadLetter={}: expected QUEUE:COUNT, with a queue that was named before", target));
  }
  return fmt::format(R"({{"deadLetterTargetArn":"{}","maxReceiveCount":"{}"}})", q->arn(),
                     target.substr(colon + 1));
}

void add_fault_flags(CLI::App& app, fault_options& f, long& latency_ms, long& clock_offset_s) {
  const auto rate = [&](const char* flag, double& value, const char* text) {
    app.add_option(flag, value, text)->check(CLI::Range(0.0, 1.0))->group("Faults");
  };
  app.add_option("--latency-ms", latency_ms, "Wait before each reply")
      ->check(CLI::Range(0, 60'000))
      ->group("Faults");
  rate("--error-rate", f.error_rate, "Calls that fail with 500 or 503, half of them carried out");
  rate("--throttle-rate", f.throttle_rate, "Calls that are refused with RequestThrottled");
  rate("--cut-rate", f.cut_rate, "Replies that end early, with the connection");
  app.add_option("--cut-after", f.cut_after_bytes, "Bytes of a reply that is cut")->group("Faults");
  rate("--failed-entry-rate", f.failed_entry_rate, "Batch entries that fail in a reply of 200");
  rate("--duplicate-rate", f.duplicate_rate, "Received messages that are delivered twice");
  rate("--lost-delete-rate", f.lost_delete_rate, "Deletes that are confirmed and not done");
  rate("--stale-handle-rate", f.stale_handle_rate, "Receipt handles that are refused");
  app.add_option("--clock-offset-s", clock_offset_s, "Seconds that the server's clock is ahead")
      ->group("Faults");
  app.add_option("--fault-operations", f.operations, "Operations that delays, errors and cuts are for (all)")
      ->delimiter(',')
      ->group("Faults");
}

}  // namespace

std::optional<program_options> parse_command_line(int argc, char** argv, int& exit_code) {
  program_options o;
  std::string listen = "127.0.0.1:9324";
  bool any_address = false, no_auth = false;
  long latency_ms = 0, clock_offset_s = 0;
  std::uint64_t seed = 1;

  CLI::App app("sluice-sqs: a strict SQS for tests, demos and benchmarks, in memory, on this machine");
  app.footer(examples);
  app.set_version_flag("--version", "sluice-sqs " SLUICE_VERSION);
  app.add_option("--listen", listen, "ADDRESS:PORT; port 0 takes a free one")->capture_default_str();
  app.add_flag("--any-address", any_address, "Allow an address that is not loopback");
  app.add_option("--port-file", o.port_file, "Write the port to this file when ready");
  app.add_option("--region", o.account.region, "Region of queues and signatures")->capture_default_str();
  app.add_option("--account", o.account.account, "Account id in URLs and ARNs")->capture_default_str();
  app.add_option("--access-key", o.access_keys, "ID:SECRET[:SESSION_TOKEN], repeated (local:local)")
      ->allow_extra_args(false);
  app.add_option("--deny", o.denied, "ID:ACTION (or ID:*) that is AccessDenied, repeated")
      ->allow_extra_args(false);
  app.add_flag("--no-auth", no_auth, "Check no signatures");
  app.add_option("--queue", o.queues,
                 "NAME[,Attribute=value...] to create, repeated; DeadLetter=QUEUE:COUNT for a redrive policy")
      ->allow_extra_args(false);
  app.add_option("--fill", o.fills, "QUEUE:FILE:COUNT messages from the lines of a file, again and again")
      ->allow_extra_args(false);
  app.add_option("--seed", seed, "Of ids and faults")->capture_default_str();
  add_fault_flags(app, o.faults, latency_ms, clock_offset_s);

  try {
    app.parse(argc, argv);
    o.listen = parse_endpoint(listen);
    if (!o.listen.address().is_loopback() && !any_address) {
      refuse(fmt::format("--listen {}: this is not loopback; add --any-address if that is wanted", listen));
    }
  } catch (const CLI::ParseError& e) {
    exit_code = app.exit(e) == 0 ? 0 : 2;
    return std::nullopt;
  }
  o.check_signatures = !no_auth;
  o.account.seed = o.faults.seed = seed;
  o.faults.latency = milliseconds(latency_ms);
  o.faults.clock_offset = seconds(clock_offset_s);
  if (o.access_keys.empty()) o.access_keys.emplace_back(default_access_key);
  return o;
}

void add_access_keys(const program_options& o, verifier& keys) {
  for (const auto& text : o.access_keys) {
    const auto parts = split(text, ':');
    if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || parts[1].empty()) {
      refuse("--access-key: expected ID:SECRET or ID:SECRET:SESSION_TOKEN");
    }
    keys.add_key(std::string(parts[0]), secret(std::string(parts[1])),
                 std::string(parts.size() == 3 ? parts[2] : std::string_view()));
  }
  for (const auto& text : o.denied) {
    const auto colon = text.find(':');
    if (colon == std::string::npos) refuse(fmt::format("--deny {}: expected ID:ACTION", text));
    keys.deny(std::string_view(text).substr(0, colon), std::string_view(text).substr(colon + 1));
  }
}

void create_queues(const program_options& o, broker& queues, instant now) {
  for (const auto& text : o.queues) {
    const auto parts = split(text, ',');
    attribute_map attributes;
    if (parts[0].ends_with(".fifo")) attributes["FifoQueue"] = "true";
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const auto equals = parts[i].find('=');
      if (equals == std::string_view::npos) {
        refuse(fmt::format("--queue {}: \"{}\" is not Attribute=value", text, parts[i]));
      }
      const auto name = parts[i].substr(0, equals), value = parts[i].substr(equals + 1);
      if (name == "DeadLetter") {
        attributes["RedrivePolicy"] = redrive_to(value, queues);
      } else {
        attributes.insert_or_assign(std::string(name), std::string(value));
      }
    }
    if (auto created = queues.create(parts[0], attributes, now); !created) {
      refuse(fmt::format("--queue {}: {}", text, created.error().message));
    }
  }
}

void fill_queues(const program_options& o, broker& queues, instant now) {
  for (const auto& text : o.fills) {
    const auto first = text.find(':'), last = text.rfind(':');
    std::size_t count = 0;
    const char* const end = text.data() + text.size();
    if (first == last || std::from_chars(text.data() + last + 1, end, count).ptr != end) {
      refuse(fmt::format("--fill {}: expected QUEUE:FILE:COUNT", text));
    }
    queue* const q = queues.find(std::string_view(text).substr(0, first));
    if (q == nullptr || q->fifo()) {
      refuse(fmt::format("--fill {}: no standard queue of that name (create it with --queue)", text));
    }
    const std::string path = text.substr(first + 1, last - first - 1);
    std::ifstream file(path, std::ios::binary);
    std::vector<payload_ptr> contents;
    for (std::string line; std::getline(file, line);) {
      if (!line.empty()) contents.push_back(make_payload(line));
    }
    if (contents.empty()) refuse(fmt::format("--fill {}: cannot read a line of {}", text, path));
    for (std::size_t i = 0; i < count; ++i) queues.send(*q, contents[i % contents.size()], seconds(0), now);
  }
}

}  // namespace sluice::sqs_server
