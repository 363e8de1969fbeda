#include "cli/tool.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <new>
#include <span>

#include "base/file.hpp"
#include "base/signals.hpp"
#include "base/version.hpp"
#include "cli/generate/generate.hpp"
#include "cli/help.hpp"

namespace nn::cli {
namespace {

// The text of --help and --version goes to stdout and must arrive.
int print_product(std::string_view text) {
  write_all(STDOUT_FILENO, std::as_bytes(std::span(text.data(), text.size())), "standard output");
  return 0;
}

int run_guarded(const std::function<int()>& run) {
  try {
    return run();
  } catch (const Error& error) {
    print_message(error.what());
    return exit_status(error.kind());
  } catch (const BrokenPipe&) {
    die_by_signal(SIGPIPE);
  } catch (const Interrupted&) {
    die_by_signal(stop_requested() != 0 ? stop_requested() : SIGINT);
  } catch (const std::bad_alloc&) {
    print_message("out of memory");
    return exit_status(ErrorKind::io);
  } catch (const std::exception& error) {
    print_message(fmt::format("internal error: {}", error.what()));
    return exit_status(ErrorKind::internal);
  }
}

int parse_and_run(std::span<const char* const> argv, const Command& tool,
                  const std::function<void(const Parsed&)>& body) {
  General general;
  const options::List general_options = option_list(general);
  if (argv.size() > 2 && std::string_view(argv[1]) == "--generate") {
    return print_product(generated(tool, general_options, argv[2], argv.size() > 3 ? argv[3] : ""));
  }
  const ParseResult result = parse(argv, tool, general_options);
  switch (result.question) {
    case Question::none: break;
    case Question::version: return print_product(fmt::format("{} {}\n", tool.name, tools_version()));
    case Question::short_help:
    case Question::help:
      return print_product(help_text(tool, result.parsed.subcommand(), general_options,
                                     {result.question == Question::help, help_width()}));
  }
  set_verbosity(general.quiet ? Verbosity::quiet : general.verbose ? Verbosity::verbose : Verbosity::normal);
  body(result.parsed);
  return 0;
}

}  // namespace

int run_tool(int argc, char** argv, const Command& tool, const std::function<void(const Parsed&)>& body) {
  fill_standard_descriptors();
  set_tool_name(std::string(tool.name));
  install_signal_handlers();
  return run_guarded([&] {
    return parse_and_run({const_cast<const char* const*>(argv), static_cast<std::size_t>(argc)}, tool, body);
  });
}

}  // namespace nn::cli
