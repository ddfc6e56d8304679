#include "app/audit.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <ctime>
#include <string>

#include "observe/json.hpp"

namespace sluice::app {
namespace {

constexpr std::string_view syslog_socket = "/dev/log";
constexpr timeval syslog_wait{.tv_sec = 5, .tv_usec = 0};

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

/// A file that keeps lines, and only for its owner: no pipe, no device, no link to somewhere else.
bool is_private_file(int file) {
  struct stat about{};
  if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) return false;
  return (about.st_mode & (S_IRWXG | S_IRWXO)) == 0 || fchmod(file, S_IRUSR | S_IWUSR) == 0;
}

/// Lines of several processes do not mix: each is one write to a file opened for appending.
result<> append(const std::string& path, const std::string& line) {
  // Without a reader the opening of a FIFO would wait.
  constexpr int how = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const descriptor file(open(path.c_str(), how, S_IRUSR | S_IWUSR));
  const bool kept = file.get() >= 0 && is_private_file(file.get()) &&
                    write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                    fsync(file.get()) == 0;
  if (kept) return {};
  return failure{errc::bad_configuration, fmt::format("the audit line cannot be written to {}", path),
                 "set SLUICE_AUDIT_FILE to a file of yours (no link, pipe or device); nothing was done"};
}

/// 0 if somebody took it, else what is wrong (errno).
int send_to(const sockaddr_un& there, int kind, std::string_view text) {
  const descriptor to(socket(AF_UNIX, kind | SOCK_CLOEXEC, 0));
  if (to.get() < 0) return errno;
  if (setsockopt(to.get(), SOL_SOCKET, SO_SNDTIMEO, &syslog_wait, sizeof syslog_wait) != 0) return errno;
  if (connect(to.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) return errno;
  const ssize_t sent = send(to.get(), text.data(), text.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno;
  return static_cast<std::size_t>(sent) == text.size() ? 0 : EMSGSIZE;
}

/// As glibc's syslog() does, which does not say whether anybody took the line.
result<> tell_syslog(const std::string& line) {
  sockaddr_un there{};
  there.sun_family = AF_UNIX;
  syslog_socket.copy(there.sun_path, sizeof there.sun_path - 1);
  const std::string text = fmt::format("<{}>{:%b %e %T} sluice[{}]: {}", LOG_AUTHPRIV | LOG_NOTICE,
                                       fmt::localtime(std::time(nullptr)), getpid(), line);
  int wrong = send_to(there, SOCK_DGRAM, text);
  // Some listen for streams, of lines that end with a zero.
  if (wrong == EPROTOTYPE) wrong = send_to(there, SOCK_STREAM, text + '\0');
  if (wrong == 0) return {};
  return failure{errc::bad_configuration, "there is no syslog here to take the audit line",
                 "set SLUICE_AUDIT_FILE to a file; nothing was done"};
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
      .member("why", e.why)
      .key("key_ids")
      .begin_array();
  for (const std::string& id : e.key_ids) json.value(id);
  // Last, as it may be long: what passes a syslog on may cut it.
  json.end_array().member("count", e.count).member("which", e.which).end_object();
  return std::move(json).text();
}

result<> audit(const config& c, const audit_entry& e) {
  if (std::ranges::all_of(e.why, [](unsigned char letter) { return std::isspace(letter) != 0; })) {
    return failure{errc::bad_configuration, fmt::format("{} wants a reason", e.what),
                   "say with --reason what you need it for: it is written to the audit log"};
  }
  const std::string line = audit_line(e, std::time(nullptr));
  if (const std::string path = c.values.text("audit.file"); !path.empty()) return append(path, line + '\n');
  return tell_syslog(line);
}

}  // namespace sluice::app
