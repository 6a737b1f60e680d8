// fanmill-broker: the program that hosts a manager. A thin main; each subcommand has a file of its
// own.
#include <CLI/CLI.hpp>
#include <fanmill/version.hpp>
#include <string>

#include "run.hpp"

int main(int argc, char** argv) {
  CLI::App app("fanmill-broker: hands tasks to workers and collects their results.");
  app.set_version_flag("--version", std::string("fanmill-broker ") + fanmill::version() + "\n" +
                                        fanmill::library_versions());
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  seq 1 10 | fanmill-broker run --local 4 -- fanmill-worker collatz\n"
      "  fanmill-broker run --input tasks.jsonl --bind tcp://127.0.0.1:5557\n"
      "  fanmill-broker run --help");
  fanmill::broker::RunCommand run(app);
  CLI11_PARSE(app, argc, argv);
  return run.execute();
}
