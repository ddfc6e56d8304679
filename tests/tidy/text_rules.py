"""Rules for words: what may not be written anywhere, and documents that must agree with the code."""

import re
import tomllib
from posixpath import dirname, join, normpath

import reference
from tree import Finding

# Each has a bracket or an escape in it, so that this file does not break its own rule.
CLOCK = r"__DAT[E]__|__TIM[E]__|__TIMESTAM[P]__"
UNFINISHED = r"\b(TO[D]O|FIX[M]E|XX[X])\b"
MACHINE_PATHS = r"/wor[k]/\w|/far[m]/|/hom[e]/\w|/User[s]/\w|/tmp/bash_job[s]"
REGISTRY_HOSTS = (
    r"deb\.debian\.org|security\.debian\.org|pypi\.org|pythonhosted\.org|registry\.npmjs|"
    r"proxy\.golang|repo1?\.maven|static\.crates"
)
DATA = ("tests/data/", "tests/fuzz/corpus/", "LICENSE")
DOCUMENTS = ["*.md"]


def words(tree):
    """Nothing unfinished, nothing that is true on one machine only."""
    for pattern, text in [
        (UNFINISHED, "unfinished by its own word: do it, or write an issue"),
        (MACHINE_PATHS, "a path of one machine"),
        (CLOCK, "the time of the build, which makes each another program"),
        (REGISTRY_HOSTS, "a registry's host: the machine's settings say where packages come from"),
    ]:
        for path, line, match in tree.search(pattern, "*"):
            if not path.startswith(DATA):
                yield Finding(path, line, f"{match[0]}: {text}")


def links(tree):
    """Links between documents lead somewhere, to the heading if they name one."""
    for path, line, match in tree.search(r"(?:\]\(|src=\"|srcset=\")([^)\s\"]+)", *DOCUMENTS):
        target = match[1]
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        goal = normpath(join(dirname(path), file)) if file else path
        if not tree.exists(goal):
            yield Finding(path, line, f"{target}: there is no {goal}")
        elif anchor and goal.endswith(".md") and anchor not in _anchors(tree.texts[goal]):
            yield Finding(path, line, f"{target}: {goal} has no such heading")


