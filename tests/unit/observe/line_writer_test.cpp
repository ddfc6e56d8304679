#include "observe/line_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace sluice::observe;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

/// A pipe of one page, which a reader that has stopped lets run full soon.
struct pipe_of_a_page {
  pipe_of_a_page() {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
  }
  ~pipe_of_a_page() {
    close_writer();
    close(ends[0]);
  }
  pipe_of_a_page(const pipe_of_a_page&) = delete;
  pipe_of_a_page& operator=(const pipe_of_a_page&) = delete;
  void close_writer() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  std::string read_some() const {
    std::array<char, 65536> some{};
    const ssize_t n = read(ends[0], some.data(), some.size());
    return {some.data(), static_cast<std::size_t>(n > 0 ? n : 0)};
  }

  std::array<int, 2> ends{-1, -1};
};

/// The sum of what its lines say is lost.
std::uint64_t told_of(const std::string& text) {
  std::uint64_t sum = 0;
  for (auto at = text.find("lost "); at != text.npos; at = text.find("lost ", at + 1)) {
    sum += std::strtoull(text.c_str() + at + 5, nullptr, 10);
  }
  return sum;
}

}  // namespace

TEST_CASE("all lines are in the file, in their order, when the writer has gone") {
  pipe_of_a_page p;
  {
    line_writer w(p.ends[1]);
    for (int i = 0; i < 100; ++i) w.write(std::to_string(i) + "\n");
    CHECK(w.lost() == 0);
  }
  p.close_writer();
  std::string wanted, found;
  for (int i = 0; i < 100; ++i) wanted += std::to_string(i) + "\n";
  for (std::string part = p.read_some(); !part.empty(); part = p.read_some()) found += part;
  CHECK(found == wanted);
}

TEST_CASE("a reader that has stopped stops no caller, and a line says what is missing when it reads again") {
  pipe_of_a_page p;
  const std::string line = std::string(999, 'x') + "\n";
  std::uint64_t lost = 0;
  std::string found;
  const auto began = clock_type::now();
  {
    line_writer w(p.ends[1], [](std::uint64_t n) { return "lost " + std::to_string(n) + "\n"; });
    for (int i = 0; i < 3'000; ++i) w.write(line);  // 3 MB
    CHECK(clock_type::now() - began < 900ms);
    lost = w.lost();
    CHECK(lost > 1'000);
    while (told_of(found) < lost) found += p.read_some();
    w.write("after\n");
  }
  p.close_writer();
  for (std::string part = p.read_some(); !part.empty(); part = p.read_some()) found += part;
  CHECK(told_of(found) == lost);  // in one line, or more if the writer took the queue while it was full
  CHECK(static_cast<std::size_t>(std::ranges::count(found, 'x')) == (3'000 - lost) * 999);
  CHECK(found.ends_with("\nafter\n"));
}

TEST_CASE("at its end a writer waits for a reader that has stopped, but not for ever") {
  pipe_of_a_page p;
  const auto began = clock_type::now();
  {
    line_writer w(p.ends[1]);
    for (int i = 0; i < 100; ++i) w.write(std::string(999, 'x') + "\n");
  }
  const auto took = clock_type::now() - began;
  CHECK(took >= line_writer::exit_wait);
  CHECK(took < line_writer::exit_wait + 1s);
  CHECK(!p.read_some().empty());  // the write that hung ends, and its thread
}

TEST_CASE("a file that takes nothing stops no caller, and what is lost is counted") {
  line_writer w(-1);
  w.write("one\n");
  w.flush(1s);
  w.write("two\n");
  w.flush(1s);
  CHECK(w.lost() == 2);
}
