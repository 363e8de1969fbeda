// What a file of named arrays is: whether it holds a model, and if it doesn't, why.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "exchange/json.hpp"
#include "exchange/named_arrays.hpp"
#include "exchange/show_lines.hpp"
#include "tensor/batch.hpp"

namespace nn::exchange {
namespace {

struct Finding {
  std::optional<model::Model> model;  // as described, without weights
  std::vector<std::string> refused;   // sentences
  std::vector<std::string> left_out;
};

Finding examine(const ArrayFile& file) {
  Finding finding;
  try {
    finding.model = described_model(file);
  } catch (const Error& error) {
    finding.refused.push_back(error.public_statement());
    return finding;
  }
  ArrayFindings arrays = look_through(file, *finding.model);
  for (const Error& error : arrays.refused) finding.refused.push_back(error.public_statement());
  finding.left_out = std::move(arrays.left_out);
  return finding;
}

std::string_view verdict(const Finding& finding) {
  if (!finding.model) return "none";
  return finding.refused.empty() ? "complete" : "not complete";
}

Json texts(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const std::string& text : list) out.push_back(as_utf8(text));
  return out;
}

}  // namespace

std::string arrays_text(const ArrayFile& file) {
  const Finding finding = examine(file);
  Lines lines;
  lines.add("kind", file.kind());
  lines.add("size", bytes_text(file.bytes()));
  lines.add("model", verdict(finding));
  const auto add_each = [&](std::string_view key, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      lines.add(key, printable(value, 500));
      key = "";
    }
  };
  add_each("refused", finding.refused);
  add_each("left out", finding.left_out);
  std::string_view key = "arrays";
  for (const std::string& name : file.names()) {
    std::string what;
    try {
      const NamedArray array = file.head(name);
      what = fmt::format("{} {}", array.type, to_string(array.shape));
    } catch (const Error& error) {
      what = error.public_statement();
    }
    lines.add(key, fmt::format("{} {}", printable(name), what));
    key = "";
  }
  key = "metadata";
  for (const auto& [name, value] : file.metadata()) {
    const bool described = finding.model && name == file.description_name();
    lines.add(key, fmt::format("{}  {}", printable(name),
                               described ? fmt::format("{} bytes", value.size()) : printable(value, 200)));
    key = "";
  }
  if (finding.model) {
    add_network(*finding.model, lines);
    add_origin(*finding.model, lines);
  }
  return lines.take();
}

std::string arrays_json(const ArrayFile& file) {
  const Finding finding = examine(file);
  Json arrays = Json::array();
  for (const std::string& name : file.names()) {
    Json array{{"name", as_utf8(name)}};
    try {
      const NamedArray head = file.head(name);
      array["type"] = head.type;
      array["shape"] = head.shape;
    } catch (const Error& error) {
      array["error"] = as_utf8(error.public_statement());
    }
    arrays.push_back(std::move(array));
  }
  Json metadata = Json::object();
  for (const auto& [name, value] : file.metadata()) {
    if (finding.model && name == file.description_name()) continue;
    // Names differ, and need not be looked for.
    metadata.get_ref<Json::object_t&>().Container::emplace_back(name, value);
  }
  return json_text(Json{{"kind", file.kind()},
                        {"bytes", file.bytes()},
                        {"arrays", std::move(arrays)},
                        {"metadata", std::move(metadata)},
                        {"refused", texts(finding.refused)},
                        {"left_out", texts(finding.left_out)},
                        {"model", finding.model ? model_to_json(*finding.model) : Json()}});
}

}  // namespace nn::exchange
