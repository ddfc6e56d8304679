#include "observe/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "observe/events.hpp"
#include "observe/json.hpp"

namespace sluice::observe {
namespace {

using clock = std::chrono::steady_clock;
constexpr auto repeat_window = std::chrono::seconds(10);

void append_value(std::string& out, log_format format, const field& f) {
  if (const auto* text = std::get_if<std::string_view>(&f.value)) {
    const bool plain =
        format == log_format::text && text->find_first_of(" \"=\n\t") == text->npos && !text->empty();
    if (plain) {
      out += *text;
    } else {
      append_json_string(out, *text);
    }
  } else if (const auto* flag = std::get_if<bool>(&f.value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* integer = std::get_if<std::int64_t>(&f.value)) {
    fmt::format_to(std::back_inserter(out), "{}", *integer);
  } else {
    fmt::format_to(std::back_inserter(out), "{:.6g}", std::get<double>(f.value));
  }
}

void append_fields(std::string& out, log_format format, std::initializer_list<field> fields) {
  for (const field& f : fields) {
    if (format == log_format::json) {
      out.push_back(',');
      append_json_string(out, f.name);
      out.push_back(':');
    } else {
      out.push_back(' ');
      out += f.name;
      out.push_back('=');
    }
    append_value(out, format, f);
  }
}

spdlog::level::level_enum to_spdlog(level l) {
  switch (l) {
    case level::debug: return spdlog::level::debug;
    case level::info: return spdlog::level::info;
    case level::warning: return spdlog::level::warn;
    case level::error: return spdlog::level::err;
    case level::off: return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

std::string format_event(log_format format, std::string_view name, std::initializer_list<field> fields) {
  std::string line;
  if (format == log_format::json) {
    line += "\"event\":";
    append_json_string(line, name);
  } else {
    line += name;
  }
  append_fields(line, format, fields);
  return line;
}

struct logger::impl {
  struct history {
    clock::time_point last{};
    std::int64_t held_back = 0;
  };

  impl(log_format f, level lowest)
      : format(f), out("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    out.set_level(to_spdlog(lowest));
    out.flush_on(spdlog::level::trace);
    // spdlog brings time and level; the rest of a JSON line is ours. On a terminal a progress bar may stand
    // in the line: it is taken away.
    const std::string text = std::string(isatty(STDERR_FILENO) != 0 ? "\r\x1b[K" : "") + "%H:%M:%S.%e %L %v";
    out.set_pattern(
        f == log_format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : text,
        f == log_format::json ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
  }

  /// How many like it were held back, or nothing if this one is to be held back too.
  std::optional<std::int64_t> admit(std::string_view name) {
    const auto now = clock::now();
    const std::lock_guard lock(mutex);
    history& h = histories[std::string(name)];
    if (h.last != clock::time_point{} && now - h.last < repeat_window) {
      ++h.held_back;
      return std::nullopt;
    }
    h.last = now;
    return std::exchange(h.held_back, 0);
  }

  void keep(level at, std::string_view name, std::initializer_list<field> fields) {
    std::string_view why, fix;
    for (const field& f : fields) {
      const auto* text = std::get_if<std::string_view>(&f.value);
      if (text != nullptr && f.name == "why") why = *text;
      if (text != nullptr && f.name == "fix") fix = *text;
    }
    const observe::event* known = find_event(name);
    if (fix.empty() && known != nullptr) fix = known->fix;
    if (why.empty() && known != nullptr) why = known->meaning;
    kept.add(at, name, why, fix, std::chrono::system_clock::now());
  }

  log_format format;
  spdlog::logger out;
  notices kept;
  std::array<std::atomic<std::uint64_t>, 4> logged{};  ///< by level
  std::mutex mutex;  ///< guards histories: loops warn rarely, and then from any thread
  std::map<std::string, history> histories;
};

logger::logger(log_format format, level lowest) : impl_(std::make_unique<impl>(format, lowest)) {}
logger::~logger() = default;

void logger::event(level at, std::string_view name, std::initializer_list<field> fields) {
  impl_->logged[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  if (at >= level::warning) impl_->keep(at, name, fields);
  if (!impl_->out.should_log(to_spdlog(at))) return;
  std::int64_t repeats = 0;
  if (at == level::warning) {
    const auto admitted = impl_->admit(name);
    if (!admitted) return;
    repeats = *admitted;
  }
  std::string line = format_event(impl_->format, name, fields);
  if (repeats > 0) append_fields(line, impl_->format, {{"repeats", repeats}});
  impl_->out.log(to_spdlog(at), line);
}

std::vector<notice> logger::last_notices() const {
  return impl_->kept.read();
}

std::uint64_t logger::logged(level at) const noexcept {
  return impl_->logged[static_cast<std::size_t>(at)].load(std::memory_order_relaxed);
}

}  // namespace sluice::observe
