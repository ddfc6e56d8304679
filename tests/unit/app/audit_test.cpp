#include "app/audit.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace sluice;
using Catch::Matchers::ContainsSubstring;

namespace {

struct audit_file {
  audit_file() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-audit-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  audit_file(const audit_file&) = delete;
  audit_file& operator=(const audit_file&) = delete;
  ~audit_file() { std::filesystem::remove_all(folder); }

  app::config with(const std::filesystem::path& file) const {
    const aws::environment env = [&](std::string_view name) {
      return name == "SLUICE_AUDIT_FILE" ? std::optional(file.string()) : std::nullopt;
    };
    return app::load_config(env, {}, {}).value();
  }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path()).rdbuf();
    return all.str();
  }
  std::filesystem::path path() const { return folder / "audit.log"; }

  std::filesystem::path folder;
};

const app::audit_entry shown{"quarantine show", "one message", "ticket \"42\"", {"k1", "k2"}, 3};

}  // namespace

TEST_CASE("an audit line says when, who, where, what, which, why, with which keys and how many") {
  const std::string line = app::audit_line(shown, 1'700'000'000);
  CHECK_THAT(line, ContainsSubstring(R"({"time":"2023-11-14T22:13:20Z","user":")"));
  CHECK_THAT(line, ContainsSubstring(R"("uid":)" + std::to_string(getuid()) + R"(,"host":")"));
  CHECK_THAT(line, ContainsSubstring(R"("what":"quarantine show","why":"ticket \"42\"",)"
                                     R"("key_ids":["k1","k2"],"count":3,"which":"one message"})"));
}

TEST_CASE_METHOD(audit_file, "audit lines are appended to a file that only its owner reads") {
  const app::config c = with(path());
  REQUIRE(app::audit(c, shown));
  REQUIRE(app::audit(c, shown));
  const std::string all = text();
  CHECK(std::ranges::count(all, '\n') == 2);
  struct stat about{};
  REQUIRE(stat(path().c_str(), &about) == 0);
  CHECK((about.st_mode & 0777U) == 0600U);
}

TEST_CASE_METHOD(audit_file, "what cannot be written down is refused") {
  CHECK_FALSE(app::audit(with(folder), shown));  // a folder
  CHECK_FALSE(app::audit(with(folder / "not" / "there"), shown));
  app::audit_entry blank = shown;
  blank.why = " \t";
  const auto refused = app::audit(with(path()), blank);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().line(), ContainsSubstring("--reason"));
  CHECK_FALSE(std::filesystem::exists(path()));
}
