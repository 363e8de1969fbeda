// cuda-table DEVICE [OPTION...]: every network of the backends' table there and on the CPU, as tools run
// them. Prints what differs, and a table of the largest differences of each kind; exits with 1 if anything
// differs that must not.
//   --rows MOST         only networks of few rows
//   --every N           every N-th of them
//   --count N           N of them, spread evenly
//   --from N            those from number N on
//   --patience SECONDS  a network that takes longer ends the process
//   --exact             networks of one program are those that each alone is, bit for bit, as where products
//                       don't depend on how many there are
// What ends the process at a network, an error of the device or a signal, is a line "network NUMBER, ...", so
// that whoever started it can go on behind that network.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <map>
#include <tuple>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "table_checks.hpp"

using namespace nn;
using namespace nn::test;

namespace {

// cuBLAS adds in another order than the CPU backend does, and after some steps it shows.
constexpr double close = 1e-5, close_gradients = 2e-5, close_after_steps = 1e-4, same = 0;
// Factors of 11 and 8 bits.
constexpr double close_tf32 = 1e-2, close_bf16 = 8e-2;

struct Check {
  const char* name;
  double most;
  std::optional<double> (*of)(const Differences&);
  bool may_be_exact = false;
};
constexpr Check checks[] = {
    {"values", close, [](const Differences& d) { return std::optional(d.values); }},
    {"tf32", close_tf32, [](const Differences& d) { return std::optional(d.tf32); }},
    {"bf16", close_bf16, [](const Differences& d) { return std::optional(d.bf16); }},
    {"gradients", close_gradients, [](const Differences& d) { return std::optional(d.gradients); }},
    {"after 4 steps", close_after_steps, [](const Differences& d) { return std::optional(d.after_steps); }},
    {"members", close_after_steps, [](const Differences& d) { return std::optional(d.members); }, true},
    {"continued", same, [](const Differences& d) { return std::optional(d.continued); }},
    {"kept data", same, [](const Differences& d) { return d.kept; }},
    {"same again", same, [](const Differences& d) { return std::optional(d.repeated); }},
};

double allowed(const Check& check, bool exact) { return exact && check.may_be_exact ? same : check.most; }

struct Choice {
  backend::Device device = backend::parse_device("cuda:0");
  std::int64_t every = 1, count = 0, rows = INT64_MAX, from = 0;
  unsigned patience_s = 0;  // 0: any time
  bool exact = false;
};

Choice choice_of(int argc, char** argv) {
  Choice choice;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--every" && i + 1 < argc) {
      choice.every = std::max<std::int64_t>(1, parse_integer(argv[++i]));
    } else if (word == "--count" && i + 1 < argc) {
      choice.count = parse_integer(argv[++i]);
    } else if (word == "--rows" && i + 1 < argc) {
      choice.rows = parse_integer(argv[++i]);
    } else if (word == "--from" && i + 1 < argc) {
      choice.from = parse_integer(argv[++i]);
    } else if (word == "--patience" && i + 1 < argc) {
      choice.patience_s = static_cast<unsigned>(parse_integer(argv[++i]));
    } else if (word == "--exact") {
      choice.exact = true;
    } else if (i == 1) {
      choice.device = backend::parse_device(word);
    } else {
      fail_usage(
          "usage: cuda-table DEVICE [--rows MOST] [--every N] [--count N] [--from N] [--patience SECONDS] "
          "[--exact]");
    }
  }
  return choice;
}

// Returns the chosen networks by their numbers, which count all networks of so few rows.
std::map<std::int64_t, Case> cases_of(const Choice& choice) {
  std::vector<Case> all = all_cases();
  std::erase_if(all, [&](const Case& c) { return c.rows > choice.rows; });
  const auto size = static_cast<std::int64_t>(all.size());
  const std::int64_t every =
      choice.count > 0 ? std::max<std::int64_t>(1, (size + choice.count - 1) / choice.count) : choice.every;
  std::map<std::int64_t, Case> chosen;
  for (std::int64_t number = 0; number < size; ++number) {
    if (number % every == 0 && number >= choice.from)
      chosen.emplace(number, all[static_cast<std::size_t>(number)]);
  }
  return chosen;
}

