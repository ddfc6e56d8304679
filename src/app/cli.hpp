#pragma once

namespace sluice::app {

/// The program: parses the command line, runs one subcommand, gives the exit code. Never throws.
int main_program(int argc, char** argv);

}  // namespace sluice::app
