#include "app/audit.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "observe/json.hpp"

namespace sluice::app {
namespace {

constexpr const char* syslog_socket = "/dev/log";  // where glibc's syslog() writes; it does not say if it can

/// Who logged in, if the system knows: sudo does not change it. Else whom the process runs as.
std::string user_name() {
  std::array<char, 256> name{};
  if (getlogin_r(name.data(), name.size()) == 0) return name.data();
  const passwd* entry = getpwuid(getuid());
  return entry == nullptr ? std::string() : std::string(entry->pw_name);
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Lines of several processes do not mix: each is one write to a file opened for appending.
result<> append(const std::string& path, const std::string& line) {
  const descriptor file(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.get() >= 0 && write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
      fsync(file.get()) == 0) {
    return {};
  }
  return failure{errc::bad_configuration, fmt::format("the audit line cannot be written to {}", path),
                 "set SLUICE_AUDIT_FILE to a file that you may append to; nothing was opened"};
}

}  // namespace

void audit_entry::opened_with(std::string_view key_id) {
  const bool is_new = std::ranges::find(key_ids, key_id) == key_ids.end();
  if (is_new && !key_id.empty()) key_ids.emplace_back(key_id);
}

std::string audit_line(const audit_entry& e, std::int64_t time) {
  observe::json_writer json;
  json.begin_object()
      .member("time", fmt::format("{:%FT%TZ}", fmt::gmtime(static_cast<std::time_t>(time))))
      .member("user", user_name())
      .member("uid", getuid())
      .member("host", host_name())
      .member("what", e.what)
      .member("which", e.which)
      .member("why", e.why)
      .key("key_ids")
      .begin_array();
  for (const std::string& id : e.key_ids) json.value(id);
  json.end_array().member("count", e.count).end_object();
  return std::move(json).text();
}

result<> audit(const config& c, const audit_entry& e) {
  if (std::ranges::all_of(e.why, [](unsigned char letter) { return std::isspace(letter) != 0; })) {
    return failure{errc::bad_configuration, fmt::format("{} wants a reason", e.what),
                   "say with --reason what you need it for: it is written to the audit log"};
  }
  const std::string line = audit_line(e, std::time(nullptr));
  if (const std::string path = c.values.text("audit.file"); !path.empty()) return append(path, line + '\n');
  if (access(syslog_socket, W_OK) != 0) {
    return failure{errc::bad_configuration, "there is no syslog here to take the audit line",
                   "set SLUICE_AUDIT_FILE to a file; nothing was opened"};
  }
  openlog("sluice", LOG_PID, LOG_AUTHPRIV);
  syslog(LOG_NOTICE, "%s", line.c_str());
  closelog();
  return {};
}

}  // namespace sluice::app
