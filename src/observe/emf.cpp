#include "observe/emf.hpp"

#include <array>
#include <utility>

#include "observe/json.hpp"

namespace sluice::observe {

emf_reporter::reading emf_reporter::read(const counters& c) {
  return {c.rows.get(),          c.set_aside.get(),        c.duplicates.get(),
          c.load_failures.get(), c.receive_failures.get(), c.requests.get(),
          c.load_time.read(),    c.send_to_commit.read()};
}

std::string emf_reporter::document(const counters& c, std::chrono::system_clock::time_point now) {
  const reading old = std::exchange(last_, read(c));
  const auto gained = [&](std::uint64_t reading::* member) {
    return static_cast<double>(last_.*member - old.*member);
  };
  const auto slowest_ms = [&](histogram::snapshot reading::* member) {
    return (last_.*member).since(old.*member).quantile(0.99) * 1e3;
  };
  struct metric {
    std::string_view name, unit;
    double value;
  };
  const std::array<metric, 9> metrics = {{
      {"Rows", "Count", gained(&reading::rows)},
      {"SetAside", "Count", gained(&reading::set_aside)},
      {"Duplicates", "Count", gained(&reading::duplicates)},
      {"LoadFailures", "Count", gained(&reading::load_failures)},
      {"ReceiveFailures", "Count", gained(&reading::receive_failures)},
      {"Requests", "Count", gained(&reading::requests)},
      {"Held", "Count", static_cast<double>(c.held.get())},
      {"LoadP99", "Milliseconds", slowest_ms(&reading::load_time)},
      {"SendToCommitP99", "Milliseconds", slowest_ms(&reading::send_to_commit)},
  }};

  const auto since_1970 = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  json_writer out;
  out.begin_object().key("_aws").begin_object().member("Timestamp", since_1970.count());
  out.key("CloudWatchMetrics").begin_array().begin_object().member("Namespace", namespace_);
  out.key("Dimensions").begin_array().begin_array().value("Queue").end_array().end_array();
  out.key("Metrics").begin_array();
  for (const metric& m : metrics)
    out.begin_object().member("Name", m.name).member("Unit", m.unit).end_object();
  out.end_array().end_object().end_array().end_object().member("Queue", queue_);
  for (const metric& m : metrics) out.member(m.name, m.value);
  out.end_object();
  return std::move(out).text();
}

}  // namespace sluice::observe
