"""Each rule finds its fault in a small bad tree, and nothing in the same tree mended."""

import unittest

import code_rules
import reference
import text_rules
from tree import Tree

# Words that the rules look for, put together here so that this file keeps the rules itself.
LATER = "TO" + "DO"
SOMEONES_PATH = "/ho" + "me/someone/sluice"
REGISTRY = "https://py" + "pi.org/simple"


def found(rule, **files):
    """What a rule says of files, given as path=text with `__` for '/' and `_dot_` for '.'."""
    tree = Tree({k.replace("__", "/").replace("_dot_", "."): text for k, text in files.items()})
    return [str(f) for f in rule(tree)]


class CodeRules(unittest.TestCase):
    def test_a_source_of_601_lines_is_too_long_and_one_of_600_is_not(self):
        self.assertEqual(
            ["src/a/b.cpp: 601 lines, over 600: split it"],
            found(code_rules.sizes, src__a__b_dot_cpp="x\n" * 601, src__a__c_dot_cpp="x\n" * 600),
        )

    def test_a_test_may_have_800_lines(self):
        self.assertEqual([], found(code_rules.sizes, tests__a_dot_cpp="x\n" * 800))
        self.assertEqual(1, len(found(code_rules.sizes, tests__a_dot_cpp="x\n" * 801)))

    def test_a_folder_includes_only_those_before_it(self):
        good = '#include "core/failure.hpp"\n#include "sqs/client.hpp"\n#include <sqs/x>\n'
        self.assertEqual([], found(code_rules.layers, src__sqs__a_dot_cpp=good))
        bad = found(code_rules.layers, src__sqs__a_dot_cpp='\n#include "pg/loader.hpp"\n')
        self.assertEqual(1, len(bad))
        self.assertTrue(bad[0].startswith("src/sqs/a.cpp:2: sqs may not include pg"), bad)

    def test_an_include_without_its_folder_and_a_folder_without_a_place_are_found(self):
        self.assertEqual(1, len(found(code_rules.layers, src__pg__a_dot_cpp='#include "loader.hpp"')))
        self.assertEqual(1, len(found(code_rules.layers, src__new__a_dot_cpp='#include "core/failure.hpp"')))

    def test_pure_folders_have_no_network_no_clock_and_no_environment(self):
        for line in [
            "#include <boost/asio/awaitable.hpp>",
            "#include <boost/beast/http.hpp>",
            "#include <libpq-fe.h>",
            'auto home = std::getenv("HOME");',
            "auto t = std::chrono::steady_clock::now();",
        ]:
            with self.subTest(line):
                self.assertEqual(1, len(found(code_rules.purity, src__mask__a_dot_cpp=line)))
                self.assertEqual(1, len(found(code_rules.purity, src__sqs__codec_dot_hpp=line)))
                self.assertEqual([], found(code_rules.purity, src__pg__a_dot_cpp=line))

    def test_error_codes_of_asio_and_a_clock_in_a_comment_are_pure(self):
        text = "#include <boost/asio/error.hpp>\n// not steady_clock::now()\nsteady_clock::time_point t;\n"
        self.assertEqual([], found(code_rules.purity, src__core__a_dot_cpp=text))

    def test_detached_coroutines_are_found_in_sources_only(self):
        spawn = "co_spawn(executor, run(), asio::detached);"
        self.assertEqual(1, len(found(code_rules.forbidden_code, src__app__a_dot_cpp=spawn)))
        self.assertEqual([], found(code_rules.forbidden_code, tests__a_dot_cpp=spawn))

    def test_a_conditional_co_await_is_found_also_over_lines(self):
        for text in ["auto r = a\n  ? co_await f()\n  : co_await g();", "x = a ? nullptr : co_await g();"]:
            with self.subTest(text):
                self.assertEqual(1, len(found(code_rules.forbidden_code, src__app__a_dot_cpp=text)))
        for text in ["x = co_await f() ? 1 : 2;", "x = a ? 1 : 2; for (auto y : co_await f()) {}"]:
            with self.subTest(text):
                self.assertEqual([], found(code_rules.forbidden_code, src__app__a_dot_cpp=text))

    def test_a_unit_test_that_sleeps_is_found(self):
        text = "std::this_thread::sleep_for(1s);"
        self.assertEqual(1, len(found(code_rules.forbidden_code, tests__unit__a_dot_cpp=text)))
        self.assertEqual([], found(code_rules.forbidden_code, tests__chaos__a_dot_cpp=text))

    def test_a_header_without_a_guard_is_found(self):
        self.assertEqual(1, len(found(code_rules.forbidden_code, src__pg__a_dot_hpp="int x;\n")))
        self.assertEqual([], found(code_rules.forbidden_code, src__pg__a_dot_hpp="#pragma once\nint x;\n"))

    def test_globbing_is_found_and_so_is_a_source_that_no_list_has(self):
        glob = "file(GLOB sources *.cpp)"
        self.assertEqual(1, len(found(code_rules.build_files, src__CMakeLists_dot_txt=glob)))
        lists = {"src__pg__CMakeLists_dot_txt": "SOURCES a.cpp", "tests__CMakeLists_dot_txt": "pg/t.cpp"}
        lists["tests__x__CMakeLists_dot_txt"] = "../support/s.cpp ${PROJECT_SOURCE_DIR}/bench/b.cpp"
        listed = ["src__pg__a", "tests__pg__t", "tests__support__s", "bench__b"]
        sources = {name + "_dot_cpp": "" for name in [*listed, "src__pg__ba"]}
        self.assertEqual(
            ["src/pg/ba.cpp: in no CMakeLists.txt: it is never compiled"],
            found(code_rules.build_files, **lists, **sources),
        )


