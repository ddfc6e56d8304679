#include "app/cli.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "app/command_line.hpp"
#include "app/config.hpp"
#include "app/context.hpp"
#include "app/manual.hpp"
#include "app/progress.hpp"
#include "app/version.hpp"
#include "observe/healthcheck.hpp"

namespace sluice::app {
namespace {

constexpr const char* overview =
    R"(Moves JSON messages from an Amazon SQS queue to a PostgreSQL table: each once, personal fields masked.

Examples:
  sluice keygen                         make a key ring; put it into SLUICE_KEYS
  sluice check                          is everything right? says what to correct
  sluice init-db                        create table, ledger and quarantine
  sluice send events.ndjson --create    put messages into the queue
  sluice drain                          load what the queue holds, then end
  sluice run                            load until SIGTERM
  sluice bench events.ndjson            how fast are your own queue and database?
  sluice quarantine list                what was set aside, and why; then show, replay or drop it
  sluice unmask TOKEN --reason WHY      open what a masked column holds; it is written down

Settings come from flags, the environment (AWS_*, PG*, SLUICE_*) and a pipeline file (--config), in that order.
`sluice check --print-config` shows each, and where it came from.)";

constexpr const char* exit_codes =
    R"(Exit codes: 0 done; 1 failed while it ran (what was not committed is still in the queue);
2 refused before anything was done (command line, settings, keys, queue or table); 130 ended by a second signal.)";

constexpr std::uint64_t bench_messages = 100'000;

int run_or_drain(const config& c, bool until_empty) {
  observe::counters counters;
  return run(c, until_empty, counters);
}

void add_messages(CLI::App& to, command_line& line, const std::string& how_many) {
  to.add_option("file", line.send.file, "one message on each line; - is standard input")
      ->required()
      ->type_name("FILE");
  to.add_option("--group", line.send.group, "FIFO: message group of all of them")->capture_default_str();
  to.add_option("--group-by", line.send.group_by,
                "FIFO: the field that is a message's group, such as /user_id")
      ->type_name("POINTER");
  to.add_option("--count", line.send.count, how_many)->type_name("N");
}

void add_commands(CLI::App& app, command_line& line, std::function<int()>& chosen) {
  CLI::App* run_command = add(app, chosen, line, "run", "load messages until SIGTERM",
                              [](const config& c) { return run_or_drain(c, false); });
  add_load(*run_command, line);
  run_command->footer("Example:\n  SLUICE_QUEUE=logins PGHOST=db sluice run --config login.toml");

  CLI::App* drain = add(app, chosen, line, "drain", "load what the queue holds, then end",
                        [](const config& c) { return run_or_drain(c, true); });
  add_load(*drain, line);
  drain->footer("Example:\n  sluice drain --queue logins --endpoint-url http://127.0.0.1:9324");

  CLI::App* look =
      add(app, chosen, line, "check", "verify settings, credentials, queue, table, columns and keys",
          [&line](const config& c) {
            if (!line.sample.empty()) return check_samples(c, line.sample);
            if (!line.print_config) return check(c);
            fmt::print("{}", print_config(c));
            return static_cast<int>(exit_code::done);
          });
  add_load(*look, line);
  look->add_flag("--print-config", line.print_config,
                 "show each setting and where it came from; look at nothing");
  look->add_option("--sample", line.sample,
                   "show what would be written of the bodies in FILE, one a line; - is standard input")
      ->type_name("FILE");
  look->footer("Example:\n  sluice check --config login.toml\n  sluice check --sample events.ndjson");

  CLI::App* init =
      add(app, chosen, line, "init-db",
          "create the table, the ledger and the quarantine where they are missing", [&line](const config& c) {
            return line.infer.empty() ? init_db(c, line.print_sql) : infer_plan(line.infer);
          });
  add_config(*init, line);
  add_database(*init, line);
  init->add_flag("--print", line.print_sql, "print the SQL, and run nothing");
  init->add_option(
          "--infer", line.infer,
          "print a plan for the sample bodies in FILE, one a line, and its table; - is standard input")
      ->type_name("FILE");
  init->footer(
      "Example:\n  sluice init-db --print | less\n  sluice init-db --infer events.ndjson > events.toml");

  CLI::App* put =
      add(app, chosen, line, "send", "send messages from a file to the queue", [&line](const config& c) {
        std::uint64_t sent = 0;
        return send(c, line.send, sent);
      });
  add_config(*put, line);
  add_queue(*put, line);
  add_messages(*put, line, "send that many, starting over at the end of the file");
  put->add_flag("--create", line.send.create, "create the queue if it does not exist");
  put->footer("Example:\n  sluice send tests/data/login-events/login-events.ndjson --queue logins --create");
}

void add_bench(CLI::App& app, command_line& line, std::function<int()>& chosen) {
  CLI::App* measure = add(app, chosen, line, "bench",
                          "measure your own queue and database: send messages, drain them, check the rows",
                          [&line](const config& c) {
                            send_options o = line.send;
                            if (o.count == 0) o.count = bench_messages;
                            return bench(c, o);
                          });
  add_load(*measure, line);
  add_messages(
      *measure, line,
      fmt::format("send that many, starting over at the end of the file ({})", grouped(bench_messages)));
  measure->footer(
      R"(The queue must be empty. Rows go into a table like the target, TABLE_sluice_bench, which is dropped after; of
its triggers and foreign keys it has none. The messages' keys stay in the ledger until their days are dropped.

Example:
  sluice bench login-events.ndjson --queue bench --count 1000000)");
}

