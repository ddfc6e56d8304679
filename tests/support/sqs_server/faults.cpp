#include "support/sqs_server/faults.hpp"

#include <simdjson.h>

#include <algorithm>

#include "support/sqs_server/json.hpp"

namespace sluice::sqs_server {
namespace {

struct rate_member {
  std::string_view name;
  double fault_options::* member;
};
constexpr rate_member rates[] = {
    {"error_rate", &fault_options::error_rate},
    {"throttle_rate", &fault_options::throttle_rate},
    {"cut_rate", &fault_options::cut_rate},
    {"failed_entry_rate", &fault_options::failed_entry_rate},
    {"duplicate_rate", &fault_options::duplicate_rate},
    {"lost_delete_rate", &fault_options::lost_delete_rate},
    {"stale_handle_rate", &fault_options::stale_handle_rate},
};

service_error wrong(std::string_view name) {
  return errors::invalid_parameter(fmt::format("Faults: {} is unknown, or its value is out of range.", name));
}

/// False if the member is unknown or its value is not what it should be.
bool read_member(std::string_view name, const simdjson::dom::element& value, fault_options& o) {
  if (const auto rate = std::ranges::find(rates, name, &rate_member::name); rate != std::end(rates)) {
    double number = 0;
    if (value.get(number) || number < 0 || number > 1) return false;
    o.*rate->member = number;
    return true;
  }
  if (name == "operations") {
    simdjson::dom::array names;
    if (value.get(names)) return false;
    for (const auto n : names) {
      std::string_view text;
      if (n.get(text)) return false;
      o.operations.emplace_back(text);
    }
    return true;
  }
  std::int64_t number = 0;
  if (value.get(number)) return false;
  if (name == "clock_offset_s") {
    o.clock_offset = seconds(number);
    return true;
  }
  if (number < 0) return false;
  if (name == "seed") {
    o.seed = static_cast<std::uint64_t>(number);
  } else if (name == "latency_ms" && number <= 60'000) {
    o.latency = milliseconds(number);
  } else if (name == "cut_after_bytes") {
    o.cut_after_bytes = static_cast<std::size_t>(number);
  } else {
    return false;
  }
  return true;
}

}  // namespace

outcome<fault_options> parse_faults(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(json).get(object)) return errors::serialization("Faults: not a JSON object.");
  fault_options o;
  for (const auto& [name, value] : object) {
    if (!read_member(name, value, o)) return wrong(name);
  }
  return o;
}

std::string to_json(const fault_options& o) {
  std::string out = fmt::format(R"({{"seed":{},"latency_ms":{},"cut_after_bytes":{},"clock_offset_s":{})",
                                o.seed, o.latency.count(), o.cut_after_bytes, o.clock_offset.count());
  for (const auto& [name, member] : rates) out += fmt::format(R"(,"{}":{})", name, o.*member);
  out += R"(,"operations":)";
  json_writer w(out);
  w.open('[');
  for (const auto& name : o.operations) w.string(name);
  w.close(']');
  return out + '}';
}

fault_injector::plan fault_injector::for_call(std::string_view operation) {
  plan p;
  const auto& wanted = options_.operations;
  if (!wanted.empty() && std::ranges::find(wanted, operation) == wanted.end()) return p;
  p.latency = options_.latency;
  if (random_.chance(options_.throttle_rate)) {
    p.refuse = errors::throttled();
  } else if (random_.chance(options_.error_rate)) {
    auto error = errors::internal(random_.chance(0.5) ? 500 : 503);
    (random_.chance(0.5) ? p.refuse : p.hide) = std::move(error);
  }
  if (random_.chance(options_.cut_rate)) p.cut_after = options_.cut_after_bytes;
  return p;
}

}  // namespace sluice::sqs_server
