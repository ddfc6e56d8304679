#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "mask/key_ring.hpp"

namespace sluice::app {
namespace {

using ring = std::shared_ptr<const mask::key_ring>;

/// The folder of a ring, locked while this lives, or the process: one at a time reads, changes and replaces.
class lock {
 public:
  explicit lock(const std::filesystem::path& file)
      : folder_(open(("." / file).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;
  ~lock() {
    if (folder_ >= 0) close(folder_);
  }
  /// False when another has it. Where folders cannot be locked (NFS), all may.
  bool take() const { return flock(folder_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }
  /// Whether what was renamed in it is on disk. Where folders cannot be synchronised, it is as far as it
  /// goes.
  bool keep() const { return fsync(folder_) == 0 || errno == EINVAL; }

 private:
  int folder_;
};

/// A new file in its place, with the old one's owner, for that owner and its group alone: whoever reads
/// meanwhile gets the old or the new.
result<> replace(const std::string& path, const secret& text, const lock& folder) {
  failure cannot{errc::bad_configuration, fmt::format("key ring {} cannot be written", path),
                 "check that its folder may be written; the ring is as it was"};
  struct stat old{};
  if (stat(path.c_str(), &old) != 0) return cannot;
  const std::string beside = path + ".new";
  unlink(beside.c_str());  // what a run left that was killed; nobody else is at it, see `lock`
  const int file = open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return cannot;
  const bool same_owner = fchown(file, old.st_uid, old.st_gid) == 0;
  const bool written = same_owner && fchmod(file, S_IRUSR | S_IWUSR | (old.st_mode & S_IRGRP)) == 0 &&
                       write(file, text.reveal().data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       write(file, "\n", 1) == 1 && fsync(file) == 0;
  if (close(file) != 0 || !written || std::rename(beside.c_str(), path.c_str()) != 0) {
    unlink(beside.c_str());
    if (!same_owner) cannot.fix = "run it as the file's owner, or root; the ring is as it was";
    return cannot;
  }
  if (folder.keep()) return {};
  return failure{errc::bad_configuration, fmt::format("key ring {} is changed, but not safe on disk", path),
                 "look at the disk before anything is masked with a new key"};
}

/// A ring of a file is changed there; one of SLUICE_KEYS is printed, to be put there.
result<> keep(const config& c, const mask::key_ring& made, const std::string& file, const lock& folder) {
  if (c.values.find("keys.ring") == nullptr) return replace(file, made.text(), folder);
  fmt::print("{}\n", made.text().reveal());
  return {};
}

void list(const mask::key_ring& keys) {
  for (const std::string& id : keys.ids())
    fmt::print("{:<16}  {}\n", id, id == keys.primary() ? "primary" : "retired: unmasks, does not mask");
}

result<ring> changed(const mask::key_ring& keys, const key_options& o) {
  if (o.what == key_options::action::add) return keys.with_new(o.id);
  if (o.what == key_options::action::primary) return keys.with_primary(o.id);
  return keys.without(o.id);
}

result<> manage(const config& c, const key_options& o) {
  // A link stays one: the file that it names is replaced.
  std::error_code not_there;
  const std::filesystem::path named = c.values.text("keys.file");
  const std::filesystem::path linked = std::filesystem::canonical(named, not_there);
  const std::filesystem::path& file = not_there ? named : linked;
  const lock alone(file);
  if (o.what != key_options::action::list && !alone.take()) {
    return failure{errc::bad_configuration, "another sluice keys is changing the ring", "run it again"};
  }
  auto keys = load_keys(c);
  if (!keys) return keys.error();
  if (!*keys) {
    return failure{errc::missing_key, "there is no key ring",
                   "make one with `sluice keygen`, set SLUICE_KEYS or SLUICE_KEYS_FILE"};
  }
  if (o.what == key_options::action::list) {
    list(**keys);
    return {};
  }
  auto made = changed(**keys, o);
  if (!made) return made.error();
  if (o.what == key_options::action::remove && !o.yes) {
    return failure{errc::bad_configuration,
                   fmt::format("what only key {} can open would be lost for ever; nothing was removed", o.id),
                   "look for it with `sluice rekey --dry-run` and `sluice quarantine list`, then add --yes"};
  }
  return keep(c, **made, file, alone);
}

/// Never over a file that is there: it may be the only copy of a ring.
int write_ring(const std::string& path, const secret& ring) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  const bool written = file >= 0 &&
                       write(file, ring.reveal().data(), ring.size()) == static_cast<ssize_t>(ring.size()) &&
                       write(file, "\n", 1) == 1 && fsync(file) == 0;
  if (file >= 0 && close(file) == 0 && written) return exit_code::done;
  print_failure({errc::bad_configuration, fmt::format("key ring {} cannot be made", path),
                 "name a file that is not there yet, in a folder that you may write"});
  return exit_code::refused;
}

}  // namespace

int manage_keys(const config& c, const key_options& o) {
  const auto done = manage(c, o);
  if (done) return exit_code::done;
  print_failure(done.error());
  return exit_code::refused;
}

int keygen(const std::string& id, const std::string& file) {
  try {
    const secret ring(mask::key_ring::generate(id));
    if (!file.empty()) return write_ring(file, ring);
    fmt::print("{}\n", ring.reveal());
  } catch (const std::invalid_argument&) {
    print_failure({errc::bad_configuration, fmt::format("'{}' cannot be the id of a key", id),
                   "take 1 to 16 letters, digits, - or _"});
    return exit_code::refused;
  }
  return exit_code::done;
}

}  // namespace sluice::app
