#include "app/cli.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <string>

#include "app/commands.hpp"
#include "app/config.hpp"
#include "app/context.hpp"
#include "app/manual.hpp"
#include "app/version.hpp"
#include "observe/healthcheck.hpp"

namespace sluice::app {
namespace {

constexpr const char* overview =
    R"(Moves JSON messages from an Amazon SQS queue to a PostgreSQL table: each once, personal fields masked.

Examples:
  sluice keygen                         make a key ring; put it into SLUICE_KEYS
  sluice check                          is everything right? says what to mend
  sluice init-db                        create table, ledger and quarantine
  sluice send events.ndjson --create    put messages into the queue
  sluice drain                          load what the queue holds, then end
  sluice run                            load until SIGTERM
  sluice quarantine list                what was set aside, and why; then show, replay or drop it
  sluice unmask TOKEN --reason WHY      open what a masked column holds; it is written down

Settings come from flags, the environment (AWS_*, PG*, SLUICE_*) and a pipeline file (--config), in that order.
`sluice check --print-config` shows each, and where it came from.)";

constexpr const char* exit_codes =
    R"(Exit codes: 0 done; 1 failed while it ran (what was not committed is still in the queue);
2 refused before anything was done (command line, settings, keys, queue or table); 130 ended by a second signal.)";

/// What the flags said: settings by name, and what belongs to one subcommand only.
struct command_line {
  std::string file;
  std::map<std::string, std::string, std::less<>> flags;
  bool print_config = false;
  bool print_sql = false;
  std::string sample;
  std::string infer;
  send_options send;
  mask_options mask;
  unmask_options unmask;
  rekey_options rekey;
  quarantine_options quarantine;
  key_options keys;
  std::string key_id = "k1";
};

void add_setting(CLI::App& to, command_line& line, const std::string& flag, const std::string& setting) {
  const auto found = std::find_if(all_settings().begin(), all_settings().end(),
                                  [&](const auto& s) { return s.name == setting; });
  to.add_option_function<std::string>(
        flag, [&line, setting](const std::string& text) { line.flags[setting] = text; },
        std::string(found->help))
      ->type_name(std::string(found->variable));
}

void add_queue(CLI::App& to, command_line& line) {
  add_setting(to, line, "-q,--queue", "queue.name");
  add_setting(to, line, "--queue-url", "queue.url");
  add_setting(to, line, "--region", "aws.region");
  add_setting(to, line, "--profile", "aws.profile");
  add_setting(to, line, "--endpoint-url", "aws.endpoint_url");
}

void add_database(CLI::App& to, command_line& line) {
  add_setting(to, line, "--host", "database.host");
  add_setting(to, line, "--port", "database.port");
  add_setting(to, line, "--user", "database.user");
  add_setting(to, line, "--dbname", "database.name");
}

void add_config(CLI::App& to, command_line& line) {
  to.add_option("-c,--config", line.file,
                "pipeline file (TOML); without one, the login-events mapping applies")
      ->type_name("FILE")
      ->envname("SLUICE_CONFIG");
}

void add_load(CLI::App& to, command_line& line) {
  add_config(to, line);
  add_queue(to, line);
  add_database(to, line);
  add_setting(to, line, "--mode", "load.mode");
  add_setting(to, line, "--threads", "load.threads");
  add_setting(to, line, "--admin", "admin.listen");
  add_setting(to, line, "--log-format", "log.format");
  add_setting(to, line, "--log-level", "log.level");
}

using command = std::function<int(const config&)>;

/// Adds a subcommand; what it does is kept in `todo` if it is the one that was given.
CLI::App* add(CLI::App& to, std::function<int()>& todo, command_line& line, const char* name,
              const char* help, command does) {
  CLI::App* sub = to.add_subcommand(name, help);
  sub->callback([&todo, &line, does = std::move(does)] {
    todo = [&line, does] {
      auto c = load_config(aws::process_environment(), line.file, line.flags);
      if (!c) {
        print_failure(c.error());
        return static_cast<int>(exit_code::refused);
      }
      return does(*c);
    };
  });
  return sub;
}

