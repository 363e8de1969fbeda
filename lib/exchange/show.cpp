// A model as text for people.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "base/log.hpp"
#include "base/text.hpp"
#include "exchange/convert.hpp"
#include "exchange/show_lines.hpp"

namespace nn::exchange {
namespace {

constexpr std::size_t columns_shown = 12;
constexpr std::size_t texts_shown = 10;

std::string list_texts(const std::vector<std::string>& texts) {
  std::string out;
  for (std::size_t i = 0; i < texts.size() && i < texts_shown; ++i) {
    out += (i == 0 ? "" : ", ") + printable(texts[i], 30);
  }
  return texts.size() > texts_shown ? out + ", …" : out;
}

std::string scaling_text(const std::vector<double>& offset, const std::vector<double>& scale) {
  if (scale.empty()) return "as it is";
  if (scale.size() == 1 && offset[0] == 0) return fmt::format("times {:.6g}", scale[0]);
  if (scale.size() == 1) return fmt::format("minus {:.6g}, times {:.6g}", offset[0], scale[0]);
  return "standardised";
}

std::string column_text(const model::InputColumn& column) {
  switch (column.kind) {
    case model::InputColumn::Kind::number:
      return fmt::format("number, {}; missing: {:.6g}", scaling_text(column.offset, column.scale),
                         column.fill.empty() ? 0.0 : column.fill[0]);
    case model::InputColumn::Kind::category:
      return fmt::format("{} categories: {}", column.categories.size(), list_texts(column.categories));
    case model::InputColumn::Kind::tensor:
      return fmt::format(
          "tensor {}{}, {}", to_string(column.shape),
          column.first_feature ? fmt::format(" of features from {}", *column.first_feature) : "",
          scaling_text(column.offset, column.scale));
  }
  return {};
}

std::string target_text(const model::Target& target) {
  const std::string name = printable(target.name, 30);
  if (target.kind == model::Target::Kind::classes) {
    return fmt::format("{}: {} classes: {}", name, target.classes.size(), list_texts(target.classes));
  }
  const std::string what = target.shape.empty()      ? "a number"
                           : target.elements.empty() ? fmt::format("numbers {}", to_string(target.shape))
                                                     : fmt::format("{} numbers: {}", target.elements.size(),
                                                                   list_texts(target.elements));
  return fmt::format("{}: {}, {}", name, what, scaling_text(target.offset, target.scale));
}

void add_columns(const std::vector<model::InputColumn>& columns, Lines& lines) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < columns.size() && i < columns_shown; ++i) {
    width = std::max(width, printable(columns[i].name, 30).size());
  }
  for (std::size_t i = 0; i < columns.size() && i < columns_shown; ++i) {
    const std::string name = printable(columns[i].name, 30);
    lines.add(i == 0 ? "columns" : "", fmt::format("{:<{}}  {}", name, width, column_text(columns[i])));
  }
  if (columns.size() > columns_shown) {
    lines.add("", fmt::format("… {} more (--json lists all)", columns.size() - columns_shown));
  }
}

// What another table that is read for the model is taken to be as well.
std::string reading_text(const table::Reading& reading) {
  std::string out;
  const auto add = [&](std::string_view what, const std::string& value) {
    out += fmt::format("{}{} '{}'", out.empty() ? "" : ", ", what, printable(value, 30));
  };
  const auto add_char = [&](std::string_view what, std::optional<char> c) {
    if (c) add(what, *c == 0 ? "none" : std::string(1, *c));
  };
  if (reading.label) add("label", *reading.label);
  if (reading.target) add("target", *reading.target);
  if (reading.id) add("id", *reading.id);
  if (reading.header)
    out += fmt::format("{}{} header", out.empty() ? "" : ", ", *reading.header ? "a" : "no");
  if (reading.delimiter != 0) add_char("delimiter", reading.delimiter);
  if (reading.decimal != 0) add_char("decimal", reading.decimal);
  add_char("quote", reading.quote);
  add_char("escape", reading.escape);
  if (!reading.encoding.empty()) add("encoding", reading.encoding);
  if (!reading.comment.empty()) add("comment", reading.comment);
  for (const std::string& word : reading.missing) add("missing", word);
  if (!reading.usual_missing) out += fmt::format("{}NA is a text", out.empty() ? "" : ", ");
  if (!reading.trim_label.empty()) add("labels without", reading.trim_label);
  return out;
}

void add_provenance(const model::Provenance& provenance, Lines& lines) {
  if (!provenance.command_line.empty()) lines.add("trained by", printable(provenance.command_line, 2000));
  if (!provenance.tool_version.empty()) lines.add("version", printable(provenance.tool_version));
  lines.add("seed", fmt::format("{}", provenance.seed));
  if (!provenance.from_digest.empty()) lines.add("began with", printable(provenance.from_digest));
  if (!provenance.data_digest.empty()) lines.add("data", printable(provenance.data_digest));
  const auto time = static_cast<std::time_t>(provenance.created_unix_s);
  std::tm parts{};
  if (time != 0 && ::gmtime_r(&time, &parts) != nullptr)
    lines.add("created", fmt::format("{:%F %T} UTC", parts));
  const auto add_figures = [&](std::string_view title, const auto& figures) {
    for (const auto& [name, value] : figures) {
      lines.add(title, fmt::format("{} {:.6g}", printable(name), value));
      title = "";
    }
  };
  add_figures("options", provenance.options);
  add_figures("metrics", provenance.metrics);
}

}  // namespace

void add_network(const model::Model& model, Lines& lines) {
  lines.add("network", to_string(model.network));
  lines.add("input", to_string(model.network.input));
  lines.add("target", target_text(model.target));
  lines.add("loss", to_string(LossChoice{model.loss, model.target.answers.quantiles}));
}

void add_origin(const model::Model& model, Lines& lines) {
  add_columns(model.encoder.columns(), lines);
  if (const std::string reading = reading_text(model.reading); !reading.empty())
    lines.add("reading", reading);
  add_provenance(model.provenance, lines);
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10000) return fmt::format("{} bytes", bytes);
  if (bytes < 10000000) return fmt::format("{:.0f} KB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6);
}

std::string file_text(const model::AnyModel& file) {
  const model::Model& model = file.model;
  const Plan plan = lower(model.network, model.loss);
  std::int64_t parameters = 0;
  for (const Parameter& parameter : plan.parameters) parameters += parameter.size();
  Lines lines;
  lines.add("kind", file.state ? "checkpoint of an unfinished run" : "model");
  lines.add("digest", model.digest);
  add_network(model, lines);
  lines.add("parameters", fmt::format("{} (file: {})", format_count(static_cast<std::uint64_t>(parameters)),
                                      bytes_text(file.file_bytes)));
  for (std::size_t i = 0; i < plan.parameters.size(); ++i) {
    const Parameter& parameter = plan.parameters[i];
    lines.add(i == 0 ? "weights" : "", fmt::format("{} {}", parameter.name, to_string(parameter.shape)));
  }
  if (file.state) {
    lines.add("position", fmt::format("epoch {}, batch {}, step {}", file.state->epoch, file.state->batch,
                                      format_count(file.state->step)));
  }
  add_origin(model, lines);
  return lines.take();
}

}  // namespace nn::exchange
