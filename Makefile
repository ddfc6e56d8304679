# Every target is a line or two; what they do is in scripts/. `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help demo test verify build install install-test unit integration crash-test soak asan tsan sim coverage fuzz tidy \
  format bench test-localstack test-compose start message run db stop clean

help: ## Show this list
	@awk -F ':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Start here
demo: ## Queue, database and 100 messages on this machine, from nothing to masked rows
	@scripts/demo.sh
test: ## All functional tests, on one build (under 20 minutes on 2 cores the first time)
	@scripts/test.sh
verify: ## All that CI runs beside it: both compilers, sanitizers, fuzzers, clang-tidy, house rules (40 minutes)
	@scripts/test.sh verify
build: install ## The programs: build/release/bin/sluice and build/release/bin/sluice-sqs
	@scripts/build.sh release

## Work on it
install: ## Debian packages that a build needs
	@scripts/install.sh build
install-test: ## Debian packages that the tests need
	@scripts/install.sh test
unit: install-test ## Inner loop: build what changed, run the unit tests
	@scripts/build.sh dev && ctest --test-dir build/dev -LE 'integration|simulation' -j 2 --output-on-failure --no-tests=error
integration: ## Against a real PostgreSQL, the local queue, and clients that were written by others
	@PRESET=dev scripts/test.sh integration python
crash-test: build ## Kill sluice and PostgreSQL CYCLES times (default 1000), count every message; LOAD=dlq, leave, fifo, upsert, key or outages; POOL=transaction or session; FILES=256: few descriptors
	@python3 tests/chaos/crash.py --cycles $(or $(CYCLES),1000) $(if $(SEED),--seed $(SEED)) $(if $(LOAD),--load $(LOAD)) $(if $(POOL),--pool $(POOL)) $(if $(FILES),--files $(FILES))
soak: build ## MINUTES (default 20) of load with a fault every few seconds; writes bench/results/soak.svg
	@python3 tests/chaos/soak.py --minutes $(or $(MINUTES),20) --plot bench/results/soak.svg
asan: ## Unit and integration tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/test.sh asan
tsan: ## The same under ThreadSanitizer
	@scripts/test.sh tsan
sim: install-test ## The pipeline in simulated time, each run chosen by its seed: SEEDS=1000, FROM=a random one
	@scripts/build.sh dev simulation && build/dev/tests/simulation --seeds $(or $(SEEDS),1000) $(if $(FROM),--from $(FROM))
coverage: ## Lines of src/ that the tests run: build/coverage/html
	@scripts/test.sh coverage
fuzz: ## Each fuzzer for FUZZ_SECONDS (default 30)
	@scripts/test.sh fuzz
tidy: ## Format, house rules, shell scripts, Python, clang-tidy
	@scripts/test.sh format rules shell python-lint clang-tidy
bench: build ## Speed end to end beside plain COPY and other programs (20 minutes); writes bench/results
	@bench/run.sh
format: ## Rewrite the sources in the house's format
	@git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp' | xargs -0 clang-format-19 -i
	@if [ -x build/venv/bin/ruff ]; then build/venv/bin/ruff format -q .; else echo "Python was left: scripts/test.sh python-lint installs ruff"; fi
test-localstack: build ## The integration test against LocalStack, a queue that was written by others
	@scripts/test.sh localstack
test-compose: ## The image and compose.yaml, in a Docker of its own whose images are stand-ins (root)
	@scripts/test.sh compose

## The exercise, on docker compose
start: ## LocalStack with the queue, PostgreSQL with the table
	@scripts/exercise.sh start
message: ## Send the 100 sample messages
	@scripts/exercise.sh message
run: ## Move what is in the queue into the table
	@scripts/exercise.sh run
db: ## psql on the table
	@scripts/exercise.sh db
stop: ## Stop both; their data stay
	@scripts/exercise.sh stop
clean: ## Remove build/, and the containers with their data
	@scripts/exercise.sh clean
	rm -rf build
