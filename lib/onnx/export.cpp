#include "onnx/export.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "model/description.hpp"
#include "onnx/export_parts.hpp"
#include "tensor/name_list.hpp"

namespace nn::onnx {
namespace {

// The oldest version of the format that has the operators.
std::int64_t ir_version_for(std::int64_t opset) { return opset < 15 ? 7 : opset < 19 ? 8 : 9; }

std::int64_t opset_for(const ExportOptions& options, const Plan& plan) {
  if (options.opset) return *options.opset;
  const bool normalizes = std::any_of(plan.ops.begin(), plan.ops.end(), [](const Op& op) {
    return op.kind == OpKind::layer_norm && op.in.pixels() == 1;
  });
  return normalizes ? 17 : least_opset;
}

std::string columns_text(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 5;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < shown; ++i)
    out += (i == 0 ? "'" : ", '") + printable(names[i], 30) + "'";
  return names.size() > shown ? out + ", …" : out;
}

void add_metadata(Model& file, const model::Model& model, const ExportOptions& options) {
  auto& metadata = file.metadata;
  metadata[export_key] = export_options_text(options);
  if (!options.description.empty()) metadata[description_key] = options.description;
  if (!model.digest.empty()) metadata["nn.model"] = model.digest;
  if (!model.target.classes.empty()) metadata["nn.classes"] = name_list_text(model.target.classes);
  if (const std::string answers = model.target.answers.text(); !answers.empty())
    metadata["nn.answers"] = answers;
  if (!options.numeric) return;
  for (const model::InputColumn& column : model.encoder.columns()) {
    if (column.categories.empty()) continue;
    metadata["nn.categories." + as_utf8(column.name)] = name_list_text(column.categories);
  }
}

constexpr std::string_view numeric_word = "numeric";

}  // namespace

const EnumNames<InputForm>& enum_names(InputForm) {
  static constexpr EnumName<InputForm> table[] = {{InputForm::float32, "float"},
                                                  {InputForm::float64, "double"},
                                                  {InputForm::matrix, "matrix"},
                                                  {InputForm::uint8, "uint8"}};
  static constexpr EnumNames<InputForm> names{"a form of inputs", table};
  return names;
}

const EnumNames<ImageLayout>& enum_names(ImageLayout) {
  static constexpr EnumName<ImageLayout> table[] = {{ImageLayout::nhwc, "nhwc"}, {ImageLayout::nchw, "nchw"}};
  static constexpr EnumNames<ImageLayout> names{"a layout of images", table};
  return names;
}

Exported export_model(const model::Model& model, const ExportOptions& options,
                      std::vector<std::string>* warnings) {
  const Plan plan = for_prediction(lower(model.network, model.loss));
  GraphBuilder graph("nn", opset_for(options, plan));
  const Inputs inputs = add_inputs(graph, model, options);
  const AnswerNames names = reserve_answers(graph, model);
  const Value last = add_layers(graph, plan, model, inputs);
  add_answers(graph, model, options, as_vector(graph, "outputs", last), names);

  Exported out;
  out.weights = graph.weight_names();
  out.file.ir_version = ir_version_for(graph.opset());
  out.file.producer_name = "nn-tools";
  out.file.producer_version = tools_version();
  out.file.opsets[""] = graph.opset();
  if (graph.uses_domain("ai.onnx.ml")) out.file.opsets["ai.onnx.ml"] = 2;
  add_metadata(out.file, model, options);
  out.file.graph = graph.take();
  if (warnings == nullptr) return out;
  if (!inputs.losing.empty()) {
    warnings->push_back(fmt::format(
        "{} {} so far from 0 for what varies that float32 loses digits; --input double keeps them",
        columns_text(inputs.losing), inputs.losing.size() == 1 ? "is" : "are"));
  }
  const auto tell = [&](const std::string& name, std::string_view usual) {
    if (!name.empty() && name != usual)
      warnings->push_back(
          fmt::format("a column is called '{0}', so the output {0} is called '{1}'", usual, name));
  };
  tell(names.answers, is_classification(model.loss) ? "proba" : "value");
  tell(names.label, "label");
  return out;
}

void save_onnx(const std::string& path, const model::Model& model, const ExportOptions& options) {
  model::check_model(model);
  std::vector<std::string> warnings;
  const Exported exported = export_model(model, options, &warnings);
  for (const std::string& warning : warnings) warn("{}: {}", printable(path, 4096), warning);
  write_model(path, exported.file);
}

std::string export_options_text(const ExportOptions& options) {
  std::string text = options.opset ? fmt::format("opset={}", *options.opset) : "";
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
  if (options.numeric) add(std::string(numeric_word));
  if (options.layout) add(fmt::format("layout={}", enum_names(*options.layout).name_of(*options.layout)));
  if (options.input) add(fmt::format("input={}", enum_names(*options.input).name_of(*options.input)));
  return text;
}

std::optional<ExportOptions> parse_export_options(const std::string& text) {
  ExportOptions options;
  if (text.empty()) return options;
  try {
    for (const std::string& word : split(text, ' ')) {
      const std::size_t equals = word.find('=');
      const std::string name = word.substr(0, equals);
      const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
      if (word == numeric_word) {
        options.numeric = true;
      } else if (name == "opset") {
        options.opset = parse_count(value, least_opset, most_opset);
      } else if (name == "layout") {
        options.layout = enum_names(ImageLayout{}).parse(value);
      } else if (name == "input") {
        options.input = enum_names(InputForm{}).parse(value);
      } else {
        return std::nullopt;
      }
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  return options;
}

}  // namespace nn::onnx
