#include "app/config.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "app/rds_login.hpp"
#include "observe/admin_server.hpp"

namespace sluice::app {
namespace {

using namespace std::chrono_literals;
using file_values = std::map<std::string, value, std::less<>>;

result<std::string> read_file(const std::string& path, std::string_view what) {
  const std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || std::filesystem::is_directory(path)) {  // which opens, and reads like an empty file
    return failure{errc::bad_configuration, fmt::format("{} {} cannot be read", what, path),
                   "check the path and its permissions"};
  }
  return std::move(text).str();
}

std::string at(const std::string& file, const toml::node& node) {
  return fmt::format("{}:{}", file, node.source().begin.line);
}

failure unknown_key(const std::string& file, const toml::node& node, std::string_view name) {
  // The nearest by common prefix is enough of a hint; the reference has them all.
  std::string_view nearest;
  std::size_t longest = name.find('.') + 1;
  for (const setting& s : all_settings()) {
    const auto common = std::ranges::mismatch(name, s.name).in1 - name.begin();
    if (static_cast<std::size_t>(common) > longest) {
      longest = static_cast<std::size_t>(common);
      nearest = s.name;
    }
  }
  return {errc::bad_configuration, fmt::format("{}: unknown key '{}'", at(file, node), name),
          nearest.empty() ? "see docs/configuration.md" : fmt::format("did you mean '{}'?", nearest)};
}

// [table], [message] and [[column]] are the plan's (record::compile); all other sections hold settings.
result<file_values> settings_of(const toml::table& root, const std::string& file) {
  file_values out;
  for (const auto& [section, node] : root) {
    if (section.str() == "table" || section.str() == "message" || section.str() == "column") continue;
    const toml::table* keys = node.as_table();
    const bool known = std::ranges::any_of(all_settings(), [&](const setting& s) {
      return s.name.starts_with(std::string(section.str()) + ".");
    });
    if (keys == nullptr || !known) {
      return failure{
          errc::bad_configuration, fmt::format("{}: unknown section '{}'", at(file, node), section.str()),
          "known are table, message, column, queue, aws, database, keys, load, limits, admin, audit and log"};
    }
    for (const auto& [key, entry] : *keys) {
      const std::string name = fmt::format("{}.{}", section.str(), key.str());
      const auto found = std::ranges::find(all_settings(), name, &setting::name);
      if (found == all_settings().end()) return unknown_key(file, entry, name);
      if (found->is_secret) {
        return failure{errc::bad_configuration,
                       fmt::format("{}: {} does not belong in a file", at(file, entry), name),
                       fmt::format("set {} in the environment", found->variable)};
      }
      value v{.text = {}, .source = at(file, entry)};
      if (const auto text = entry.value<std::string>(); entry.is_string()) {
        v.text = *text;
      } else if (const auto number = entry.value<std::int64_t>(); entry.is_integer()) {
        v.text = std::to_string(*number);
      } else {
        return failure{errc::bad_configuration,
                       fmt::format("{}: {} is neither text nor a whole number", v.source, name)};
      }
      out.emplace(name, std::move(v));
    }
  }
  return out;
}

// So that the AWS settings are read in one place, with AWS's own rules: what flags, file and aliases say is
// laid over the environment.
aws::environment overlay(const settings& values, const aws::environment& under) {
  std::map<std::string, std::string, std::less<>> over;
  for (const char* name : {"aws.region", "aws.profile", "aws.endpoint_url"}) {
    const value* v = values.find(name);
    if (v == nullptr) continue;
    const auto found = std::ranges::find(all_settings(), name, &setting::name);
    // The alias ranks below all that AWS defines.
    if (v->source == found->alias && under("AWS_ENDPOINT_URL")) continue;
    over.emplace(found->variable, v->text);
  }
  return [over, under](std::string_view name) -> std::optional<std::string> {
    const auto found = over.find(name);
    return found != over.end() ? std::optional(found->second) : under(name);
  };
}

// Keeps the first failure; each setting is read by one call.
class gather {
 public:
  explicit gather(const settings& s) : s_(s) {}
  std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most) {
    return keep(s_.number(name, least, most));
  }
  std::chrono::milliseconds duration(std::string_view name, std::chrono::milliseconds least,
                                     std::chrono::milliseconds most) {
    return keep(s_.duration(name, least, most));
  }
  std::size_t choice(std::string_view name, std::initializer_list<std::string_view> among) {
    return keep(s_.choice(name, std::span(among.begin(), among.size())));
  }
  const std::optional<failure>& failed() const { return failed_; }

