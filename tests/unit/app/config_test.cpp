#include "app/config.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

using namespace sluice;
using namespace sluice::app;

namespace {

/// A pipeline file for as long as a test needs it.
class file_of {
 public:
  explicit file_of(const std::string& text)
      : path_(std::filesystem::temp_directory_path() / "sluice_config_test.toml") {
    std::ofstream(path_) << text;
  }
  ~file_of() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::optional<std::string> nothing(std::string_view) {
  return std::nullopt;
}

constexpr const char* columns = R"(
[table]
name = "t"
[[column]]
name = "a"
from = "/a"
type = "text"
)";

}  // namespace

TEST_CASE("with no file the login-events mapping applies") {
  const auto c = load_config(nothing, "", {});
  REQUIRE(c.has_value());
  CHECK(c->plan.table == "user_logins");
  CHECK(c->mode == pg::load_mode::exactly_once);
}

TEST_CASE("a file's settings apply, with their line") {
  const file_of f(std::string("[queue]\nname = \"q\"\nwait = 5\n") + columns);
  const auto c = load_config(nothing, f.path(), {});
  REQUIRE(c.has_value());
  CHECK(c->queue_name == "q");
  CHECK(c->pipeline.wait == std::chrono::seconds(5));
  CHECK(c->values.find("queue.name")->source == f.path() + ":2");
}

TEST_CASE("an unknown key is refused with its line and a hint") {
  const file_of f(std::string("[queue]\nname = \"q\"\nwiat = 5\n") + columns);
  const auto c = load_config(nothing, f.path(), {});
  REQUIRE_FALSE(c.has_value());
  CHECK(c.error().line() == f.path() + ":3: unknown key 'queue.wiat'; did you mean 'queue.wait'?");
}

TEST_CASE("an unknown section, a secret and a wrong type are refused with their line") {
  for (const auto& [text, wants] :
       {std::pair<const char*, const char*>{"[queu]\nname = \"q\"\n", ":1: unknown section 'queu'"},
        {"[database]\npassword = \"p\"\n", ":2: database.password does not belong in a file"},
        {"[queue]\nwait = 1.5\n", ":2: queue.wait is neither text nor a whole number"},
        {"[queue]\nwait = \"90s\"\n", ":2: queue.wait is '90s'"},
        {"[queue\n", ":1: "}}) {
    INFO(text);
    const file_of f(std::string(text) + columns);
    const auto c = load_config(nothing, f.path(), {});
    REQUIRE_FALSE(c.has_value());
    CHECK(c.error().what.find(f.path() + wants) == 0);
  }
}

TEST_CASE("a file that is not there is named") {
  const auto c = load_config(nothing, "/nowhere/x.toml", {});
  REQUIRE_FALSE(c.has_value());
  CHECK(c.error().what == "pipeline file /nowhere/x.toml cannot be read");
}

TEST_CASE("impossible pairs are refused") {
  CHECK_FALSE(load_config(nothing, "", {{"queue.pollers_min", "9"}, {"queue.pollers_max", "8"}}).has_value());
}

TEST_CASE("flags reach what reads the AWS settings") {
  const auto c = load_config(nothing, "", {{"aws.region", "eu-west-1"}, {"aws.endpoint_url", "http://x:1"}});
  REQUIRE(c.has_value());
  CHECK(c->env("AWS_REGION") == "eu-west-1");
  CHECK(c->env("AWS_ENDPOINT_URL_SQS") == "http://x:1");
}

TEST_CASE("the configuration is shown with its sources, and no secret") {
  const auto env = [](std::string_view name) -> std::optional<std::string> {
    if (name == "PGPASSWORD") return "hunter2";
    return std::nullopt;
  };
  const auto c = load_config(env, "", {{"queue.name", "q"}});
  REQUIRE(c.has_value());
  const std::string shown = print_config(*c);
  CHECK(shown.find("hunter2") == std::string::npos);
  CHECK(shown.find("PGPASSWORD") != std::string::npos);
  CHECK(shown.find("flag") != std::string::npos);
}

TEST_CASE("a plan with keyed masks and no ring is refused, and says what to do") {
  const auto c = load_config(nothing, "", {});
  REQUIRE(c.has_value());
  const auto keys = load_keys(*c);
  REQUIRE_FALSE(keys.has_value());
  CHECK(keys.error().code == make_error_code(errc::missing_key));
  CHECK(keys.error().fix.find("sluice keygen") != std::string::npos);
}

TEST_CASE("the admin server is on loopback, elsewhere where it is told, or off") {
  const auto loopback = load_config(nothing, "", {});
  REQUIRE(loopback.has_value());
  REQUIRE(loopback->admin.has_value());
  CHECK(loopback->admin->address().is_loopback());

  const auto wide =
      load_config(nothing, "", {{"admin.listen", "0.0.0.0:80"}, {"admin.hosts", "a,b.internal"}});
  REQUIRE(wide.has_value());
  CHECK(wide->admin->port() == 80);
  CHECK(wide->admin_hosts == std::vector<std::string>{"a", "b.internal"});

  const auto off = load_config(nothing, "", {{"admin.listen", "off"}});
  REQUIRE(off.has_value());
  CHECK_FALSE(off->admin.has_value());

  const auto bad = load_config(nothing, "", {{"admin.listen", "example.org:80"}});
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().what.starts_with("flag: 'example.org:80'"));
}
