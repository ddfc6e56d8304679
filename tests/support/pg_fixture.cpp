#include "support/pg_fixture.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "support/repository.hpp"

namespace tests {
namespace {

/// A script that ends when its standard input does, kept by a process of its own that no signal to this
/// program reaches: it ends with this program, even if that is killed.
class held {
 public:
  /// Of the repository, with its arguments.
  explicit held(std::vector<std::string> command) {
    command[0] = repository_file(command[0]);
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::array<int, 2> in{}, out{};
    // Close-on-exec: no other child of this program may keep the script alive.
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "pipe2");
    }
    const pid_t child = fork();
    if (child == 0) {
      if (fork() != 0) _exit(0);  // not our child: a test runner that kills our children does not find it
      setsid();
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    waitpid(child, nullptr, 0);
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  held(const held&) = delete;
  held& operator=(const held&) = delete;
  ~held() {
    close(input_);
    std::array<char, 256> rest{};
    while (read(output_, rest.data(), rest.size()) > 0) continue;  // ends when all is stopped and removed
    close(output_);
  }

  std::string output_until(std::string_view end) {
    std::string text;
    for (char c = 0; !text.ends_with(end);) {
      if (read(output_, &c, 1) != 1) throw std::runtime_error("a script did not start its server");
      text += c;
    }
    return text;
  }

 private:
  int input_ = -1;
  int output_ = -1;
};

std::string make_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "sluice-pg-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
  return name;
}

/// PostgreSQL, and before it PgBouncer in the mode that SLUICE_TEST_POOLER names, if it does.
class server {
 public:
  static server& get() {
    static server one;
    return one;
  }

  std::string setting(const std::string& name) const { return settings_.at(name); }
  const std::string& directory() const { return directory_; }
  /// Where the code under test connects.
  std::string port() {
    const char* const mode = std::getenv("SLUICE_TEST_POOLER");
    if (mode == nullptr) return setting("PGPORT");
    if (!pool_) {
      for (const auto& [name, value] : settings_) setenv(name.c_str(), value.c_str(), 1);
      pool_ = std::make_unique<held>(
          std::vector<std::string>{"tests/support/pgbouncer.sh", directory_ + "/pooler", mode});
      pool_port_ = pool_->output_until("\n");
      pool_port_.pop_back();
      for (const auto& [name, value] : settings_) unsetenv(name.c_str());
    }
    return pool_port_;
  }

 private:
  server() {
    const std::string text = postgres_.output_until("ready\n");
    constexpr std::string_view keyword = "export ";
    for (std::size_t at = 0; (at = text.find(keyword, at)) != text.npos;) {
      at += keyword.size();
      const auto equals = text.find('=', at);
      settings_[text.substr(at, equals - at)] = text.substr(equals + 1, text.find('\n', at) - equals - 1);
    }
  }

  std::string directory_ = make_directory();
  held postgres_{{"scripts/local-postgres.sh", directory_, "hold", "-c", "fsync=off"}};
  std::map<std::string, std::string> settings_;
  std::unique_ptr<held> pool_;
  std::string pool_port_;
};

using result_ptr = std::unique_ptr<PGresult, decltype(&PQclear)>;
using conn_ptr = std::unique_ptr<PGconn, decltype(&PQfinish)>;

conn_ptr open(const std::string& database) {
  const server& s = server::get();
  const std::string port = s.setting("PGPORT"), password = s.setting("PGPASSWORD"),
                    user = s.setting("PGUSER");
  const std::array<const char*, 7> keywords{"host", "port", "user", "password", "dbname", "client_encoding",
                                            nullptr};
  const std::array<const char*, 7> values{s.directory().c_str(), port.c_str(), user.c_str(), password.c_str(),
                                          database.c_str(),      "UTF8",       nullptr};
  conn_ptr c(PQconnectdbParams(keywords.data(), values.data(), 0), PQfinish);
  if (PQstatus(c.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(c.get()));
  PQsetNoticeProcessor(c.get(), [](void*, const char*) {}, nullptr);
  // The role is called sluice: by its own path, a table that a test makes would be in schema sluice.
  PQclear(PQexec(c.get(), "SET search_path = public"));
  return c;
}

result_ptr run(PGconn* c, const std::string& statements) {
  result_ptr r(PQexec(c, statements.c_str()), PQclear);
  const auto status = PQresultStatus(r.get());
  if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
    throw std::runtime_error(PQerrorMessage(c));
  return r;
}

}  // namespace

struct pg_database::impl {
  explicit impl(std::string n) : name(std::move(n)), connection(nullptr, PQfinish) {
    run(open("postgres").get(), "CREATE DATABASE " + name);
    connection = open(name);
  }
  std::string name;
  conn_ptr connection;
};

pg_database::pg_database() {
  static int count = 0;
  impl_ = std::make_unique<impl>("test_" + std::to_string(++count));
}

pg_database::~pg_database() {
  impl_->connection.reset();
  try {
    run(open("postgres").get(), "DROP DATABASE " + impl_->name + " WITH (FORCE)");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n",
                 e.what());  // the server goes away with the program, and the database with it
  }
}

sluice::pg::connect_options pg_database::options() const {
  server& s = server::get();
  sluice::pg::connect_options o;
  o.host = s.setting("PGHOST");
  o.port = s.port();
  o.user = s.setting("PGUSER");
  o.database = impl_->name;
  o.password = sluice::secret(s.setting("PGPASSWORD"));
  return o;
}

const std::string& pg_database::socket_directory() const {
  return server::get().directory();
}

void pg_database::end_sessions() {
  sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND "
      "pid <> pg_backend_pid()");
}

std::size_t pg_database::statements_logged() const {
  std::ifstream log(server::get().directory() + "/data/log");
  std::size_t found = 0;
  for (std::string line; std::getline(log, line);) found += line.find("LOG:  statement: ") != line.npos;
  return found;
}

std::vector<pg_database::row> pg_database::sql(const std::string& statements) {
  const result_ptr r = run(impl_->connection.get(), statements);
  std::vector<row> rows;
  for (int i = 0; i < PQntuples(r.get()); ++i) {
    row& next = rows.emplace_back();
    for (int j = 0; j < PQnfields(r.get()); ++j) {
      if (PQgetisnull(r.get(), i, j)) {
        next.emplace_back();
      } else {
        next.emplace_back(PQgetvalue(r.get(), i, j));
      }
    }
  }
  return rows;
}

std::string pg_database::value(const std::string& query) {
  return sql(query).at(0).at(0).value();
}

std::string pg_database::copy_out(const std::string& copy_statement) {
  PGconn* c = impl_->connection.get();
  run(c, copy_statement);
  std::string stream;
  for (char* chunk = nullptr;;) {
    const int n = PQgetCopyData(c, &chunk, 0);
    if (n < 0) break;
    stream.append(chunk, static_cast<std::size_t>(n));
    PQfreemem(chunk);
  }
  while (const result_ptr r{PQgetResult(c), PQclear}) {
    if (PQresultStatus(r.get()) != PGRES_COMMAND_OK) throw std::runtime_error(PQerrorMessage(c));
  }
  return stream;
}

void pg_database::copy_in(const std::string& copy_statement, std::string_view stream) {
  PGconn* c = impl_->connection.get();
  run(c, copy_statement);
  PQputCopyData(c, stream.data(), static_cast<int>(stream.size()));
  PQputCopyEnd(c, nullptr);
  while (const result_ptr r{PQgetResult(c), PQclear}) {
    if (PQresultStatus(r.get()) != PGRES_COMMAND_OK) throw std::runtime_error(PQerrorMessage(c));
  }
}

}  // namespace tests