std::string text_of(const Case& c) {
  return fmt::format("{}, loss {}, rows {}", c.net, name_of(c.loss), c.rows);
}

// "network NUMBER, ...: ended by signal ": the network that is being computed, for a handler, which may only
// write what is there already.
std::array<char, 400> current{};
volatile std::sig_atomic_t current_size = 0;

void end_by_signal(int signal) {
  const std::array<char, 3> digits = {static_cast<char>('0' + signal / 10),
                                      static_cast<char>('0' + signal % 10), '\n'};
  std::ignore = ::write(STDOUT_FILENO, current.data(), static_cast<std::size_t>(current_size));
  std::ignore = ::write(STDOUT_FILENO, digits.data(), digits.size());
  ::_exit(1);
}

void begin_network(std::int64_t number, const Case& c, unsigned patience_s) {
  current_size = 0;
  const auto end = fmt::format_to_n(current.data(), current.size(), "network {}, {}: ended by signal ",
                                    number, text_of(c));
  current_size = static_cast<std::sig_atomic_t>(end.out - current.data());
  ::alarm(patience_s);
}

// Of the networks of a kind.
struct Worst {
  int networks = 0;
  std::optional<double> of[std::size(checks)];  // none where it was never checked
};

// Whether a network is as it must be; says where it isn't.
bool judge(const Case& c, const Differences& d, bool exact, Worst& worst) {
  ++worst.networks;
  bool good = true;
  for (std::size_t i = 0; i < std::size(checks); ++i) {
    const std::optional<double> found = checks[i].of(d);
    if (!found) continue;
    worst.of[i] = std::max(worst.of[i].value_or(0), *found);
    if (*found <= allowed(checks[i], exact)) continue;
    good = false;
    fmt::print("{}: {} off by {:.1e}\n", text_of(c), checks[i].name, *found);
  }
  return good;
}

std::string text_of(const std::optional<double>& difference) {
  return !difference ? "not done" : *difference == 0 ? "0" : fmt::format("{:.1e}", *difference);
}

void print_table(const std::map<std::string_view, Worst>& kinds, bool exact) {
  fmt::print("| kind | networks |");
  for (const Check& check : checks) fmt::print(" {} |", check.name);
  fmt::print("\n|");
  for (std::size_t i = 0; i < std::size(checks) + 2; ++i) fmt::print(" --- |");
  for (const auto& [kind, worst] : kinds) {
    fmt::print("\n| {} | {} |", kind, worst.networks);
    for (const auto& difference : worst.of) fmt::print(" {} |", text_of(difference));
  }
  fmt::print("\n| allowed | |");
  for (const Check& check : checks) fmt::print(" {} |", text_of(allowed(check, exact)));
  fmt::print("\n");
}

int compare(const Choice& choice) {
  const auto cpu = backend::open_backend(backend::Device{}), cuda = backend::open_backend(choice.device);
  int failed = 0, count = 0, alike = 0;
  std::map<std::string_view, Worst> kinds;
  for (const auto& [number, c] : cases_of(choice)) {
    begin_network(number, c, choice.patience_s);
    ++count;
    try {
      const Differences d = differences_of(*cpu, *cuda, c);
      alike += d.members == 0;
      failed += !judge(c, d, choice.exact, kinds[kind_of(c)]);
    } catch (const Error& error) {
      // A device that has failed once fails at all that comes after.
      fmt::print("network {}, {}: {}\n", number, text_of(c), error.what());
      ++failed;
      break;
    }
  }
  ::alarm(0);
  print_table(kinds, choice.exact);
  fmt::print("{} of {} have members that are, bit for bit, what each is alone\n", alike, count);
  fmt::print("{} of {} networks agree with the CPU, and with themselves\n", count - failed, count);
  return failed > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Whoever reads a pipe has each line, also where the process is killed.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (const int signal : {SIGALRM, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV})
    std::signal(signal, end_by_signal);
  try {
    return compare(choice_of(argc, argv));
  } catch (const Error& error) {
    fmt::print(stderr, "cuda-table: {}\n", error.what());
    return exit_status(error.kind());
  }
}