void add_filter(CLI::App& to, command_line& line) {
  quarantine_options& o = line.quarantine;
  add_config(to, line);
  add_database(to, line);
  to.add_option("ids", o.filter.ids, "only these messages")->type_name("MESSAGE_ID");
  to.add_option("--code", o.filter.reason, "only those with this reason code, such as missing_field")
      ->type_name("CODE");
  to.add_option("--since", o.filter.since,
                "only those set aside at this time or later, such as 2026-11-24T11:00Z")
      ->type_name("TIME");
  to.add_option("--until", o.filter.until, "only those set aside before this time")->type_name("TIME");
}

void add_quarantine(CLI::App& app, command_line& line, std::function<int()>& todo) {
  quarantine_options& o = line.quarantine;
  CLI::App* all =
      app.add_subcommand("quarantine", "look at messages that were set aside; replay or drop them");
  all->require_subcommand(1);
  all->footer("Example:\n  sluice quarantine list --code missing_field");

  CLI::App* list = add(*all, todo, line, "list", "what was set aside, and why; no message is opened",
                       [&o](const config& c) { return list_quarantine(c, o); });
  add_filter(*list, line);
  list->add_option("--limit", o.count_max, "at most so many, the oldest first")->capture_default_str();
  list->add_flag("--json", o.json, "an object on each line");
  list->footer("Example:\n  sluice quarantine list --since 2026-11-24 --json");

  CLI::App* show = add(*all, todo, line, "show", "open the bodies; an audit line is written before",
                       [&o](const config& c) { return show_quarantine(c, o); });
  add_filter(*show, line);
  show->add_option("--limit", o.count_max, "at most so many, the oldest first")->capture_default_str();
  show->add_option("--reason", o.reason, "what you need it for: it is written to the audit log")
      ->required()
      ->type_name("WHY");
  show->footer("Example:\n  sluice quarantine show 2f5d1c3e-... --reason 'ticket 42'");

  CLI::App* again =
      add(*all, todo, line, "replay", "load them by the plan as it is now; what still fails stays",
          [&o](const config& c) { return replay_quarantine(c, o); });
  add_filter(*again, line);
  add_setting(*again, line, "--mode", "load.mode");
  again->footer("Example:\n  sluice quarantine replay --config login.toml --code too_long");

  CLI::App* drop = add(*all, todo, line, "drop", "delete them for ever",
                       [&o](const config& c) { return drop_quarantine(c, o); });
  add_filter(*drop, line);
  drop->add_flag("--all", o.all, "all of them: no filter is meant");
  drop->add_flag("--yes", o.yes, "do it; without, it says how many it would drop");
  drop->footer("Example:\n  sluice quarantine drop --code not_json --until 2026-11-01 --yes");
}