 private:
  template <class T>
  T keep(result<T> r) {
    if (r) return *r;
    if (!failed_) failed_ = r.error();
    return T{};
  }
  const settings& s_;
  std::optional<failure> failed_;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> items;
  std::istringstream in(list);
  for (std::string item; std::getline(in, item, ',');) items.push_back(std::move(item));
  return items;
}

std::size_t pick(std::uint64_t n) {
  return static_cast<std::size_t>(n);
}

result<> fill(config& c) {
  gather get(c.values);
  c.queue_name = c.values.text("queue.name");
  c.queue_url = c.values.text("queue.url");
  c.receive_max = static_cast<int>(get.number("queue.receive_max", 1, 10));
  if (c.values.find("queue.visibility") != nullptr) {
    c.visibility =
        std::chrono::duration_cast<std::chrono::seconds>(get.duration("queue.visibility", 5s, 12h));
  }

  c.database.host = c.values.text("database.host");
  c.database.port = c.values.text("database.port");
  c.database.user = c.values.text("database.user");
  c.database.password = secret(c.values.text("database.password"));
  c.database.database = c.values.text("database.name");
  c.rds_iam = get.choice("database.auth", {"password", "rds-iam"}) == 1;
  c.database.statement_timeout = get.duration("database.statement_timeout", 1s, 1h);

  pipeline::options& p = c.pipeline;
  p.wait = std::chrono::duration_cast<std::chrono::seconds>(get.duration("queue.wait", 0s, 20s));
  p.pollers_min = pick(get.number("queue.pollers_min", 1, 1000));
  p.pollers_max = pick(get.number("queue.pollers_max", 1, 1000));
  p.ackers = pick(get.number("queue.ackers", 1, 1000));
  p.segment.rows_max = pick(get.number("load.batch_rows", 1, 100'000));
  p.age_max = get.duration("load.batch_age", 0ms, 1min);
  p.loaders = pick(get.number("load.loaders", 1, 64));
  p.segments = p.loaders * 3;  // one is copied, one is being deleted, one is filled
  p.hold_max = get.duration("limits.hold_max", 0s, 11h);
  p.stop_max = get.duration("limits.drain_max", 1s, 1h);
  p.queue_away_max = get.duration("limits.queue_away_max", 1s, 24h);
  c.threads = static_cast<unsigned>(get.number("load.threads", 1, 256));
  c.protect_task = get.choice("limits.protect_task", {"off", "on"}) == 1;
  c.mode = static_cast<pg::load_mode>(get.choice("load.mode", {"exactly_once", "at_least_once", "upsert"}));
  c.bad = static_cast<pg::bad_messages>(get.choice("load.bad_messages", {"quarantine", "dlq", "leave"}));
  c.plan.business_key = split(c.values.text("load.key"));
  if (const std::string admin = c.values.text("admin.listen"); admin != "off") {
    auto at = observe::parse_listen_address(admin);
    if (!at) return std::move(at.error()).in(c.values.find("admin.listen")->source);
    c.admin = *at;
  }
  c.admin_hosts = split(c.values.text("admin.hosts"));
  const auto format = get.choice("log.format", {"auto", "text", "json"});
  const bool text = format == 1 || (format == 0 && isatty(STDERR_FILENO) != 0);
  c.log_format = text ? observe::log_format::text : observe::log_format::json;
  c.log_traceparent = get.choice("log.traceparent", {"off", "on"}) == 1;
  c.log_level = static_cast<observe::level>(get.choice("log.level", {"debug", "info", "warning", "error"}));
  if (get.failed()) return *get.failed();
  if (c.mode == pg::load_mode::at_least_once && !c.plan.business_key.empty()) {
    return failure{errc::bad_configuration, "load.key is for the ledger, and at_least_once has none",
                   "take load.mode = exactly_once, or leave load.key out"};
  }
  if (p.pollers_min > p.pollers_max) {
    return failure{errc::bad_configuration, "queue.pollers_min is more than queue.pollers_max",
                   "lower one or raise the other"};
  }
  return {};
}

result<std::shared_ptr<const mask::key_ring>> checked(result<std::shared_ptr<const mask::key_ring>> ring) {
  if (!ring) return ring;
  if (auto strong = (*ring)->check_strength(); !strong) return strong.error();
  return ring;
}

}  // namespace

result<config> load_config(const aws::environment& env, const std::string& file,
                           const std::map<std::string, std::string, std::less<>>& flags) {
  config c;
  file_values from_file;
  if (file.empty()) {
    c.plan = record::login_events();
  } else {
    auto text = read_file(file, "pipeline file");
    if (!text) return text.error();
    toml::table root;
    try {
      root = toml::parse(*text, file);
    } catch (const toml::parse_error& e) {
      return failure{errc::bad_configuration,
                     fmt::format("{}:{}: {}", file, e.source().begin.line, e.description())};
    }
    auto found = settings_of(root, file);
    if (!found) return found.error();
    from_file = *std::move(found);
    auto plan = record::compile(root, file);
    if (!plan) return plan.error();
    c.plan = *std::move(plan);
  }
  c.values = settings::resolve({.env = env, .flags = flags, .file = from_file});
  c.env = overlay(c.values, env);
  if (auto filled = fill(c); !filled) return filled.error();
  if (c.rds_iam) {
    if (auto ready = use_rds_login(c); !ready) return ready.error();
  }
  return c;
}

std::string readable_ring(const config& c) {
  const value* const file = c.values.find("keys.file");
  struct stat about{};
  if (file == nullptr || stat(file->text.c_str(), &about) != 0) return {};
  // As libpq has it for the keys of TLS: root may give a file to a group.
  const mode_t others = about.st_uid == 0 ? S_IROTH : S_IRGRP | S_IROTH;
  return (about.st_mode & others) != 0 ? file->text : std::string();
}

result<std::shared_ptr<const mask::key_ring>> load_keys(const config& c) {
  const value* ring = c.values.find("keys.ring");
  const value* file = c.values.find("keys.file");
  if (ring != nullptr && file != nullptr) {
    return failure{errc::bad_configuration,
                   fmt::format("there are two key rings, in {} and in {}", ring->source, file->text),
                   fmt::format("take one away: unset SLUICE_KEYS, or what {} says", file->source)};
  }
  if (ring != nullptr) return checked(mask::key_ring::parse(ring->text, ring->source));
  if (file != nullptr) {
    struct stat about{};
    const bool is_file = stat(file->text.c_str(), &about) == 0 && S_ISREG(about.st_mode);
    if (is_file && (about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      return failure{errc::bad_configuration,
                     fmt::format("others may write key ring {}, and so choose the key", file->text),
                     fmt::format("chmod 600 {}", file->text)};
    }
    auto text = read_file(file->text, "key ring");
    if (!text) return text.error();
    const secret held(*std::move(text));
    return checked(mask::key_ring::parse(held.reveal(), file->text));
  }
  if (!c.plan.needs_key()) return std::shared_ptr<const mask::key_ring>();
  const auto masked = std::ranges::find_if(c.plan.columns, [](const record::column& column) {
    return column.mask && mask::needs_key(column.mask->how);
  });
  return failure{errc::missing_key,
                 fmt::format("column {} is masked with {}, but there is no key", masked->name,
                             to_string(masked->mask->how)),
                 "make one with `sluice keygen` and set SLUICE_KEYS to what it prints, or SLUICE_KEYS_FILE "
                 "to a file of it"};
}

result<std::shared_ptr<const mask::key_ring>> load_sealing_keys(const config& c) {
  auto keys = load_keys(c);
  if (keys && !*keys) {
    return failure{errc::missing_key, "bodies are sealed, and there is no key ring",
                   "set SLUICE_KEYS or SLUICE_KEYS_FILE to the ring that sealed them"};
  }
  return keys;
}

std::string print_config(const config& c) {
  std::string out = fmt::format("{:<28}{:<36}{}\n", "plan", c.plan.table, c.plan.source_name);
  for (const setting& s : all_settings()) {
    const value* v = c.values.find(s.name);
    if (v == nullptr) {
      out += fmt::format("{:<28}{:<36}{}\n", s.name, "-", "not set");
    } else {
      out += fmt::format("{:<28}{:<36}{}\n", s.name, s.is_secret ? "(hidden)" : v->text, v->source);
    }
  }
  return out;
}

}  // namespace sluice::app
