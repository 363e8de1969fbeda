// Options that several tools share, each defined once.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "backend/device.hpp"
#include "base/error.hpp"
#include "format/source.hpp"
#include "net/access.hpp"

namespace nn::cli {

// Positional INPUT… and every option of SourceOptions (--format, --delimiter, --header,
// --no-header, --label, --rows, …), in the groups that --help and the man pages show.
// Tools that train or predict leave out what only nn-read has (`reader_only` false).
void add_source_options(CLI::App& app, format::SourceOptions& options, bool reader_only);

// --tls-cert, --tls-key, --tls-ca.
void add_tls_options(CLI::App& app, net::TlsFiles& files, const std::string& group);
// How clients get into workers: --token-file, --connect-timeout, and those for TLS.
void add_access_options(CLI::App& app, net::Access& access, const std::string& group);

std::chrono::milliseconds parse_timeout(std::string_view text);  // "300ms", "5s"

// What was given of these options and groups of options, as arguments for the same tool elsewhere:
// "--name=value", "--flag".
std::vector<std::string> given_arguments(const CLI::App& app, const std::vector<std::string>& which);

// A converter for CLI11: parse errors of lib/base become CLI11's validation errors, so that
// they name the option. Given twice, the last one counts.
template <typename T>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, T& value, T (*parse)(std::string_view),
                        const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [&value, parse, name](const std::string& text) {
            try {
              value = parse(text);
            } catch (const Error& error) {
              throw CLI::ValidationError(name, error.what());
            }
          },
          help)
      ->take_last();
}

}  // namespace nn::cli
