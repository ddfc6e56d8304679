#include "observe/status.hpp"

#include "observe/figures.hpp"
#include "observe/json.hpp"

namespace sluice::observe {
namespace {

std::int64_t epoch_ms(std::chrono::system_clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

void write_about(json_writer& to, const about& a) {
  to.member("version", a.version).member("queue", a.queue).member("table", a.table).member("mode", a.mode);
  to.member("bad_messages", a.bad_messages);
  to.member("masked", a.masked);
  to.key("limits").begin_object();
  to.member("receives", a.receives_max).member("segments", a.segments);
  to.member("connections", a.connections_max).end_object();
}

void write_figures(json_writer& to, const counters& c, const history& h) {
  to.key("counts").begin_object();
  for (const auto& f : counter_figures()) to.member(f.key, (c.*f.member).get());
  to.member("committed", c.send_to_commit.read().count()).end_object();

  to.key("rates").begin_object();
  for (std::size_t i = 0; i < counter_figures().size(); ++i) to.member(counter_figures()[i].key, h.rate(i));
  to.member("committed", h.committed_rate()).end_object();

  to.key("levels").begin_object();
  for (const auto& f : gauge_figures()) to.member(f.key, (c.*f.member).get());
  to.end_object();

  to.key("times").begin_object();
  for (std::size_t i = 0; i < histogram_figures().size(); ++i) {
    const auto recent = h.recent(i);
    to.key(histogram_figures()[i].key).begin_object();
    to.member("count", recent.count())
        .member("p50", recent.quantile(0.5))
        .member("p99", recent.quantile(0.99));
    to.end_object();
  }
  to.end_object();
}

void write_history(json_writer& to, const history& h) {
  const auto series = [&](std::string_view name, auto member) {
    to.key(name).begin_array();
    for (const history::sample& s : h.samples()) to.value(s.*member);
    to.end_array();
  };
  to.key("history").begin_object();
  series("messages_per_second", &history::sample::messages_per_second);
  series("lag_p50", &history::sample::lag_p50);
  series("lag_p99", &history::sample::lag_p99);
  series("backlog", &history::sample::backlog);
  to.end_object();
}

void write_cost(json_writer& to, const counters& c) {
  const auto requests = static_cast<double>(c.requests.get());
  const auto messages = static_cast<double>(c.send_to_commit.read().count());
  const double each = messages == 0 ? 0 : requests / messages;
  to.key("cost").begin_object();
  to.member("dollars_per_million_requests", dollars_per_million_requests);
  to.member("requests_per_message", each);
  to.member("dollars_per_million_messages", each * dollars_per_million_requests);
  to.member("dollars_so_far", requests / 1e6 * dollars_per_million_requests).end_object();
}

void write_notices(json_writer& to, const state& s) {
  to.key("set_aside_by_reason").begin_array();
  for (const auto& [reason, n] : s.figures.set_aside_by_reason.read()) {
    to.begin_object().member("reason", reason).member("messages", n).end_object();
  }
  to.end_array();
  to.key("notices").begin_array();
  for (const notice& n : s.log.last_notices()) {
    to.begin_object().member("level", to_string(n.at)).member("event", n.event).member("why", n.why);
    to.member("fix", n.fix).member("count", n.count).member("last_ms", epoch_ms(n.last)).end_object();
  }
  to.end_array();
}

}  // namespace

std::string status_json(const state& s, const history& h, const process_figures& process,
                        history::steady_time now, std::chrono::system_clock::time_point wall) {
  const auto all_troubles = troubles(s, h, now);
  json_writer to;
  to.begin_object();
  write_about(to, s.what);
  to.member("now_ms", epoch_ms(wall)).member("started_ms", epoch_ms(s.what.started));
  to.member("ready", all_troubles.empty());
  to.key("troubles").begin_array();
  for (const trouble& t : all_troubles) {
    to.begin_object().member("what", t.what).member("fix", t.fix).end_object();
  }
  to.end_array();
  write_figures(to, s.figures, h);
  write_history(to, h);
  write_cost(to, s.figures);
  write_notices(to, s);
  to.key("process").begin_object();
  to.member("cpu_seconds", process.cpu_seconds).member("resident_bytes", process.resident_bytes);
  to.member("resident_bytes_max", process.resident_bytes_max).end_object();
  to.end_object();
  return std::move(to).text();
}

}  // namespace sluice::observe
