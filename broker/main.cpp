// fanmill-broker: the program that hosts a manager. A thin main; each subcommand has a file of its
// own.
#include <CLI/CLI.hpp>
#include <fanmill/version.hpp>
#include <iostream>
#include <string>

#include "base/plain_arguments.hpp"
#include "keys.hpp"
#include "run.hpp"

int main(int argc, char** argv) {
  CLI::App app("fanmill-broker: hands tasks to workers and collects their results.");
  app.set_version_flag("--version", fanmill::version_text("fanmill-broker"));
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("fanmill-broker: ") + error.what() + "; see --help\n";
  });
  app.footer(
      "Examples:\n"
      "  seq 1 10 | fanmill-broker run --local 4 -- fanmill-worker collatz\n"
      "  fanmill-broker run --input tasks.jsonl --bind tcp://127.0.0.1:5557\n"
      "  fanmill-broker run --help");
  fanmill::broker::RunCommand run(app);
  fanmill::broker::KeysCommand keys(app);
  try {
    // Throws for a word that is no subcommand, and so names it; parsing would only miss one.
    if (argc > 1 && argv[1][0] != '-') static_cast<void>(app.get_subcommand(argv[1]));
    const fanmill::PlainArguments arguments(argc, argv);
    app.parse(arguments.count(), arguments.values());
  } catch (const CLI::OptionNotFound&) {
    std::cerr << "fanmill-broker: there is no subcommand '" << argv[1] << "'; see --help\n";
    return 1;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  return keys.is_meant() ? keys.execute() : run.execute();
}
