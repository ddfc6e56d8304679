#include "pg/resolve.hpp"

#include <netdb.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <exception>
#include <latch>

using namespace sluice;
using namespace std::chrono_literals;

namespace {

std::atomic<int> asked = 0;
std::latch answers{1};  // of a server that hangs

}  // namespace

// In place of the C library's, for the whole of this program.
extern "C" int getaddrinfo(const char* name, const char*, const addrinfo*, addrinfo**) {
  ++asked;
  if (std::strcmp(name, "hangs.test") == 0) answers.wait();
  return EAI_NONAME;
}

TEST_CASE("a look-up that was given up is not asked for when the one before it ends") {
  boost::asio::io_context loop;
  const auto look_up = [&](pg::resolver& with, const char* name, std::chrono::milliseconds longest,
                           error_code& code) {
    boost::asio::co_spawn(loop, with.resolve(name, "5432", std::chrono::steady_clock::now() + longest),
                          [&code](const std::exception_ptr&, const result<pg::addresses>& found) {
                            code = found.error().code;
                          });
  };
  pg::resolver one(loop.get_executor()), two(loop.get_executor()), three(loop.get_executor());
  error_code hung, given_up, stopped, wanted;
  look_up(one, "hangs.test", 1min, hung);
  while (asked == 0) loop.poll_one();
  look_up(two, "given-up.test", 1ms, given_up);
  look_up(three, "stopped.test", 1min, stopped);
  while (!given_up) loop.run_one();
  one.cancel();
  three.cancel();
  while (!hung || !stopped) loop.run_one();
  CHECK(given_up == errc::timed_out);
  CHECK(hung == errc::cancelled);
  CHECK(stopped == errc::cancelled);

  answers.count_down();
  look_up(two, "wanted.test", 1min, wanted);
  loop.restart();
  loop.run();
  CHECK(wanted);
  CHECK(wanted != errc::timed_out);
  CHECK(asked == 2);
}