def _anchors(markdown):
    """As GitHub makes them: lower case, punctuation dropped, blanks to hyphens."""
    headings = re.findall(r"^#+ +(.+?)\s*$", re.sub(r"```.*?```", "", markdown, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def commands(tree):
    """`make x` and `scripts/x` that a document names exist."""
    targets = set(re.findall(r"^([a-z][\w-]*):", tree.texts.get("Makefile", ""), re.M))
    for path, line, match in tree.search(r"(?:^|[`$(] ?)make ([a-z][\w-]*)", *DOCUMENTS):
        if match[1] not in targets:
            yield Finding(path, line, f"make {match[1]}: the Makefile has no such target")
    for path, line, match in tree.search(r"(?<![\w/.-])(scripts/[\w.-]+\w)", *DOCUMENTS, "Makefile"):
        if match[1] not in tree.names:
            yield Finding(path, line, f"{match[1]}: there is no such script")


def settings(tree):
    """Each variable that a source reads is in docs/configuration.md; each of ours and of AWS that is there is read."""
    documented = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", tree.texts.get(reference.REFERENCE, "")))
    read = set()
    for path, line, match in tree.search(r'"((?:SLUICE|AWS|PG)_?[A-Z][A-Z0-9_]*)"', "src/*", code_only=True):
        read.add(match[1])
        if match[1] not in documented:
            yield Finding(path, line, f"{match[1]} is not in {reference.REFERENCE}")
    for path, line, match in tree.search(r"\b(?:SLUICE|AWS)_[A-Z0-9_]+\b", reference.REFERENCE):
        if match[0] not in read:
            yield Finding(path, line, f"{match[0]}: no source reads it")


def settings_table(tree):
    """The table of settings is the one that the sources make."""
    document, *sources = (tree.texts.get(each) for each in (reference.REFERENCE, reference.SOURCE, reference.FLAGS))
    if document and all(sources) and reference.with_table(document, *sources) != document:
        yield Finding(reference.REFERENCE, 0, "stale: run python3 tests/tidy/reference.py")


PLAN_DOCUMENTS = ["docs/records.md", "docs/configuration.md", "docs/privacy.md"]


def plan_words(tree):
    """Each key and each name that a pipeline file may have is in a document of it."""
    documented = "\n".join(tree.texts.get(each, "") for each in PLAN_DOCUMENTS)
    lists = re.findall(r"\bknown\{([^}]*)\}", tree.texts.get("src/record/compile.cpp", ""))
    allowed = re.findall(r'"([^"]+)"', " ".join(lists))
    allowed += re.findall(r'\bnamed\{"([^"]+)"', tree.texts.get("src/record/names.cpp", ""))
    for word in sorted(set(allowed)):
        if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", " ".join(_code_of(documented))):
            yield Finding(PLAN_DOCUMENTS[0], 0, f"{word}: a pipeline file may have it, and no document says so")


def _code_of(markdown):
    """What stands in code, in lines or blocks."""
    blocks = re.findall(r"```.*?```", markdown, re.S)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", markdown, flags=re.S))


GUARANTEES = "docs/guarantees.md"


def reasons(tree):
    """Each reason for which a message is set aside is explained, and each that is explained can be one."""
    explained = set(re.findall(r"^\| `(\w+)` \|", _between(tree.texts.get(GUARANTEES, ""), "### Reasons", "### "), re.M))
    given = set()
    pattern = r'(?:constexpr reason \w+\s*=\s*|\.reason = )"(\w+)"'
    for path, line, match in tree.search(pattern, "src/record/reasons.hpp", "src/pg/*"):
        given.add(match[1])
        if match[1] not in explained:
            yield Finding(path, line, f"{match[1]} is not in {GUARANTEES}")
    for code in sorted(explained - given):
        yield Finding(GUARANTEES, 0, f"{code}: no source gives this reason")


MODEL = "tests/model/protocol.pml"


def model_rules(tree):
    """Each rule of the model has a row with its tests, each row a rule, and there are such tests."""
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*) \|$", _between(tree.texts.get(GUARANTEES, ""), "## The rules", "## "), re.M))
    rules = set(re.findall(r"^#define (\w+) RULE\(", tree.texts.get(MODEL, ""), re.M))
    for rule in sorted(rules ^ set(rows)):
        yield Finding(GUARANTEES, 0, f"{rule}: a rule of {MODEL} without its tests, or tests without a rule")
    tests = "\n".join(tree.texts[path] for path in tree.files("tests/*.cpp", "tests/*.py"))
    for name in re.findall(r'"[^"]+"|`test_\w+`', " ".join(rows.values())):
        if name.strip("`") not in tests:
            yield Finding(GUARANTEES, 0, f"{name}: there is no such test")


MUTANTS = "tests/mutation/mutants.toml"


def mutants(tree):
    """Each mutant changes a text that is in its file once, is found by a test that there is, and has its row."""
    listed = tomllib.loads(tree.texts.get(MUTANTS, "mutant = []"))["mutant"]
    tests = "\n".join(tree.texts[path] for path in tree.files("tests/*.cpp", "tests/*.py"))
    rows = re.findall(r"^\| (.+?) \| `[\w.]+`: ", _between(tree.texts.get(GUARANTEES, ""), "<!-- mutants -->", "<!-- end"), re.M)
    for each in listed:
        for file, old, _ in [(each["file"], each["old"], each["new"]), *each.get("more", [])]:
            if tree.texts.get(file, "").count(old) != 1:
                yield Finding(MUTANTS, 0, f"{each['fault']}: its text is not in {file}, or not once")
        program, _, name = each["test"].partition(": ")
        if program != "simulation" and name not in tests:
            yield Finding(MUTANTS, 0, f"{name}: there is no such test")
    for fault in sorted({each["fault"] for each in listed} ^ set(rows)):
        yield Finding(GUARANTEES, 0, f"{fault}: run tests/mutation/run.py --page")


def _between(text, start, end):
    return text.partition(start)[2].partition("\n" + end)[0]


def changelog(tree):
    """The version that CMake builds has a place in the changelog."""
    version = re.search(r"project\(sluice VERSION ([\d.]+)", tree.texts.get("CMakeLists.txt", ""))
    headings = re.findall(r"^## .*", tree.texts.get("CHANGELOG.md", ""), re.M)
    if version and not any(version[1] in heading for heading in headings):
        yield Finding("CHANGELOG.md", 0, f"no heading for version {version[1]}")


DECISIONS = "docs/decisions.md"


def decisions(tree):
    """Records are numbered in order, each with date and status; the index at the top has each with its title and date."""
    text = tree.texts.get(DECISIONS, "")
    index = re.findall(r"^\| \[(\d{4})\]\(#\S*\) \| (.+?) \| (\S+) \| ", text, re.M)
    records = []
    for number, (title, start) in enumerate(re.findall(r"^## (.*)\n\n(.*)", text, re.M), 1):
        record = re.match(rf"({number:04d})\. (.+)", title)
        status = re.match(r"(\d{4}-\d\d-\d\d), (accepted|superseded by \[\d{4}\])", start)
        if not record or not status:
            yield Finding(
                DECISIONS, 0, f"{title}: its heading is not '## {number:04d}. Title', or its first line no date and status"
            )
            return
        records.append((record[1], record[2], status[1]))
    for name, title, _ in sorted(set(index) ^ set(records)):
        yield Finding(DECISIONS, 0, f"{name} {title}: the index and the records differ")


RULES = [words, links, commands, settings, settings_table, plan_words, reasons, model_rules, mutants, decisions, changelog]
