#include "serve/metrics_text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"

namespace nn::serve {
namespace {

constexpr std::string_view total = "_total";

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void append(std::string& out, std::uint64_t value) {
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}
void append(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

}  // namespace

std::string_view MetricsText::content_type() const {
  return open_metrics_ ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                       : "text/plain; version=0.0.4; charset=utf-8";
}

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  type_ = type;
  help_ = help;
  has_head_ = false;
}

void MetricsText::head() {
  if (has_head_) return;
  has_head_ = true;
  std::string_view name = name_;
  if (open_metrics_ && type_ == Type::counter && name.ends_with(total)) name.remove_suffix(total.size());
  constexpr std::string_view types[] = {"counter", "gauge", "histogram"};
  // OpenMetrics wants quotes escaped here as well, and the older format doesn't: helps have none.
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help_, name,
                 types[static_cast<std::size_t>(type_)]);
}

template <typename Value>
void MetricsText::add(std::string_view suffix, Labels labels, std::string_view bound, Value value) {
  head();
  text_ += name_;
  text_ += suffix;
  if (!labels.empty() || !bound.empty()) {
    char separator = '{';
    for (const auto& [key, text] : labels) {
      text_ += std::exchange(separator, ',');
      text_ += key;
      text_ += "=\"";
      is_utf8(text) ? append_escaped(text_, text, true) : append_escaped(text_, as_utf8(text), true);
      text_ += '"';
    }
    if (!bound.empty()) {
      text_ += separator;
      text_ += "le=\"";
      text_ += bound;
      text_ += '"';
    }
    text_ += '}';
  }
  text_ += ' ';
  append(text_, value);
  text_ += '\n';
}

template void MetricsText::add(std::string_view, Labels, std::string_view, double);
template void MetricsText::add(std::string_view, Labels, std::string_view, std::uint64_t);

void MetricsText::bucket(Labels labels, double bound, std::uint64_t count) {
  std::string text;
  append(text, bound);
  // OpenMetrics wants bounds to be written as numbers with a point.
  if (std::isfinite(bound) && text.find_first_of(".e") == std::string::npos) text += ".0";
  add("_bucket", labels, text, count);
}

void MetricsText::sum_and_count(Labels labels, double sum, std::uint64_t count) {
  add("_sum", labels, {}, sum);
  add("_count", labels, {}, count);
}

std::string MetricsText::take() {
  if (open_metrics_) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace nn::serve