class TextRules(unittest.TestCase):
    def test_unfinished_words_paths_of_one_machine_and_registries_are_found(self):
        for text in [f"// {LATER}: later", f"cd {SOMEONES_PATH}", f"pip install -i {REGISTRY} x"]:
            with self.subTest(text):
                self.assertEqual(1, len(found(text_rules.words, scripts__a_dot_sh=text)))
                self.assertEqual([], found(text_rules.words, tests__data__a_dot_txt=text))

    def test_a_link_needs_its_file_and_its_heading(self):
        other = "# The guarantee: *exactly once*\n"
        good = ["b.md", "b.md#the-guarantee-exactly-once", "../docs", "https://example.org/y"]
        bad = ["c.md", "b.md#nothing", "#nowhere"]
        for target in good + bad:
            with self.subTest(target):
                link = found(text_rules.links, docs__a_dot_md=f"[x]({target})", docs__b_dot_md=other)
                self.assertEqual(target in bad, bool(link))

    def test_a_picture_needs_its_file(self):
        self.assertEqual(1, len(found(text_rules.links, a_dot_md='<img src="docs/path.svg">')))

    def test_documents_name_only_targets_and_scripts_that_exist(self):
        makefile = "demo: ## x\n\t@scripts/demo.sh\n"
        text = "`make demo` and\n`make everything`, or make do with scripts/demo.sh"
        self.assertEqual(
            ["README.md:2: make everything: the Makefile has no such target"],
            found(text_rules.commands, Makefile=makefile, README_dot_md=text, scripts__demo_dot_sh=""),
        )
        self.assertEqual(1, len(found(text_rules.commands, Makefile=makefile)))

    def test_a_variable_is_documented_if_it_is_read_and_read_if_it_is_documented(self):
        code = '{"queue.wait", "SLUICE_WAIT", "", "20s"}'
        document = {"docs__configuration_dot_md": "`SLUICE_WAIT`"}
        self.assertEqual([], found(text_rules.settings, src__app__a_dot_cpp=code, **document))
        self.assertEqual(1, len(found(text_rules.settings, src__app__a_dot_cpp=code)))
        self.assertEqual(1, len(found(text_rules.settings, **document)))

    def test_a_table_of_settings_that_the_source_does_not_make_is_stale(self):
        source = """{"keys.ring", "SLUICE_KEYS", "", "", "the ring, "
            "as TOML", true},
            {"load.mode", "SLUICE_MODE", "MODE", "exactly_once", "a | b"},"""
        cli = 'add_setting(to, line, "-m,--mode", "load.mode");'
        made = reference.table(source, cli)
        self.assertIn("| `keys.ring` | `SLUICE_KEYS` |  |  |  | the ring, as TOML (secret) |", made)
        self.assertIn("| `load.mode` | `SLUICE_MODE` | `--mode` | `MODE` | `exactly_once` | a \\| b |", made)
        fresh = f"x\n{reference.START}\n{made}\n{reference.END}\ny"
        files = {"src__app__settings_dot_cpp": source, "src__app__command_line_dot_cpp": cli}
        self.assertEqual([], found(text_rules.settings_table, docs__configuration_dot_md=fresh, **files))
        stale = fresh.replace("as TOML", "as JSON")
        self.assertEqual(1, len(found(text_rules.settings_table, docs__configuration_dot_md=stale, **files)))

    def test_each_word_of_a_pipeline_file_is_in_a_document(self):
        code = {
            "src__record__compile_dot_cpp": 'known{"name", "pii"}',
            "src__record__names_dot_cpp": 'named{"trim", transform::trim}',
        }
        page = '`name`\n```toml\npii = true\ntransform = "trim"\n```\n'
        self.assertEqual([], found(text_rules.plan_words, docs__records_dot_md=page, **code))
        self.assertEqual(2, len(found(text_rules.plan_words, docs__records_dot_md="name, `pii`, `trimmed`", **code)))

    def test_each_reason_is_explained_and_given(self):
        code = {"src__record__reasons_dot_hpp": 'inline constexpr reason too_deep = "too_deep";'}
        page = "### Reasons\n| `too_deep` | x |\n### More\n| `other` | y |"
        self.assertEqual([], found(text_rules.reasons, docs__guarantees_dot_md=page, **code))
        self.assertEqual(1, len(found(text_rules.reasons, **code)))
        self.assertEqual(1, len(found(text_rules.reasons, docs__guarantees_dot_md=page)))

    def test_each_rule_of_the_model_names_tests_that_there_are(self):
        tree = {
            "tests__model__protocol_dot_pml": "#define A_RULE RULE(1) /* It holds. */",
            "tests__a_dot_cpp": 'TEST_CASE("it holds")',
            "tests__b_dot_py": "def test_it_holds(world):",
        }
        page = '## The rules and their tests\n| `A_RULE` | `unit`: "it holds"; `test_it_holds` |\n## More'
        self.assertEqual([], found(text_rules.model_rules, docs__guarantees_dot_md=page, **tree))
        self.assertEqual(1, len(found(text_rules.model_rules, docs__guarantees_dot_md="", **tree)))
        for wrong in [page.replace("A_RULE", "B_RULE"), page.replace("it holds", "it fails").replace("_it_", "_no_")]:
            self.assertEqual(2, len(found(text_rules.model_rules, docs__guarantees_dot_md=wrong, **tree)))

    def test_each_mutant_changes_one_place_and_has_a_test_and_a_row(self):
        tree = {
            "tests__mutation__mutants_dot_toml": '[[mutant]]\nfault = "a fault"\nfile = "src/a.cpp"\nold = "x = 1"\nnew = ""\n'
            'test = "unit: it holds"\n',
            "src__a_dot_cpp": "int x = 1;",
            "tests__a_dot_cpp": 'TEST_CASE("it holds")',
            "docs__guarantees_dot_md": "<!-- mutants -->\n| fault | found by |\n|---|---|\n| a fault | `unit`: it holds |\n<!-- end -->",
        }
        self.assertEqual([], found(text_rules.mutants, **tree))
        for path in ["src__a_dot_cpp", "tests__a_dot_cpp", "docs__guarantees_dot_md"]:
            self.assertEqual(1, len(found(text_rules.mutants, **tree | {path: "x"})), path)
        self.assertEqual(1, len(found(text_rules.mutants, **tree | {"src__a_dot_cpp": "x = 1; x = 1"})))

    def test_decisions_are_numbered_and_in_the_index(self):
        row = "| [0001](#0001-a-b) | A b | 2026-01-02 | accepted |\n"
        record = "\n## 0001. A b\n\n2026-01-02, accepted. Because.\n"
        self.assertEqual([], found(text_rules.decisions, docs__decisions_dot_md=row + record))
        for wrong in [
            record,
            row,
            row + record.replace("A b", "A c"),
            row + record.replace("0001. ", "0002. "),
            row + record.replace("accepted", "kept"),
            row + record + "\n## 2026-01-03: A d\n\nText.\n",
        ]:
            self.assertTrue(found(text_rules.decisions, docs__decisions_dot_md=wrong), wrong)

    def test_the_version_has_its_place_in_the_changelog(self):
        build = {"CMakeLists_dot_txt": "project(sluice VERSION 1.2.3)"}
        self.assertEqual(1, len(found(text_rules.changelog, CHANGELOG_dot_md="## 1.2.2", **build)))
        self.assertEqual([], found(text_rules.changelog, CHANGELOG_dot_md="## 1.2.3", **build))


if __name__ == "__main__":
    unittest.main()
