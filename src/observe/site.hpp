#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "observe/history.hpp"
#include "observe/state.hpp"

namespace sluice::observe {

/// Whether a Host header may be answered: an address, localhost, or one of `names`. A page elsewhere that
/// points its own name at us (DNS rebinding) is none of these.
bool host_allowed(std::string_view host, const std::vector<std::string>& names);

/// A Content-Security-Policy for a page that carries its own style and script and loads nothing: only these
/// two run, known by their SHA-256.
std::string content_policy(std::string_view page);

/// The admin server without its sockets: what it answers, and the history that it shows. It changes nothing.
class site {
 public:
  struct request {
    std::string_view method;
    std::string_view target;
    std::string_view host;
  };
  struct answer {
    unsigned status = 200;
    std::string_view type = "text/plain; charset=utf-8";
    std::string body{};
    bool is_page = false;  ///< needs the content policy
  };

  /// `hosts`: names, besides localhost, that a Host header may have.
  site(state s, std::vector<std::string> hosts);

  /// Once a second.
  void sample(history::steady_time now) { history_.record(now, state_.figures); }

  answer get(const request& r, history::steady_time now, std::chrono::system_clock::time_point wall) const;

 private:
  answer readiness(history::steady_time now) const;

  state state_;
  std::vector<std::string> hosts_;
  history history_;
};

}  // namespace sluice::observe
