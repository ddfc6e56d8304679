#include "app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/context.hpp"

namespace sluice::app {
namespace {

void add_filter(CLI::App& to, command_line& line) {
  quarantine_options& o = line.quarantine;
  add_config(to, line);
  add_database(to, line);
  to.add_option("ids", o.filter.ids, "only these messages")->type_name("MESSAGE_ID");
  // A shell variable that is not set would select all.
  const CLI::Validator not_empty(
      [](const std::string& text) { return text.empty() ? "is empty" : std::string(); }, "", "not_empty");
  to.add_option("--code", o.filter.reason, "only those with this reason code, such as missing_field")
      ->type_name("CODE")
      ->check(not_empty);
  to.add_option("--since", o.filter.since,
                "only those set aside at this time or later, such as 2026-11-24T11:00; UTC")
      ->type_name("TIME")
      ->check(not_empty);
  to.add_option("--until", o.filter.until, "only those set aside before this time; UTC")
      ->type_name("TIME")
      ->check(not_empty);
}

}  // namespace

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

CLI::App* add(CLI::App& to, std::function<int()>& chosen, command_line& line, const char* name,
              const char* help, command does) {
  CLI::App* sub = to.add_subcommand(name, help);
  sub->callback([&chosen, &line, does = std::move(does)] {
    chosen = [&line, does] {
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

void add_quarantine(CLI::App& app, command_line& line, std::function<int()>& chosen) {
  quarantine_options& o = line.quarantine;
  CLI::App* all =
      app.add_subcommand("quarantine", "look at messages that were set aside; replay or drop them");
  all->require_subcommand(1);
  all->footer("Example:\n  sluice quarantine list --code missing_field");

  CLI::App* list = add(*all, chosen, line, "list", "what was set aside, and why; no message is opened",
                       [&o](const config& c) { return list_quarantine(c, o); });
  add_filter(*list, line);
  list->add_option("--limit", o.count_max, "at most so many, the oldest first")->capture_default_str();
  list->add_flag("--json", o.json, "an object on each line");
  list->footer("Example:\n  sluice quarantine list --since 2026-11-24 --json");

  CLI::App* show = add(*all, chosen, line, "show", "open the bodies; an audit line is written before",
                       [&o](const config& c) { return show_quarantine(c, o); });
  add_filter(*show, line);
  show->add_option("--limit", o.count_max, "at most so many, the oldest first")->capture_default_str();
  const auto add_reason = [&o, &line](CLI::App& to) {
    add_setting(to, line, "--audit-file", "audit.file");
    to.add_option("--reason", o.reason, "what you do it for: it is written to the audit log")
        ->required()
        ->type_name("WHY");
  };
  add_reason(*show);
  show->footer("Example:\n  sluice quarantine show 2f5d1c3e-... --reason 'ticket 42'");

  CLI::App* again =
      add(*all, chosen, line, "replay", "load them by the plan as it is now; what still fails stays",
          [&o](const config& c) { return replay_quarantine(c, o); });
  add_filter(*again, line);
  add_setting(*again, line, "--mode", "load.mode");
  add_reason(*again);
  again->add_flag("--unmasked", o.unmasked,
                  "also where a field was masked that the plan would now store as it came");
  again->footer(
      "Example:\n  sluice quarantine replay --config login.toml --code too_long --reason 'ticket 42'");

  CLI::App* drop = add(*all, chosen, line, "drop", "delete them for ever",
                       [&o](const config& c) { return drop_quarantine(c, o); });
  add_filter(*drop, line);
  drop->add_flag("--all", o.all, "all of them: no filter is meant");
  drop->add_flag("--yes", o.yes, "do it; without, it says how many it would drop");
  add_reason(*drop);
  drop->footer(
      "Example:\n  sluice quarantine drop --code not_json --until 2026-11-01 --reason 'a month old' --yes");
}

void add_masking(CLI::App& app, command_line& line, std::function<int()>& chosen) {
  CLI::App* hide = add(app, chosen, line, "mask", "mask one value, or each line of standard input",
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

  CLI::App* show = add(app, chosen, line, "unmask", "open one token, or each line of standard input",
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

  CLI::App* renew = add(app, chosen, line, "rekey", "move a column's tokens to the primary key",
                        [&line](const config& c) { return rekey(c, line.rekey); });
  add_config(*renew, line);
  add_database(*renew, line);
  renew->add_option("--table", line.rekey.table, "the table, as in SQL")->required()->type_name("TABLE");
  renew->add_option("--column", line.rekey.column, "its masked column")->required()->type_name("COLUMN");
  renew->add_option("--domain", line.rekey.domain, "its domain, where the plan does not say");
  renew->add_flag("--dry-run", line.rekey.dry_run, "count what would move, and move nothing");
  renew->footer("Example:\n  sluice rekey --table user_logins --column masked_ip");
}

void add_redrive(CLI::App& app, command_line& line, std::function<int()>& chosen) {
  CLI::App* back =
      add(app, chosen, line, "redrive", "move dead letters back to the queue that they came from",
          [](const config& c) { return redrive(c); });
  add_config(*back, line);
  add_queue(*back, line);
  back->footer(
      "What SQS has moved there goes back to the queue from which it came. What sluice has sent there, with\n"
      "load.bad_messages = \"dlq\", goes to the queue, and so does then all else that is there.\n\n"
      "SQS gives new ids to what it moves: a message that was loaded before it became a dead letter (killed\n"
      "between commit and delete) becomes a second row, unless there is load.key. In a standard queue's\n"
      "dead-letter queue it has its id still: load it from there, with sluice drain --queue logins-dead.\n\n"
      "Example:\n  sluice redrive --queue logins     from the dead-letter queue of logins, back to logins");
}

void add_keys(CLI::App& app, command_line& line, std::function<int()>& chosen) {
  CLI::App* make = app.add_subcommand("keygen", "print a new key ring, for SLUICE_KEYS");
  make->add_option("id", line.key_id, "id of its key: 1 to 16 letters, digits, - or _")
      ->capture_default_str()
      ->type_name("ID");
  make->add_option("--file", line.key_file, "a new file, for SLUICE_KEYS_FILE, instead of standard output")
      ->type_name("FILE");
  make->footer(
      "Examples:\n  export SLUICE_KEYS=\"$(sluice keygen 2026a)\"\n  sluice keygen 2026a --file ring.toml");
  make->callback([&chosen, &line] { chosen = [&line] { return keygen(line.key_id, line.key_file); }; });

  CLI::App* keys = app.add_subcommand(
      "keys", "list the ring, or change it: in SLUICE_KEYS_FILE where it is; else the new ring is printed");
  keys->require_subcommand(1);
  using action = key_options::action;
  const auto add_action = [&](action what, const char* name, const char* help) {
    CLI::App* sub = add(*keys, chosen, line, name, help, [&line, what](const config& c) {
      line.keys.what = what;
      return manage_keys(c, line.keys);
    });
    if (what == action::list) return;
    sub->add_option("id", line.keys.id, "the key's id")->required()->type_name("ID");
    if (what == action::remove) sub->add_flag("--yes", line.keys.yes, "do it: there is no way back");
  };
  add_action(action::list, "list", "show the ids, and which is the primary");
  add_action(action::add, "add", "add a new key, which unmasks but does not mask yet");
  add_action(action::primary, "primary", "mask with this key from now on; the one before is retired");
  add_action(action::remove, "remove", "destroy a key: what only it can open is lost for ever");
  keys->footer(
      "Example:\n  sluice keys add 2026b; sluice keys primary 2026b; kill -HUP \"$(pidof sluice)\"; sluice "
      "rekey ...");
}

}  // namespace sluice::app
