#include "observe/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <string_view>
#include <utility>
#include <vector>

#include "observe/figures.hpp"

namespace sluice::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;

/// Collects families; prometheus-cpp writes them. Its registry is not used: our figures are atomics that the
/// pipeline bumps, and become metrics only here, when somebody asks.
class families {
 public:
  void counter(std::string_view name, std::string_view help, double value, labels with = {}) {
    add(name, help, MetricType::Counter, std::move(with)).counter.value = value;
  }
  void gauge(std::string_view name, std::string_view help, double value, labels with = {}) {
    add(name, help, MetricType::Gauge, std::move(with)).gauge.value = value;
  }
  void histogram(std::string_view name, std::string_view help, const observe::histogram::snapshot& s) {
    auto& to = add(name, help, MetricType::Histogram, {}).histogram;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < observe::histogram::bounds.size(); ++i) {
      below += s.buckets[i];
      to.bucket.push_back({below, std::chrono::duration<double>(observe::histogram::bounds[i]).count()});
    }
    to.sample_count = below + s.buckets.back();
    to.sample_sum = static_cast<double>(s.sum_us) / 1e6;
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  ClientMetric& add(std::string_view name, std::string_view help, MetricType type, labels with) {
    if (all_.empty() || all_.back().name != name) {
      all_.push_back({std::string(name), std::string(help), type, {}});
    }
    ClientMetric& added = all_.back().metric.emplace_back();
    added.label = std::move(with);
    return added;
  }

  std::vector<MetricFamily> all_;
};

// "missing_field user_id" is a reason and a column; the column may be missing.
labels reason_labels(std::string_view name) {
  const auto blank = name.find(' ');
  const auto column = blank == name.npos ? std::string_view() : name.substr(blank + 1);
  return {{"reason", std::string(name.substr(0, blank))}, {"column", std::string(column)}};
}

void add_run(families& to, const state& s, bool ready) {
  to.gauge("sluice_info", "What runs; always 1.", 1,
           {{"version", s.what.version}, {"queue", s.what.queue}, {"table", s.what.table}});
  to.gauge("sluice_masking_info", "What is masked, and the id of the key that masks now; always 1.", 1,
           {{"masked", s.what.masked}, {"key", s.primary_key ? s.primary_key() : std::string()}});
  to.gauge("sluice_oldest_key_held",
           "The id of the oldest primary key that messages in memory are masked with; always 1.", 1,
           {{"key", s.oldest_key ? s.oldest_key() : std::string()}});
  to.gauge("sluice_ready", "1 when /readyz says so.", ready ? 1 : 0);
  to.gauge("sluice_receives_limit", "Most ReceiveMessage calls in flight.",
           static_cast<double>(s.what.receives_max));
  to.gauge("sluice_segments_limit", "Batches that there are.", static_cast<double>(s.what.segments));
  to.gauge("sluice_database_connections_limit", "Most connections to PostgreSQL.",
           static_cast<double>(s.what.connections_max));
  for (const level at : {level::info, level::warning, level::error}) {
    to.counter("sluice_log_events_total", "Events by level, with those that were held back.",
               static_cast<double>(s.log.logged(at)), {{"level", std::string(to_string(at))}});
  }
  to.counter("sluice_log_lines_dropped_total", "Lines that standard error did not take in time.",
             static_cast<double>(s.log.dropped()));
}

// The names that Prometheus' own client libraries give.
void add_process(families& to, const state& s, const process_figures& p) {
  const std::chrono::duration<double> started = s.what.started.time_since_epoch();
  to.counter("process_cpu_seconds_total", "CPU time, user and system.", p.cpu_seconds);
  to.gauge("process_resident_memory_bytes", "Memory in RAM.", static_cast<double>(p.resident_bytes));
  to.gauge("process_open_fds", "Open file descriptors.", static_cast<double>(p.open_files));
  to.gauge("process_max_fds", "Most file descriptors.", static_cast<double>(p.open_files_max));
  to.gauge("process_threads", "Threads.", static_cast<double>(p.threads));
  to.gauge("process_start_time_seconds", "When it started, since 1970.", started.count());
}

}  // namespace

std::string exposition(const state& s, bool ready, const process_figures& process) {
  families all;
  add_run(all, s, ready);
  for (const auto& f : counter_figures()) {
    all.counter(f.metric, f.help, static_cast<double>((s.figures.*f.member).get()));
  }
  for (const auto& [name, n] : s.figures.set_aside_by_reason.read()) {
    all.counter("sluice_set_aside_reasons_total", "Messages set aside, by reason code and column.",
                static_cast<double>(n), reason_labels(name));
  }
  for (const auto& f : gauge_figures()) {
    all.gauge(f.metric, f.help, static_cast<double>((s.figures.*f.member).get()));
  }
  for (const auto& f : histogram_figures()) all.histogram(f.metric, f.help, (s.figures.*f.member).read());
  add_process(all, s, process);
  return all.text();
}

}  // namespace sluice::observe
