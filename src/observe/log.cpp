#include "observe/log.hpp"

#include <fmt/format.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/encoding.hpp"
#include "observe/events.hpp"
#include "observe/json.hpp"
#include "observe/line_writer.hpp"

namespace sluice::observe {
namespace {

using clock = std::chrono::steady_clock;
constexpr auto repeat_window = std::chrono::seconds(10);

/// Whether a value needs no quotes: nothing in it could be taken for another field, or move a terminal's
/// cursor.
bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (std::string_view rest = text; !rest.empty();) {
    const utf8_character next = first_character(rest);
    const bool is_control = next.code < 0x20 || (next.code >= 0x7F && next.code < 0xA0);
    if (!next.is_valid || is_control || next.code == ' ' || next.code == '"' || next.code == '=')
      return false;
    rest.remove_prefix(next.bytes);
  }
  return true;
}

void append_value(std::string& out, log_format format, const field& f) {
  if (const auto* text = std::get_if<std::string_view>(&f.value)) {
    if (format == log_format::text && is_plain(*text)) {
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

/// spdlog brings time and level; the rest of a JSON line is ours. On a terminal a progress bar may stand in
/// the line: it is taken away.
spdlog::pattern_formatter make_formatter(log_format f) {
  if (f == log_format::json) {
    return spdlog::pattern_formatter(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                                     spdlog::pattern_time_type::utc);
  }
  const std::string pattern = std::string(isatty(STDERR_FILENO) != 0 ? "\r\x1b[K" : "") + "%H:%M:%S.%e %L %v";
  return spdlog::pattern_formatter(pattern, spdlog::pattern_time_type::local);
}

/// With a formatter of its own, for the writer's thread.
line_writer::teller make_teller(log_format f) {
  return [f](std::uint64_t lost) {
    const std::string event = format_event(f, "log_lines_dropped", {{"lines", lost}});
    spdlog::memory_buf_t line;
    make_formatter(f).format(spdlog::details::log_msg("sluice", spdlog::level::warn, event), line);
    return std::string(line.data(), line.size());
  };
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

  impl(log_format f, level least)
      : format(f), lowest(least), formatter(make_formatter(f)), out(STDERR_FILENO, make_teller(f)) {}

  void put(level at, std::string_view text) {
    const spdlog::details::log_msg event("sluice", to_spdlog(at), text);
    const std::lock_guard lock(line_mutex);
    line.clear();
    formatter.format(event, line);
    out.write({line.data(), line.size()});
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
  level lowest;
  notices kept;
  std::array<std::atomic<std::uint64_t>, 4> logged{};  ///< by level
  std::mutex mutex;  ///< guards histories: loops warn rarely, and then from any thread
  std::map<std::string, history> histories;
  std::mutex line_mutex;  ///< guards formatter and line, and keeps the order of lines that of their times
  spdlog::pattern_formatter formatter;
  spdlog::memory_buf_t line;
  line_writer out;  ///< the last: it writes what waits before the rest goes
};

logger::logger(log_format format, level lowest) : impl_(std::make_unique<impl>(format, lowest)) {}
logger::~logger() = default;

void logger::event(level at, std::string_view name, std::initializer_list<field> fields) {
  impl_->logged[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  if (at >= level::warning) impl_->keep(at, name, fields);
  if (at < impl_->lowest) return;
  std::int64_t repeats = 0;
  if (at == level::warning) {
    const auto admitted = impl_->admit(name);
    if (!admitted) return;
    repeats = *admitted;
  }
  std::string line = format_event(impl_->format, name, fields);
  if (repeats > 0) append_fields(line, impl_->format, {{"repeats", repeats}});
  impl_->put(at, line);
}

void logger::text(std::string_view plain) {
  impl_->out.write(plain);
}

void logger::flush() {
  impl_->out.flush(line_writer::exit_wait);
}

std::uint64_t logger::dropped() const noexcept {
  return impl_->out.lost();
}

std::vector<notice> logger::last_notices() const {
  return impl_->kept.read();
}

std::uint64_t logger::logged(level at) const noexcept {
  return impl_->logged[static_cast<std::size_t>(at)].load(std::memory_order_relaxed);
}

}  // namespace sluice::observe
