#include "app/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace sluice::app {
namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string time_left(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f} s left", seconds);
  if (seconds < 120) return fmt::format("{:.0f} s left", seconds);
  return fmt::format("{:.0f} min left", seconds / 60);
}

}  // namespace

std::string grouped(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t i = text.size(); i > 3;) text.insert(i -= 3, ",");
  return text;
}

progress::progress(std::string verb, std::uint64_t total, bool terminal, writer write, teller tell)
    : verb_(std::move(verb)),
      total_(total),
      terminal_(terminal),
      write_(std::move(write)),
      tell_(std::move(tell)),
      started_(clock::now()),
      last_(started_) {}

progress::~progress() {
  finish();
}

std::string progress::line(const std::string& verb, std::uint64_t done, std::uint64_t total,
                           double per_second, const std::string& note, std::size_t width) {
  constexpr std::size_t bar_max = 20, bar_min = 5;
  std::string text;
  if (total > 0) {
    text = fmt::format(" {:3}%  {} of {}", std::min<std::uint64_t>(100, done * 100 / total), grouped(done),
                       grouped(total));
  } else {
    text = fmt::format("  {}", grouped(done));
  }
  text += fmt::format("  {}/s", grouped(static_cast<std::uint64_t>(per_second)));
  if (total > done && per_second > 0)
    text += "  " + time_left(static_cast<double>(total - done) / per_second);
  if (!note.empty()) text += "  " + note;

  std::string out = verb;
  const std::size_t taken = verb.size() + text.size() + std::string_view(" []").size();
  const std::size_t bar = width > taken ? std::min(bar_max, width - taken) : 0;
  if (total > 0 && bar >= bar_min) {
    const std::size_t filled = std::min<std::size_t>(bar, static_cast<std::size_t>(done * bar / total));
    out += fmt::format(" [{}{}]", std::string(filled, '#'), std::string(bar - filled, '.'));
  }
  out += text;
  if (out.size() > width) out.resize(width);
  return out;
}

void progress::show(std::uint64_t done, const std::string& note) {
  const auto now = clock::now();
  const auto since = now - last_;
  if (since < (terminal_ ? 100ms : 5s)) return;
  const double now_rate =
      static_cast<double>(done - last_done_) / std::chrono::duration<double>(since).count();
  rate_ = rate_ == 0 ? now_rate : rate_ * 0.7 + now_rate * 0.3;
  last_ = now;
  last_done_ = done;
  total_ = total_ == 0 ? 0 : std::max(total_, done);
  if (terminal_) {
    write_("\r\x1b[K" + line(verb_, done, total_, rate_, note, terminal_width() - 1));
    drawn_ = true;
  } else if (tell_) {
    tell_(done, total_, rate_);
  } else {
    write_(line(verb_, done, total_, rate_, note, 200) + '\n');
  }
}

void progress::finish() {
  if (std::exchange(drawn_, false)) write_("\r\x1b[K");
}

}  // namespace sluice::app