void add_commands(CLI::App& app, command_line& line, std::function<int()>& todo) {
  CLI::App* run_command = add(app, todo, line, "run", "load messages until SIGTERM",
                              [](const config& c) { return run(c, false); });
  add_load(*run_command, line);
  run_command->footer("Example:\n  SLUICE_QUEUE=logins PGHOST=db sluice run --config login.toml");

  CLI::App* drain = add(app, todo, line, "drain", "load what the queue holds, then end",
                        [](const config& c) { return run(c, true); });
  add_load(*drain, line);
  drain->footer("Example:\n  sluice drain --queue logins --endpoint-url http://127.0.0.1:9324");

  CLI::App* look =
      add(app, todo, line, "check", "verify settings, credentials, queue, table, columns and keys",
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
      add(app, todo, line, "init-db",
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

  CLI::App* put = add(app, todo, line, "send", "send messages from a file to the queue",
                      [&line](const config& c) { return send(c, line.send); });
  add_config(*put, line);
  add_queue(*put, line);
  put->add_option("file", line.send.file, "one message on each line; - is standard input")
      ->required()
      ->type_name("FILE");
  put->add_flag("--create", line.send.create, "create the queue if it does not exist");
  put->add_option("--group", line.send.group, "FIFO: message group of all of them")->capture_default_str();
  put->add_option("--group-by", line.send.group_by,
                  "FIFO: the field that is a message's group, such as /user_id")
      ->type_name("POINTER");
  put->add_option("--count", line.send.count, "send that many, starting over at the end of the file")
      ->type_name("N");
  put->footer("Example:\n  sluice send tests/data/login-events/login-events.ndjson --queue logins --create");
}

void add_masking(CLI::App& app, command_line& line, std::function<int()>& todo) {
  CLI::App* hide = add(app, todo, line, "mask", "mask one value, or each line of standard input",
                       [&line](const config& c) { return mask_values(c, line.mask); });
  add_config(*hide, line);
  hide->add_option("value", line.mask.value, "what to mask; none: standard input")->type_name("VALUE");
  hide->add_option("--scheme", line.mask.scheme,
                   "aes_siv, hmac_sha256, ipcrypt_deterministic, ipcrypt_pfx, redact, partial or base64")
      ->capture_default_str();
  hide->add_option("--domain", line.mask.domain,
                   "columns that join share one; by default it is the source field")
      ->capture_default_str();
  hide->add_option("--key", line.mask.key, "id of the key, where it is not the primary")->type_name("ID");
  hide->footer(
      "Example:\n  sluice mask 199.172.111.135 --domain ip     the token that column masked_ip holds");

  CLI::App* show = add(app, todo, line, "unmask", "open one token, or each line of standard input",
                       [&line](const config& c) { return unmask_values(c, line.unmask); });
  add_config(*show, line);
  add_database(*show, line);
  add_setting(*show, line, "--audit-file", "audit.file");
  show->add_option("token", line.unmask.token, "what to open; none: standard input")->type_name("TOKEN");
  show->add_option("--reason", line.unmask.reason, "what you need it for: it is written to the audit log")
      ->required()
      ->type_name("TEXT");
  CLI::Option* column =
      show->add_option("--column", line.unmask.column, "of the plan: its scheme and domain apply")
          ->type_name("COLUMN");
  show->add_option("--where", line.unmask.where,
                   "open that column in the rows of the table where this holds; several: all")
      ->allow_extra_args(false)
      ->needs(column)
      ->excludes("token")
      ->type_name("COLUMN=VALUE");
  show->add_option("--scheme", line.unmask.scheme, "aes_siv, ipcrypt_deterministic, ipcrypt_pfx or base64")
      ->capture_default_str();
  show->add_option("--domain", line.unmask.domain, "of the column that it comes from")->capture_default_str();
  show->add_option("--key", line.unmask.key,
                   "id of the key that made an address, which cannot say; the primary by default")
      ->type_name("ID");
  show->footer(
      "Examples:\n  sluice unmask --column masked_ip --where user_id=U1 --reason 'ticket 42'\n  psql -Atc "
      "'SELECT masked_ip FROM user_logins' | sluice unmask --reason 'ticket 42'");

  CLI::App* renew = add(app, todo, line, "rekey", "move a column's tokens to the primary key",
                        [&line](const config& c) { return rekey(c, line.rekey); });
  add_config(*renew, line);
  add_database(*renew, line);
  renew->add_option("--table", line.rekey.table, "the table, as in SQL")->required()->type_name("TABLE");
  renew->add_option("--column", line.rekey.column, "its masked column")->required()->type_name("COLUMN");
  renew->add_option("--domain", line.rekey.domain, "its domain, where the plan does not say");
  renew->add_flag("--dry-run", line.rekey.dry_run, "count what would move, and move nothing");
  renew->footer("Example:\n  sluice rekey --table user_logins --column masked_ip");
}

void add_redrive(CLI::App& app, command_line& line, std::function<int()>& todo) {
  CLI::App* back = add(app, todo, line, "redrive", "move dead letters back to the queue that they came from",
                       [](const config& c) { return redrive(c); });
  add_config(*back, line);
  add_queue(*back, line);
  back->footer(
      "Example:\n  sluice redrive --queue logins     from the dead-letter queue of logins, back to logins");
}

void add_keys(CLI::App& app, command_line& line, std::function<int()>& todo) {
  CLI::App* make = app.add_subcommand("keygen", "print a new key ring, for SLUICE_KEYS");
  make->add_option("id", line.key_id, "id of its key: 1 to 16 letters, digits, - or _")
      ->capture_default_str()
      ->type_name("ID");
  make->footer("Example:\n  export SLUICE_KEYS=\"$(sluice keygen 2026a)\"");
  make->callback([&todo, &line] { todo = [&line] { return keygen(line.key_id); }; });

  CLI::App* keys = app.add_subcommand(
      "keys", "list the ring, or change it: in SLUICE_KEYS_FILE where it is; else the new ring is printed");
  keys->require_subcommand(1);
  using action = key_options::action;
  const auto add_action = [&](action what, const char* name, const char* help) {
    CLI::App* sub = add(*keys, todo, line, name, help, [&line, what](const config& c) {
      line.keys.what = what;
      return manage_keys(c, line.keys);
    });
    if (what != action::list)
      sub->add_option("id", line.keys.id, "the key's id")->required()->type_name("ID");
  };
  add_action(action::list, "list", "show the ids, and which is the primary");
  add_action(action::add, "add", "add a new key, which unmasks but does not mask yet");
  add_action(action::primary, "primary", "mask with this key from now on; the one before is retired");
  add_action(action::remove, "remove", "destroy a key: what only it can open is lost for ever");
  keys->footer(
      "Example:\n  sluice keys add 2026b; sluice keys primary 2026b; kill -HUP \"$(pidof sluice)\"; sluice "
      "rekey ...");
}

void add_manuals(CLI::App& app, std::string& shell, std::function<int()>& todo) {
  CLI::App* complete =
      app.add_subcommand("completion", "print a script that completes sluice's commands and options");
  complete->add_option("shell", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  complete->footer("Example:\n  source <(sluice completion bash)");
  complete->callback([&todo, &app, &shell] {
    todo = [&app, &shell] {
      fmt::print("{}", completion_script(app, shell));
      return static_cast<int>(exit_code::done);
    };
  });
  CLI::App* manual = app.add_subcommand("manual", "print the manual page");
  manual->footer("Example:\n  sluice manual | man -l -");
  manual->callback([&todo, &app] {
    todo = [&app] {
      fmt::print("{}", manual_page(app, version));
      return static_cast<int>(exit_code::done);
    };
  });
}

// For a container: is the sluice that runs with these settings alive?
int healthcheck() {
  const auto c = load_config(aws::process_environment(), {}, {});
  result<> alive = c ? result<>() : c.error();
  if (alive && !c->admin)
    alive = failure{errc::bad_configuration, "there is no admin server to ask", "set SLUICE_ADMIN"};
  if (alive) alive = observe::healthcheck(*c->admin);
  if (alive) return exit_code::done;
  print_failure(alive.error());
  return exit_code::failed;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app(overview, "sluice");
  app.set_version_flag("--version", std::string("sluice ") + version);
  app.require_subcommand(0, 1);
  app.footer(exit_codes);
  app.get_formatter()->column_width(30);
  command_line line;
  std::function<int()> todo;
  add_commands(app, line, todo);
  add_masking(app, line, todo);
  add_quarantine(app, line, todo);
  add_redrive(app, line, todo);
  add_keys(app, line, todo);
  std::string shell;
  add_manuals(app, shell, todo);
  app.add_flag_callback(
      "--healthcheck", [&todo] { todo = healthcheck; },
      "is the sluice that runs here alive? for a container");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    fmt::print(stderr, "sluice: {}; see sluice --help\n", e.what());
    return exit_code::refused;
  }
  if (!todo) {
    fmt::print(stderr, "sluice: A subcommand is required; see sluice --help\n");
    return exit_code::refused;
  }
  return todo();
}

}  // namespace

int main_program(int argc, char** argv) {
  // Keys and raw values are in our memory: no core dump has it, nobody but root may look into it (prctl(2)).
  prctl(PR_SET_DUMPABLE, 0);
  try {
    return parse_and_run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "sluice: broken promise: {}; this is a bug, please report it\n", e.what());
    return exit_code::failed;
  }
}

}  // namespace sluice::app
