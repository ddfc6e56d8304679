#include "app/settings.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <set>

using namespace sluice::app;
using namespace std::chrono_literals;

namespace {

using names = std::map<std::string, std::string, std::less<>>;

sluice::aws::environment environment_of(names variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

settings from(names variables, names flags = {}, std::map<std::string, value, std::less<>> file = {}) {
  return settings::resolve(
      {.env = environment_of(std::move(variables)), .flags = std::move(flags), .file = std::move(file)});
}

}  // namespace

TEST_CASE("a flag outranks the environment, which outranks the file, which outranks the exercise's name") {
  const names everything = {{"SLUICE_QUEUE", "of-env"}, {"QUEUE_NAME", "of-alias"}};
  const std::map<std::string, value, std::less<>> file = {{"queue.name", {"of-file", "x.toml:3"}}};
  CHECK(from(everything, {{"queue.name", "of-flag"}}, file).text("queue.name") == "of-flag");
  CHECK(from(everything, {}, file).text("queue.name") == "of-env");
  CHECK(from({{"QUEUE_NAME", "of-alias"}}, {}, file).text("queue.name") == "of-file");
  CHECK(from({{"QUEUE_NAME", "of-alias"}}).text("queue.name") == "of-alias");
  CHECK(from({}).find("queue.name") == nullptr);
  CHECK(from({}, {}, file).find("queue.name")->source == "x.toml:3");
}

TEST_CASE("the exercise's variables set what they always set") {
  const settings s = from({{"ENDPOINT_URL", "http://localhost:4566"},
                           {"QUEUE_NAME", "login-queue"},
                           {"MAX_MESSAGES", "10"},
                           {"WAIT_TIME", "5"},
                           {"USER", "u"},
                           {"PASSWORD", "p"},
                           {"HOST", "h"},
                           {"PORT", "5432"},
                           {"DATABASE", "d"},
                           {"AWS_REGION", "us-east-1"},
                           {"AWS_PROFILE", "x"}});
  CHECK(s.text("aws.endpoint_url") == "http://localhost:4566");
  CHECK(s.text("queue.name") == "login-queue");
  CHECK(s.number("queue.receive_max", 1, 10).value() == 10);
  CHECK(s.duration("queue.wait", 0s, 20s).value() == 5s);
  CHECK(s.text("database.user") == "u");
  CHECK(s.text("database.password") == "p");
  CHECK(s.text("database.host") == "h");
  CHECK(s.text("database.port") == "5432");
  CHECK(s.text("database.name") == "d");
  CHECK(s.text("aws.region") == "us-east-1");
  CHECK(s.text("aws.profile") == "x");
}

TEST_CASE("durations have units, and say what they want when they are wrong") {
  const auto wait = [](const char* text) {
    return from({{"SLUICE_WAIT", text}}).duration("queue.wait", 0s, 20s);
  };
  CHECK(wait("20s").value() == 20s);
  CHECK(wait("500ms").value() == 500ms);
  CHECK(wait("7").value() == 7s);
  CHECK(wait("0").value() == 0s);
  for (const char* text :
       {"", "21s", "1m", "-1s", "s", "10h", "1.5s", "99999999999999999999s", "9223372036854775807m"}) {
    INFO(text);
    const auto r = wait(text);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().what.starts_with("SLUICE_WAIT: queue.wait is '"));
    CHECK(r.error().fix.find("20s") != std::string::npos);
  }
}

TEST_CASE("numbers are whole and in range") {
  const auto rows = [](const char* text) {
    return from({{"SLUICE_BATCH_ROWS", text}}).number("load.batch_rows", 1, 100);
  };
  CHECK(rows("1").value() == 1);
  CHECK(rows("100").value() == 100);
  for (const char* text : {"", "0", "101", "-1", "1x", " 1", "1.0", "99999999999999999999999"})
    CHECK_FALSE(rows(text).has_value());
}

TEST_CASE("a choice names what it may be") {
  constexpr std::string_view modes[] = {"exactly_once", "at_least_once"};
  CHECK(from({}).choice("load.mode", modes).value() == 0);
  const auto wrong = from({{"SLUICE_MODE", "twice"}}).choice("load.mode", modes);
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().line() ==
        "SLUICE_MODE: load.mode is 'twice'; it must be one of exactly_once, at_least_once");
}

TEST_CASE("no two settings share a name or a variable, and each has help") {
  std::set<std::string_view> seen;
  for (const setting& s : all_settings()) {
    CHECK(seen.insert(s.name).second);
    CHECK(seen.insert(s.variable).second);
    if (!s.alias.empty()) CHECK(seen.insert(s.alias).second);
    CHECK_FALSE(s.help.empty());
    CHECK(s.name.find('.') != s.name.npos);
  }
}
