#include "load_options.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace nn::bench {
namespace {

double number(const std::string& text) {
  std::size_t used = 0;
  const double value = std::stod(text, &used);
  if (used != text.size() || value < 0) throw std::runtime_error(fmt::format("'{}' is no number", text));
  return value;
}

// RATE:SECONDS
Stage stage_of(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) throw std::runtime_error(fmt::format("'{}' is not RATE:SECONDS", text));
  return {number(text.substr(0, colon)), number(text.substr(colon + 1))};
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(fmt::format("{}: can't be read", path));
  return {std::istreambuf_iterator<char>(file), {}};
}

// http://HOST:PORT/PATH; gives back the path.
std::string take_url(const std::string& url, LoadOptions& options) {
  const std::string scheme = "http://";
  const std::size_t colon = url.find(':', scheme.size());
  if (!url.starts_with(scheme) || colon == std::string::npos) {
    throw std::runtime_error(fmt::format("'{}' is not http://HOST:PORT/PATH", url));
  }
  const std::size_t slash = std::min(url.find('/', colon), url.size());
  options.host = url.substr(scheme.size(), colon - scheme.size());
  options.port = static_cast<std::uint16_t>(number(url.substr(colon + 1, slash - colon - 1)));
  return slash == url.size() ? "/" : url.substr(slash);
}

}  // namespace

LoadOptions parse_load_options(int argc, char** argv) {
  LoadOptions options;
  std::string path, body, fields;
  bool posts = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      path = take_url(word, options);
      continue;
    }
    if (word == "--even") {
      options.even = true;
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(fmt::format("{} wants a value", word));
    const std::string value = argv[++i];
    if (word == "--connections")
      options.connections = static_cast<std::size_t>(number(value));
    else if (word == "--stage")
      options.stages.push_back(stage_of(value));
    else if (word == "--seconds")
      options.stages.push_back({0, number(value)});
    else if (word == "--warm-up")
      options.warm_up_seconds = number(value);
    else if (word == "--timeout-ms")
      options.timeout = std::chrono::milliseconds(static_cast<int>(number(value)));
    else if (word == "--within-ms")
      options.within_ms = number(value);
    else if (word == "--timeline-ms")
      options.timeline_ms = number(value);
    else if (word == "--seed")
      options.seed = static_cast<std::uint64_t>(number(value));
    else if (word == "--header")
      fields += value + "\r\n";
    else if (word == "--body")
      body = content_of(value), posts = true;
    else
      throw std::runtime_error(fmt::format("there is no {}", word));
  }
  if (path.empty()) throw std::runtime_error("no URL is given");
  if (options.stages.empty()) options.stages.push_back({0, 1});
  options.request = fmt::format("{} {} HTTP/1.1\r\nHost: {}:{}\r\n{}", posts ? "POST" : "GET", path,
                                options.host, options.port, fields);
  if (posts) options.request += fmt::format("Content-Length: {}\r\n", body.size());
  options.request += "\r\n" + body;
  return options;
}

}  // namespace nn::bench
