#include "cli/tool.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <utility>

#include "base/file.hpp"
#include "base/parse.hpp"
#include "base/signals.hpp"
#include "base/version.hpp"

namespace nn::cli {
namespace {

std::string quoted_command_line;

std::string quote(std::string_view word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%^*";
  if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos) return std::string(word);
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Options with what they take, and nothing of how they relate: the manual says it.
class Help : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return type.empty() || type == "TEXT" ? "" : " " + type;
  }
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (std::size_t at; (at = text.find("\n\n\n")) != std::string::npos;) text.erase(at, 1);
    return text;
  }
};

// What --help and --version print goes to stdout and must arrive.
int print_product(std::string_view text) {
  write_all(STDOUT_FILENO, std::as_bytes(std::span(text.data(), text.size())), "standard output");
  return 0;
}

int usage_error(const ToolDescription& tool, std::string_view text) {
  print_message(fmt::format("{} (try '{} --help')", text, tool.name));
  return exit_status(ErrorKind::usage);
}

// CLI11 only lists what it did not expect; people also want to know what was meant.
std::string unexpected_argument(const CLI::App& app) {
  const std::vector<std::string> rest = app.remaining();
  const std::string word = rest.empty() ? std::string("?") : rest.front();
  if (!word.starts_with("-")) return fmt::format("unexpected argument '{}'", printable(word));
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::string unknown = fmt::format("unknown option '{}'", printable(word));
  const auto meant = closest(std::string_view(word).substr(0, word.find('=')), names);
  return meant ? fmt::format("{}; did you mean {}?", unknown, *meant) : unknown;
}

int parse(CLI::App& app, int argc, char** argv, const ToolDescription& tool, bool& done) {
  done = true;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return print_product(app.help());
  } catch (const CLI::CallForVersion&) {
    return print_product(fmt::format("{} {}\n", tool.name, tools_version()));
  } catch (const CLI::ExtrasError&) {
    return usage_error(tool, unexpected_argument(app));
  } catch (const CLI::ParseError& error) {
    return usage_error(tool, error.what());
  }
  done = false;
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

}  // namespace

const std::string& command_line() { return quoted_command_line; }

int run_tool(int argc, char** argv, const ToolDescription& tool, const std::function<void(CLI::App&)>& setup,
             const std::function<void()>& body) {
  fill_standard_descriptors();
  set_tool_name(tool.name);
  install_signal_handlers();
  for (int i = 0; i < argc; ++i) quoted_command_line += (i == 0 ? tool.name : " " + quote(argv[i]));

  return run_guarded([&] {
    CLI::App app(tool.summary, tool.name);
    app.footer("Example:\n  " + tool.example + "\n\nManual: man " + tool.name + ", man nn-tools\n");
    app.formatter(std::make_shared<Help>());
    app.set_version_flag("--version", std::string(tools_version()), "Print the version and exit");
    app.set_help_flag("-h,--help", "Print this help and exit");
    bool quiet = false;
    bool verbose = false;
    app.add_flag("-q,--quiet", quiet, "Only errors on stderr");
    app.add_flag("-v,--verbose", verbose, "Say more on stderr");
    setup(app);
    bool done = false;
    const int status = parse(app, argc, argv, tool, done);
    if (done) return status;
    set_verbosity(quiet ? Verbosity::quiet : verbose ? Verbosity::verbose : Verbosity::normal);
    body();
    return 0;
  });
}

}  // namespace nn::cli