void add_manuals(CLI::App& app, std::string& shell, std::function<int()>& chosen) {
  CLI::App* complete =
      app.add_subcommand("completion", "print a script that completes sluice's commands and options");
  complete->add_option("shell", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  complete->footer("Example:\n  source <(sluice completion bash)");
  complete->callback([&chosen, &app, &shell] {
    chosen = [&app, &shell] {
      fmt::print("{}", completion_script(app, shell));
      return static_cast<int>(exit_code::done);
    };
  });
  CLI::App* manual = app.add_subcommand("manual", "print the manual page");
  manual->footer("Example:\n  sluice manual | man -l -");
  manual->callback([&chosen, &app] {
    chosen = [&app] {
      fmt::print("{}", manual_page(app, version));
      return static_cast<int>(exit_code::done);
    };
  });
}

// For a container: is the sluice that runs with these settings alive?
int healthcheck() {
  const auto env = aws::process_environment();
  const auto c = load_config(env, env("SLUICE_CONFIG").value_or(""), {});
  result<> alive = c ? result<>() : c.error();
  if (alive && !c->admin)
    alive = failure{errc::bad_configuration, "there is no admin server to ask", "set SLUICE_ADMIN"};
  if (alive) alive = observe::healthcheck(*c->admin);
  if (alive) return exit_code::done;
  print_failure(alive.error());
  return exit_code::failed;
}

/// What is wrong with the command line, and whose help to read.
failure complaint(const CLI::App& app, const CLI::ParseError& e, std::span<char* const> words) {
  const CLI::App* meant = &app;
  std::string help = "sluice";
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = meant->get_subcommands()) {
    meant = chosen.back();
    help += ' ' + meant->get_name();
  }
  std::string what = e.what();
  const auto extra = app.remaining(true);  // in no order
  const auto first = std::ranges::find_if(
      words, [&](std::string_view word) { return std::ranges::find(extra, word) != extra.end(); });
  if (first != words.end()) {
    const bool wants_command = !meant->get_subcommands([](const CLI::App*) { return true; }).empty();
    what = fmt::format("{} '{}'",
                       **first == '-'  ? "there is no option"
                       : wants_command ? "there is no command"
                                       : "one word too many:",
                       *first);
    // It may be a part of a value that is to be masked.
    if (meant->get_name() == "mask" && !std::string_view(*first).starts_with("--"))
      what = "one word too many: a value with spaces is written in quotes";
  }
  return {errc::bad_configuration, std::move(what), fmt::format("see {} --help", help)};
}

int parse_and_run(int argc, char** argv) {
  CLI::App app(overview, "sluice");
  app.set_version_flag("--version", std::string("sluice ") + version);
  app.require_subcommand(0, 1);
  app.footer(exit_codes);
  app.get_formatter()->column_width(30);
  command_line line;
  std::function<int()> chosen;
  add_commands(app, line, chosen);
  add_bench(app, line, chosen);
  add_masking(app, line, chosen);
  add_quarantine(app, line, chosen);
  add_redrive(app, line, chosen);
  add_keys(app, line, chosen);
  std::string shell;
  add_manuals(app, shell, chosen);
  app.add_flag_callback(
      "--healthcheck", [&chosen] { chosen = healthcheck; },
      "is the sluice that runs here alive? for a container");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    print_failure(complaint(app, e, std::span(argv, static_cast<std::size_t>(argc)).subspan(1)));
    return exit_code::refused;
  }
  if (!chosen) {
    print_failure({errc::bad_configuration, "A subcommand is required", "see sluice --help"});
    return exit_code::refused;
  }
  return chosen();
}

/// Keeps all of our memory out of swap space, where no limit would make an allocation fail one day
/// (mlockall(2)); under one the key ring alone is locked. What counts is tried, as a capability may be that
/// of a user namespace, and then is none: more than the limit is asked for, and not touched.
void lock_memory() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) return;
  if (limit.rlim_cur == RLIM_INFINITY) return;
  const std::size_t more = limit.rlim_cur + 1;
  void* const probe = mmap(nullptr, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) {
    munlockall();
  } else {
    munmap(probe, more);
  }
}

/// A large block is the system's again when it is freed. By default glibc raises this limit to the largest
/// block that it has seen, and what bodies of a megabyte leave behind is holes (mallopt(3),
/// M_MMAP_THRESHOLD).
void give_back_large_blocks() {
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

/// Whoever started us may have closed one: then no connection takes its place, and gets what is printed. What
/// is opened here refuses to be used.
void hold_standard_files() {
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(file, F_GETFD) < 0) open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// What was printed may be a key, and a disk may be full. That a reader has gone is no failure.
int written(int code) {
  const bool failed_before = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !failed_before) return code;
  if (!failed_before && errno == EPIPE) return code;
  print_failure({errc::bad_configuration, "standard output cannot be written", "is its disk full?"});
  return code == exit_code::done ? exit_code::failed : code;
}

}  // namespace

int main_program(int argc, char** argv) {
  hold_standard_files();
  // Keys and raw values are in our memory: no core dump has it, nobody but root may look into it (prctl(2)).
  prctl(PR_SET_DUMPABLE, 0);
  lock_memory();
  give_back_large_blocks();
  try {
    return written(parse_and_run(argc, argv));
  } catch (const std::exception& e) {
    if (std::ferror(stdout) != 0) return written(exit_code::failed);
    print_failure(
        {errc::bad_answer, fmt::format("broken promise: {}", e.what()), "this is a bug, please report it"});
    return exit_code::failed;
  }
}

}  // namespace sluice::app
