#include "app/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace sluice::app {
namespace {

constexpr setting table[] = {
    {"queue.name", "SLUICE_QUEUE", "QUEUE_NAME", "", "name of the SQS queue"},
    {"queue.url", "SLUICE_QUEUE_URL", "", "", "URL of the queue, instead of its name: saves GetQueueUrl"},
    {"queue.wait", "SLUICE_WAIT", "WAIT_TIME", "20s", "long poll of each receive, 0s to 20s"},
    {"queue.receive_max", "SLUICE_RECEIVE_MAX", "MAX_MESSAGES", "10",
     "messages asked for in each receive, 1 to 10"},
    {"queue.visibility", "SLUICE_VISIBILITY", "", "",
     "visibility timeout of received messages; the queue's own by default"},
    {"queue.pollers_min", "SLUICE_POLLERS_MIN", "", "1",
     "receives in flight when the queue is empty: of the one loop that looks out"},
    {"queue.pollers_max", "SLUICE_POLLERS_MAX", "", "512",
     "receives in flight of each loop, at most: as many as are needed are"},
    {"queue.ackers", "SLUICE_ACKERS", "", "512", "deletes in flight of each loop, at most"},
    {"aws.region", "AWS_REGION", "", "", "region; AWS_DEFAULT_REGION and the profile are read too"},
    {"aws.profile", "AWS_PROFILE", "", "", "profile in ~/.aws/config and ~/.aws/credentials"},
    {"aws.endpoint_url", "AWS_ENDPOINT_URL_SQS", "ENDPOINT_URL", "",
     "where SQS is, if not at AWS; AWS_ENDPOINT_URL is read too"},
    {"database.host", "PGHOST", "HOST", "", "host of PostgreSQL, or directory of its socket"},
    {"database.port", "PGPORT", "PORT", "", "port of PostgreSQL"},
    {"database.user", "PGUSER", "USER", "", "role to connect as"},
    {"database.password", "PGPASSWORD", "PASSWORD", "", "its password; PGPASSFILE is read too", true},
    {"database.auth", "SLUICE_DATABASE_AUTH", "", "password",
     "password, or rds-iam: a token made from the AWS credentials for each connection, over TLS"},
    {"database.name", "PGDATABASE", "DATABASE", "", "database"},
    {"database.statement_timeout", "SLUICE_STATEMENT_TIMEOUT", "", "60s",
     "longest wait for an answer of PostgreSQL"},
    {"keys.ring", "SLUICE_KEYS", "", "", "the key ring itself, as `sluice keygen` prints it", true},
    {"keys.file", "SLUICE_KEYS_FILE", "", "", "file with the key ring"},
    {"load.mode", "SLUICE_MODE", "", "exactly_once",
     "exactly_once, at_least_once, or upsert: of the messages with one key of the table the newest is the "
     "row"},
    {"load.bad_messages", "SLUICE_BAD_MESSAGES", "", "quarantine",
     "where messages go that cannot become rows: quarantine, dlq (sent there with the reason) or leave"},
    {"load.key", "SLUICE_LOAD_KEY", "", "",
     "JSON pointers, with commas between, of the fields that say which event it is: of the "
     "messages of one event one is a row"},
    {"load.batch_rows", "SLUICE_BATCH_ROWS", "", "10000", "most messages in one transaction"},
    {"load.batch_age", "SLUICE_BATCH_AGE", "", "50ms", "longest that a message waits for its batch to fill"},
    {"load.loaders", "SLUICE_LOADERS", "", "2", "database connections of each loop"},
    {"load.threads", "SLUICE_THREADS", "", "1", "loops, each on a thread of its own"},
    {"limits.hold_max", "SLUICE_HOLD_MAX", "", "60s",
     "how long messages are held while PostgreSQL is away, then given back"},
    {"limits.drain_max", "SLUICE_DRAIN_MAX", "", "25s",
     "how long a stop may take; from four fifths of it on, what is not committed is given back"},
    {"limits.protect_task", "SLUICE_PROTECT_TASK", "", "off",
     "on: a task of an ECS service is not chosen by scale-in while it holds messages"},
    {"limits.queue_away_max", "SLUICE_QUEUE_AWAY_MAX", "", "5m",
     "how long SQS, or PostgreSQL at the start of `run` and in a `drain`, may fail before sluice ends with "
     "an "
     "error"},
    {"admin.listen", "SLUICE_ADMIN", "", "127.0.0.1:9464",
     "address of status page, metrics and health checks, or off; a drain has them only where this is set"},
    {"admin.hosts", "SLUICE_ADMIN_HOSTS", "", "",
     "names, with commas between, by which these may be asked for besides localhost and addresses"},
    {"audit.file", "SLUICE_AUDIT_FILE", "", "",
     "where a line is written for each time that somebody opens what is masked or sealed; else syslog"},
    {"log.format", "SLUICE_LOG_FORMAT", "", "auto", "text, json, or auto: text on a terminal, else json"},
    {"log.emf", "SLUICE_LOG_EMF", "", "",
     "a CloudWatch namespace: a line of metrics in CloudWatch's embedded format each minute, on standard "
     "output"},
    {"log.traceparent", "SLUICE_LOG_TRACEPARENT", "", "off",
     "on: the message attribute traceparent is asked for, and its trace logged when a message is set aside; "
     "that of AWSTraceHeader always is"},
    {"log.level", "SLUICE_LOG_LEVEL", "", "info", "debug, info, warning or error"},
};

failure not_usable(const value& v, std::string_view name, std::string_view wanted) {
  return {errc::bad_configuration, fmt::format("{}: {} is '{}'", v.source, name, v.text),
          fmt::format("it must be {}", wanted)};
}

}  // namespace

