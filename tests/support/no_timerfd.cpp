// For programs whose time is simulated: Asio finds no timerfd and keeps its timers by itself. Simulated
// timers are always due, so that each of them would set the kernel's for nothing; on a virtual machine that
// is most of a simulation's time.
#include <sys/timerfd.h>

#include <cerrno>

extern "C" int timerfd_create(clockid_t, int) noexcept {
  errno = ENOSYS;
  return -1;
}
