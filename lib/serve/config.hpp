// A server's options from a file, by their names: TOML.
//
//   repository = ["models"]            # an option that may be given several times takes a list
//   slo = "10ms"
//   gzip = true                        # a flag
//   [tls]                              # a table is what names begin with: tls-cert, tls-key
//   cert = "server.crt"
//   key = "server.key"
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "options/option.hpp"

namespace nn::serve {

class Config {
 public:
  // Usage errors that name file and line, for what is no TOML, or a value that no option has. Io errors.
  static Config read(const std::string& path);
  // `path` is for messages.
  static Config parse(std::string_view text, const std::string& path);

  // Applies all to the options of those names, but for those that `is_given` says of that they were given on
  // the command line, which counts more. Usage errors that name file and line, for names of no option, and
  // for values that are none of it.
  void apply(const options::List& list, const std::function<bool(std::string_view name)>& is_given) const;
  // What apply() applies, by name, as words: to compare two configurations.
  std::map<std::string, std::string> words(const std::function<bool(std::string_view name)>& is_given) const;
  // Where each of them is, for messages.
  std::map<std::string, std::int64_t> lines(const std::function<bool(std::string_view name)>& is_given) const;

 private:
  struct Value {
    std::string text;
    bool flag = false;  // true or false
    std::int64_t line = 0;
  };
  struct Entry {
    std::string name;
    std::vector<Value> values;
    bool list = false;
    std::int64_t line = 0;
  };
  friend class ConfigReader;
  std::string path_;
  std::vector<Entry> entries_;  // in the order of the file
};

}  // namespace nn::serve