std::span<const setting> all_settings() {
  return table;
}

settings settings::resolve(const inputs& in) {
  settings s;
  for (const setting& each : table) {
    value v;
    if (const auto flag = in.flags.find(each.name); flag != in.flags.end()) {
      v = {flag->second, "flag"};
    } else if (auto set = in.env(each.variable)) {
      v = {*std::move(set), std::string(each.variable)};
    } else if (const auto written = in.file.find(each.name); written != in.file.end()) {
      v = written->second;
    } else if (auto old = each.alias.empty() ? std::nullopt : in.env(each.alias)) {
      v = {*std::move(old), std::string(each.alias)};
    } else if (!each.fallback.empty()) {
      v = {std::string(each.fallback), "default"};
    } else {
      continue;
    }
    s.values_.emplace(each.name, std::move(v));
  }
  return s;
}

const value* settings::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

std::string settings::text(std::string_view name) const {
  const value* v = find(name);
  return v == nullptr ? std::string() : v->text;
}

result<std::uint64_t> settings::number(std::string_view name, std::uint64_t least, std::uint64_t most) const {
  const value& v = *find(name);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(v.text.data(), v.text.data() + v.text.size(), n);
  if (error != std::errc() || end != v.text.data() + v.text.size() || n < least || n > most) {
    return not_usable(v, name, fmt::format("a whole number from {} to {}", least, most));
  }
  return n;
}

result<std::chrono::milliseconds> settings::duration(std::string_view name, std::chrono::milliseconds least,
                                                     std::chrono::milliseconds most) const {
  const value& v = *find(name);
  const std::string wanted = fmt::format("a duration from {}ms to {}s, such as 500ms, 20s or 2m",
                                         least.count(), most.count() / 1000);
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(v.text.data(), v.text.data() + v.text.size(), n);
  const std::string_view unit(end, static_cast<std::size_t>(v.text.data() + v.text.size() - end));
  const std::int64_t factor = unit == "ms"                  ? 1
                              : unit.empty() || unit == "s" ? 1'000
                              : unit == "m"                 ? 60'000
                                                            : 0;
  if (error != std::errc() || factor == 0 || n < 0 || n > most.count() / factor)
    return not_usable(v, name, wanted);
  const std::chrono::milliseconds d(n * factor);
  if (d < least) return not_usable(v, name, wanted);
  return d;
}

result<std::size_t> settings::choice(std::string_view name, std::span<const std::string_view> among) const {
  const value& v = *find(name);
  const auto found = std::ranges::find(among, v.text);
  if (found == among.end()) return not_usable(v, name, fmt::format("one of {}", fmt::join(among, ", ")));
  return static_cast<std::size_t>(found - among.begin());
}

}  // namespace sluice::app
